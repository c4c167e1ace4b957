//! `PUT /appointments/{id}/reschedule`.

use axum::extract::State as Shared;
use chairbook_auth::Caller;
use chairbook_models::appointment::Appointment;
use chairbook_models::catalog::{Catalog, Settings};
use chairbook_models::event::{Actor, Event, EventData};
use chairbook_models::ids::{AppointmentId, ExpertId, SubServiceId};
use chairbook_models::reschedule::{RescheduleError, movable};
use chairbook_platform::clock;
use chairbook_store::{RescheduleOutcome, StoreError};
use chairbook_web::fields::format::{LocalDate, LocalTime};
use chairbook_web::{Access, Body, Customer, Fields, FromFields, Id, Pending, Reply, WriteError};
use futures_util::try_join;
use jiff::Timestamp;
use jiff::civil::{Date, Time};

use crate::cancel::changed_by;
use crate::create::expiry;
use crate::error::{ChangeError, ChoiceRefused, MoveError, TakenError};
use crate::one::visible_to;
use crate::view::OneAppointment;
use crate::{State, TRIES, availability, event, look_again, metrics};

/// `{date, time, expertId?}`.
pub(crate) struct Request {
    date: Date,
    time: Time,
    expert_id: Option<ExpertId>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let date = fields.required_as("date", LocalDate);
        let time = fields.required_as("time", LocalTime);
        let expert_id = fields.optional("expertId");
        Some(Self { date: date?, time: time?, expert_id: expert_id? })
    }
}

impl Request {
    /// Returns true if an appointment is there already, as a request that is repeated finds it.
    fn is_done(&self, appointment: &Appointment, settings: &Settings) -> bool {
        (appointment.date, appointment.time) == (self.date, self.time)
            && appointment.time_zone == settings.time_zone
            && self.expert_id.is_none_or(|expert| expert == appointment.expert_id)
    }
}

pub(crate) async fn reschedule(
    Shared(state): Shared<State>,
    customer: Pending<Customer>,
    Id(id): Id<AppointmentId>,
    Body(request): Body<Request>,
) -> Result<Reply<OneAppointment>, MoveError> {
    let reader = &state.web.reader;
    let reads = async { try_join!(reader.appointment(id), reader.catalog()) };
    let (mut customer, (mut found, catalog)) = customer.admit_with(reads).await?;
    for _ in 0..TRIES {
        let before = visible_to(customer.caller, found)?;
        if let Some(reply) = attempt(&customer, &catalog, &before, &request).await? {
            return Ok(reply);
        }
        (customer, found) = look_again(&customer, id).await?;
    }
    Err(ChangeError::from(WriteError::ChangedMeanwhile).into())
}

/// Moves an appointment that was found like this; `None` if it has changed meanwhile.
async fn attempt(
    customer: &Customer,
    catalog: &Catalog,
    before: &Appointment,
    request: &Request,
) -> Result<Option<Reply<OneAppointment>>, MoveError> {
    let (store, caller, now) = (customer.store(), customer.caller, clock::now());
    let moved = |after: &Appointment| Reply::ok("The appointment is moved.", OneAppointment::at(after, now));
    let movable = movable(before, changed_by(caller, &catalog.settings), now);
    let is_over = matches!(movable, Err(RescheduleError::InvalidTransition(_)));
    if !is_over && request.is_done(before, &catalog.settings) {
        return Ok(Some(moved(before)));
    }
    let movable = movable?;
    let salon = availability::salon(catalog)?;
    let sub_services: Vec<SubServiceId> = before.sub_services.iter().map(|sub| sub.id).collect();
    let expert = request.expert_id.unwrap_or(before.expert_id);
    let quote = salon
        .quote(before.service_id, &sub_services, expert)
        .map_err(|error| MoveError::of_quote(error, request.expert_id))?;
    let booking = salon.book(&quote, request.date, request.time, now).map_err(ChoiceRefused)?;
    let after = movable.to(&booking, &salon, now);
    let event = moved_event(before, &after, caller, now);
    let expired = || metrics::EXPIRED.record();
    match store.reschedule(before, &after, &event, now, |held| expiry(held, now), expired).await {
        Ok(RescheduleOutcome::Rescheduled) => Ok(Some(moved(&after))),
        Ok(RescheduleOutcome::Taken) => {
            let taken = (request.date, after.starts_at);
            let alternatives = availability::alternatives(store, &salon, &[quote], taken, now).await?;
            metrics::TAKEN.record();
            Err(TakenError::SlotTaken { details: alternatives.into() }.into())
        }
        Err(StoreError::Changed) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn moved_event(before: &Appointment, after: &Appointment, caller: Caller, now: Timestamp) -> Event {
    let previous = before.into();
    let rescheduled = |appointment| EventData::AppointmentRescheduled { appointment, previous };
    event(rescheduled, after, Actor::User(caller.user_id), now)
}
