//! Function `appointments`: when somebody is free, booking, and what becomes of a booking.

mod availability;
mod by_day;
mod calendar;
mod cancel;
mod create;
mod fields;
mod mine;
mod one;
mod pay;
mod refusal;
mod render;
mod reschedule;
mod status;

use std::time::Duration;

use axum::Router;
use axum::routing::{delete, get, put};
use chairbook_mail::Mailbox;
use chairbook_models::appointment::Appointment;
use chairbook_models::event::{Actor, Event, EventType};
use chairbook_models::ids::{AppointmentId, EventId};
use chairbook_platform::env::{self, ConfigError};
use chairbook_platform::random;
use chairbook_web::{ApiError, LoggedIn, Web};
use futures_util::try_join;
use jiff::Timestamp;

/// How many add-ons one appointment may have.
pub(crate) const MAX_SUB_SERVICES: usize = 20;

/// How often a change looks again after somebody else has changed the appointment meanwhile.
pub(crate) const TRIES: u32 = 3;

/// What the handlers share.
#[derive(Clone)]
pub struct State {
    web: Web,
    hold: Duration,
    mail_from: Mailbox,
}

impl State {
    /// From the environment: what [`Web::from_env`] reads, `RESERVATION_HOLD`, and `MAIL_FROM`, which organizes the
    /// calendar's entries.
    ///
    /// # Errors
    /// [`ConfigError`] names what is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            web: Web::from_env()?,
            hold: env::duration("RESERVATION_HOLD")?,
            mail_from: env::parsed("MAIL_FROM")?,
        })
    }
}

/// The event that tells an appointment's customer what became of it.
pub(crate) fn event(event_type: EventType, appointment: &Appointment, actor: Actor, now: Timestamp) -> Event {
    Event::about_appointment(EventId::new(now, random::bytes()), event_type, now, actor, appointment)
}

/// Looks again at the caller and at an appointment that somebody else has changed meanwhile.
pub(crate) async fn look_again<A: LoggedIn>(
    admitted: &A,
    id: AppointmentId,
) -> Result<(A, Option<Appointment>), ApiError> {
    let found = async { admitted.store().appointment(id).await.map_err(ApiError::from) };
    try_join!(admitted.again(), found)
}

/// The function's routes.
pub fn router(state: State) -> Router {
    let web = state.web.clone();
    let usual = Some(web.default_policy());
    chairbook_web::router(
        Router::new()
            .route("/api/v1/availability", web.guard(usual, get(availability::availability)))
            .route("/api/v1/appointments", web.guard(usual, get(by_day::list).post(create::create)))
            .route("/api/v1/appointments/my", web.guard(usual, get(mine::list)))
            .route("/api/v1/appointments/{id}", web.guard(usual, get(one::one)))
            .route("/api/v1/appointments/{id}/cancel", web.guard(usual, delete(cancel::cancel)))
            .route("/api/v1/appointments/{id}/reschedule", web.guard(usual, put(reschedule::reschedule)))
            .route("/api/v1/appointments/{id}/pay", web.guard(usual, put(pay::pay)))
            .route("/api/v1/appointments/{id}/status", web.guard(usual, put(status::set)))
            .route("/api/v1/appointments/{id}/calendar.ics", web.guard(usual, get(calendar::calendar)))
            .with_state(state),
    )
}
