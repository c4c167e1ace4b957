//! The relay function: reads its configuration, makes its client and runs.

use std::process::ExitCode;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::config::retry::RetryConfig;
use chairbook_platform::env::{self, ConfigError};
use chairbook_platform::{aws, run};
use relay::Relay;

fn configure() -> Result<Relay, ConfigError> {
    // The relay tries again itself, what failed of a batch and nothing else.
    let config = Builder::from(&aws::config("SQS")?).retry_config(RetryConfig::disabled()).build();
    Ok(Relay::new(Client::from_conf(config), env::required("NOTIFICATIONS_QUEUE_URL")?))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run(configure, async |relay: &Relay, event| relay.handle(event.payload).await).await
}
