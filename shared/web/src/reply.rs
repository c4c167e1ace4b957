//! Successes as the API answers them.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;

/// `{"success":true,"message":…,"data":…}` with its status.
#[derive(Debug)]
pub struct Reply<T> {
    status: StatusCode,
    message: String,
    data: T,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl<T: Serialize> Reply<T> {
    /// 200.
    pub fn ok(message: impl Into<String>, data: T) -> Self {
        Self { status: StatusCode::OK, message: message.into(), data, headers: Vec::new() }
    }

    /// 201.
    pub fn created(message: impl Into<String>, data: T) -> Self {
        Self { status: StatusCode::CREATED, ..Self::ok(message, data) }
    }

    /// With another status.
    #[must_use]
    pub const fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// With a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// An answer's body, with its members in the order of their names, as in every other JSON that Chairbook writes.
#[derive(Serialize)]
pub(crate) struct Body<'a, T> {
    data: &'a T,
    message: &'a str,
    success: bool,
}

impl<'a, T> Body<'a, T> {
    pub(crate) const fn new(message: &'a str, data: &'a T) -> Self {
        Self { data, message, success: true }
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        let body = Json(Body::new(&self.message, &self.data));
        let mut response = (self.status, body).into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}

/// A page of a list: `{"items":[…],"nextCursor":…}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// The items, which were written when the page was measured.
    pub(crate) items: Vec<Box<RawValue>>,
    /// What to pass as `cursor` for the next page; `null` on the last.
    pub(crate) next_cursor: Option<String>,
}
