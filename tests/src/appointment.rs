//! Appointments as the API shows them.

use chairbook_platform::clock;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
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
