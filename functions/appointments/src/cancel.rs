//! `DELETE /appointments/{id}/cancel`.

use axum::extract::State as Shared;
use chairbook_auth::Caller;
use chairbook_models::appointment::{self, Appointment, ChangedBy};
use chairbook_models::catalog::Settings;
use chairbook_models::event::{Actor, EventType};
use chairbook_models::ids::AppointmentId;
use chairbook_models::user::Role;
use chairbook_platform::clock;
use chairbook_store::StoreError;
use chairbook_web::{ApiError, Customer, Id, LoggedIn, Pending, Reply};
use futures_util::try_join;
use serde_json::{Value, json};

use crate::one::visible_to;
use crate::{State, TRIES, event, look_again, refusal, render};

/// Who changes an appointment, as the rules see them.
pub(crate) fn changed_by(caller: Caller, settings: &Settings) -> ChangedBy {
    if caller.role >= Role::Admin {
        ChangedBy::Staff
    } else {
        ChangedBy::Customer { window_minutes: settings.cancellation_window_minutes }
    }
}

/// Cancels an appointment that was found like this, if the caller may see it; `by` says who they are to the rules.
pub(crate) async fn cancel_found(
    mut admitted: impl LoggedIn,
    id: AppointmentId,
    mut found: Option<Appointment>,
    by: impl Fn(Caller) -> ChangedBy + Send,
) -> Result<Reply<Value>, ApiError> {
    for _ in 0..TRIES {
        let (caller, store, now) = (admitted.caller(), admitted.store(), clock::now());
        let before = visible_to(caller, found)?;
        let after = appointment::cancel(&before, by(caller), now)
            .map_err(|error| refusal::conflict(error.code(), &error))?;
        let event = event(EventType::AppointmentCancelled, &after, Actor::User(caller.user_id), now);
        match store.end_appointment(&before, &after, &event).await {
            Ok(()) => {
                let data = json!({"appointment": render::appointment(&after, now)});
                return Ok(Reply::ok("The appointment is cancelled.", data));
            }
            Err(StoreError::Changed) => (admitted, found) = look_again(&admitted, id).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Changed.into())
}

pub(crate) async fn cancel(
    Shared(state): Shared<State>,
    customer: Pending<Customer>,
    Id(id): Id<AppointmentId>,
) -> Result<Reply<Value>, ApiError> {
    let reader = &state.web.reader;
    let reads = async { try_join!(reader.appointment(id), reader.catalog()) };
    let (customer, (found, catalog)) = customer.admit_with(reads).await?;
    cancel_found(customer, id, found, |caller| changed_by(caller, &catalog.settings)).await
}
