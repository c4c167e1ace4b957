//! `PUT /appointments/{id}/status`: what became of an appointment, as the front desk says.

use axum::extract::State as Shared;
use chairbook_models::appointment::{self, CloseError, Closing, Status};
use chairbook_models::event::{AppointmentFacts, EventData};
use chairbook_models::ids::AppointmentId;
use chairbook_platform::clock;
use chairbook_web::fields::format::{Format, one_of};
use chairbook_web::{Admin, Body, Fields, FromFields, Id, Pending, Reply};

use crate::cancel::cancelled;
use crate::error::ChangeError;
use crate::one::visible_to;
use crate::view::OneAppointment;
use crate::{Change, State, change};

/// The status that an appointment is to have.
pub(crate) struct Request {
    status: Status,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let status = one_of(&Status::ALL).about(
            "The new status: `completed`, `no_show` or `cancelled`. The others follow from booking, payment and time.",
        );
        fields.required_as("status", status).map(|status| Self { status })
    }
}

pub(crate) async fn set(
    Shared(state): Shared<State>,
    admin: Pending<Admin>,
    Id(id): Id<AppointmentId>,
    Body(request): Body<Request>,
) -> Result<Reply<OneAppointment>, ChangeError> {
    let (admin, found) = admin.admit_with(state.web.reader.appointment(id)).await?;
    let (closing, data, message): (_, fn(AppointmentFacts) -> EventData, _) = match request.status {
        Status::Completed => {
            (Closing::Completed, EventData::AppointmentCompleted, "The appointment is completed.")
        }
        Status::NoShow => (Closing::NoShow, EventData::AppointmentNoShow, "The customer did not come."),
        Status::Cancelled => {
            let cancel = |_, before: &_, now| Ok(cancelled(appointment::cancel_at_desk(before, now)?));
            return change(admin, id, found, cancel).await;
        }
        // By booking, by payment, by time: not by saying so.
        to @ (Status::Reserved | Status::Confirmed | Status::Expired) => {
            let from = visible_to(admin.caller, found)?.effective_status(clock::now());
            return Err(CloseError::InvalidTransition { from, to }.into());
        }
    };
    change(admin, id, found, |_, before, now| {
        let after = appointment::close(before, closing, now)?;
        Ok(Change { after, data, is_end: false, message })
    })
    .await
}
