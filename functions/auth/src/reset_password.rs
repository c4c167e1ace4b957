//! `POST /auth/forgot-password`, `GET /auth/reset-password/{token}` (a page), `POST /auth/reset-password`.

use axum::extract::{Path, State as Shared};
use chairbook_auth::email_address::EmailAddress;
use chairbook_auth::opaque_token::sha256_hex;
use chairbook_models::event::EventData;
use chairbook_platform::clock;
use chairbook_store::TokenPurpose;
use chairbook_web::fields::format::{Format, text};
use chairbook_web::view::Empty;
use chairbook_web::{
    Access, Body, Client, Fields, FromFields, Pending, Reply, RequestError, Visitor, prefers_json,
};
use http::HeaderMap;

use crate::State;
use crate::error::LinkError;
use crate::mailed_link::set_password;
use crate::page::{Page, PageOr};
use crate::password::Password;

/// `{email}`.
pub(crate) struct Forgotten {
    email: EmailAddress,
}

impl FromFields for Forgotten {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        fields.required("email").map(|email| Self { email })
    }
}

pub(crate) async fn forgot(
    Shared(state): Shared<State>,
    visitor: Pending<Visitor>,
    Body(request): Body<Forgotten>,
) -> Result<Reply<Empty>, RequestError> {
    let email = request.email.canonical();
    let (visitor, account) = visitor.admit_with(state.web.reader.account(email)).await?;
    let account = account.as_ref().map(|account| (account.user_id, account.password_hash.as_str()));
    let purpose = TokenPurpose::ResetPassword;
    let (token, event) = state.one_time_token(
        purpose,
        EventData::UserPasswordResetRequested {},
        account,
        email,
        clock::now(),
    )?;
    visitor.store().add_token(&token, &event).await?;
    Ok(Reply::ok(
        "If there is an account with this address, we have sent it a link to choose a new password. An address gets only \
         a few of these an hour, so look for an earlier one, too.",
        Empty {},
    ))
}

pub(crate) async fn form(
    _: Shared<State>,
    _: Visitor,
    Path(_token): Path<String>,
    headers: HeaderMap,
) -> Result<PageOr<Empty>, RequestError> {
    if !prefers_json(&headers) {
        return Page::reset_password().map(PageOr::Page);
    }
    let message = "Send the token and the new password: POST /api/v1/auth/reset-password {token, password}.";
    Ok(PageOr::Reply(Reply::ok(message, Empty {})))
}

/// `{token,password}`.
pub(crate) struct Reset {
    token: String,
    password: Password,
}

impl FromFields for Reset {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let token = fields.required_as("token", text().about("The token from the mail’s link."));
        let password = fields.required("password");
        Some(Self { token: token?, password: password? })
    }
}

pub(crate) async fn reset(
    Shared(state): Shared<State>,
    visitor: Pending<Visitor>,
    client: Client,
    Body(request): Body<Reset>,
) -> Result<Reply<Empty>, LinkError> {
    let now = clock::now();
    let sha256 = sha256_hex(&request.token);
    let token = state.web.reader.token(&sha256, TokenPurpose::ResetPassword);
    let (visitor, token) = visitor.admit_with(token).await?;
    let token = token.filter(|token| now < token.expires_at).ok_or(LinkError::InvalidToken)?;
    request.password.check_strength(&[], "password", &visitor)?;
    let hash = request.password.hash(&visitor).await?;
    set_password(&state, &visitor, &client, &token, &hash, now).await?;
    Ok(Reply::ok("Your new password is set. You can log in with it now.", Empty {}))
}
