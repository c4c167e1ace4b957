//! The e-mail function: reads its configuration, makes its clients and runs.

use std::process::ExitCode;
use std::time::Duration;

use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::timeout::TimeoutConfig;
use chairbook_auth::seal::Sealer;
use chairbook_mail::{ConfigError as MailConfigError, MailConfig};
use chairbook_platform::env::{self, ConfigError};
use chairbook_platform::{aws, run};
use chairbook_store::{MailLimits, Store, Tables};
use email::{Delivery, EmailFunction, SES_TIMEOUT, backoff};

/// SES has no idempotency tokens, and a call that timed out may have sent the mail: trying again is for the
/// function to decide, which knows what is safe.
fn mailer() -> Result<aws_sdk_sesv2::Client, ConfigError> {
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

/// The base of links: the deployment's own choice, else the API's domain, else AWS's address of the API.
fn public_url() -> Result<String, ConfigError> {
    let domain = || env::optional("DOMAIN_NAME").map(|domain| format!("https://{domain}"));
    env::optional("PUBLIC_URL").or_else(domain).map_or_else(|| env::required("API_URL"), Ok)
}

fn configure() -> Result<EmailFunction, ConfigError> {
    env::all_set(&[
        "EVENTS_TABLE",
        "USERS_TABLE",
        "APPOINTMENTS_TABLE",
        "TODOS_TABLE",
        "CATALOG_TABLE",
        "LIMITS_TABLE",
    ])?;
    let sealer = Sealer::from_secret(&env::required("SEALING_SECRET")?)
        .map_err(|error| ConfigError::invalid("SEALING_SECRET", error))?;
    let (public_url, from) = (public_url()?, env::required("MAIL_FROM")?);
    let mail = MailConfig::new(&public_url, &from).map_err(|error| match error {
        MailConfigError::PublicUrl => ConfigError::invalid("PUBLIC_URL", error),
        MailConfigError::From(problem) => ConfigError::invalid("MAIL_FROM", problem),
    })?;
    let delivery = Delivery {
        store: Store::new(aws::dynamodb()?, Tables::from_env()),
        mailer: mailer()?,
        sealer,
        mail,
        login_mail: env::parsed("LOGIN_MAIL")?,
        limits: MailLimits {
            per_hour: env::whole_number("MAILS_PER_HOUR")?,
            per_day: env::whole_number("MAILS_PER_DAY")?,
        },
    };
    let queue = aws_sdk_sqs::Client::new(&aws::config("SQS")?);
    let backoff = backoff(env::duration("MAIL_RETRY_FIRST_WAIT")?, env::duration("MAIL_RETRY_LONGEST_WAIT")?);
    Ok(EmailFunction::new(delivery, backoff, queue, env::required("NOTIFICATIONS_QUEUE_URL")?))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run(configure, EmailFunction::handle).await
}
