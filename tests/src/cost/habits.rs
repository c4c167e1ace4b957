//! The habits of the salons that are reckoned up.

/// The deeds that are counted.
pub(super) const LOOK: &str = "a look for the free times of a month";
pub(super) const CATALOG: &str = "a look at the services";
pub(super) const REGISTRATION: &str = "a registration, confirmed by mail";
pub(super) const LOGIN: &str = "a login";
pub(super) const BOOKING: &str = "a booking, paid for";
pub(super) const RESERVATION: &str = "a reservation";
pub(super) const EXPIRY: &str = "its expiry";
pub(super) const MINE: &str = "a look at one's own appointments";
pub(super) const MOVE: &str = "a move to another time";
pub(super) const CANCELLATION: &str = "a cancellation";
pub(super) const REMINDER: &str = "a reminder";
pub(super) const COMPLETION: &str = "completing an appointment";
pub(super) const DAY: &str = "the front desk's look at a day";
pub(super) const DASHBOARD: &str = "the dashboard of a month";

/// The number of times for each booking.
pub(super) const PER_BOOKING: [(&str, f64); 12] = [
    (LOOK, 30.0),
    (CATALOG, 10.0),
    (REGISTRATION, 0.15),
    (LOGIN, 0.4),
    (BOOKING, 1.0),
    (RESERVATION, 0.1),
    (EXPIRY, 0.1),
    (MINE, 1.0),
    (MOVE, 0.08),
    (CANCELLATION, 0.12),
    (REMINDER, 0.85),
    (COMPLETION, 0.8),
];

/// A salon.
pub(super) struct Salon {
    /// Its name in the tables.
    pub(super) name: &'static str,
    /// Bookings in a month.
    pub(super) bookings: f64,
    /// The number of times on each day.
    pub(super) per_day: [(&'static str, f64); 2],
}

pub(super) const SALONS: [Salon; 3] = [
    Salon { name: "small", bookings: 150.0, per_day: [(DAY, 20.0), (DASHBOARD, 2.0)] },
    Salon { name: "medium", bookings: 1_500.0, per_day: [(DAY, 60.0), (DASHBOARD, 5.0)] },
    Salon { name: "large", bookings: 15_000.0, per_day: [(DAY, 300.0), (DASHBOARD, 20.0)] },
];

/// A million bookings, and what comes before them.
pub(super) const MILLION: f64 = 1_000_000.0;
pub(super) const PER_BOOKING_OF_A_MILLION: [(&str, f64); 2] = [(LOOK, 30.0), (BOOKING, 1.0)];

/// The schedules' runs in a month: each function, and its runs on a day.
pub(super) const SCHEDULES: [(&str, f64); 3] =
    [("ExpireReservationsFunction", 1_440.0), ("UsersFunction", 1_440.0), ("RemindersFunction", 96.0)];
