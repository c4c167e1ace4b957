//! `POST /auth/change-password`.

use axum::extract::State as Shared;
use chairbook_models::event::EventData;
use chairbook_platform::clock;
use chairbook_store::{AccountChange, StoreError};
use chairbook_web::password::{GivenPassword, canonical_email, prove_password, still_proven};
use chairbook_web::view::Empty;
use chairbook_web::{
    Access, Body, Client, Customer, Fields, FromFields, LoggedIn, Pending, Reply, RequestError,
};

use crate::error::ChangePasswordError;
use crate::password::Password;
use crate::{State, account_event, client_info};

/// Tries to change a password while others log in or the role changes.
const TRIES: u32 = 5;

/// `{currentPassword,newPassword}`.
pub(crate) struct Request {
    current: GivenPassword,
    new: Password,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
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
) -> Result<Reply<Empty>, ChangePasswordError> {
    let now = clock::now();
    let (mut customer, profile) = customer.admit_with(state.web.reader.profile(customer.user_id())).await?;
    let profile = profile.ok_or_else(RequestError::session_ended)?;
    request.new.check_strength(&[&profile.name, &profile.email], "newPassword", &customer)?;
    let email = canonical_email(&profile)?;
    let mut account = prove_password(&customer, &email, &request.current, "currentPassword").await?;
    let hash = request.new.hash(&customer).await?;
    let change = AccountChange::Password { hash: &hash };
    for _ in 0..TRIES {
        let caller = customer.caller;
        let changed = EventData::UserPasswordChanged(client_info(&client));
        let event = account_event(changed, caller.user_id, caller.into(), now);
        match customer.store().change_account(&email, &account, change, Some(caller), &event).await {
            Ok(()) => {
                return Ok(Reply::ok(
                    "Your password is changed. You are still logged in here, and nowhere else.",
                    Empty {},
                ));
            }
            Err(StoreError::Changed | StoreError::RoleChanged) => {}
            Err(error) => return Err(error.into()),
        }
        // Somebody may have logged in, which changes nothing.
        customer = customer.again().await?;
        account = still_proven(&customer, &email, &account).await?;
    }
    Err(RequestError::unavailable().into())
}
