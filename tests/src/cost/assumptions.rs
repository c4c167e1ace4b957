//! What cannot be counted on one machine, or not to the last byte. Where it can be measured here, counting checks that the
//! assumption is not too low.

/// Days of a month.
pub(super) const DAYS: f64 = 30.0;

/// The experts in the calendar that is looked at, the minutes between which they work, and the hours that are booked.
pub(super) const EXPERTS: u8 = 10;
pub(super) const OPEN: (u16, u16) = (540, 1_200);
pub(super) const BOOKED_HOURS: [i8; 5] = [9, 11, 13, 16, 18];

/// The billed time of a warm function, in milliseconds: what it computes, a few milliseconds for each call of DynamoDB one
/// after another, and what SES and SQS take.
pub(super) const MILLISECONDS: [(&str, f64); 10] = [
    ("AppointmentsFunction", 20.0),
    ("AuthFunction", 80.0),
    ("CatalogFunction", 15.0),
    ("DashboardFunction", 30.0),
    ("UsersFunction", 15.0),
    ("RelayFunction", 20.0),
    ("EmailFunction", 150.0),
    ("StatsFunction", 50.0),
    ("ExpireReservationsFunction", 20.0),
    ("RemindersFunction", 25.0),
];

/// Bytes of the log for a request: the function's line, API Gateway's, and the two of Lambda, each with the 26 bytes that
/// CloudWatch adds.
pub(super) const LOG_BYTES_OF_REQUEST: f64 = 450.0 + 450.0 + 550.0;

/// The same for another invocation: the function's lines, and the two of Lambda.
pub(super) const LOG_BYTES_OF_OTHER: f64 = 1_450.0 + 550.0;

/// Kilobytes of a response as they are sent: to a look for free times, to a look at the catalog, and any other. The first is
/// compressed: a calendar as regular as that of the count to a thirtieth, one in use to a tenth or less.
pub(super) const RESPONSE_KB: [(&str, f64); 3] =
    [(super::habits::LOOK, 6.0), (super::habits::CATALOG, 15.0), ("any other", 3.0)];

/// Kilobytes that a booking leaves in the tables: its row, the same in three indexes, and those of its events.
pub(super) const KB_OF_BOOKING: f64 = 12.0;

/// Months for which the salon has been booking: its tables are so full.
pub(super) const MONTHS: f64 = 12.0;

/// The read units of a run of the reminders that finds nobody to remind, in the morning, when it looks for to-dos, too.
pub(super) const READS_OF_REMINDERS: f64 = 6.0;

/// Requests to SQS for a mail: sending the message, receiving it, deleting it.
pub(super) const SQS_OF_MAIL: f64 = 3.0;

/// Requests to SQS by Lambda, which waits for messages in so many places at once, for 20 seconds each time.
pub(super) const SQS_OF_WAITING: f64 = 5.0 * 3.0 * 60.0 * 24.0 * DAYS;

/// Metrics of CloudWatch that filters of the logs and functions make, and how many of them are the functions'; metrics that
/// alarms look at; dashboards.
pub(super) const METRICS: f64 = 15.0;
pub(super) const METRICS_OF_FUNCTIONS: usize = 5;
pub(super) const ALARMS: f64 = 50.0;
pub(super) const DASHBOARDS: f64 = 1.0;

/// Secrets.
pub(super) const SECRETS: f64 = 2.0;

/// Requests to KMS: DynamoDB asks again for each table's key after five minutes.
pub(super) const KMS: f64 = 5.0 * 12.0 * 24.0 * DAYS;
