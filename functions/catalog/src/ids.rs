//! Ids in paths.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use chairbook_web::Id;
use chairbook_web::contract::{Input, Operation};
use http::request::Parts;
use schemars::JsonSchema;

use crate::error::FindError;

/// A thing's id and that of something of it. What is not an id names nothing, so it is 404 like an id that nobody
/// has.
#[derive(Debug)]
pub(crate) struct Ids<A, B>(pub(crate) A, pub(crate) B);

impl<S: Send + Sync, A: FromStr, B: FromStr> FromRequestParts<S> for Ids<A, B> {
    type Rejection = FindError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, FindError> {
        let not_found = || FindError::NotFound { thing: "Resource" };
        let Path((first, second)) =
            Path::<(String, String)>::from_request_parts(parts, state).await.map_err(|_| not_found())?;
        match (first.parse(), second.parse()) {
            (Ok(first), Ok(second)) => Ok(Self(first, second)),
            _ => Err(not_found()),
        }
    }
}

impl<A: JsonSchema, B: JsonSchema> Input for Ids<A, B> {
    fn describe(operation: &mut Operation<'_>) {
        Id::<A>::describe(operation);
        Id::<B>::describe(operation);
    }
}

/// The path to a thing.
pub(crate) trait PathTo {
    /// The thing's own id.
    fn id(&self) -> impl Display;
}

impl<A: Copy + Display> PathTo for Id<A> {
    fn id(&self) -> impl Display {
        self.0
    }
}

impl<A, B: Copy + Display> PathTo for Ids<A, B> {
    fn id(&self) -> impl Display {
        self.1
    }
}

/// The path to a list of things that belong to nothing else: it has no id.
pub(crate) struct TopLevel;

impl<S: Send + Sync> FromRequestParts<S> for TopLevel {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self)
    }
}

impl Input for TopLevel {
    fn describe(_: &mut Operation<'_>) {}
}
