//! Who reads: everybody sees what can be booked, in answers that caches may keep; an admin who asks for it
//! (`includeInactive=true`) sees the rest, too.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use chairbook_models::catalog::Catalog;
use chairbook_web::{Admin, ApiError, Fields, FromFields, Pending, Reply, Revalidated, Visitor, Web};
use http::HeaderMap;
use http::request::Parts;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// Whom an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Anybody.
    Public,
    /// Admins.
    Admin,
}

impl Audience {
    /// Adds to a thing what only admins see.
    pub(crate) fn complete<const N: usize>(self, thing: &mut Value, members: [(&str, Value); N]) {
        if self == Self::Admin
            && let Value::Object(thing) = thing
        {
            thing.extend(members.map(|(name, value)| (name.to_owned(), value)));
        }
    }

    /// Adds to a thing, for admins, whether it is active, when it was made and when it last changed.
    pub(crate) fn complete_with_times(
        self,
        thing: &mut Value,
        is_active: bool,
        created_at: Timestamp,
        updated_at: Timestamp,
    ) {
        let times = [("createdAt", json!(created_at)), ("updatedAt", json!(updated_at))];
        self.complete(thing, [("isActive", json!(is_active))]);
        self.complete(thing, times);
    }
}

/// `includeInactive`, in a query string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IncludeInactive(pub(crate) bool);

impl FromFields for IncludeInactive {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let include = fields.optional_with("includeInactive", |value| match value.as_str() {
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            _ => Err("must be true or false"),
        });
        include.map(|include| Self(include.unwrap_or_default()))
    }
}

/// Somebody who reads, not admitted yet.
pub(crate) struct Reader {
    visitor: Pending<Visitor>,
    admin: Result<Pending<Admin>, ApiError>,
}

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let visitor = Pending::from_request_parts(parts, state).await?;
        Ok(Self { visitor, admin: Pending::from_request_parts(parts, state).await })
    }
}

impl Reader {
    /// Reads the catalog side by side with the checks.
    pub(crate) async fn read(
        self,
        web: &Web,
        IncludeInactive(all): IncludeInactive,
    ) -> Result<(Audience, Arc<Catalog>), ApiError> {
        if all {
            let (_, catalog) = self.admin?.admit_with(web.reader.catalog()).await?;
            return Ok((Audience::Admin, catalog));
        }
        let (_, catalog) = self.visitor.admit_with(web.reader.catalog()).await?;
        Ok((Audience::Public, catalog))
    }
}

/// What a reader is answered.
pub(crate) enum Answer<T> {
    Public(Revalidated),
    Admin(Reply<T>),
}

impl<T: Serialize> Answer<T> {
    /// The answer to a request with `headers`.
    pub(crate) fn new(
        audience: Audience,
        headers: &HeaderMap,
        message: &str,
        data: T,
    ) -> Result<Self, ApiError> {
        match audience {
            Audience::Public => Revalidated::new(headers, message, &data).map(Self::Public),
            Audience::Admin => Ok(Self::Admin(Reply::ok(message, data))),
        }
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Public(answer) => answer.into_response(),
            Self::Admin(answer) => answer.into_response(),
        }
    }
}
