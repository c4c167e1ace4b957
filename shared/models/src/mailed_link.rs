//! Links that go to an e-mail address, each with a one-time token.

use jiff::SignedDuration;

/// The time for which a link works that verifies an e-mail address.
pub const VERIFICATION_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// The time for which a link works that leads to a new password.
pub const RESET_LIFETIME: SignedDuration = SignedDuration::from_hours(1);
