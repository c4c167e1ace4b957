//! Errors as the API answers them: for people, with a code for machines, and nothing of our insides.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Most wrong fields that one response names: enough for a person, and no lever to make a small request cause a large
/// response.
pub(crate) const MAX_FIELD_ERRORS: usize = 20;

/// One wrong field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's name, as the request writes it; nested ones like `monday[0].to`.
    pub field: String,
    /// Advice on the right value.
    pub message: String,
}

impl FieldError {
    /// A wrong field and what would be right.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// An answer that is not a success.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The machine-readable code, such as `slot_taken`.
    pub code: &'static str,
    /// The message for people.
    pub message: String,
    /// The wrong fields.
    pub fields: Vec<FieldError>,
    /// `Retry-After`, seconds.
    pub retry_after: Option<u64>,
    /// More members of `error`, such as `alternatives`.
    pub details: Map<String, Value>,
    /// The cause, for the log alone.
    pub(crate) cause: Option<Box<Cause>>,
}

/// The reason behind an error that is no fault of the request: for the log, and never in a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A bug.
    Bug(String),
    /// Something that passes by itself.
    Outage(String),
}

impl Cause {
    /// Writes it to the log, where the request's span gives it the id by which the response lets it be found.
    pub(crate) fn log(&self) {
        match self {
            Self::Bug(bug) => tracing::error!(bug, "internal error"),
            Self::Outage(reason) => tracing::warn!(reason, "the database is not available"),
        }
    }
}

impl ApiError {
    /// An error with a status, a code and a message.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            fields: Vec::new(),
            retry_after: None,
            details: Map::new(),
            cause: None,
        }
    }

    /// 400 `validation_failed` with the wrong fields, the first 20 of them.
    #[must_use]
    pub fn validation(mut fields: Vec<FieldError>) -> Self {
        fields.truncate(MAX_FIELD_ERRORS);
        let message = match fields.as_slice() {
            [only] => format!("{}: {}", only.field, only.message),
            _ => "Some fields are not right.".to_owned(),
        };
        Self { fields, ..Self::new(StatusCode::BAD_REQUEST, "validation_failed", message) }
    }

    /// The same, with a field that is at fault. A message such as "must be a date" is about that field; one that is a
    /// sentence stands by itself.
    #[must_use]
    pub fn at_field(mut self, field: &str) -> Self {
        self.fields.push(FieldError::new(field, self.message.clone()));
        if !self.message.starts_with(char::is_uppercase) {
            self.message = format!("{field}: {}", self.message);
        }
        self
    }

    /// 404 `not_found`.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("{what} not found."))
    }

    /// 401 `unauthorized`, or a more particular code.
    #[must_use]
    pub fn unauthorized(code: &'static str, message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
    }

    /// 401 `session_ended`.
    #[must_use]
    pub fn session_ended() -> Self {
        Self::unauthorized("session_ended", "You are logged out. Please log in again.")
    }

    /// 403 `forbidden`.
    #[must_use]
    pub fn forbidden(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// 503 `unavailable`, for a reason that the log is told.
    #[must_use]
    pub(crate) fn outage(reason: String) -> Self {
        Self { cause: Some(Box::new(Cause::Outage(reason))), ..Self::unavailable() }
    }

    /// 503 `unavailable`, to be tried again in a second.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "We are busy. Please try again in a moment.",
        )
        .with_retry_after(1)
    }

    /// 500 `internal_error`: a bug. What it was goes into the log, not into the answer.
    #[must_use]
    pub fn bug(detail: &dyn std::fmt::Display) -> Self {
        let error = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "Something went wrong on our side. Please quote the request id if you tell us.",
        );
        Self { cause: Some(Box::new(Cause::Bug(detail.to_string()))), ..error }
    }

    /// With `Retry-After`.
    #[must_use]
    pub const fn with_retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The answer's body.
    #[must_use]
    pub fn body(&self, request_id: &str) -> Value {
        let mut error = self.details.clone();
        error.insert("code".to_owned(), json!(self.code));
        error.insert("fields".to_owned(), json!(self.fields));
        error.insert("requestId".to_owned(), json!(request_id));
        json!({"success": false, "message": self.message, "error": error})
    }
}

impl IntoResponse for ApiError {
    /// The status and headers; the body is completed where the request's id is known.
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body(""))).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = match self.code {
                "unauthorized" | "invalid_credentials" => r#"Bearer realm="chairbook""#,
                _ => r#"Bearer realm="chairbook", error="invalid_token""#,
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}
