//! Requests, read whole: every wrong field is found before anything is answered, and a field that nobody knows
//! is refused by name.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde_json::{Map, Value};

use crate::error::{ApiError, FieldError, MAX_FIELD_ERRORS};
use crate::unique;

/// The largest body that a request may have: 64 KiB, far more than any of them needs.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Most characters of an unknown field's name that a response repeats.
const MAX_NAME_CHARACTERS: usize = 100;

/// The members of a request's body, or the parameters of its query string, on their way to a typed value.
#[derive(Debug)]
pub struct Fields {
    members: Map<String, Value>,
    known: BTreeSet<&'static str>,
    errors: Vec<FieldError>,
    /// Whether they come from a query string, where a list is one text.
    in_query: bool,
}

/// A request type that can be read from [`Fields`].
pub trait FromFields: Sized {
    /// Reads every field, noting what is wrong with each, and returns the value if nothing was.
    fn from_fields(fields: &mut Fields) -> Option<Self>;
}

impl Fields {
    fn new(members: Map<String, Value>) -> Self {
        Self { members, known: BTreeSet::new(), errors: Vec::new(), in_query: false }
    }

    /// Notes that a field is wrong.
    pub fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.errors.push(FieldError::new(field, message));
    }

    /// A field's value; `null` counts as absent.
    fn take(&mut self, field: &'static str) -> Option<Value> {
        self.known.insert(field);
        self.members.remove(field).filter(|value| !value.is_null())
    }

    /// A field that may be absent, read by `read`.
    ///
    /// The outer `None` says that it is wrong, the inner one that it is absent.
    pub fn optional_with<T, E: Display>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(Value) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match self.take(field).map(read) {
            None => Some(None),
            Some(Ok(value)) => Some(Some(value)),
            Some(Err(error)) => {
                self.refuse(field, error.to_string());
                None
            }
        }
    }

    /// A field that must be there, read by `read`.
    pub fn required_with<T, E: Display>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(Value) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.optional_with(field, read)?;
        if value.is_none() {
            self.refuse(field, "is required");
        }
        value
    }

    /// A text that must be there.
    pub fn required<T>(&mut self, field: &'static str) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.required_with(field, text)
    }

    /// A text that may be absent.
    pub fn optional<T>(&mut self, field: &'static str) -> Option<Option<T>>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.optional_with(field, text)
    }

    /// A list of texts: a JSON array, or a query parameter with commas between them; empty when absent.
    pub fn list<T>(&mut self, field: &'static str, at_most: usize) -> Option<Vec<T>>
    where
        T: FromStr,
        T::Err: Display,
    {
        let items = match self.take(field) {
            None => return Some(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(Value::String(items)) if self.in_query && items.is_empty() => return Some(Vec::new()),
            Some(Value::String(items)) if self.in_query => {
                items.split(',').map(|item| Value::String(item.to_owned())).collect()
            }
            Some(_) => {
                self.refuse(field, "must be an array of strings");
                return None;
            }
        };
        if items.len() > at_most {
            self.refuse(field, format!("must have at most {at_most} items"));
            return None;
        }
        let mut read = Vec::with_capacity(items.len());
        for (place, item) in items.into_iter().enumerate() {
            match text(item) {
                Ok(item) => read.push(item),
                Err(error) => self.refuse(format!("{field}[{place}]"), error),
            }
        }
        Some(read)
    }

    /// `true` or `false`; `false` when absent.
    pub fn flag(&mut self, field: &'static str) -> Option<bool> {
        self.optional_with(field, |value| value.as_bool().ok_or("must be true or false"))
            .map(Option::unwrap_or_default)
    }

    /// A page's size (`limit`, 1 to 100, 20 when absent).
    pub fn limit(&mut self) -> Option<usize> {
        let limit = self.optional_with("limit", |value| {
            let limit = match &value {
                Value::String(text) => text.parse().ok(),
                other => other.as_u64().and_then(|limit| usize::try_from(limit).ok()),
            };
            limit.filter(|limit| (1..=100).contains(limit)).ok_or("must be a whole number from 1 to 100")
        })?;
        Some(limit.unwrap_or(20))
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

fn text<T>(value: Value) -> Result<T, String>
where
    T: FromStr,
    T::Err: Display,
{
    match value {
        Value::String(text) => text.parse().map_err(|error: T::Err| error.to_string()),
        _ => Err("must be a string".to_owned()),
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
pub(crate) async fn read_object(request: Request) -> Result<Fields, ApiError> {
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
        Value::Object(members) => Ok(Fields::new(members)),
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
        Fields { in_query: true, ..Fields::new(members) }.finish().map(Self)
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
        fn from_fields(fields: &mut Fields) -> Option<Self> {
            let name = fields.required("name");
            let count = fields.optional("count");
            let tags = fields.list("tags", 2);
            let sure = fields.flag("sure");
            Some(Self { name: name?, count: count?, tags: tags?, sure: sure? })
        }
    }

    fn read(value: Value) -> Result<Sample, Vec<(String, String)>> {
        let Value::Object(members) = value else { panic!("an object") };
        Fields::new(members)
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
        assert_eq!(Fields::new(members.clone()).finish::<Sample>().unwrap_err().fields[0].field, "tags");
        let fields = Fields { in_query: true, ..Fields::new(members) };
        assert_eq!(fields.finish::<Sample>().unwrap().tags, [1, 2]);
    }

    #[test]
    fn what_may_be_absent_may_be_null() {
        let sample = read(json!({"name": "a", "count": null, "tags": ["1"], "sure": true})).unwrap();
        assert_eq!(sample, Sample { name: "a".to_owned(), count: None, tags: vec![1], sure: true });
        assert_eq!(read(json!({"name": null})).unwrap_err()[0].1, "is required");
    }
}
