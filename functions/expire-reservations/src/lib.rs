//! Function `expire-reservations`: ends the unpaid reservations whose hold has run out, frees their slots, and
//! tells their customers. Runs every minute; may run twice at once, or stop anywhere: each reservation is ended
//! in its own conditional transaction, and what is left is found by the next run.
//!
//! It also rebuilds the rows by which free times are found, when it is asked:
//! `{"rebuildBusyWeeks": {"from": "2026-01-01", "to": "2026-12-31"}}`.

mod rebuild;

use std::time::Duration;

use chairbook_models::appointment::Appointment;
use chairbook_models::event::{Actor, Event, EventData};
use chairbook_models::ids::EventId;
use chairbook_platform::{COUNTED, Metric, clock, health_probe, random};
use chairbook_store::{Reader, Store, StoreError};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent};
use serde::Serialize;
use serde_json::Value;
use tracing::Instrument as _;

/// Reservations in one query's page.
const PAGE: i32 = 50;

/// Reservations of a shard that are ended concurrently.
const AT_ONCE: usize = 8;

/// The time before Lambda's deadline at which a sweep or a rebuild stops.
const RESERVE: Duration = Duration::from_secs(5);

/// The result of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Reservations that this run has ended.
    pub expired: u32,
    /// Reservations that somebody else has changed first.
    pub skipped: u32,
    /// Reservations that could not be ended now; the next run tries again.
    pub failed: u32,
}

impl Counts {
    const fn plus(self, other: Self) -> Self {
        Self {
            expired: self.expired + other.expired,
            skipped: self.skipped + other.skipped,
            failed: self.failed + other.failed,
        }
    }
}

/// Handles an invocation: a schedule's event, a rebuild, or a health probe.
///
/// # Errors
/// When the reservations could not be looked up; when a rebuild is asked for in the wrong way or cannot go on.
pub async fn handle(store: &Store, event: LambdaEvent<Value>) -> Result<Value, Error> {
    if health_probe::is_probe(&event.payload) {
        return Ok(health_probe::response());
    }
    let deadline = clock::before_deadline(event.context.deadline(), RESERVE);
    if let Some(request) = event.payload.get("rebuildBusyWeeks") {
        let rebuilt = rebuild::rebuild(store, rebuild::read(request)?, deadline).await?;
        return Ok(serde_json::to_value(rebuilt)?);
    }
    let mut counts = Counts::default();
    for swept in join_all(Reader::hold_shards().map(|shard| sweep(store, shard, deadline))).await {
        counts = counts.plus(swept?);
    }
    tracing::info!(
        target: COUNTED,
        expired = counts.expired,
        skipped = counts.skipped,
        failed = counts.failed,
        "reservations swept"
    );
    Ok(serde_json::to_value(counts)?)
}

/// Ends a shard's run-out reservations until none is left, none can be ended, or time is up.
async fn sweep(store: &Store, shard: u8, deadline: Timestamp) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    while clock::now() < deadline {
        let due = store.run_out_holds(shard, clock::now(), PAGE).await?;
        let is_last = due.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        let page = stream::iter(due)
            .map(|reservation| expire(store, reservation))
            .buffer_unordered(AT_ONCE)
            .fold(Counts::default(), async |sum, one| sum.plus(one))
            .await;
        counts = counts.plus(page);
        // The index lags behind: what was just ended may be listed once more. Without progress, stop.
        if is_last || page.expired == 0 {
            break;
        }
    }
    Ok(counts)
}

async fn expire(store: &Store, reservation: Appointment) -> Counts {
    let now = clock::now();
    let Some(expired) = chairbook_models::appointment::expire(&reservation, now) else {
        return Counts { skipped: 1, ..Counts::default() };
    };
    let id = EventId::new(now, random::bytes());
    let event = Event::about_appointment(id, EventData::AppointmentExpired, now, Actor::System, &expired);
    let span = tracing::error_span!("event", event_id = %id, appointment_id = %reservation.id);
    ended(store, &reservation, &expired, &event).instrument(span).await
}

async fn ended(store: &Store, reservation: &Appointment, expired: &Appointment, event: &Event) -> Counts {
    match store.end_appointment(reservation, expired, event).await {
        Ok(()) => {
            Metric::count("ReservationsExpired", 1).record();
            Counts { expired: 1, ..Counts::default() }
        }
        Err(StoreError::Changed) => Counts { skipped: 1, ..Counts::default() },
        Err(error) => {
            tracing::error!(%error, "a reservation could not be ended");
            Counts { failed: 1, ..Counts::default() }
        }
    }
}
