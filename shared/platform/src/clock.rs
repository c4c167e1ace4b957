//! The one place that reads the clock.

use jiff::Timestamp;

/// The present instant (UTC), in whole milliseconds: the resolution of every instant that is stored or shown.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one source that the ban points to")]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}
