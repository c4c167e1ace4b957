//! `DELETE /appointments/{id}/cancel`.

use axum::extract::State as Shared;
use chairbook_models::appointment::{self, CancelledBy};
use chairbook_models::event::{Actor, EventType};
use chairbook_models::ids::AppointmentId;
use chairbook_models::user::Role;
use chairbook_platform::clock;
use chairbook_store::StoreError;
use chairbook_web::{ApiError, Customer, Id, Pending, Reply};
use futures_util::try_join;
use serde_json::{Value, json};

use crate::one::visible_to;
use crate::{State, event, refusal, render};

/// How often a cancellation looks again after somebody else has changed the appointment meanwhile.
const TRIES: u32 = 3;

pub(crate) async fn cancel(
    Shared(state): Shared<State>,
    customer: Pending<Customer>,
    Id(id): Id<AppointmentId>,
) -> Result<Reply<Value>, ApiError> {
    let store = &state.web.store;
    let reads = async { try_join!(store.appointment(id), store.catalog()) };
    let (Customer(caller), (mut found, catalog)) = customer.admit_with(reads).await?;
    for _ in 0..TRIES {
        let now = clock::now();
        let before = visible_to(caller, found)?;
        let by = if caller.role >= Role::Admin {
            CancelledBy::Staff
        } else {
            CancelledBy::Customer { window_minutes: catalog.settings.cancellation_window_minutes }
        };
        let after = appointment::cancel(&before, by, now).map_err(refusal::of_cancel)?;
        let event = event(EventType::AppointmentCancelled, &after, Actor::User(caller.user_id), now);
        match store.end_appointment(&before, &after, &event).await {
            Ok(()) => {
                let data = json!({"appointment": render::appointment(&after, now)});
                return Ok(Reply::ok("The appointment is cancelled.", data));
            }
            Err(StoreError::Changed) => found = store.appointment(id).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Changed.into())
}
