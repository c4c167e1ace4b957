//! Function `stats`: keeps the dashboard's statistics, from the stream of the events table.
//!
//! An event only says which appointment to look at. What is counted is the appointment as it stands, beside what has
//! been counted for it before; so a batch that comes twice, late, or side by side with another changes nothing. A batch
//! that cannot be handled in the end is repaired by a rebuild, which this function does when it is asked:
//! `{"rebuild": {"from": "2026-01-01", "to": "2026-12-31"}}`.

mod batch;
mod rebuild;
mod record;

use std::time::Duration;

use chairbook_platform::{clock, health_probe};
use chairbook_store::Store;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;

/// The time before Lambda's deadline at which a rebuild stops.
const RESERVE: Duration = Duration::from_secs(20);

/// Handles an invocation: a batch of the stream, a rebuild, or a health probe.
///
/// # Errors
/// When a rebuild is asked for in the wrong way or cannot go on; when a record that could not be handled has no
/// sequence number to give it back by.
pub async fn handle(store: &Store, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (payload, context) = event.into_parts();
    if health_probe::is_probe(&payload) {
        return Ok(health_probe::response());
    }
    if let Some(request) = payload.get("rebuild") {
        let deadline = clock::before_deadline(context.deadline(), RESERVE);
        let rebuilt = rebuild::rebuild(store, rebuild::read(request)?, deadline).await?;
        return Ok(serde_json::to_value(rebuilt)?);
    }
    let failed = batch::count(store, &record::records(&payload)).await?;
    Ok(serde_json::to_value(failed)?)
}
