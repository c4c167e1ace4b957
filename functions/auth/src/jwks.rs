//! `GET /.well-known/jwks.json` (RFC 7517).

use axum::Json;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use chairbook_web::contract::{Operation, Output, ResponseContent};
use chairbook_web::{RequestError, Visitor};
use http::header;

use crate::State;
use crate::view::JsonWebKeySet;

pub(crate) async fn jwks(Shared(state): Shared<State>, _: Visitor) -> Result<KeySetFile, RequestError> {
    let mut keys = state.web.reader.verification_keys().await?;
    let own = state.signer.verification_key();
    // The one that signs now is listed even before its row has reached the index.
    if keys.iter().all(|key| key.kid != own.kid) {
        keys.push(own.clone());
    }
    Ok(KeySetFile(keys.as_slice().into()))
}

/// The keys as a JWKS, which clients may keep for some minutes.
pub(crate) struct KeySetFile(JsonWebKeySet);

impl IntoResponse for KeySetFile {
    fn into_response(self) -> Response {
        ([(header::CACHE_CONTROL, "public, max-age=300")], Json(self.0)).into_response()
    }
}

impl Output for KeySetFile {
    fn describe(operation: &mut Operation<'_>) {
        let schema = operation.generator.subschema_for::<JsonWebKeySet>();
        operation.response(200, ResponseContent::Json(schema), Vec::new());
    }
}
