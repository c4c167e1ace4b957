//! Things that admins create, change and delete, each by itself: a kind of thing says here what is its own, and has
//! these endpoints in common with the others.

use std::fmt::Display;

use axum::extract::{FromRequestParts, State};
use axum::response::IntoResponse;
use chairbook_models::catalog::Catalog;
use chairbook_models::catalog_change::{CatalogError, Removal};
use chairbook_models::event::{CatalogKind, ChangeKind};
use chairbook_store::{CatalogRow, CatalogWrite, StoreError};
use chairbook_web::contract::{ApiErrors, Input};
use chairbook_web::idempotency::replayed_if;
use chairbook_web::view::Empty;
use chairbook_web::{Body, Created, FromFields, Keyed, Located, RepeatError, Reply, RequestError, Web};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::change::{Decision, Editor};
use crate::error::FindError;
use crate::ids::PathTo;
use crate::written::Written;

/// Refusals of a change of the catalog.
pub(crate) trait ChangeErrors:
    ApiErrors + IntoResponse + From<CatalogError> + From<StoreError> + From<RequestError>
{
}

impl<E> ChangeErrors for E where
    E: ApiErrors + IntoResponse + From<CatalogError> + From<StoreError> + From<RequestError>
{
}

/// A kind of thing in the catalog.
pub(crate) trait Resource: Sized {
    /// Its name in events, and for the ids of new ones: `subService`.
    const KIND: CatalogKind;
    /// Its name for people: `Sub-service`.
    const NAME: &'static str;
    /// The message of the response that tells of a new one.
    const CREATED: &'static str;
    /// The message of the response that tells of a change.
    const UPDATED: &'static str;
    /// The message of the response that tells of a deletion.
    const DELETED: &'static str;

    type Id: Copy + Display;
    /// The path to all of them, with the ids of what they belong to.
    type Parent: FromRequestParts<Web> + Input;
    /// The path to one.
    type Path: FromRequestParts<Web> + Input + PathTo;
    /// All that can be said of one.
    type Request: FromFields;
    /// The data of responses about one.
    type Data: JsonSchema;
    type CreateError: ChangeErrors + From<RepeatError>;
    type UpdateError: ChangeErrors;

    /// The id that is derived from these bytes.
    fn derive_id(bytes: [u8; 16]) -> Self::Id;

    fn id(&self) -> Self::Id;

    /// The row that keeps it.
    fn row(&self) -> CatalogRow;

    fn find(catalog: &Catalog, id: Self::Id) -> Option<&Self>;

    /// The rule for a new one.
    fn create(
        catalog: &Catalog,
        parent: &Self::Parent,
        id: Self::Id,
        request: &Self::Request,
        now: Timestamp,
    ) -> Result<Self, CatalogError>;

    /// The rule for a change.
    fn update(
        catalog: &Catalog,
        path: &Self::Path,
        request: &Self::Request,
        now: Timestamp,
    ) -> Result<Self, CatalogError>;

    /// The writes of a deletion.
    fn delete(
        catalog: &Catalog,
        path: &Self::Path,
        now: Timestamp,
    ) -> Result<Vec<CatalogWrite>, CatalogError>;

    /// Shows it to admins.
    fn data(&self, catalog: &Catalog) -> Result<Written<Self::Data>, RequestError>;
}

/// A kind of thing to which others in the catalog can refer: then it is deactivated instead of deleted.
pub(crate) trait Referable: Resource {
    /// The message of the response that tells of a deactivation.
    const DEACTIVATED: &'static str;

    /// The rule that decides between the two.
    fn removal(catalog: &Catalog, path: &Self::Path, now: Timestamp) -> Result<Removal<Self>, CatalogError>;
}

fn put<R: Resource>(thing: R, change: ChangeKind) -> Decision<R> {
    Decision {
        writes: vec![CatalogWrite::Put(thing.row())],
        kind: R::KIND,
        change,
        id: thing.id().to_string(),
        outcome: thing,
    }
}

