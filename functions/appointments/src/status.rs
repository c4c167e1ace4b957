//! `PUT /appointments/{id}/status`: what became of an appointment, as the front desk says.

use axum::extract::State as Shared;
use chairbook_models::appointment::{self, ChangedBy, CloseError, Closing, Status};
use chairbook_models::event::{Actor, EventType};
use chairbook_models::ids::AppointmentId;
use chairbook_platform::clock;
use chairbook_store::StoreError;
use chairbook_web::{Access, Admin, ApiError, Body, Fields, FromFields, Id, Pending, Reply};
use serde_json::{Value, json};

use crate::cancel::cancel_found;
use crate::one::visible_to;
use crate::{State, TRIES, event, fields, look_again, refusal, render};

/// `{status}`.
pub(crate) struct Request {
    status: Status,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        fields.required_with("status", fields::status).map(|status| Self { status })
    }
}

pub(crate) async fn set(
    Shared(state): Shared<State>,
    admin: Pending<Admin>,
    Id(id): Id<AppointmentId>,
    Body(request): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let (mut admin, mut found) = admin.admit_with(state.web.reader.appointment(id)).await?;
    let (closing, event_type, message) = match request.status {
        Status::Completed => {
            (Closing::Completed, EventType::AppointmentCompleted, "The appointment is completed.")
        }
        Status::NoShow => (Closing::NoShow, EventType::AppointmentNoShow, "The customer did not come."),
        Status::Cancelled => return cancel_found(admin, id, found, |_| ChangedBy::Staff).await,
        // By booking, by payment, by time: not by saying so.
        to @ (Status::Reserved | Status::Confirmed | Status::Expired) => {
            let from = visible_to(admin.caller, found)?.effective_status(clock::now());
            let error = CloseError::InvalidTransition { from, to };
            return Err(refusal::conflict(error.code(), &error));
        }
    };
    for _ in 0..TRIES {
        let (caller, store, now) = (admin.caller, admin.store(), clock::now());
        let before = visible_to(caller, found)?;
        let after = appointment::close(&before, closing, now)
            .map_err(|error| refusal::conflict(error.code(), &error))?;
        let event = event(event_type, &after, Actor::User(caller.user_id), now);
        match store.change_appointment(&before, &after, &event).await {
            Ok(()) => {
                return Ok(Reply::ok(message, json!({"appointment": render::appointment(&after, now)})));
            }
            Err(StoreError::Changed) => (admin, found) = look_again(&admin, id).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Changed.into())
}
