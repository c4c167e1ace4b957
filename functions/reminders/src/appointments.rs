//! Reminders of appointments, as long before the start as the salon's settings say.

use chairbook_models::appointment::Appointment;
use chairbook_models::appointment::reminder::{dates_of_due, reminder_due};
use chairbook_models::catalog::Settings;
use chairbook_models::event::{Actor, Event, EventData};
use chairbook_models::ids::EventId;
use chairbook_platform::{clock, random};
use chairbook_store::{Store, StoreError};
use jiff::Timestamp;
use tracing::Instrument as _;

use crate::counts::{Counts, remind_each};

/// Appointments in one query's page.
const PAGE: usize = 100;

/// Reminds of all that is due, the earliest first, until the deadline.
///
/// # Errors
/// When the appointments could not be looked up.
pub(crate) async fn remind(
    store: &Store,
    settings: &Settings,
    deadline: Timestamp,
) -> Result<Counts, StoreError> {
    let lead_minutes = settings.reminder_minutes;
    if lead_minutes == 0 {
        return Ok(Counts::default());
    }
    let now = clock::now();
    let (dates, is_due) =
        (dates_of_due(lead_minutes, now), |found: &Appointment| reminder_due(found, lead_minutes, now));
    let mut counts = Counts::default();
    let mut after = None;
    while clock::now() < deadline {
        let page = store.appointments_by_day(dates, is_due, PAGE, after).await?;
        counts = counts.plus(remind_each(page.items, |appointment| remind_of(store, appointment)).await);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(counts)
}

/// The index lags behind, so what it says may be out of date; the transaction decides.
async fn remind_of(store: &Store, appointment: Appointment) -> Counts {
    let now = clock::now();
    let id = EventId::new(now, random::bytes());
    let event =
        Event::about_appointment(id, EventData::AppointmentReminder, now, Actor::System, &appointment);
    let span = tracing::error_span!("event", event_id = %id, appointment_id = %appointment.id);
    async { Counts::of(store.remind(&appointment, &event).await) }.instrument(span).await
}
