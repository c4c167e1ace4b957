//! The mailbox over HTTP: the page, the JSON and a mail's parts.

use std::sync::Arc;

use askama::Template as _;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::Mailbox;
use super::mail::Mail;
use super::page::{self, MailboxPage};

/// What a mail may do that is shown by itself: no script, no form, and links only into new tabs.
const MAIL_POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
     style-src 'unsafe-inline'; img-src https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// What a file may do that a browser shows instead of saving it: nothing.
const FILE_POLICY: &str = "sandbox; default-src 'none'";

/// Appended to a mail's HTML: its links open beside the mailbox. A `base` counts wherever it stands, and in front
/// it would come before the doctype.
const LINKS_OPEN_IN_A_NEW_TAB: &str = "<base target=\"_blank\">";

/// The mailbox's routes:
///
/// - `GET /_local/mail`: the page with the list, newest first;
/// - `DELETE /_local/mail`: empties the mailbox (204);
/// - `GET /_local/mail/{id}`: the page with one mail open; `?view=html`, `text` or `headers`;
/// - `GET /_local/mail/{id}/html`, `/text`, `/raw`, `/attachments/{n}` (from 0): its parts;
/// - `GET /_local/mail.json`: all mails as [`Mail`]s, newest first; `?to=<address>` only those that went to an
///   address (To, Cc or Bcc, in any case), `?after=<id>` only those that came after one.
pub fn router(mailbox: Mailbox) -> Router {
    Router::new()
        .route("/_local/mail", get(list).delete(clear))
        .route("/_local/mail.json", get(json))
        .route("/_local/mail/{id}", get(one))
        .route("/_local/mail/{id}/html", get(html))
        .route("/_local/mail/{id}/text", get(text))
        .route("/_local/mail/{id}/raw", get(raw))
        .route("/_local/mail/{id}/attachments/{at}", get(attachment))
        .with_state(mailbox)
}

#[derive(Deserialize)]
struct Filter {
    to: Option<String>,
    after: Option<String>,
}

async fn json(State(mailbox): State<Mailbox>, Query(filter): Query<Filter>) -> Response {
    let mut mails = mailbox.shared();
    mails.retain(|mail| {
        filter.to.as_deref().is_none_or(|address| mail.went_to(address))
            && filter.after.as_deref().is_none_or(|id| mail.id.as_str() > id)
    });
    let mails: Vec<&Mail> = mails.iter().map(AsRef::as_ref).collect();
    (headers("application/json", FILE_POLICY), axum::Json(mails)).into_response()
}

async fn clear(State(mailbox): State<Mailbox>) -> Response {
    match mailbox.clear() {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => unreadable(&error),
    }
}

async fn list(State(mailbox): State<Mailbox>) -> Response {
    page(StatusCode::OK, &mailbox.shared(), None, false)
}

#[derive(Deserialize)]
struct Wanted {
    view: Option<String>,
}

async fn one(
    State(mailbox): State<Mailbox>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Response {
    let mails = mailbox.shared();
    let Some(mail) = mailbox.find(&id) else { return page(StatusCode::NOT_FOUND, &mails, None, true) };
    match mailbox.message(&mail) {
        Ok(message) => {
            let open = page::open_mail(&mail, &message, wanted.view.as_deref());
            page(StatusCode::OK, &mails, Some(&open), false)
        }
        Err(error) => unreadable(&error),
    }
}

async fn html(State(mailbox): State<Mailbox>, Path(id): Path<String>) -> Response {
    match mailbox.find(&id).and_then(|mail| mail.html.clone()) {
        Some(html) => {
            let headers = headers("text/html; charset=utf-8", MAIL_POLICY);
            (headers, html + LINKS_OPEN_IN_A_NEW_TAB).into_response()
        }
        None => missing("mail with an HTML text"),
    }
}

async fn text(State(mailbox): State<Mailbox>, Path(id): Path<String>) -> Response {
    match mailbox.find(&id).and_then(|mail| mail.text.clone()) {
        Some(text) => (headers("text/plain; charset=utf-8", FILE_POLICY), text).into_response(),
        None => missing("mail with a plain text"),
    }
}

async fn raw(State(mailbox): State<Mailbox>, Path(id): Path<String>) -> Response {
    let Some(mail) = mailbox.find(&id) else { return missing("mail") };
    match mailbox.message(&mail) {
        Ok(message) => download("message/rfc822", &format!("{id}.eml"), message),
        Err(error) => unreadable(&error),
    }
}

async fn attachment(State(mailbox): State<Mailbox>, Path((id, at)): Path<(String, usize)>) -> Response {
    match mailbox.find(&id).as_ref().and_then(|mail| mail.attachments.get(at)) {
        Some(file) => download(&file.content_type, &file.name, file.content.clone()),
        None => missing("attachment"),
    }
}

fn page(
    status: StatusCode,
    mails: &[Arc<Mail>],
    open: Option<&page::OpenMail<'_>>,
    is_missing: bool,
) -> Response {
    let nonce = format!("{:032x}", rand::random::<u128>());
    let rows = page::rows(mails, open.map(|open| open.mail));
    let rendered = MailboxPage { nonce: &nonce, rows: &rows, open, is_missing }.render();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         frame-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    match rendered {
        Ok(html) => (status, headers("text/html; charset=utf-8", &policy), html).into_response(),
        Err(error) => {
            tracing::error!(%error, "the mailbox's page cannot be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "The page cannot be rendered.\n").into_response()
        }
    }
}

/// The headers of everything that is served. Mails change and vanish under the same address, so nothing is cached.
fn headers(content_type: &str, policy: &str) -> HeaderMap {
    let fallback = HeaderValue::from_static("application/octet-stream");
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap_or(fallback));
    if let Ok(policy) = HeaderValue::from_str(policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
}

fn download(content_type: &str, name: &str, content: Bytes) -> Response {
    let mut headers = headers(content_type, FILE_POLICY);
    // RFC 6266 with RFC 8187's encoding takes any name.
    let disposition = format!("attachment; filename*=UTF-8''{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    (headers, content).into_response()
}

fn missing(what: &str) -> Response {
    (StatusCode::NOT_FOUND, format!("There is no such {what} in the mailbox.\n")).into_response()
}

fn unreadable(error: &std::io::Error) -> Response {
    tracing::error!(%error, "the mailbox's directory cannot be used");
    let message = format!("The mailbox's directory cannot be used: {error}\n");
    (StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
}
