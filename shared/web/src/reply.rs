//! Successes as the API answers them.

use std::borrow::Cow;
use std::marker::PhantomData;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::contract::RequestError;

/// `{"success":true,"message":…,"data":…}` with its status.
#[derive(Debug)]
pub struct Reply<T, const STATUS: u16 = 200> {
    message: String,
    data: T,
    headers: Vec<(HeaderName, HeaderValue)>,
    is_large: bool,
}

/// The mark of a response that is worth compressing. Only what anybody may see is marked: the size of what is compressed
/// together with a secret can tell the secret.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Large;

/// A reply that tells of something that the request has created. What can be asked for by itself is [`Located`].
pub type Created<T> = Reply<T, 201>;

/// A reply that tells of something that the request has created, and of the address at which it can be asked for.
#[derive(Debug)]
pub struct Located<T>(Created<T>);

impl<T> Reply<T> {
    /// 200.
    pub fn ok(message: impl Into<String>, data: T) -> Self {
        Self { message: message.into(), data, headers: Vec::new(), is_large: false }
    }

    /// Compressed for clients that take that: for large responses with nothing but what anybody may see.
    #[must_use]
    pub fn compressed(self) -> Self {
        Self { is_large: true, ..self }
    }
}

impl<T> Created<T> {
    /// 201.
    pub fn created(message: impl Into<String>, data: T) -> Self {
        Self { message: message.into(), data, headers: Vec::new(), is_large: false }
    }

    /// With the address of what was created, such as `/api/v1/services/svc_…`.
    ///
    /// # Errors
    /// 500 `internal_error` when the address is none that a header can have.
    pub fn at(self, address: String) -> Result<Located<T>, RequestError> {
        let address = HeaderValue::try_from(address).map_err(|error| RequestError::bug(&error))?;
        Ok(Located(self.with_header(header::LOCATION, address)))
    }
}

impl<T: Serialize> IntoResponse for Located<T> {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl<T, const STATUS: u16> Reply<T, STATUS> {
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

impl<T: Serialize, const STATUS: u16> IntoResponse for Reply<T, STATUS> {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(STATUS).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = Json(Body::new(&self.message, &self.data));
        let mut response = (status, body).into_response();
        response.headers_mut().extend(self.headers);
        if self.is_large {
            response.extensions_mut().insert(Large);
        }
        response
    }
}

/// A page of a list of `T`: `{"items":[…],"nextCursor":…}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items, which were written when the page was measured.
    pub(crate) items: Vec<Box<RawValue>>,
    /// The `cursor` of the next page; `null` on the last.
    pub(crate) next_cursor: Option<String>,
    /// `fn(T)`, since the items are written already: a page of what borrows is one of what borrows for longer.
    #[serde(skip)]
    pub(crate) of: PhantomData<fn(T)>,
}

impl<T: JsonSchema> JsonSchema for Page<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}Page", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "items": {"type": "array", "items": generator.subschema_for::<T>(), "maxItems": 100},
                "nextCursor": {
                    "type": ["string", "null"],
                    "description": "The `cursor` of the next page; `null` on the last page.",
                },
            },
            "required": ["items", "nextCursor"],
        })
    }
}
