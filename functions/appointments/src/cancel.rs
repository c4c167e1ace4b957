//! `DELETE /appointments/{id}/cancel`.

use axum::extract::State as Shared;
use chairbook_auth::Caller;
use chairbook_models::appointment::{self, Appointment, ChangedBy};
use chairbook_models::catalog::Settings;
use chairbook_models::event::EventData;
use chairbook_models::ids::AppointmentId;
use chairbook_models::user::Role;
use chairbook_web::{Customer, Id, LoggedIn, Pending, Reply};
use futures_util::try_join;

use crate::error::CancelError;
use crate::view::OneAppointment;
use crate::{Change, State, change};

/// The one who changes an appointment, as the rules see them.
pub(crate) fn changed_by(caller: Caller, settings: &Settings) -> ChangedBy {
    if caller.role >= Role::Admin {
        ChangedBy::Staff
    } else {
        ChangedBy::Customer { window_minutes: settings.cancellation_window_minutes }
    }
}

/// Cancels an appointment that was found like this, if the caller may see it; `by` says who they are to the rules.
pub(crate) async fn cancel_found(
    admitted: impl LoggedIn,
    id: AppointmentId,
    found: Option<Appointment>,
    by: impl Fn(Caller) -> ChangedBy + Send,
) -> Result<Reply<OneAppointment>, CancelError> {
    change(admitted, id, found, |caller, before, now| {
        let after = appointment::cancel(before, by(caller), now)?;
        let message = "The appointment is cancelled.";
        Ok(Change { after, data: EventData::AppointmentCancelled, is_end: true, message })
    })
    .await
}

pub(crate) async fn cancel(
    Shared(state): Shared<State>,
    customer: Pending<Customer>,
    Id(id): Id<AppointmentId>,
) -> Result<Reply<OneAppointment>, CancelError> {
    let reader = &state.web.reader;
    let reads = async { try_join!(reader.appointment(id), reader.catalog()) };
    let (customer, (found, catalog)) = customer.admit_with(reads).await?;
    cancel_found(customer, id, found, |caller| changed_by(caller, &catalog.settings)).await
}
