//! `POST /auth/register`.

use axum::extract::State as Shared;
use chairbook_auth::email_address::EmailAddress;
use chairbook_models::event::EventType;
use chairbook_models::ids::UserId;
use chairbook_models::text::{PersonName, Phone};
use chairbook_models::user::{Profile, Role};
use chairbook_platform::{clock, random};
use chairbook_store::{Registration, StoreError, TokenPurpose};
use chairbook_web::{Access, ApiError, Body, Fields, FromFields, Reply, Visitor, render};
use http::StatusCode;
use serde_json::{Value, json};

use crate::State;
use crate::password::Password;

/// `{name,email,password,phone?}`.
pub(crate) struct Request {
    name: PersonName,
    email: EmailAddress,
    password: Password,
    phone: Option<Phone>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
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
    Body(request): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let now = clock::now();
    let email = request.email.canonical();
    let local_part = email.split('@').next().unwrap_or(email);
    request.password.check_strength(&[request.name.as_str(), local_part], "password", &visitor)?;
    let profile = Profile {
        id: UserId::new(now, random::bytes()),
        name: request.name.as_str().to_owned(),
        email: request.email.as_written().to_owned(),
        phone: request.phone.map(|phone| phone.as_str().to_owned()),
        role: Role::User,
        email_verified: false,
        created_at: now,
        updated_at: now,
    };
    let password_hash = request.password.hash(&visitor).await?;
    let (token, event) = state.one_time_token(
        TokenPurpose::VerifyEmail,
        EventType::UserRegistered,
        Some((profile.id, &password_hash)),
        email,
        now,
    )?;
    let registration = Registration {
        profile: &profile,
        email,
        password_hash: &password_hash,
        token: Some(&token),
        event: &event,
    };
    match visitor.store().register(registration).await {
        Ok(()) => {}
        Err(StoreError::Exists) => {
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "email_taken",
                "There is an account with this e-mail address already. Log in, or reset your password.",
            )
            .with_field("email"));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Reply::created(
        "Welcome! We have sent you an e-mail; please follow its link to verify your address.",
        json!({"user": render::user(&profile)}),
    ))
}
