//! `PUT /appointments/{id}/pay`: a reservation is paid for at the front desk.

use axum::extract::State as Shared;
use chairbook_models::appointment::payment::{self, Payment, PaymentMethod, PaymentReference};
use chairbook_models::event::{Actor, EventType};
use chairbook_models::ids::AppointmentId;
use chairbook_platform::clock;
use chairbook_store::StoreError;
use chairbook_web::{Access, Admin, ApiError, Body, Fields, FromFields, Id, Pending, Reply};
use serde_json::{Value, json};

use crate::one::visible_to;
use crate::{State, TRIES, event, refusal, render};

/// `{method, reference?, amount?}`.
pub(crate) struct Request {
    method: PaymentMethod,
    reference: Option<PaymentReference>,
    amount: Option<i64>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let method = fields.required_with("method", |value| {
            serde_json::from_value(value).map_err(|_| "must be cash, card, transfer or other")
        });
        let reference = fields.optional("reference");
        let amount = fields.optional_with("amount", |value| {
            value.as_i64().ok_or("must be a whole number of minor currency units")
        });
        Some(Self { method: method?, reference: reference?, amount: amount? })
    }
}

pub(crate) async fn pay(
    Shared(state): Shared<State>,
    admin: Pending<Admin>,
    Id(id): Id<AppointmentId>,
    Body(request): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let (admin, mut found) = admin.admit_with(state.web.reader.appointment(id)).await?;
    let (store, caller) = (admin.store(), admin.caller);
    for _ in 0..TRIES {
        let now = clock::now();
        let before = visible_to(caller, found)?;
        let payment = Payment {
            method: request.method,
            reference: request.reference.clone(),
            amount: request.amount.unwrap_or(before.total_price),
            at: now,
        };
        let after = payment::pay(&before, payment, now).map_err(refusal::of_payment)?;
        let event = event(EventType::AppointmentConfirmed, &after, Actor::User(caller.user_id), now);
        match store.change_appointment(&before, &after, &event).await {
            Ok(()) => {
                let data = json!({"appointment": render::appointment(&after, now)});
                return Ok(Reply::ok("The appointment is paid for and confirmed.", data));
            }
            Err(StoreError::Changed) => found = store.appointment(id).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Changed.into())
}
