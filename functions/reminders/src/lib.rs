//! Function `reminders`: reminds people of what is coming up, kind by kind. Runs every quarter of an hour; may run twice
//! at once, or stop anywhere: each reminder is given in one conditional transaction, and what is left is found by the
//! next run.

mod appointments;
mod counts;
mod todos;

use std::collections::BTreeMap;
use std::time::Duration;

use chairbook_models::catalog::Settings;
use chairbook_platform::{COUNTED, clock, health_probe};
use chairbook_store::{Store, StoreError};
use futures_util::future::{BoxFuture, join_all};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;

pub use crate::counts::Counts;

/// The time before Lambda's deadline at which the run stops.
const RESERVE: Duration = Duration::from_secs(5);

/// A run for one kind of reminder.
type Run<'a> = BoxFuture<'a, Result<Counts, StoreError>>;

/// The kinds of reminders, each by its name in the result.
fn kinds<'a>(store: &'a Store, settings: &'a Settings, deadline: Timestamp) -> Vec<(&'static str, Run<'a>)> {
    vec![
        ("appointments", Box::pin(appointments::remind(store, settings, deadline))),
        ("todos", Box::pin(todos::remind(store, settings, deadline))),
    ]
}

/// Handles an invocation: a schedule's event, or a health probe.
///
/// # Errors
/// When the settings, or what is to be reminded of, could not be looked up. One kind's error is returned after the
/// others have had their turn.
pub async fn handle(store: &Store, event: LambdaEvent<Value>) -> Result<Value, Error> {
    if health_probe::is_probe(&event.payload) {
        return Ok(health_probe::response());
    }
    let deadline = clock::before_deadline(event.context.deadline(), RESERVE);
    let settings = store.settings().await?;
    let counts = all(kinds(store, &settings, deadline)).await?;
    let sum = counts.values().fold(Counts::default(), |sum, one| sum.plus(*one));
    tracing::info!(
        target: COUNTED,
        reminded = sum.reminded,
        skipped = sum.skipped,
        failed = sum.failed,
        "customers reminded"
    );
    Ok(serde_json::to_value(counts)?)
}

/// Runs every kind to its end, side by side, so that neither an error nor a long list of one takes the others' turn.
async fn all(kinds: Vec<(&'static str, Run<'_>)>) -> Result<BTreeMap<&'static str, Counts>, StoreError> {
    let runs = kinds.into_iter().map(|(kind, run)| async move { (kind, run.await) });
    let runs = join_all(runs).await;
    for (kind, run) in &runs {
        if let Err(error) = run {
            tracing::error!(%error, kind, "what is to be reminded of could not be looked up");
        }
    }
    runs.into_iter().map(|(kind, run)| Ok((kind, run?))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn failing<'a>() -> Run<'a> {
        Box::pin(async { Err(StoreError::Unavailable("InternalServerError".to_owned())) })
    }

    #[tokio::test]
    async fn a_kind_that_fails_takes_no_other_s_turn() {
        let has_run = AtomicBool::new(false);
        let other: Run<'_> = Box::pin(async {
            // Not at once: its turn is not over when the other's error is there.
            tokio::task::yield_now().await;
            has_run.store(true, Ordering::Relaxed);
            Ok(Counts { reminded: 2, ..Counts::default() })
        });
        let result = all(vec![("first", failing()), ("second", other)]).await;
        assert_eq!(result, Err(StoreError::Unavailable("InternalServerError".to_owned())));
        assert!(has_run.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn every_kind_is_counted_by_its_name() {
        let run =
            |reminded| -> Run<'_> { Box::pin(async move { Ok(Counts { reminded, ..Counts::default() }) }) };
        let counts = all(vec![("first", run(1)), ("second", run(2))]).await.unwrap();
        assert_eq!((counts["first"].reminded, counts["second"].reminded, counts.len()), (1, 2, 2));
    }
}
