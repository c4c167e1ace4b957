//! `PUT /appointments/{id}/pay`: a reservation is paid for at the front desk, or what a customer says they have paid is
//! verified there.

use axum::extract::State as Shared;
use chairbook_models::appointment::payment::{self, DeskPayment, Paid, PaymentMethod, PaymentReference};
use chairbook_models::catalog_change::MAX_PRICE;
use chairbook_models::event::{AppointmentFacts, EventData};
use chairbook_models::ids::AppointmentId;
use chairbook_web::fields::format::{Format, one_of, whole};
use chairbook_web::{Admin, Body, Fields, FromFields, Id, Pending, Reply};

use crate::error::PayError;
use crate::view::OneAppointment;
use crate::{Change, State, change};

/// The highest amount that a payment can say, minor currency units: more than a service and its add-ons can cost together.
const MAX_TOTAL: i64 = MAX_PRICE * 100;

/// A payment at the salon; without an amount, of the whole price.
pub(crate) struct Request {
    method: PaymentMethod,
    reference: Option<PaymentReference>,
    amount: Option<i64>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let method = fields.required_as("method", one_of(&PaymentMethod::ALL));
        let reference = fields.optional("reference");
        let amount =
            whole(0..=MAX_TOTAL).about("The whole price, minor currency units; there are no part payments.");
        let amount = fields.optional_as("amount", amount);
        Some(Self { method: method?, reference: reference?, amount: amount? })
    }
}

pub(crate) async fn pay(
    Shared(state): Shared<State>,
    admin: Pending<Admin>,
    Id(id): Id<AppointmentId>,
    Body(request): Body<Request>,
) -> Result<Reply<OneAppointment>, PayError> {
    let (admin, found) = admin.admit_with(state.web.reader.appointment(id)).await?;
    change(admin, id, found, |caller, before, now| {
        let payment = DeskPayment {
            method: request.method,
            reference: request.reference.clone(),
            amount: request.amount.unwrap_or(before.total_price),
            by: caller.user_id,
        };
        let (after, data, message): (_, fn(AppointmentFacts) -> EventData, _) =
            match payment::pay(before, payment, now)? {
                Paid::Confirmed(after) => {
                    (after, EventData::AppointmentConfirmed, "The appointment is paid for and confirmed.")
                }
                Paid::Verified(after) => {
                    (after, EventData::AppointmentPaymentVerified, "The payment is verified.")
                }
            };
        Ok(Change { after, data, is_end: false, message })
    })
    .await
}
