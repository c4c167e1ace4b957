//! The one place that reads the clock.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// The present instant (UTC), in whole milliseconds: the resolution of every instant that is stored or shown.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one source that the ban points to")]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// The instant (UTC) at which a function stops taking up new work, so much before Lambda's deadline; the end of time
/// if that lies beyond it.
#[must_use]
pub fn before_deadline(deadline: SystemTime, reserve: Duration) -> Timestamp {
    let deadline = Timestamp::try_from(deadline).ok();
    deadline.and_then(|deadline| deadline.checked_sub(reserve).ok()).unwrap_or(Timestamp::MAX)
}
