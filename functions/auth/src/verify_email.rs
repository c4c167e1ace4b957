//! `GET /auth/verify-email/{token}` and `POST /auth/resend-verification`.

use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Response};
use chairbook_auth::email_address::EmailAddress;
use chairbook_auth::opaque_token;
use chairbook_models::event::{Actor, EventType};
use chairbook_platform::clock;
use chairbook_store::{StoreError, TokenPurpose};
use chairbook_web::{Access, ApiError, Body, Fields, FromFields, Reply, Visitor};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use crate::page::page;
use crate::{State, account_event};

pub(crate) async fn verify(
    Shared(state): Shared<State>,
    visitor: Visitor,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    let verified = use_token(&state, &visitor, &token).await;
    if !wants_html(&headers) {
        return match verified {
            Ok(()) => {
                Reply::ok("Your e-mail address is verified. You can log in now.", json!({"verified": true}))
                    .into_response()
            }
            Err(error) => error.into_response(),
        };
    }
    match verified {
        Ok(()) => page(StatusCode::OK, "Your e-mail address is verified", "You can log in now."),
        Err(error) => page(error.status, "That did not work", &error.message),
    }
}

pub(crate) fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

async fn use_token(state: &State, visitor: &Visitor, token: &str) -> Result<(), ApiError> {
    let invalid = || {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid_token",
            "This link is not valid: it has been used already, or it is too old. Ask for a new one.",
        )
    };
    let now = clock::now();
    let row = state.web.reader.token(&opaque_token::sha256_hex(token), TokenPurpose::VerifyEmail).await?;
    let row = row.filter(|row| now < row.expires_at).ok_or_else(invalid)?;
    let role = state.role_of(&row.email);
    let event = account_event(EventType::UserVerified, row.user_id, Actor::User(row.user_id), None, now);
    match visitor.store().verify_email(&row, role, &event).await {
        Err(StoreError::Changed) => Err(invalid()),
        other => other.map_err(ApiError::from),
    }
}

/// `{email}`.
pub(crate) struct Request {
    email: EmailAddress,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        fields.required("email").map(|email| Self { email })
    }
}

pub(crate) async fn resend(
    Shared(state): Shared<State>,
    visitor: Visitor,
    Body(request): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let email = request.email.canonical();
    let now = clock::now();
    let account = state.web.reader.account(email).await?.filter(|account| !account.verified);
    let account = account.as_ref().map(|account| (account.user_id, account.password_hash.as_str()));
    let purpose = TokenPurpose::VerifyEmail;
    let (token, event) =
        state.one_time_token(purpose, EventType::UserVerificationRequested, account, email, now)?;
    visitor.store().add_token(&token, &event).await?;
    Ok(Reply::ok(
        "If there is an account with this address that is not verified yet, we have sent it an e-mail.",
        json!({}),
    ))
}
