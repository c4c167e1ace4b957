//! Appointments as the API shows them.

use serde_json::Value;

use crate::Actor;

/// The id of an appointment, or of anything else that has one.
///
/// # Panics
/// When it has none.
pub fn id(thing: &Value) -> &str {
    thing["id"].as_str().unwrap()
}

/// The path of an appointment with what comes after it, such as `/cancel`.
///
/// # Panics
/// When it has no id.
pub fn path(appointment: &Value, action: &str) -> String {
    format!("/appointments/{}{action}", id(appointment))
}

/// An appointment as it is now, for somebody who may see it.
///
/// # Panics
/// When they may not.
pub async fn show(actor: &Actor, appointment: &Value) -> Value {
    actor.get(&path(appointment, "")).await.data(200)["appointment"].clone()
}
