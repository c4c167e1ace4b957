//! Function `appointments`: when somebody is free, booking, and what becomes of a booking.

mod availability;
mod cancel;
mod create;
mod fields;
mod idempotency;
mod mine;
mod one;
mod refusal;
mod render;

use std::time::Duration;

use axum::Router;
use axum::routing::{delete, get, post};
use chairbook_models::appointment::Appointment;
use chairbook_models::event::{Actor, Event, EventType, Subjects};
use chairbook_models::ids::EventId;
use chairbook_platform::env::{self, ConfigError};
use chairbook_platform::random;
use chairbook_web::Web;
use jiff::Timestamp;
use serde_json::json;

/// How many add-ons one appointment may have.
pub(crate) const MAX_SUB_SERVICES: usize = 20;

/// What the handlers share.
#[derive(Clone)]
pub struct State {
    web: Web,
    hold: Duration,
}

impl State {
    /// From the environment: what [`Web::from_env`] reads, and `RESERVATION_HOLD`.
    ///
    /// # Errors
    /// [`ConfigError`] names what is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self { web: Web::from_env()?, hold: env::duration("RESERVATION_HOLD")? })
    }
}

/// The event that tells an appointment's customer what became of it.
pub(crate) fn event(event_type: EventType, appointment: &Appointment, actor: Actor, now: Timestamp) -> Event {
    let mut event = Event::new(
        EventId::new(now, random::bytes()),
        event_type,
        now,
        actor,
        Some(appointment.user_id),
        Subjects { user_id: Some(appointment.user_id), appointment_id: Some(appointment.id) },
    );
    event.data.insert("serviceName".to_owned(), json!(appointment.service_name));
    event.data.insert("startsAt".to_owned(), json!(appointment.starts_at));
    event
}

/// The function's routes.
pub fn router(state: State) -> Router {
    let web = state.web.clone();
    let usual = Some(web.default_policy());
    chairbook_web::router(
        Router::new()
            .route("/api/v1/availability", web.guard(usual, get(availability::availability)))
            .route("/api/v1/appointments", web.guard(usual, post(create::create)))
            .route("/api/v1/appointments/my", web.guard(usual, get(mine::list)))
            .route("/api/v1/appointments/{id}", web.guard(usual, get(one::one)))
            .route("/api/v1/appointments/{id}/cancel", web.guard(usual, delete(cancel::cancel)))
            .with_state(state),
    )
}
