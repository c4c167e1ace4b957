//! `POST /auth/register`.

use axum::extract::State as Shared;
use chairbook_auth::email_address::EmailAddress;
use chairbook_models::event::{Event, EventData};
use chairbook_models::ids::{EventId, UserId};
use chairbook_models::preferences::Preferences;
use chairbook_models::text::{PersonName, Phone};
use chairbook_models::user::{Profile, Role};
use chairbook_platform::{clock, random};
use chairbook_store::{Reader, Registration, StoreError, TokenPurpose};
use chairbook_web::idempotency::replayed_if;
use chairbook_web::view::OneUser;
use chairbook_web::{Access, Created, Fields, FromFields, Keyed, RepeatError, Visitor};

use crate::State;
use crate::error::RegisterError;
use crate::password::Password;

/// `{name,email,password,phone?}`.
pub(crate) struct Request {
    name: PersonName,
    email: EmailAddress,
    password: Password,
    phone: Option<Phone>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let name = fields.required("name");
        let email = fields.required("email");
        let password = fields.required("password");
        let phone = fields.optional("phone");
        Some(Self { name: name?, email: email?, password: password?, phone: phone? })
    }
}

pub(crate) async fn register(
    Shared(state): Shared<State>,
    visitor: Visitor,
    request: Keyed<Request>,
) -> Result<Created<OneUser>, RegisterError> {
    let now = clock::now();
    let email = request.request.email.canonical().to_owned();
    let (request, identity) = request.identify(&email);
    let email = email.as_str();
    let local_part = email.split('@').next().unwrap_or(email);
    request.password.check_strength(&[request.name.as_str(), local_part], "password", &visitor)?;
    let profile = Profile {
        id: UserId::new(now, random::bytes()),
        name: request.name,
        email: request.email.as_written().to_owned(),
        phone: request.phone,
        role: Role::User,
        email_verified: false,
        preferences: Preferences::default(),
        created_at: now,
        updated_at: now,
    };
    let password_hash = request.password.hash(&visitor).await?;
    let event_id = match &identity {
        Some(identity) => EventId::derived(identity.id_bytes("event")),
        None => EventId::new(now, random::bytes()),
    };
    let (token, mut event) = state.one_time_token_in(
        event_id,
        TokenPurpose::VerifyEmail,
        EventData::UserRegistered {},
        Some((profile.id, &password_hash)),
        email,
        now,
    )?;
    event.request_sha256 = identity.as_ref().map(|identity| identity.request_sha256.clone());
    let registration = Registration {
        profile: &profile,
        email,
        password_hash: &password_hash,
        token: Some(&token),
        event: &event,
    };
    match visitor.store().register(registration).await {
        Ok(()) => Ok(answer(&profile)),
        Err(StoreError::Exists) => {
            if let Some(identity) = identity
                && let Some(found) = state.web.reader.event(event_id).await?
            {
                identity.check(&found)?;
                return repeated(&state.web.reader, &found).await;
            }
            Err(RegisterError::EmailTaken)
        }
        Err(error) => Err(error.into()),
    }
}

fn answer(profile: &Profile) -> Created<OneUser> {
    let message = "Welcome! We have sent you an e-mail; please follow its link to verify your address.";
    Created::created(message, profile.into())
}

/// The response to a repeat of the registration that an event tells of.
async fn repeated(reader: &Reader, registered: &Event) -> Result<Created<OneUser>, RegisterError> {
    let profile = match registered.subjects.user_id {
        Some(id) => reader.profile(id).await?,
        None => None,
    };
    let profile = profile.ok_or(RepeatError::DeletedSince { thing: "User" })?;
    Ok(replayed_if(true, answer(&profile)))
}
