//! What every change of the catalog has in common: an admin, the catalog as it was read, a rule that decides, one
//! transaction, and the event that tells of it.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use chairbook_models::catalog::Catalog;
use chairbook_models::catalog_change::{CatalogError, FieldFault};
use chairbook_models::event::{Event, EventType, Subjects};
use chairbook_models::ids::EventId;
use chairbook_platform::{clock, random};
use chairbook_store::{CatalogChange, CatalogWrite};
use chairbook_web::{Access, Admin, ApiError, FieldError, Fields, Pending, Web};
use http::StatusCode;
use http::request::Parts;
use jiff::Timestamp;
use serde_json::json;

/// An admin who changes the catalog, admitted, with the catalog as it was read side by side with the checks. As an
/// argument before the body it refuses who may not, whatever they send.
pub(crate) struct Editor {
    admin: Admin,
    catalog: Arc<Catalog>,
    /// When.
    pub(crate) now: Timestamp,
}

/// What was decided: what changes, which the event says, and how.
pub(crate) struct Decision<T> {
    pub(crate) writes: Vec<CatalogWrite>,
    /// Such as `service`.
    pub(crate) what: &'static str,
    pub(crate) kind: Kind,
    /// Its id.
    pub(crate) id: String,
    pub(crate) outcome: T,
}

impl<T> Decision<T> {
    /// Something is deleted, by these writes.
    pub(crate) fn deleted(
        what: &'static str,
        id: impl std::fmt::Display,
        writes: Vec<CatalogWrite>,
        outcome: T,
    ) -> Self {
        Self { writes, what, kind: Kind::Deleted, id: id.to_string(), outcome }
    }

    /// The same with another outcome.
    pub(crate) fn map<U>(self, outcome: impl FnOnce(T) -> U) -> Decision<U> {
        let Self { writes, what, kind, id, outcome: was } = self;
        Decision { writes, what, kind, id, outcome: outcome(was) }
    }
}

/// How something changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Created,
    Updated,
    Deactivated,
    Deleted,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deactivated => "deactivated",
            Self::Deleted => "deleted",
        }
    }
}

impl FromRequestParts<Web> for Editor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, ApiError> {
        let admin = Pending::<Admin>::from_request_parts(parts, web).await?;
        let (admin, catalog) = admin.admit_with(web.reader.catalog()).await?;
        Ok(Self { admin, catalog, now: clock::now() })
    }
}

impl Editor {
    /// Writes what `decide` says of the catalog as it is. Returns the changed catalog and what became of it.
    pub(crate) async fn write<T>(
        self,
        decide: impl Fn(&Catalog) -> Result<Decision<T>, CatalogError>,
    ) -> Result<(Arc<Catalog>, T), ApiError> {
        let Self { admin, catalog, now } = self;
        let decide = |catalog: &Catalog| {
            let decision = decide(catalog).map_err(refused)?;
            let mut event = Event::new(
                EventId::new(now, random::bytes()),
                EventType::CatalogChanged,
                now,
                admin.caller.into(),
                None,
                Subjects::default(),
            );
            event.data.insert("what".to_owned(), json!(decision.what));
            event.data.insert("change".to_owned(), json!(decision.kind.as_str()));
            event.data.insert("id".to_owned(), json!(decision.id));
            Ok::<_, ApiError>(CatalogChange { writes: decision.writes, event, outcome: decision.outcome })
        };
        admin.store().change_catalog(catalog, decide).await
    }
}

fn refused(error: CatalogError) -> ApiError {
    match error {
        CatalogError::NotFound(what) => ApiError::not_found(what),
        CatalogError::Full { what, at_most } => ApiError::new(
            StatusCode::CONFLICT,
            "catalog_full",
            format!("There are {at_most} {what} already, which is as many as there can be."),
        ),
        CatalogError::Invalid(faults) => ApiError::validation(
            faults.into_iter().map(|fault| FieldError::new(fault.field, fault.message)).collect(),
        ),
    }
}

/// Notes what a check of a whole request found.
pub(crate) fn checked<T>(fields: &mut Fields, result: Result<T, FieldFault>) -> Option<T> {
    result.map_err(|fault| fields.refuse(fault.field, fault.message)).ok()
}
