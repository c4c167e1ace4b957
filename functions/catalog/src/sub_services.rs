//! `POST /services/{id}/sub-services`, `PUT` and `DELETE /services/{id}/sub-services/{subServiceId}`.

use chairbook_models::booking::MAX_BLOCKED_MINUTES;
use chairbook_models::catalog::{Catalog, SubService};
use chairbook_models::catalog_change::SubServiceDetails;
use chairbook_models::ids::{ServiceId, SubServiceId};
use chairbook_store::{CatalogRow, CatalogWrite};
use chairbook_web::idempotency::{deleted_since, replayed_if};
use chairbook_web::{ApiError, Body, Fields, FromFields, Id, Keyed, Reply};
use serde_json::{Value, json};

use crate::audience::Audience;
use crate::change::{Decision, Editor, Kind};
use crate::ids::Ids;
use crate::services::{self, Extent};
use crate::values::{flag, price, whole};

/// `{name,description?,price,durationMinutes,isActive?}`; an add-on may take no time of its own.
pub(crate) struct Request(SubServiceDetails);

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name");
        let description = fields.optional("description");
        let price = price(fields);
        let duration_minutes = fields.required_with("durationMinutes", whole(0..=MAX_BLOCKED_MINUTES));
        let is_active = fields.optional_with("isActive", flag);
        Some(Self(SubServiceDetails {
            name: name?,
            description: description?,
            price: price?,
            duration_minutes: duration_minutes?,
            is_active: is_active?,
        }))
    }
}

fn put(sub: SubService, kind: Kind) -> Decision<SubService> {
    Decision {
        writes: vec![CatalogWrite::Put(CatalogRow::SubService(sub.clone()))],
        what: "subService",
        kind,
        id: sub.id.to_string(),
        outcome: sub,
    }
}

fn data(sub: &SubService) -> Value {
    json!({"subService": services::render_sub_service(Audience::Admin, Extent::Whole, sub)})
}

pub(crate) async fn create(
    editor: Editor,
    Id(service): Id<ServiceId>,
    request: Keyed<Request>,
) -> Result<Reply<Value>, ApiError> {
    let (creation, Request(details)) = editor.creation(request);
    let id = SubServiceId::derived(creation.id_bytes("subService"));
    let decide =
        |catalog: &Catalog| Ok(put(catalog.create_sub_service(service, id, &details)?, Kind::Created));
    let (catalog, is_repeat) = creation.write(decide).await?;
    let made = catalog.sub_services.get(&id).ok_or_else(|| deleted_since("Sub-service"))?;
    Ok(replayed_if(is_repeat, Reply::created("The sub-service is added.", data(made))))
}

pub(crate) async fn change(
    editor: Editor,
    Ids(service, id): Ids<ServiceId, SubServiceId>,
    Body(Request(details)): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let decide =
        |catalog: &Catalog| Ok(put(catalog.change_sub_service(service, id, &details)?, Kind::Updated));
    let (_, changed) = editor.write(decide).await?;
    Ok(Reply::ok("The sub-service is changed.", data(&changed)))
}

pub(crate) async fn delete(
    editor: Editor,
    Ids(service, id): Ids<ServiceId, SubServiceId>,
) -> Result<Reply<Value>, ApiError> {
    let decide = |catalog: &Catalog| {
        catalog.delete_sub_service(service, id)?;
        Ok(Decision::deleted("subService", id, vec![CatalogWrite::DeleteSubService(service, id)], ()))
    };
    editor.write(decide).await?;
    Ok(Reply::ok("The sub-service is deleted.", json!({})))
}
