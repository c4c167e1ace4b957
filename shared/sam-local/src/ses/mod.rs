//! Amazon SES, API version 2, as far as the system uses it: `SendEmail`, whose mails go to the mailbox.
//!
//! The endpoint for an SDK is `<url>/_local/ses` (`AWS_ENDPOINT_URL_SESV2`). Any sender and any recipient are taken as
//! verified; a configuration set and a feedback address are accepted and have no effect. Signatures are not checked.

mod message;
mod request;
#[cfg(test)]
mod tests;

use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

use crate::faults::{Faults, SendEmailError};
use crate::mailbox::{Mailbox, NewMail};

/// The largest request that is read: SES's largest message in base64 twice, and some room for the JSON around it.
const MAXIMUM_REQUEST_BYTES: usize = 80 * 1024 * 1024;

/// `POST /_local/ses/v2/email/outbound-emails`; every other path below `/_local/ses/` is answered with an error that
/// names it as not supported.
pub fn router(mailbox: Mailbox, faults: Faults) -> Router {
    Router::new()
        .route("/_local/ses/v2/email/outbound-emails", post(send_email))
        .route("/_local/ses/{*path}", any(unsupported))
        .layer(DefaultBodyLimit::max(MAXIMUM_REQUEST_BYTES))
        .with_state((mailbox, faults))
}

async fn send_email(
    State((mailbox, faults)): State<(Mailbox, Faults)>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let mail = match body.map_err(|error| error.body_text()).and_then(|body| read(&body)) {
        Ok(mail) => mail,
        Err(message) => return refused(SendEmailError::BadRequestException, &message),
    };
    let Some(fault) = faults.next_send_email() else { return delivered(deliver(mailbox, mail).await) };
    if fault.after
        && let Err(error) = deliver(mailbox, mail).await
    {
        return delivered(Err(error));
    }
    tokio::time::sleep(fault.delay()).await;
    let message =
        if fault.after { "Injected: the mail was delivered." } else { "Injected: nothing was delivered." };
    refused(fault.error, message)
}

fn read(body: &[u8]) -> Result<NewMail, String> {
    let request =
        serde_json::from_slice(body).map_err(|error| format!("The request cannot be read: {error}"))?;
    message::new_mail(request)
}

/// Puts a mail into the mailbox on a thread that may wait for the disk.
async fn deliver(mailbox: Mailbox, mail: NewMail) -> std::io::Result<String> {
    tokio::task::spawn_blocking(move || mailbox.deliver(mail)).await.map_err(std::io::Error::other)?
}

fn delivered(outcome: std::io::Result<String>) -> Response {
    match outcome {
        Ok(id) => {
            tracing::debug!(id, "mail captured");
            (request_id(), Json(json!({ "MessageId": id }))).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a mail cannot be written to the mailbox");
            refused(
                SendEmailError::InternalFailure,
                &format!("The mail cannot be written to the mailbox: {error}"),
            )
        }
    }
}

/// An error as rest-json 1 has it: the code in a header, the message in the body.
fn refused(error: SendEmailError, message: &str) -> Response {
    let (status, code) = error.answer();
    (status, [("x-amzn-errortype", code)], request_id(), Json(json!({ "message": message }))).into_response()
}

async fn unsupported() -> Response {
    let message = "The local SES knows SendEmail only: POST /_local/ses/v2/email/outbound-emails.";
    let code = [("x-amzn-errortype", "UnknownOperationException")];
    (StatusCode::NOT_FOUND, code, request_id(), Json(json!({ "message": message }))).into_response()
}

fn request_id() -> [(&'static str, String); 1] {
    [("x-amzn-requestid", Uuid::new_v4().to_string())]
}
