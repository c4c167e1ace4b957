//! The parts that every change of the catalog has in common: an admin, the catalog as it was read, a rule that decides,
//! one transaction, and the event that tells of it.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use chairbook_models::catalog::Catalog;
use chairbook_models::catalog_change::CatalogError;
use chairbook_models::event::{CatalogKind, ChangeKind, Event, EventData, Subjects};
use chairbook_models::ids::EventId;
use chairbook_platform::{clock, random};
use chairbook_store::{CatalogChange, CatalogWrite, StoreError};
use chairbook_web::contract::{Caller, Input, Operation};
use chairbook_web::{Access, Admin, Keyed, Pending, RepeatError, RequestError, RequestIdentity, Web};
use http::request::Parts;
use jiff::Timestamp;

/// An admin who changes the catalog, admitted, with the catalog as it was read side by side with the checks. As an
/// argument before the body it refuses who may not, whatever they send.
pub(crate) struct Editor {
    admin: Admin,
    catalog: Arc<Catalog>,
    /// The time (UTC) of the change.
    pub(crate) now: Timestamp,
}

/// A change that was decided on, and its description in the event.
pub(crate) struct Decision<T> {
    pub(crate) writes: Vec<CatalogWrite>,
    /// The kind of thing that changes.
    pub(crate) kind: CatalogKind,
    pub(crate) change: ChangeKind,
    /// The id of the thing that changes.
    pub(crate) id: String,
    pub(crate) outcome: T,
}

impl FromRequestParts<Web> for Editor {
    type Rejection = RequestError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, RequestError> {
        let admin = Pending::<Admin>::from_request_parts(parts, web).await?;
        let (admin, catalog) = admin.admit_with(web.reader.catalog()).await?;
        Ok(Self { admin, catalog, now: clock::now() })
    }
}

impl Input for Editor {
    fn describe(operation: &mut Operation<'_>) {
        Pending::<Admin>::describe(operation);
    }
}

impl Caller for Editor {}

/// The reason why nothing was written.
enum Refusal {
    Rule(CatalogError),
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Refusal {
    fn of_endpoint<E: From<CatalogError> + From<StoreError>>(self) -> E {
        match self {
            Self::Rule(error) => error.into(),
            Self::Store(error) => error.into(),
        }
    }
}

impl Editor {
    /// Writes the decision of `decide` on the catalog as it is. Returns the changed catalog and the decision's outcome.
    pub(crate) async fn write<T, E: From<CatalogError> + From<StoreError>>(
        self,
        decide: impl Fn(&Catalog) -> Result<Decision<T>, CatalogError>,
    ) -> Result<(Arc<Catalog>, T), E> {
        let id = EventId::new(self.now, random::bytes());
        self.write_as(id, None, decide).await.map_err(Refusal::of_endpoint)
    }

    /// The same, told by an event with this id, which keeps the hash of the request.
    async fn write_as<T>(
        &self,
        event_id: EventId,
        request_sha256: Option<&str>,
        decide: impl Fn(&Catalog) -> Result<Decision<T>, CatalogError>,
    ) -> Result<(Arc<Catalog>, T), Refusal> {
        let Self { admin, catalog, now } = self;
        let now = *now;
        let decide = |catalog: &Catalog| {
            let decision = decide(catalog).map_err(Refusal::Rule)?;
            let Decision { writes, kind, change, id, outcome } = decision;
            let data = EventData::CatalogChanged { what: kind, change, id };
            let subjects = Subjects::default();
            let mut event = Event::new(event_id, data, now, admin.caller.into(), None, subjects);
            event.request_sha256 = request_sha256.map(str::to_owned);
            Ok::<_, Refusal>(CatalogChange { writes, event, outcome })
        };
        admin.store().change_catalog(Arc::clone(catalog), admin.caller, decide).await
    }

    /// The creation of something, which a request with an `Idempotency-Key` may repeat, and the request.
    pub(crate) fn creation<R>(self, request: Keyed<R>) -> (Creation, R) {
        let (request, identity) = request.identify(&self.admin.caller.user_id.to_string());
        (Creation { editor: self, identity }, request)
    }
}

/// The creation of something in the catalog.
pub(crate) struct Creation {
    editor: Editor,
    identity: Option<RequestIdentity>,
}

impl Creation {
    /// The time (UTC) of the creation.
    pub(crate) const fn now(&self) -> Timestamp {
        self.editor.now
    }

    /// The bytes of the id of the new thing, by its kind: the same for a repeat.
    pub(crate) fn id_bytes(&self, kind: CatalogKind) -> [u8; 16] {
        match &self.identity {
            Some(identity) => identity.id_bytes(kind.as_str()),
            None => EventId::new(self.now(), random::bytes()).to_bytes(),
        }
    }

    /// Writes the decision of `decide`, unless the request is a repeat. Returns the catalog, and whether it is one: the
    /// thing may have changed since then, or be gone.
    pub(crate) async fn write<T, E>(
        self,
        decide: impl Fn(&Catalog) -> Result<Decision<T>, CatalogError>,
    ) -> Result<(Arc<Catalog>, bool), E>
    where
        E: From<CatalogError> + From<StoreError> + From<RepeatError> + From<RequestError>,
    {
        let Self { editor, identity } = self;
        let Some(identity) = identity else {
            let (catalog, _) = editor.write::<T, E>(decide).await?;
            return Ok((catalog, false));
        };
        let id = EventId::derived(identity.id_bytes("event"));
        let store = editor.admin.store();
        // Before the rules, which may forbid by now what they allowed then.
        let mut found = store.event(id).await?;
        if found.is_none() {
            match editor.write_as(id, Some(&identity.request_sha256), decide).await {
                Ok((catalog, _)) => return Ok((catalog, false)),
                // The same request, at the same time.
                Err(Refusal::Store(StoreError::Exists)) => found = store.event(id).await?,
                Err(refusal) => return Err(refusal.of_endpoint()),
            }
        }
        identity.check(&found.ok_or_else(RequestError::unavailable)?)?;
        Ok((store.catalog().await?, true))
    }
}
