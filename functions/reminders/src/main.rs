//! Function `reminders`: see the library.

use std::process::ExitCode;

use chairbook_platform::env::{self, ConfigError};
use chairbook_platform::{aws, run};
use chairbook_store::{Store, Tables};
use reminders::handle;

fn configure() -> Result<Store, ConfigError> {
    env::all_set(&["APPOINTMENTS_TABLE", "CATALOG_TABLE", "EVENTS_TABLE", "TODOS_TABLE"])?;
    Ok(Store::new(aws::dynamodb()?, Tables::from_env()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run(configure, handle).await
}
