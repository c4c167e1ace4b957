//! The relay function: reads its configuration, makes its client and runs.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::config::retry::RetryConfig;
use chairbook_platform::{aws, env, init_tracing};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use relay::Relay;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_tracing();
    // The relay tries again itself, what failed of a batch and nothing else.
    let config = Builder::from(&aws::config("SQS")?).retry_config(RetryConfig::disabled()).build();
    let relay = Relay::new(Client::from_conf(config), env::required("NOTIFICATIONS_QUEUE_URL")?);
    let relay = &relay;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| relay.handle(event.payload))).await
}
