//! `GET /auth/verify-email/{token}` (a page), `POST /auth/verify-email` and `POST /auth/resend-verification`.

use axum::extract::{Path, State as Shared};
use chairbook_auth::email_address::EmailAddress;
use chairbook_auth::opaque_token::sha256_hex;
use chairbook_models::event::{Actor, EventData};
use chairbook_platform::clock;
use chairbook_store::{OneTimeToken, StoreError, TokenPurpose};
use chairbook_web::fields::format::{Format, text};
use chairbook_web::view::Empty;
use chairbook_web::{
    Access, Body, Client, FieldError, Fields, FromFields, Pending, Reply, RequestError, Visitor, prefers_json,
};
use http::{HeaderMap, Method};
use jiff::Timestamp;

use crate::error::{FollowError, LinkError};
use crate::mailed_link::set_password;
use crate::page::{Page, PageOr};
use crate::password::Password;
use crate::view::VerifiedAddress;
use crate::{State, account_event};

/// Shows the page whose button verifies. Only for a program that asks for JSON does following the link verify, and
/// not where the account becomes the owner's.
pub(crate) async fn follow(
    Shared(state): Shared<State>,
    visitor: Pending<Visitor>,
    method: Method,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Result<PageOr<VerifiedAddress>, FollowError> {
    let is_program = method == Method::GET && prefers_json(&headers);
    let now = clock::now();
    let followed = match admitted(&state, &visitor, &token, now).await {
        Ok((_, token)) if is_program && state.role_of(&token.email).is_some() => {
            return Err(FollowError::PasswordRequired);
        }
        Ok((visitor, token)) if is_program => verify(&visitor, &token, now).await.map(PageOr::Reply),
        Ok((_, token)) if state.role_of(&token.email).is_some() => Ok(PageOr::Page(Page::become_owner()?)),
        Ok(_) => Ok(PageOr::Page(Page::verify_email()?)),
        Err(error) => Err(error),
    };
    match followed {
        Err(error) if !is_program => Ok(PageOr::Page(Page::failure(error)?)),
        followed => Ok(followed?),
    }
}

/// Admits a visitor with a token that is good for verifying an address.
async fn admitted(
    state: &State,
    visitor: &Pending<Visitor>,
    token: &str,
    now: Timestamp,
) -> Result<(Visitor, OneTimeToken), LinkError> {
    let sha256 = sha256_hex(token);
    let token = state.web.reader.token(&sha256, TokenPurpose::VerifyEmail);
    let (visitor, token) = visitor.admit_with(token).await?;
    let token = token.filter(|token| now < token.expires_at).ok_or(LinkError::InvalidToken)?;
    Ok((visitor, token))
}

/// Verifies an address whose account keeps its password, which the account of the owner does not.
async fn verify(
    visitor: &Visitor,
    token: &OneTimeToken,
    now: Timestamp,
) -> Result<Reply<VerifiedAddress>, LinkError> {
    let event = account_event(EventData::UserVerified {}, token.user_id, Actor::User(token.user_id), now);
    match visitor.store().verify_email(token, &event).await {
        Ok(()) => {
            Ok(Reply::ok("Your e-mail address is verified. You can log in now.", VerifiedAddress::new()))
        }
        Err(StoreError::Changed) => Err(LinkError::InvalidToken),
        Err(error) => Err(error.into()),
    }
}

/// `{token,password?}`.
pub(crate) struct Verification {
    token: String,
    password: Option<Password>,
}

impl FromFields for Verification {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let token = fields.required_as("token", text().about("The token from the mail’s link."));
        let password = text().about(
            "A new password in the place of the one given at registration; required for the owner’s address.",
        );
        let password = fields.optional_as("password", password);
        Some(Self { token: token?, password: password? })
    }
}

pub(crate) async fn confirm(
    Shared(state): Shared<State>,
    visitor: Pending<Visitor>,
    client: Client,
    Body(request): Body<Verification>,
) -> Result<Reply<VerifiedAddress>, LinkError> {
    let now = clock::now();
    let (visitor, token) = admitted(&state, &visitor, &request.token, now).await?;
    let Some(password) = request.password else {
        if state.role_of(&token.email).is_some() {
            let message = "is required, since this address becomes the owner’s: it replaces the password given at \
                 registration";
            return Err(RequestError::validation(vec![FieldError::new("password", message)]).into());
        }
        return verify(&visitor, &token, now).await;
    };
    let local_part = token.email.split('@').next().unwrap_or(&token.email);
    password.check_strength(&[local_part], "password", &visitor)?;
    let hash = password.hash(&visitor).await?;
    set_password(&state, &visitor, &client, &token, &hash, now).await?;
    Ok(Reply::ok(
        "Your e-mail address is verified and your password is set. You can log in now.",
        VerifiedAddress::new(),
    ))
}

/// `{email}`.
pub(crate) struct Request {
    email: EmailAddress,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        fields.required("email").map(|email| Self { email })
    }
}

pub(crate) async fn resend(
    Shared(state): Shared<State>,
    visitor: Visitor,
    Body(request): Body<Request>,
) -> Result<Reply<Empty>, RequestError> {
    let email = request.email.canonical();
    let now = clock::now();
    let account = state.web.reader.account(email).await?.filter(|account| !account.verified);
    let account = account.as_ref().map(|account| (account.user_id, account.password_hash.as_str()));
    let purpose = TokenPurpose::VerifyEmail;
    let (token, event) =
        state.one_time_token(purpose, EventData::UserVerificationRequested {}, account, email, now)?;
    visitor.store().add_token(&token, &event).await?;
    Ok(Reply::ok(
        "If there is an account with this address that is not verified yet, we have sent it an e-mail. An address \
         gets only a few of these an hour, so look for an earlier one, too.",
        Empty {},
    ))
}
