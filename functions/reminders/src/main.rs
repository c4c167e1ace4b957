//! Function `reminders`: see the library.

use chairbook_platform::{aws, init_tracing};
use chairbook_store::{Store, Tables};
use lambda_runtime::service_fn;
use reminders::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    init_tracing();
    let client =
        aws::dynamodb().inspect_err(|error| tracing::error!(%error, "the function is not configured"))?;
    let store = Store::new(client, Tables::from_env());
    lambda_runtime::run(service_fn(async |event| handle(&store, event).await)).await
}
