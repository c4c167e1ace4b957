//! The header `Idempotency-Key`: a repeated request finds what it did before
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).
//!
//! A key is good for one caller and one route. The ids of what a request makes are derived from the three, so that the
//! condition under which the rows are written (absent) finds a repeat, however parallel; and the event that tells of it
//! keeps a hash of the request, which tells a repeat from another request with the same key. It costs no row and no
//! write.

use aws_lc_rs::digest::{Context, SHA256};
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Request};
use chairbook_auth::opaque_token::sha256_hex;
use chairbook_models::event::Event;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::error::{ApiError, FieldError};
use crate::fields::{FromFields, read_object};
use crate::reply::Created;

const HEADER: &str = "idempotency-key";
const MAX_LENGTH: usize = 255;

/// The request's key, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: Option<String>,
    /// Method and route.
    route: String,
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let matched = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let route = format!("{} {matched}", parts.method);
        let Some(value) = parts.headers.get(HEADER) else { return Ok(Self { key: None, route }) };
        let key = read(value).ok_or_else(|| {
            let message = format!("must have 1 to {MAX_LENGTH} printable ASCII characters");
            ApiError::validation(vec![FieldError::new("Idempotency-Key", message)])
        })?;
        Ok(Self { key: Some(key), route })
    }
}

fn read(value: &HeaderValue) -> Option<String> {
    let is_printable = value.as_bytes().iter().all(|byte| (b' '..=b'~').contains(byte));
    let key = value.to_str().ok().filter(|key| is_printable && (1..=MAX_LENGTH).contains(&key.len()))?;
    Some(key.to_owned())
}

impl IdempotencyKey {
    /// The identity of a request by `caller` (their id, or the address that they register), if it has a key.
    #[must_use]
    pub fn identify(&self, caller: &str, request_sha256: String) -> Option<RequestIdentity> {
        let key = self.key.as_ref()?;
        let mut context = Context::new(&SHA256);
        for part in [self.route.as_str(), caller, key] {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut seed = [0; 32];
        seed.copy_from_slice(context.finish().as_ref());
        Some(RequestIdentity { seed, request_sha256 })
    }
}

/// The identity of a request that may be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestIdentity {
    seed: [u8; 32],
    /// The hash of the request's content, for the row that keeps it.
    pub request_sha256: String,
}

impl RequestIdentity {
    /// The bytes of the id of something that the request makes, by its kind: `appointment`, `event`.
    #[must_use]
    pub fn id_bytes(&self, kind: &str) -> [u8; 16] {
        let mut context = Context::new(&SHA256);
        context.update(&self.seed);
        context.update(kind.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&context.finish().as_ref()[..16]);
        bytes
    }

    /// Checks that the event found under this identity tells of the same request.
    ///
    /// # Errors
    /// 422 `idempotency_key_reused` when it tells of another one.
    pub fn check(&self, found: &Event) -> Result<(), RepeatError> {
        let is_same = found.request_sha256.as_ref() == Some(&self.request_sha256);
        if is_same { Ok(()) } else { Err(RepeatError::KeyReused) }
    }
}

crate::errors! {
    /// Refusals of a request with an `Idempotency-Key` that has been used before.
    pub enum RepeatError {
        /// The caller has used this Idempotency-Key for another request.
        KeyReused => UNPROCESSABLE_ENTITY "idempotency_key_reused"
            "This Idempotency-Key was used for another request. Please use a new one.";
        /// The thing that this request created before has been deleted since.
        DeletedSince { thing: &'static str } => NOT_FOUND "not_found"
            "{thing} not found: this request has created it before, and it has been deleted since."
            like "Service not found: this request has created it before, and it has been deleted since.";
    }
}

/// The response that tells of a repeat by `Idempotency-Replayed: true`, if it is one.
#[must_use]
pub fn replayed_if<T>(is_repeat: bool, reply: Created<T>) -> Created<T> {
    if !is_repeat {
        return reply;
    }
    reply.with_header(HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"))
}

/// A JSON object in the body of a request that may carry an `Idempotency-Key`.
#[derive(Debug)]
pub struct Keyed<T> {
    /// The body.
    pub request: T,
    key: IdempotencyKey,
    content_sha256: String,
}

impl<T> Keyed<T> {
    /// The request, and its identity as one of `caller`'s, if it has a key.
    pub fn identify(self, caller: &str) -> (T, Option<RequestIdentity>) {
        let identity = self.key.identify(caller, self.content_sha256);
        (self.request, identity)
    }
}

impl<S: Send + Sync, T: FromFields> FromRequest<S> for Keyed<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let key = IdempotencyKey::from_request_parts(&mut parts, state).await?;
        let path = parts.uri.path().to_owned();
        let fields = read_object(Request::from_parts(parts, body)).await?;
        let content_sha256 = content_sha256(&path, fields.members());
        Ok(Self { request: fields.finish()?, key, content_sha256 })
    }
}

/// The hash of a request's content: its path, and its members in the order of their names without those that are
/// `null`, which are absent. A password is left out, since a hash of it would be worth guessing at.
fn content_sha256(path: &str, members: &serde_json::Map<String, Value>) -> String {
    let content: serde_json::Map<_, _> = members
        .iter()
        .filter(|(name, value)| !value.is_null() && *name != "password")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    sha256_hex(&format!("{path} {}", Value::Object(content)))
}

#[cfg(test)]
mod tests {
    use chairbook_models::ids::AppointmentId;

    use super::*;

    fn identity(route: &str, caller: &str, key: &str) -> RequestIdentity {
        let key = IdempotencyKey { key: Some(key.to_owned()), route: route.to_owned() };
        key.identify(caller, String::new()).unwrap()
    }

    #[test]
    fn an_id_follows_from_the_route_the_caller_and_the_key() {
        let id = |route, caller, key| AppointmentId::derived(identity(route, caller, key).id_bytes("event"));
        let usual = id("POST /a", "ada", "k");
        assert_eq!(usual, id("POST /a", "ada", "k"));
        for other in [
            id("POST /b", "ada", "k"),
            id("POST /a", "bob", "k"),
            id("POST /a", "ada", "l"),
            id("POST /aa", "da", "k"),
        ] {
            assert_ne!(usual, other);
        }
        let usual = identity("POST /a", "ada", "k");
        assert_ne!(usual.id_bytes("event"), usual.id_bytes("category"));
        let without = IdempotencyKey { key: None, route: "POST /a".to_owned() };
        assert_eq!(without.identify("ada", String::new()), None);
    }

    #[test]
    fn a_key_is_printable() {
        let key = |bytes: &[u8]| read(&HeaderValue::from_bytes(bytes).unwrap());
        assert_eq!(key(b"a key ~"), Some("a key ~".to_owned()));
        assert_eq!(key(&[b'k'; 255]), Some("k".repeat(255)));
        for bad in [&b""[..], b"a\tkey", "ü".as_bytes(), &[b'k'; 256]] {
            assert_eq!(key(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn requests_are_the_same_by_their_content() {
        let hash = |path, body: &str| {
            content_sha256(path, serde_json::from_str::<Value>(body).unwrap().as_object().unwrap())
        };
        let usual = hash("/a", r#"{"a":1,"b":[2]}"#);
        assert_eq!(usual, hash("/a", r#"{"b":[2], "a":1, "c":null, "password":"x"}"#));
        for (path, body) in [("/a", r#"{"a":1,"b":[3]}"#), ("/a", r#"{"a":1}"#), ("/b", r#"{"a":1,"b":[2]}"#)]
        {
            assert_ne!(usual, hash(path, body), "{path} {body}");
        }
    }
}
