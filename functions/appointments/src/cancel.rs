//! `DELETE /appointments/{id}/cancel`.

use axum::extract::State as Shared;
use chairbook_auth::Caller;
use chairbook_models::appointment::{self, Appointment, ChangedBy};
use chairbook_models::catalog::Settings;
use chairbook_models::event::EventData;
use chairbook_models::ids::AppointmentId;
use chairbook_models::user::Role;
use chairbook_web::{Customer, Id, Pending, Reply};
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

/// The change by which an appointment is cancelled.
pub(crate) const fn cancelled(after: Appointment) -> Change {
    let message = "The appointment is cancelled.";
    Change { after, data: EventData::AppointmentCancelled, is_end: true, message }
}

pub(crate) async fn cancel(
    Shared(state): Shared<State>,
    customer: Pending<Customer>,
    Id(id): Id<AppointmentId>,
) -> Result<Reply<OneAppointment>, CancelError> {
    let reader = &state.web.reader;
    let reads = async { try_join!(reader.appointment(id), reader.catalog()) };
    let (customer, (found, catalog)) = customer.admit_with(reads).await?;
    change(customer, id, found, |caller, before, now| {
        let by = changed_by(caller, &catalog.settings);
        Ok(cancelled(appointment::cancel(before, by, now)?))
    })
    .await
}
