//! `PUT` and `DELETE /experts/{id}/services/{serviceId}`.

use axum::extract::State;
use chairbook_models::booking::MAX_BLOCKED_MINUTES;
use chairbook_models::catalog::{Catalog, OwnTerms};
use chairbook_models::catalog_change::MAX_PRICE;
use chairbook_models::event::{CatalogKind, ChangeKind};
use chairbook_models::ids::{ExpertId, ServiceId};
use chairbook_web::fields::format::{Format, whole};
use chairbook_web::{Body, Fields, FromFields, Reply, Web};

use crate::change::Editor;
use crate::error::FindError;
use crate::experts::put_because_of;
use crate::ids::Ids;
use crate::resource::Resource;
use crate::view::OneExpert;
use crate::written::Written;

/// The kind of thing that events tell of.
const KIND: CatalogKind = CatalogKind::ExpertService;

/// `price` and `durationMinutes`, where they are not the service's.
pub(crate) struct Request(OwnTerms);

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let price = whole(0..=MAX_PRICE)
            .about("The expert's own price, minor currency units; the service's unless given.");
        let price = fields.optional_as("price", price);
        let duration_minutes = whole(1..=MAX_BLOCKED_MINUTES)
            .about("The expert's own duration, minutes; the service's unless given.");
        let duration_minutes = fields.optional_as("durationMinutes", duration_minutes);
        Some(Self(OwnTerms { price: price?, duration_minutes: duration_minutes? }))
    }
}

/// The subject of events: the assignment of one service to one expert.
fn subject(expert: ExpertId, service: ServiceId) -> String {
    format!("{expert}/{service}")
}

pub(crate) async fn assign(
    State(_): State<Web>,
    editor: Editor,
    Ids(expert, service): Ids<ExpertId, ServiceId>,
    Body(Request(terms)): Body<Request>,
) -> Result<Reply<Written<OneExpert<'static>>>, FindError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| {
        let is_assigned = catalog.experts.get(&expert).is_some_and(|e| e.services.contains_key(&service));
        let change = if is_assigned { ChangeKind::Updated } else { ChangeKind::Created };
        let assigned = catalog.assign(expert, service, &terms, now)?;
        Ok(put_because_of(assigned, KIND, change, subject(expert, service)))
    };
    let (catalog, changed) = editor.write::<_, FindError>(decide).await?;
    Ok(Reply::ok("The expert offers this service.", changed.data(&catalog)?))
}

pub(crate) async fn unassign(
    State(_): State<Web>,
    editor: Editor,
    Ids(expert, service): Ids<ExpertId, ServiceId>,
) -> Result<Reply<Written<OneExpert<'static>>>, FindError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| {
        let left = catalog.unassign(expert, service, now)?;
        Ok(put_because_of(left, KIND, ChangeKind::Deleted, subject(expert, service)))
    };
    let (catalog, changed) = editor.write::<_, FindError>(decide).await?;
    Ok(Reply::ok("The expert does not offer this service any more.", changed.data(&catalog)?))
}
