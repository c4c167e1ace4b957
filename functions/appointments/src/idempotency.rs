//! The header `Idempotency-Key`: a repeated request finds what it did before
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).

use aws_lc_rs::digest::{Context, SHA256};
use axum::extract::FromRequestParts;
use chairbook_models::ids::{AppointmentId, UserId};
use chairbook_web::{ApiError, FieldError};
use http::request::Parts;

const HEADER: &str = "idempotency-key";
const MAX_LENGTH: usize = 255;

/// The request's key, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get(HEADER) else { return Ok(Self(None)) };
        let key = value.to_str().ok().filter(|key| (1..=MAX_LENGTH).contains(&key.len()));
        let refused = || {
            let message = format!("must have 1 to {MAX_LENGTH} printable ASCII characters");
            ApiError::validation(vec![FieldError::new("Idempotency-Key", message)])
        };
        key.map(|key| Self(Some(key.to_owned()))).ok_or_else(refused)
    }
}

/// The id of the appointment that a user books with a key: the same whenever both are.
pub(crate) fn appointment_id(user: UserId, key: &str) -> AppointmentId {
    let mut context = Context::new(&SHA256);
    context.update(b"appointment ");
    context.update(&user.to_bytes());
    context.update(key.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&context.finish().as_ref()[..16]);
    AppointmentId::derived(bytes)
}

/// What tells a repeat from another request with the same key.
pub(crate) fn request_sha256(request: &serde_json::Value) -> String {
    chairbook_auth::opaque_token::sha256_hex(&request.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_follows_from_the_user_and_the_key() {
        let (ada, bob) = (UserId::derived([1; 16]), UserId::derived([2; 16]));
        assert_eq!(appointment_id(ada, "k"), appointment_id(ada, "k"));
        assert_ne!(appointment_id(ada, "k"), appointment_id(ada, "l"));
        assert_ne!(appointment_id(ada, "k"), appointment_id(bob, "k"));
    }

    #[test]
    fn the_order_of_members_does_not_matter() {
        let one: serde_json::Value = serde_json::from_str(r#"{"a":1,"b":[2]}"#).unwrap();
        assert_eq!(request_sha256(&one), request_sha256(&json!({"b": [2], "a": 1})));
        assert_ne!(request_sha256(&one), request_sha256(&json!({"a": 1, "b": [3]})));
    }
}
