//! `POST /auth/forgot-password`, `GET /auth/reset-password/{token}` (a page), `POST /auth/reset-password`.

use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Response};
use chairbook_auth::email_address::EmailAddress;
use chairbook_auth::opaque_token::sha256_hex;
use chairbook_models::event::EventType;
use chairbook_platform::clock;
use chairbook_store::TokenPurpose;
use chairbook_web::{
    Access, ApiError, Body, Client, Fields, FromFields, Pending, Reply, Visitor, prefers_json,
};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::State;
use crate::mailed_link::{invalid, set_password};
use crate::page::reset_form;
use crate::password::Password;

/// `{email}`.
pub(crate) struct Forgotten {
    email: EmailAddress,
}

impl FromFields for Forgotten {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        fields.required("email").map(|email| Self { email })
    }
}

pub(crate) async fn forgot(
    Shared(state): Shared<State>,
    visitor: Pending<Visitor>,
    Body(request): Body<Forgotten>,
) -> Result<Reply<Value>, ApiError> {
    let email = request.email.canonical();
    let (visitor, account) = visitor.admit_with(state.web.reader.account(email)).await?;
    let account = account.as_ref().map(|account| (account.user_id, account.password_hash.as_str()));
    let purpose = TokenPurpose::ResetPassword;
    let (token, event) =
        state.one_time_token(purpose, EventType::UserPasswordResetRequested, account, email, clock::now())?;
    visitor.store().add_token(&token, &event).await?;
    Ok(Reply::ok(
        "If there is an account with this address, we have sent it a link to choose a new password. An address gets only \
         a few of these an hour, so look for an earlier one, too.",
        json!({}),
    ))
}

pub(crate) async fn form(_: Visitor, Path(_token): Path<String>, headers: HeaderMap) -> Response {
    if !prefers_json(&headers) {
        return reset_form();
    }
    let message = "Send the token and the new password: POST /api/v1/auth/reset-password {token, password}.";
    Reply::ok(message, json!({})).into_response()
}

/// `{token,password}`.
pub(crate) struct Reset {
    token: String,
    password: Password,
}

impl FromFields for Reset {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let token = fields.required("token");
        let password = fields.required("password");
        Some(Self { token: token?, password: password? })
    }
}

pub(crate) async fn reset(
    Shared(state): Shared<State>,
    visitor: Pending<Visitor>,
    client: Client,
    Body(request): Body<Reset>,
) -> Result<Reply<Value>, ApiError> {
    let now = clock::now();
    let sha256 = sha256_hex(&request.token);
    let token = state.web.reader.token(&sha256, TokenPurpose::ResetPassword);
    let (visitor, token) = visitor.admit_with(token).await?;
    let token = token.filter(|token| now < token.expires_at).ok_or_else(invalid)?;
    request.password.check_strength(&[], "password", &visitor)?;
    let hash = request.password.hash(&visitor).await?;
    set_password(&state, &visitor, &client, &token, &hash, now).await?;
    Ok(Reply::ok("Your new password is set. You can log in with it now.", json!({})))
}
