//! `PUT /users/{id}/role`, for owners.

use axum::extract::State;
use chairbook_models::event::EventData;
use chairbook_models::ids::UserId;
use chairbook_models::user::Role;
use chairbook_platform::clock;
use chairbook_store::{AccountChange, StoreError};
use chairbook_web::fields::format::{Format, one_of};
use chairbook_web::password::canonical_email;
use chairbook_web::view::OneUser;
use chairbook_web::{Access, Body, Fields, FromFields, Id, LoggedIn, Owner, Reply, RequestError, Web};

use crate::error::{FindError, LastOwnerError, RoleError};
use crate::event;

/// Tries of a change while its user logs in.
const TRIES: u32 = 3;

/// `{role}`.
pub(crate) struct Request {
    role: Role,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let role = one_of(&Role::ALL).about("The new role, in force with the next request.");
        fields.required_as("role", role).map(|role| Self { role })
    }
}

pub(crate) async fn change(
    State(web): State<Web>,
    mut owner: Owner,
    Id(id): Id<UserId>,
    Body(request): Body<Request>,
) -> Result<Reply<OneUser>, RoleError> {
    let now = clock::now();
    for _ in 0..TRIES {
        let caller = owner.caller;
        let mut profile = web.reader.profile(id).await?.ok_or(FindError::NotFound)?;
        let email = canonical_email(&profile)?;
        let account = web.reader.account(&email).await?.filter(|account| account.user_id == id);
        let account = account.ok_or(FindError::NotFound)?;
        if account.role == request.role {
            return Ok(Reply::ok("That is their role already.", OneUser::from(&profile)));
        }
        let changed = EventData::UserRoleChanged { role: request.role };
        let event = event(changed, id, caller.into(), Some(id), now);
        let change = AccountChange::Role(request.role);
        match owner.store().change_account(&email, &account, change, Some(caller), &event).await {
            Ok(()) => {
                profile.role = request.role;
                profile.updated_at = now;
                return Ok(Reply::ok("The role is changed.", OneUser::from(&profile)));
            }
            Err(StoreError::Changed | StoreError::RoleChanged) => owner = owner.again().await?,
            Err(error) => return Err(LastOwnerError::from(error).into()),
        }
    }
    Err(RequestError::unavailable().into())
}
