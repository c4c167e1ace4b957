//! Requests, read whole: every wrong field is found before anything is answered, and a field that nobody knows
//! is refused by name.

pub mod format;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, header};
use http_body_util::{BodyExt, Limited};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::error::{ApiError, FieldError, MAX_FIELD_ERRORS};
use crate::unique;
use format::{Flag, Format, Source};

/// The largest body that a request may have: 64 KiB, far more than any of them needs.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Most characters of an unknown field's name that a response repeats.
const MAX_NAME_CHARACTERS: usize = 100;

/// The fields of a request, in which a request type finds its own by their names.
///
/// A type reads every field before it gives up. So one reading of a request finds everything that is wrong with it, and
/// one reading of nothing gives the request's schema: see [`crate::contract::Describer`].
pub trait Fields {
    /// A field that may be absent.
    ///
    /// The outer `None` says that it is wrong, the inner one that it is absent.
    fn optional_as<F: Format>(&mut self, field: &'static str, format: F) -> Option<Option<F::Value>>;

    /// A field that must be there.
    fn required_as<F: Format>(&mut self, field: &'static str, format: F) -> Option<F::Value>;

    /// Notes that a field is wrong.
    fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>);

    /// A text that may be absent.
    fn optional<T>(&mut self, field: &'static str) -> Option<Option<T>>
    where
        T: FromStr + JsonSchema,
        T::Err: Display,
    {
        self.optional_as(field, format::text())
    }

    /// A text that must be there.
    fn required<T>(&mut self, field: &'static str) -> Option<T>
    where
        T: FromStr + JsonSchema,
        T::Err: Display,
    {
        self.required_as(field, format::text())
    }

    /// A list of texts: a JSON array, or a query parameter with commas between them; empty when absent.
    fn list<T>(&mut self, field: &'static str, at_most: usize) -> Option<Vec<T>>
    where
        T: FromStr + JsonSchema,
        T::Err: Display,
    {
        self.optional_as(field, format::list(at_most)).map(Option::unwrap_or_default)
    }

    /// `true` or `false`; `false` when absent.
    fn flag(&mut self, field: &'static str) -> Option<bool> {
        self.optional_as(field, Flag).map(Option::unwrap_or_default)
    }
}

/// A request type that can be read from [`Fields`].
pub trait FromFields: Sized {
    /// Reads every field, noting what is wrong with each, and returns the value if nothing was.
    fn from_fields(fields: &mut impl Fields) -> Option<Self>;
}

/// The members of a request's body, or the parameters of its query string, on their way to a typed value.
#[derive(Debug)]
pub(crate) struct Given {
    members: Map<String, Value>,
    source: Source,
    known: BTreeSet<&'static str>,
    errors: Vec<FieldError>,
}

impl Fields for Given {
    fn optional_as<F: Format>(&mut self, field: &'static str, format: F) -> Option<Option<F::Value>> {
        self.known.insert(field);
        let Some(value) = self.members.remove(field).filter(|value| !value.is_null()) else {
            return Some(None);
        };
        match format.read(value, self.source) {
            Ok(value) => Some(Some(value)),
            Err(faults) => {
                for fault in faults {
                    self.refuse(format!("{field}{}", fault.place), fault.message);
                }
                None
            }
        }
    }

    fn required_as<F: Format>(&mut self, field: &'static str, format: F) -> Option<F::Value> {
        let value = self.optional_as(field, format)?;
        if value.is_none() {
            self.refuse(field, "is required");
        }
        value
    }

    fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.errors.push(FieldError::new(field, message));
    }
}

impl Given {
    const fn new(members: Map<String, Value>, source: Source) -> Self {
        Self { members, source, known: BTreeSet::new(), errors: Vec::new() }
    }

    /// The members that have not been read.
    pub(crate) const fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// Reads all of them as a value.
    ///
    /// # Errors
    /// 400 that names every wrong field, up to [`MAX_FIELD_ERRORS`].
    pub(crate) fn finish<T: FromFields>(mut self) -> Result<T, ApiError> {
        let value = T::from_fields(&mut self);
        let hint = if self.known.is_empty() {
            "is not known; nothing is expected here".to_owned()
        } else {
            format!("is not known; these are: {}", self.known.iter().copied().collect::<Vec<_>>().join(", "))
        };
        let room = MAX_FIELD_ERRORS.saturating_sub(self.errors.len());
        let unknown = self.members.keys().take(room);
        self.errors.extend(unknown.map(|field| FieldError::new(shortened(field), hint.as_str())));
        match value {
            Some(value) if self.errors.is_empty() && self.members.is_empty() => Ok(value),
            _ => Err(ApiError::validation(self.errors)),
        }
    }
}

/// The beginning of a field's name, as much as a response repeats.
fn shortened(name: &str) -> String {
    name.chars().take(MAX_NAME_CHARACTERS).collect()
}

/// A JSON object in the request's body.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: FromFields> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        read_object(request).await?.finish().map(Self)
    }
}

/// The members of the JSON object in a request's body.
///
/// # Errors
/// 400 when it is not one or names a member twice, 413, 415.
pub(crate) async fn read_object(request: Request) -> Result<Given, ApiError> {
    let is_json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"));
    let bytes = Limited::new(request.into_body(), MAX_BODY_BYTES)
        .collect()
        .await
        .map_err(|_| {
            ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("The body may have at most {} KiB.", MAX_BODY_BYTES / 1024),
            )
        })?
        .to_bytes();
    if !is_json {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The body must be JSON, with the header `Content-Type: application/json`.",
        ));
    }
    let malformed = |why: String| ApiError::new(StatusCode::BAD_REQUEST, "malformed_json", why);
    let (value, repeated) = unique::read(&bytes).map_err(|error| {
        malformed(format!("The body is not JSON: line {}, column {}.", error.line(), error.column()))
    })?;
    if !repeated.is_empty() {
        return Err(given_twice(repeated));
    }
    match value {
        Value::Object(members) => Ok(Given::new(members, Source::Body)),
        _ => Err(malformed("The body must be a JSON object.".to_owned())),
    }
}

