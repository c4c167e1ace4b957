//! `PUT /appointments/{id}/pay`: a reservation is paid for at the front desk, or what a customer says they have paid is
//! verified there.

use axum::extract::State as Shared;
use chairbook_models::appointment::payment::{self, DeskPayment, Paid, PaymentMethod, PaymentReference};
use chairbook_models::event::{Actor, EventType};
use chairbook_models::ids::AppointmentId;
use chairbook_platform::clock;
use chairbook_store::StoreError;
use chairbook_web::{Access, Admin, ApiError, Body, Fields, FromFields, Id, Pending, Reply};
use serde_json::{Value, json};

use crate::one::visible_to;
use crate::{State, TRIES, event, look_again, refusal, render};

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
    let (mut admin, mut found) = admin.admit_with(state.web.reader.appointment(id)).await?;
    for _ in 0..TRIES {
        let (caller, store, now) = (admin.caller, admin.store(), clock::now());
        let before = visible_to(caller, found)?;
        let payment = DeskPayment {
            method: request.method,
            reference: request.reference.clone(),
            amount: request.amount.unwrap_or(before.total_price),
            by: caller.user_id,
        };
        let paid = payment::pay(&before, payment, now).map_err(refusal::of_payment)?;
        let (event_type, message) = match paid {
            Paid::Confirmed(_) => {
                (EventType::AppointmentConfirmed, "The appointment is paid for and confirmed.")
            }
            Paid::Verified(_) => (EventType::AppointmentPaymentVerified, "The payment is verified."),
        };
        let after = paid.appointment();
        let event = event(event_type, after, Actor::User(caller.user_id), now);
        match store.change_appointment(&before, after, &event).await {
            Ok(()) => {
                return Ok(Reply::ok(message, json!({"appointment": render::appointment(after, now)})));
            }
            Err(StoreError::Changed) => (admin, found) = look_again(&admin, id).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Changed.into())
}
