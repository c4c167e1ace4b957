//! Appointments, as the API shows them and as the tables have them.

use chairbook_models::appointment::Appointment;
use chairbook_models::event::{self, Event, EventData, Subjects};
use chairbook_models::ids::EventId;
use chairbook_platform::{clock, random};
use chairbook_store::{BookOutcome, CustomerCheck, NewAppointment, Store};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use crate::{Actor, Json};

/// The id of an appointment, or of anything else that has one.
///
/// # Panics
/// When it has none.
pub fn id(thing: &Json) -> &str {
    thing["id"].as_str().unwrap()
}

/// The path of an appointment with what comes after it, such as `/cancel`.
///
/// # Panics
/// When it has no id.
pub fn path(appointment: &Json, action: &str) -> String {
    format!("/appointments/{}{action}", id(appointment))
}

/// An appointment as it is now, for somebody who may see it.
///
/// # Panics
/// When they may not.
pub async fn show(actor: &Actor, appointment: &Json) -> Json {
    actor.get(&path(appointment, "")).await.data(200)["appointment"].clone()
}

/// Requests to book a service of an expert at every `step`th free start of four weeks, none of them soon: so far from one
/// another that they do not overlap, if the caller has counted right.
pub async fn wishes(actor: &Actor, service: &str, expert: &str, step: usize, pay_now: bool) -> Vec<Value> {
    let today = clock::now().to_zoned(TimeZone::UTC).date();
    let (from, to) = (today + 2.days(), today + 30.days());
    let query = format!("serviceId={service}&expertId={expert}&from={from}&to={to}");
    let free = actor.availability(&query).await.into_iter().step_by(step);
    free.map(|(date, time, _)| {
        json!({"serviceId": service, "expertId": expert, "date": date, "time": time, "payNow": pay_now})
    })
    .collect()
}

/// Books an appointment without the API, and without a mail.
///
/// # Panics
/// When it is taken.
pub async fn put(store: &Store, appointment: &Appointment, now: Timestamp) {
    let id = EventId::new(now, random::bytes());
    let data = EventData::AppointmentConfirmed(appointment.into());
    let subjects = Subjects { appointment_id: Some(appointment.id), ..Subjects::default() };
    let event = Event::new(id, data, now, event::Actor::System, None, subjects);
    let new =
        NewAppointment { appointment, idempotency: None, customer: CustomerCheck::Nothing, event: &event };
    assert_eq!(store.book(new, now, |_| None, || {}).await.unwrap(), BookOutcome::Booked);
}
