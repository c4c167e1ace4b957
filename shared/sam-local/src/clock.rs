//! The one place of the local stack that reads the clock.

use jiff::Timestamp;

/// The present instant (UTC).
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the local stack is its own outermost shell: instants enter here"
)]
pub fn now() -> Timestamp {
    Timestamp::now()
}