fn deletion<R: Resource, T>(
    catalog: &Catalog,
    path: &R::Path,
    now: Timestamp,
    outcome: T,
) -> Result<Decision<T>, CatalogError> {
    let writes = R::delete(catalog, path, now)?;
    Ok(Decision { writes, kind: R::KIND, change: ChangeKind::Deleted, id: path.id().to_string(), outcome })
}

/// A kind of thing that can be asked for by itself.
pub(crate) trait Addressed: Resource {
    /// The path of their list; that of one has its id after it.
    const PATH: &'static str;
}

pub(crate) async fn create<R: Resource>(
    State(_): State<Web>,
    editor: Editor,
    parent: R::Parent,
    request: Keyed<R::Request>,
) -> Result<Created<Written<R::Data>>, R::CreateError> {
    Ok(created::<R>(editor, &parent, request).await?.1)
}

pub(crate) async fn create_addressed<R: Addressed>(
    State(_): State<Web>,
    editor: Editor,
    parent: R::Parent,
    request: Keyed<R::Request>,
) -> Result<Located<Written<R::Data>>, R::CreateError> {
    let (id, reply) = created::<R>(editor, &parent, request).await?;
    Ok(reply.at(format!("{}/{id}", R::PATH))?)
}

/// Creates a thing, unless the request is a repeat, and tells of it.
async fn created<R: Resource>(
    editor: Editor,
    parent: &R::Parent,
    request: Keyed<R::Request>,
) -> Result<(R::Id, Created<Written<R::Data>>), R::CreateError> {
    let (creation, request) = editor.creation(request);
    let now = creation.now();
    let id = R::derive_id(creation.id_bytes(R::KIND));
    let decide =
        |catalog: &Catalog| Ok(put(R::create(catalog, parent, id, &request, now)?, ChangeKind::Created));
    let (catalog, is_repeat) = creation.write::<_, R::CreateError>(decide).await?;
    let created = R::find(&catalog, id).ok_or(RepeatError::DeletedSince { thing: R::NAME })?;
    Ok((id, replayed_if(is_repeat, Reply::created(R::CREATED, created.data(&catalog)?))))
}

pub(crate) async fn update<R: Resource>(
    State(_): State<Web>,
    editor: Editor,
    path: R::Path,
    Body(request): Body<R::Request>,
) -> Result<Reply<Written<R::Data>>, R::UpdateError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| Ok(put(R::update(catalog, &path, &request, now)?, ChangeKind::Updated));
    let (catalog, updated) = editor.write::<_, R::UpdateError>(decide).await?;
    Ok(Reply::ok(R::UPDATED, updated.data(&catalog)?))
}

pub(crate) async fn delete<R: Resource>(
    State(_): State<Web>,
    editor: Editor,
    path: R::Path,
) -> Result<Reply<Empty>, FindError> {
    let now = editor.now;
    editor.write::<_, FindError>(|catalog| deletion::<R, _>(catalog, &path, now, ())).await?;
    Ok(Reply::ok(R::DELETED, Empty {}))
}

/// The thing, if it is in use and has been deactivated; nothing if it is deleted.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum Remains<T> {
    /// The thing, which has been deactivated.
    Deactivated(T),
    /// Nothing: the thing is deleted.
    Nothing(Empty),
}

pub(crate) async fn delete_or_deactivate<R: Referable>(
    State(_): State<Web>,
    editor: Editor,
    path: R::Path,
) -> Result<Reply<Remains<Written<R::Data>>>, FindError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| match R::removal(catalog, &path, now)? {
        Removal::Deleted => deletion::<R, _>(catalog, &path, now, None),
        Removal::Deactivated(thing) => {
            let Decision { writes, kind, change, id, outcome } = put(thing, ChangeKind::Deactivated);
            Ok(Decision { writes, kind, change, id, outcome: Some(outcome) })
        }
    };
    let (catalog, deactivated) = editor.write::<_, FindError>(decide).await?;
    Ok(match deactivated {
        None => Reply::ok(R::DELETED, Remains::Nothing(Empty {})),
        Some(thing) => Reply::ok(R::DEACTIVATED, Remains::Deactivated(thing.data(&catalog)?)),
    })
}