/// The refusal of names that a request has more than once: which of their values counts would be a guess.
fn given_twice(names: impl IntoIterator<Item = String>) -> ApiError {
    let errors = names.into_iter().take(MAX_FIELD_ERRORS);
    ApiError::validation(errors.map(|name| FieldError::new(shortened(&name), "must be given once")).collect())
}

/// The parameters of the query string.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: FromFields> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let axum::extract::Query(pairs) = axum::extract::Query::<Vec<(String, String)>>::from_request_parts(
            parts, state,
        )
        .await
        .map_err(|_| {
            ApiError::new(StatusCode::BAD_REQUEST, "malformed_query", "The query string is malformed.")
        })?;
        let mut members = Map::new();
        let mut repeated = Vec::new();
        for (name, value) in pairs {
            if members.insert(name.clone(), Value::String(value)).is_some() {
                repeated.push(name);
            }
        }
        if !repeated.is_empty() {
            return Err(given_twice(repeated));
        }
        Given::new(members, Source::Query).finish().map(Self)
    }
}

/// An id in the path. What is not an id names nothing, so it is 404 like an id that nobody has.
#[derive(Debug)]
pub struct Id<T>(pub T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let not_found = || ApiError::not_found("Resource").into_response();
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| not_found())?;
        text.parse().map(Self).map_err(|_| not_found())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq)]
    struct Sample {
        name: String,
        count: Option<u32>,
        tags: Vec<u32>,
        sure: bool,
    }

    impl FromFields for Sample {
        fn from_fields(fields: &mut impl Fields) -> Option<Self> {
            let name = fields.required("name");
            let count = fields.optional("count");
            let tags = fields.list("tags", 2);
            let sure = fields.flag("sure");
            Some(Self { name: name?, count: count?, tags: tags?, sure: sure? })
        }
    }

    fn read(value: Value) -> Result<Sample, Vec<(String, String)>> {
        let Value::Object(members) = value else { panic!("an object") };
        Given::new(members, Source::Body)
            .finish()
            .map_err(|error| error.fields.into_iter().map(|f| (f.field, f.message)).collect())
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let errors =
            read(json!({"count": 5, "tags": ["1", "x", "3"], "sure": "yes", "colour": "red"})).unwrap_err();
        let fields: Vec<_> = errors.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["name", "count", "tags", "sure", "colour"]);
        assert_eq!(errors[0].1, "is required");
        assert_eq!(errors[4].1, "is not known; these are: count, name, sure, tags");
        let errors = read(json!({"name": "a", "tags": ["1", "x"]})).unwrap_err();
        assert_eq!(errors[0].0, "tags[1]");
    }

    #[test]
    fn only_in_a_query_string_is_a_list_a_text() {
        let Value::Object(members) = json!({"name": "a", "tags": "1,2"}) else { panic!("an object") };
        let given = |source| Given::new(members.clone(), source).finish::<Sample>();
        assert_eq!(given(Source::Body).unwrap_err().fields[0].field, "tags");
        assert_eq!(given(Source::Query).unwrap().tags, [1, 2]);
    }

    #[test]
    fn what_may_be_absent_may_be_null() {
        let sample = read(json!({"name": "a", "count": null, "tags": ["1"], "sure": true})).unwrap();
        assert_eq!(sample, Sample { name: "a".to_owned(), count: None, tags: vec![1], sure: true });
        assert_eq!(read(json!({"name": null})).unwrap_err()[0].1, "is required");
    }
}
