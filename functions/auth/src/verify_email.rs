//! `GET /auth/verify-email/{token}` and `POST /auth/resend-verification`.

use axum::extract::{Path, State as Shared};
use axum::response::{Html, IntoResponse, Response};
use chairbook_auth::email_address::EmailAddress;
use chairbook_auth::opaque_token;
use chairbook_models::event::{Actor, Event, EventType, Subjects};
use chairbook_models::ids::EventId;
use chairbook_models::user::Role;
use chairbook_platform::{clock, random};
use chairbook_store::StoreError;
use chairbook_web::{ApiError, Body, Fields, FromFields, Reply, Visitor};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::State;

pub(crate) async fn verify(
    Shared(state): Shared<State>,
    _: Visitor,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    let verified = use_token(&state, &token).await;
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

fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

/// A page for people who follow the link in a browser. `title` and `text` are ours, never a visitor's.
fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let html = format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title><style>body{{font:18px/1.5 system-ui,sans-serif;margin:20vh auto;max-width:32rem;padding:0 1.5rem;text-align:center;color:#1f2933;background:#fff}}@media(prefers-color-scheme:dark){{body{{color:#e4e7eb;background:#1f2933}}}}</style></head><body><h1>{title}</h1><p>{text}</p></body></html>"#
    );
    let mut response = (status, Html(html)).into_response();
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    );
    response
}

async fn use_token(state: &State, token: &str) -> Result<(), ApiError> {
    let invalid = || {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid_token",
            "This link is not valid: it has been used already, or it is too old. Ask for a new one.",
        )
    };
    let now = clock::now();
    let row = state.web.store.verification_token(&opaque_token::sha256_hex(token)).await?;
    let row = row.filter(|row| now < row.expires_at).ok_or_else(invalid)?;
    let role =
        state.owner.as_ref().is_some_and(|owner| owner.canonical() == row.email).then_some(Role::Owner);
    let event = Event::new(
        EventId::new(now, random::bytes()),
        EventType::UserVerified,
        now,
        Actor::User(row.user_id),
        Some(row.user_id),
        Subjects { user_id: Some(row.user_id), ..Subjects::default() },
    );
    match state.web.store.verify_email(&row, role, &event).await {
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
    _: Visitor,
    Body(request): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let email = request.email.canonical();
    if let Some(account) = state.web.store.account(email).await?.filter(|account| !account.verified) {
        let (token, event) =
            state.verification(EventType::UserVerificationRequested, account.user_id, email, clock::now())?;
        state.web.store.request_verification(&token, &event).await?;
    }
    Ok(Reply::ok(
        "If there is an account with this address that is not verified yet, we have sent it an e-mail.",
        json!({}),
    ))
}
