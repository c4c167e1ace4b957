//! `GET /.well-known/jwks.json` (RFC 7517).

use axum::Json;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use chairbook_web::{ApiError, Visitor};
use http::{HeaderValue, header};
use serde_json::json;

use crate::State;

pub(crate) async fn jwks(Shared(state): Shared<State>, _: Visitor) -> Result<Response, ApiError> {
    let mut keys = state.web.reader.verification_keys().await?;
    let own = state.signer.verification_key();
    // The one that signs now is listed even before its row has reached the index.
    if keys.iter().all(|key| key.kid != own.kid) {
        keys.push(own.clone());
    }
    let keys: Vec<_> = keys.iter().map(chairbook_auth::access_token::VerificationKey::to_jwk).collect();
    let mut response = Json(json!({"keys": keys})).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Ok(response)
}
