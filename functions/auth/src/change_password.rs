//! `POST /auth/change-password`.

use axum::extract::State as Shared;
use chairbook_models::event::EventType;
use chairbook_platform::clock;
use chairbook_store::{AccountChange, StoreError};
use chairbook_web::password::{GivenPassword, canonical_email, prove_password};
use chairbook_web::{Access, ApiError, Body, Client, Customer, Fields, FromFields, Pending, Reply};
use serde_json::{Value, json};

use crate::password::Password;
use crate::{State, account_event};

/// `{currentPassword,newPassword}`.
pub(crate) struct Request {
    current: GivenPassword,
    new: Password,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let current = fields.required("currentPassword");
        let new = fields.required("newPassword");
        Some(Self { current: current?, new: new? })
    }
}

pub(crate) async fn change(
    Shared(state): Shared<State>,
    customer: Pending<Customer>,
    client: Client,
    Body(request): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let now = clock::now();
    let (customer, profile) = customer.admit_with(state.web.reader.profile(customer.user_id())).await?;
    let caller = customer.caller;
    let profile = profile.ok_or_else(ApiError::session_ended)?;
    request.new.check_strength(&[&profile.name, &profile.email], "newPassword", &customer)?;
    let email = canonical_email(&profile)?;
    let account = prove_password(&customer, &email, &request.current, "currentPassword", now).await?;
    let hash = request.new.hash(&customer).await?;
    let change = AccountChange::Password { hash: &hash };
    let event =
        account_event(EventType::UserPasswordChanged, caller.user_id, caller.into(), Some(&client), now);
    match customer.store().change_account(&email, &account, change, Some(caller), &event).await {
        Ok(()) => Ok(Reply::ok(
            "Your password is changed. You are still logged in here, and nowhere else.",
            json!({}),
        )),
        // The password, the role or the sessions have changed while it was being checked.
        Err(StoreError::Changed) => Err(ApiError::unavailable()),
        Err(error) => Err(error.into()),
    }
}
