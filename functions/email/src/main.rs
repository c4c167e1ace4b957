//! The e-mail function: reads its configuration, makes its clients and runs.

use std::time::Duration;

use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::timeout::TimeoutConfig;
use chairbook_auth::seal::Sealer;
use chairbook_mail::MailConfig;
use chairbook_platform::{aws, env, init_tracing};
use chairbook_store::{MailLimits, Store, Tables};
use email::{Delivery, EmailFunction, SES_TIMEOUT};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

/// SES has no idempotency tokens, and a call that timed out may have sent the mail: trying again is for the
/// function to decide, which knows what is safe.
fn mailer() -> Result<aws_sdk_sesv2::Client, Error> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(SES_TIMEOUT)
        .build();
    let config = aws_sdk_sesv2::config::Builder::from(&aws::config("SESV2")?)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .build();
    Ok(aws_sdk_sesv2::Client::from_conf(config))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_tracing();
    let delivery = Delivery {
        store: Store::new(aws::dynamodb()?, Tables::from_env()),
        mailer: mailer()?,
        sealer: Sealer::from_secret(&env::required("SEALING_SECRET")?)?,
        mail: MailConfig::new(&env::required("PUBLIC_URL")?, &env::required("MAIL_FROM")?)?,
        login_mail: env::parsed("LOGIN_MAIL")?,
        limits: MailLimits {
            per_hour: env::parsed("MAILS_PER_HOUR")?,
            per_day: env::parsed("MAILS_PER_DAY")?,
        },
    };
    let queue = aws_sdk_sqs::Client::new(&aws::config("SQS")?);
    let function = EmailFunction::new(delivery, queue, env::required("NOTIFICATIONS_QUEUE_URL")?);
    let function = &function;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| function.handle(event))).await
}
