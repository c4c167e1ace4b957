//! `PUT` and `DELETE /experts/{id}/services/{serviceId}`.

use chairbook_models::booking::MAX_BLOCKED_MINUTES;
use chairbook_models::catalog::{Catalog, OwnTerms};
use chairbook_models::catalog_change::MAX_PRICE;
use chairbook_models::ids::{ExpertId, ServiceId};
use chairbook_web::{ApiError, Body, Fields, FromFields, Reply};
use serde_json::Value;

use crate::change::{Editor, Kind};
use crate::experts::{data, put_because_of};
use crate::ids::Ids;
use crate::values::whole;

/// `{price?,durationMinutes?}`, where they are not what the service says.
pub(crate) struct Request(OwnTerms);

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let price = fields.optional_with("price", whole(0..=MAX_PRICE));
        let duration_minutes = fields.optional_with("durationMinutes", whole(1..=MAX_BLOCKED_MINUTES));
        Some(Self(OwnTerms { price: price?, duration_minutes: duration_minutes? }))
    }
}

/// What events are about: one expert's offer of one service.
fn subject(expert: ExpertId, service: ServiceId) -> String {
    format!("{expert}/{service}")
}

pub(crate) async fn offer(
    editor: Editor,
    Ids(expert, service): Ids<ExpertId, ServiceId>,
    Body(Request(terms)): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| {
        let offers_it = catalog.experts.get(&expert).is_some_and(|e| e.services.contains_key(&service));
        let kind = if offers_it { Kind::Updated } else { Kind::Created };
        let offering = catalog.offer(expert, service, &terms, now)?;
        Ok(put_because_of(offering, "expertService", kind, subject(expert, service)))
    };
    let (catalog, changed) = editor.write(decide).await?;
    Ok(Reply::ok("The expert offers this service.", data(&catalog, &changed)))
}

pub(crate) async fn withdraw(
    editor: Editor,
    Ids(expert, service): Ids<ExpertId, ServiceId>,
) -> Result<Reply<Value>, ApiError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| {
        let left = catalog.withdraw(expert, service, now)?;
        Ok(put_because_of(left, "expertService", Kind::Deleted, subject(expert, service)))
    };
    let (catalog, changed) = editor.write(decide).await?;
    Ok(Reply::ok("The expert does not offer this service any more.", data(&catalog, &changed)))
}
