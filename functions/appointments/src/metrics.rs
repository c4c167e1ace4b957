//! The group's business metrics.

use chairbook_platform::Metric;

/// An appointment that was booked.
pub(crate) const BOOKED: Metric = Metric::count("BookingsMade", 1);

/// A request that was refused because somebody else has the time.
pub(crate) const TAKEN: Metric = Metric::count("SlotsTaken", 1);

/// A reservation that had run out, and was ended by whoever wanted its time.
pub(crate) const EXPIRED: Metric = Metric::count("ReservationsExpired", 1);
