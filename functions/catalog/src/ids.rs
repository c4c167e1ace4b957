//! Two ids in one path.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::response::{IntoResponse, Response};
use chairbook_web::ApiError;
use http::request::Parts;

/// A thing's id and that of something of it. What is not an id names nothing, so it is 404 like an id that nobody
/// has.
#[derive(Debug)]
pub(crate) struct Ids<A, B>(pub(crate) A, pub(crate) B);

impl<S: Send + Sync, A: FromStr, B: FromStr> FromRequestParts<S> for Ids<A, B> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let not_found = || ApiError::not_found("Resource").into_response();
        let Path((first, second)) =
            Path::<(String, String)>::from_request_parts(parts, state).await.map_err(|_| not_found())?;
        match (first.parse(), second.parse()) {
            (Ok(first), Ok(second)) => Ok(Self(first, second)),
            _ => Err(not_found()),
        }
    }
}
