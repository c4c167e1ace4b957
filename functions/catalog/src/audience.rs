//! The readers of the catalog: everybody sees what can be booked, in responses that caches may keep; an admin who asks
//! for it (`includeInactive=true`) sees the rest, too.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use chairbook_models::catalog::Catalog;
use chairbook_web::contract::{Caller, Input, Operation, Output, Security};
use chairbook_web::fields::format::{Flag, Format};
use chairbook_web::{
    Admin, Fields, FromFields, Paging, Pending, Reply, RequestError, Revalidated, Visitor, Web,
};
use http::HeaderMap;
use http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;

/// The people whom a response is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Anybody.
    Public,
    /// Admins.
    Admin,
}

impl Audience {
    pub(crate) fn is_admin(self) -> bool {
        self == Self::Admin
    }

    /// Members that only admins see.
    pub(crate) fn for_admins<T>(self, members: impl FnOnce() -> T) -> Option<T> {
        self.is_admin().then(members)
    }
}

/// `includeInactive`, in a query string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IncludeInactive(pub(crate) bool);

impl FromFields for IncludeInactive {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let include = Flag.about(
            "Set by admins to see what is not active as well, and the members that only admins see. It needs an access \
             token.",
        );
        fields.optional_as("includeInactive", include).map(|include| Self(include.unwrap_or_default()))
    }
}

/// A list without filters of its own: `includeInactive`, `limit`, `cursor`.
pub(crate) struct Listing {
    pub(crate) include_inactive: IncludeInactive,
    pub(crate) paging: Paging,
}

impl FromFields for Listing {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let include_inactive = IncludeInactive::from_fields(fields);
        let paging = Paging::from_fields(fields);
        Some(Self { include_inactive: include_inactive?, paging: paging? })
    }
}

/// Somebody who reads, not admitted yet.
pub(crate) struct Reader {
    visitor: Pending<Visitor>,
    admin: Result<Pending<Admin>, RequestError>,
}

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = RequestError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RequestError> {
        let visitor = Pending::from_request_parts(parts, state).await?;
        Ok(Self { visitor, admin: Pending::from_request_parts(parts, state).await })
    }
}

impl Input for Reader {
    fn describe(operation: &mut Operation<'_>) {
        // The refusals of an admin are those of a request that asks for what only admins see.
        Pending::<Admin>::describe(operation);
        operation.security = Some(Security::Optional);
    }
}

impl Caller for Reader {}

impl Reader {
    /// Reads the catalog side by side with the checks.
    pub(crate) async fn read(
        self,
        web: &Web,
        IncludeInactive(all): IncludeInactive,
    ) -> Result<(Audience, Arc<Catalog>), RequestError> {
        if all {
            let (_, catalog) = self.admin?.admit_with(web.reader.catalog()).await?;
            return Ok((Audience::Admin, catalog));
        }
        let (_, catalog) = self.visitor.admit_with(web.reader.catalog()).await?;
        Ok((Audience::Public, catalog))
    }
}

/// The response to a reader.
pub(crate) enum Answer<T> {
    /// Caches may keep it.
    Public(Revalidated<T>),
    /// It is private.
    Admin(Reply<T>),
}

impl<T: Serialize> Answer<T> {
    /// The response to a request with `headers`.
    pub(crate) fn new(
        audience: Audience,
        headers: &HeaderMap,
        message: &str,
        data: T,
    ) -> Result<Self, RequestError> {
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

impl<T: Serialize + JsonSchema> Output for Answer<T> {
    fn describe(operation: &mut Operation<'_>) {
        Revalidated::<T>::describe(operation);
    }
}
