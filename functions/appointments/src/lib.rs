//! Function `appointments`: free times, booking, and the life of an appointment.

mod availability;
mod by_day;
mod calendar;
mod cancel;
mod create;
mod error;
mod fields;
mod metrics;
mod mine;
mod one;
mod pay;
mod reschedule;
mod status;
mod view;

use std::time::Duration;

use axum::Router;
use chairbook_auth::Caller;
use chairbook_mail::Mailbox;
use chairbook_models::appointment::Appointment;
use chairbook_models::event::{Actor, AppointmentFacts, Event, EventData};
use chairbook_models::ids::{AppointmentId, EventId};
use chairbook_platform::env::{self, ConfigError};
use chairbook_platform::{clock, random};
use chairbook_store::StoreError;
use chairbook_web::{Api, Limit, Live, LoggedIn, Reply, RequestError, Web, WriteError, about};
use futures_util::try_join;
use jiff::Timestamp;

use crate::error::FindError;
use crate::one::visible_to;
use crate::view::OneAppointment;

/// The most add-ons of one appointment.
pub(crate) const MAX_SUB_SERVICES: usize = 20;

/// Tries of a change while somebody else changes the appointment.
pub(crate) const TRIES: u32 = 3;

/// The handlers' shared state.
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
            web: Web::from_env(&[
                "APPOINTMENTS_TABLE",
                "CATALOG_TABLE",
                "EVENTS_TABLE",
                "USERS_TABLE",
                "LIMITS_TABLE",
            ])?,
            hold: env::duration("RESERVATION_HOLD")?,
            mail_from: env::parsed("MAIL_FROM")?,
        })
    }
}

/// An event about an appointment, of which its customer is notified.
pub(crate) fn event(
    data: impl FnOnce(AppointmentFacts) -> EventData,
    appointment: &Appointment,
    actor: Actor,
    now: Timestamp,
) -> Event {
    Event::about_appointment(EventId::new(now, random::bytes()), data, now, actor, appointment)
}

/// Decides on a change of an appointment that was found like this, if the caller may see it, and writes it; decides again
/// on what is there then if somebody else has changed it meanwhile.
pub(crate) async fn change<A: LoggedIn, E>(
    mut admitted: A,
    id: AppointmentId,
    mut found: Option<Appointment>,
    decide: impl Fn(Caller, &Appointment, Timestamp) -> Result<Change, E>,
) -> Result<Reply<OneAppointment>, E>
where
    E: From<FindError> + From<WriteError> + From<RequestError>,
{
    for _ in 0..TRIES {
        let (caller, store, now) = (admitted.caller(), admitted.store(), clock::now());
        let before = visible_to(caller, found)?;
        let Change { after, data, is_end, message } = decide(caller, &before, now)?;
        let event = event(data, &after, Actor::User(caller.user_id), now);
        let written = if is_end {
            store.end_appointment(&before, &after, &event).await
        } else {
            store.change_appointment(&before, &after, &event).await
        };
        match written {
            Ok(()) => return Ok(Reply::ok(message, OneAppointment::at(&after, now))),
            Err(StoreError::Changed) => (admitted, found) = look_again(&admitted, id).await?,
            Err(error) => return Err(WriteError::from(error).into()),
        }
    }
    Err(WriteError::ChangedMeanwhile.into())
}

/// A change of an appointment that was decided on.
pub(crate) struct Change {
    /// The appointment after it.
    pub(crate) after: Appointment,
    /// The variant of its event's data.
    pub(crate) data: fn(AppointmentFacts) -> EventData,
    /// Set where the appointment gives its slot back.
    pub(crate) is_end: bool,
    /// The response's message.
    pub(crate) message: &'static str,
}

/// Looks again at the caller and at an appointment that somebody else has changed meanwhile.
pub(crate) async fn look_again<A: LoggedIn>(
    admitted: &A,
    id: AppointmentId,
) -> Result<(A, Option<Appointment>), RequestError> {
    let found = async { admitted.store().appointment(id).await.map_err(RequestError::from) };
    try_join!(admitted.again(), found)
}

/// The group's routes.
pub fn api<A: Api<State>>(api: A) -> A {
    api.get(
        "/api/v1/availability",
        about("getAvailability", "Find free times").described(
            "The starts that can be booked: a week from today unless the request says otherwise, at most 31 days.",
        ),
        Limit::Default,
        availability::availability,
    )
    .get(
        "/api/v1/appointments",
        about("listAppointments", "List everybody's appointments by start").described(
            "A week from today unless the request says otherwise, at most 31 days.",
        ),
        Limit::Default,
        by_day::list,
    )
    .post(
        "/api/v1/appointments",
        about("bookAppointment", "Book an appointment").described(
            "The price, the end and the expert (unless one is named) follow from the catalog. Without `payNow` the slot \
             is held, and the appointment `reserved`, until `expiresAt`. With it the appointment is `confirmed`: at the \
             front desk as paid, for a customer on their word, which the salon has yet to verify.",
        ),
        Limit::Default,
        create::create,
    )
    .get(
        "/api/v1/appointments/my",
        about("listMyAppointments", "List one's own appointments, the latest booked first"),
        Limit::Default,
        mine::list,
    )
    .get(
        "/api/v1/appointments/{id}",
        about("getAppointment", "Get an appointment"),
        Limit::Default,
        one::one,
    )
    .delete(
        "/api/v1/appointments/{id}/cancel",
        about("cancelAppointment", "Cancel an appointment").described(
            "Customers can until the salon's cancellation window closes, the front desk at any time. What the salon was \
             paid is given back.",
        ),
        Limit::Default,
        cancel::cancel,
    )
    .put(
        "/api/v1/appointments/{id}/reschedule",
        about("rescheduleAppointment", "Move an appointment to another time, perhaps to another expert"),
        Limit::Default,
        reschedule::reschedule,
    )
    .put(
        "/api/v1/appointments/{id}/pay",
        about("payAppointment", "Record a payment at the salon").described(
            "Confirms a reservation, or verifies the payment that its customer has claimed.",
        ),
        Limit::Default,
        pay::pay,
    )
    .put(
        "/api/v1/appointments/{id}/status",
        about("setAppointmentStatus", "Complete, miss or cancel an appointment"),
        Limit::Default,
        status::set,
    )
    .get(
        "/api/v1/appointments/{id}/calendar.ics",
        about("getAppointmentCalendar", "Get an appointment as an iCalendar file"),
        Limit::Default,
        calendar::calendar,
    )
}

/// The function's routes.
pub fn router(state: State) -> Router {
    chairbook_web::router(api(Live::new(state.web.clone())).into_routes(state))
}
