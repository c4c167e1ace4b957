//! Function `reminders`: reminds customers of their appointments, as long before the start as the salon's settings
//! say. Runs every quarter of an hour; may run twice at once, or stop anywhere: each customer is reminded in one
//! conditional transaction, and what is left is found by the next run.

use std::time::Duration;

use chairbook_models::appointment::Appointment;
use chairbook_models::appointment::reminder::{dates_of_due, reminder_due};
use chairbook_models::event::{Actor, Event, EventData};
use chairbook_models::ids::EventId;
use chairbook_platform::{COUNTED, clock, health_probe, random};
use chairbook_store::{Store, StoreError};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent};
use serde::Serialize;
use serde_json::Value;
use tracing::Instrument as _;

/// Appointments in one query's page.
const PAGE: usize = 100;

/// Customers that are reminded concurrently.
const AT_ONCE: usize = 8;

/// The time before Lambda's deadline at which the run stops.
const RESERVE: Duration = Duration::from_secs(5);

/// The result of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Customers that this run has reminded.
    pub reminded: u32,
    /// Appointments that somebody has changed, or reminded of, first.
    pub skipped: u32,
    /// Customers that could not be reminded now; the next run tries again.
    pub failed: u32,
}

impl Counts {
    const fn plus(self, other: Self) -> Self {
        Self {
            reminded: self.reminded + other.reminded,
            skipped: self.skipped + other.skipped,
            failed: self.failed + other.failed,
        }
    }
}

/// Handles an invocation: a schedule's event, or a health probe.
///
/// # Errors
/// When the settings or the appointments could not be looked up.
pub async fn handle(store: &Store, event: LambdaEvent<Value>) -> Result<Value, Error> {
    if health_probe::is_probe(&event.payload) {
        return Ok(health_probe::response());
    }
    let deadline = clock::before_deadline(event.context.deadline(), RESERVE);
    let lead_minutes = store.settings().await?.reminder_minutes;
    let counts = match lead_minutes {
        0 => Counts::default(),
        lead_minutes => run(store, lead_minutes, deadline).await?,
    };
    tracing::info!(
        target: COUNTED,
        reminded = counts.reminded,
        skipped = counts.skipped,
        failed = counts.failed,
        "customers reminded"
    );
    Ok(serde_json::to_value(counts)?)
}

/// Reminds of all that is due, the earliest first, until time is up.
async fn run(store: &Store, lead_minutes: u32, deadline: Timestamp) -> Result<Counts, StoreError> {
    let now = clock::now();
    let (dates, is_due) =
        (dates_of_due(lead_minutes, now), |found: &Appointment| reminder_due(found, lead_minutes, now));
    let mut counts = Counts::default();
    let mut after = None;
    while clock::now() < deadline {
        let page = store.appointments_by_day(dates, is_due, PAGE, after).await?;
        counts = stream::iter(page.items)
            .map(|appointment| remind(store, appointment))
            .buffer_unordered(AT_ONCE)
            .fold(counts, async |sum, one| sum.plus(one))
            .await;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(counts)
}

/// The index lags behind, so what it says may be out of date; the transaction decides.
async fn remind(store: &Store, appointment: Appointment) -> Counts {
    let now = clock::now();
    let id = EventId::new(now, random::bytes());
    let event =
        Event::about_appointment(id, EventData::AppointmentReminder, now, Actor::System, &appointment);
    let span = tracing::error_span!("event", event_id = %id, appointment_id = %appointment.id);
    reminded(store, &appointment, &event).instrument(span).await
}

async fn reminded(store: &Store, appointment: &Appointment, event: &Event) -> Counts {
    match store.remind(appointment, event).await {
        Ok(()) => Counts { reminded: 1, ..Counts::default() },
        Err(StoreError::Changed) => Counts { skipped: 1, ..Counts::default() },
        Err(error) => {
            tracing::error!(%error, "a customer could not be reminded");
            Counts { failed: 1, ..Counts::default() }
        }
    }
}
