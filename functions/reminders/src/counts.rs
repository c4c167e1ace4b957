//! The counts of a run.

use std::future::Future;

use chairbook_store::StoreError;
use futures_util::{StreamExt, stream};
use serde::Serialize;

/// People of one kind of reminder who are reminded concurrently.
const AT_ONCE: usize = 8;

/// The result of a run for one kind of reminder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Reminders that this run has given.
    pub reminded: u32,
    /// Things that somebody has changed, or reminded of, first.
    pub skipped: u32,
    /// Reminders that could not be given now; the next run tries again.
    pub failed: u32,
}

impl Counts {
    /// Counts the outcome of one reminder's transaction, and logs its failure.
    pub(crate) fn of(outcome: Result<(), StoreError>) -> Self {
        match outcome {
            Ok(()) => Self { reminded: 1, ..Self::default() },
            Err(StoreError::Changed) => Self { skipped: 1, ..Self::default() },
            Err(error) => {
                tracing::error!(%error, "a customer could not be reminded");
                Self { failed: 1, ..Self::default() }
            }
        }
    }

    /// Adds up two results.
    #[must_use]
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            reminded: self.reminded + other.reminded,
            skipped: self.skipped + other.skipped,
            failed: self.failed + other.failed,
        }
    }
}

/// Reminds of each thing of a page, some of them concurrently.
pub(crate) async fn remind_each<T, F: Future<Output = Counts>>(
    page: Vec<T>,
    remind: impl Fn(T) -> F,
) -> Counts {
    stream::iter(page)
        .map(remind)
        .buffer_unordered(AT_ONCE)
        .fold(Counts::default(), async |sum, one| sum.plus(one))
        .await
}
