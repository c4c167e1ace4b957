//! `GET` and `POST /experts`; `GET`, `PUT` and `DELETE /experts/{id}`.

use axum::extract::State;
use chairbook_models::catalog::{Catalog, Expert, ImageOf, TimeOff};
use chairbook_models::catalog_change::{ExpertDetails, Removal};
use chairbook_models::ids::{ExpertId, ServiceId};
use chairbook_store::{CatalogRow, CatalogWrite};
use chairbook_web::idempotency::{deleted_since, replayed_if};
use chairbook_web::{ApiError, Body, Fields, FromFields, Id, Keyed, Page, Paging, Query, Reply, Web};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::audience::{Answer, Audience, IncludeInactive, Reader};
use crate::change::{Decision, Editor, Kind};
use crate::gallery;
use crate::values::{flag, http_url, written};

/// `serviceId`, `includeInactive`, `limit`, `cursor`.
pub(crate) struct Filter {
    service_id: Option<ServiceId>,
    include_inactive: IncludeInactive,
    paging: Paging,
}

impl FromFields for Filter {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let service_id = fields.optional("serviceId");
        let include_inactive = IncludeInactive::from_fields(fields);
        let paging = Paging::from_fields(fields);
        Some(Self { service_id: service_id?, include_inactive: include_inactive?, paging: paging? })
    }
}

pub(crate) fn render_time_off(off: &TimeOff) -> Value {
    json!({"id": off.id, "from": written(off.from), "to": written(off.to), "reason": off.reason})
}

fn render(audience: Audience, catalog: &Catalog, expert: &Expert) -> Value {
    let services: Vec<_> = expert
        .services
        .iter()
        .filter_map(|(id, own)| {
            let service = catalog.services.get(id)?;
            let is_bookable = catalog.is_bookable(service);
            if !is_bookable && audience == Audience::Public {
                return None;
            }
            let mut rendered = json!({
                "id": service.id,
                "name": service.name,
                "price": own.price.unwrap_or(service.price),
                "durationMinutes": own.duration_minutes.unwrap_or(service.duration_minutes),
            });
            audience.complete(
                &mut rendered,
                [
                    ("isBookable", json!(is_bookable)),
                    ("ownPrice", json!(own.price)),
                    ("ownDurationMinutes", json!(own.duration_minutes)),
                ],
            );
            Some(rendered)
        })
        .collect();
    let mut rendered = json!({
        "id": expert.id,
        "name": expert.name,
        "title": expert.title,
        "bio": expert.bio,
        "imageUrl": expert.image_url,
        "rating": expert.rating,
        "totalReviews": expert.total_reviews,
        "workingHours": expert.working_hours,
        "timeZone": catalog.settings.time_zone,
    });
    // Moved in: `json!` would copy each.
    rendered["services"] = Value::Array(services);
    let time_off = expert.time_off.iter().map(render_time_off).collect();
    audience.complete(&mut rendered, [("timeOff", Value::Array(time_off))]);
    audience.complete_with_times(&mut rendered, expert.is_active, expert.created_at, expert.updated_at);
    rendered
}

/// An expert with their images, which lists do not show.
fn with_gallery(audience: Audience, catalog: &Catalog, expert: &Expert) -> Value {
    let mut rendered = render(audience, catalog, expert);
    rendered["gallery"] = Value::Array(gallery::of(audience, catalog, ImageOf::Expert(expert.id)));
    rendered
}

pub(crate) async fn list(
    State(web): State<Web>,
    reader: Reader,
    headers: HeaderMap,
    Query(filter): Query<Filter>,
) -> Result<Answer<Page>, ApiError> {
    let (audience, catalog) = reader.read(&web, filter.include_inactive).await?;
    let mut all: Vec<_> = catalog
        .experts
        .values()
        .filter(|expert| expert.is_active || audience == Audience::Admin)
        .filter(|expert| filter.service_id.is_none_or(|id| expert.services.contains_key(&id)))
        .collect();
    all.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    let list = format!("experts {:?} {:?}", filter.service_id, filter.include_inactive);
    let show = |expert: &&Expert| render(audience, &catalog, expert);
    let page = filter.paging.page(&list, &all, |expert| expert.id.to_string(), show)?;
    Answer::new(audience, &headers, "The salon's experts.", page)
}

pub(crate) async fn one(
    State(web): State<Web>,
    reader: Reader,
    headers: HeaderMap,
    Id(id): Id<ExpertId>,
    Query(include_inactive): Query<IncludeInactive>,
) -> Result<Answer<Value>, ApiError> {
    let (audience, catalog) = reader.read(&web, include_inactive).await?;
    let expert = catalog
        .experts
        .get(&id)
        .filter(|expert| expert.is_active || audience == Audience::Admin)
        .ok_or_else(|| ApiError::not_found("Expert"))?;
    let data = json!({"expert": with_gallery(audience, &catalog, expert)});
    Answer::new(audience, &headers, "The expert.", data)
}

/// `{name,title?,bio?,imageUrl?,isActive?}`.
pub(crate) struct Request(ExpertDetails);

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name");
        let title = fields.optional("title");
        let bio = fields.optional("bio");
        let image_url = fields.optional_with("imageUrl", http_url);
        let is_active = fields.optional_with("isActive", flag);
        Some(Self(ExpertDetails {
            name: name?,
            title: title?,
            bio: bio?,
            image_url: image_url?,
            is_active: is_active?,
        }))
    }
}

/// Writes an expert, because of what happened to something of theirs.
pub(crate) fn put_because_of(expert: Expert, what: &'static str, kind: Kind, id: String) -> Decision<Expert> {
    let writes = vec![CatalogWrite::Put(CatalogRow::Expert(Box::new(expert.clone())))];
    Decision { writes, what, kind, id, outcome: expert }
}

fn put(expert: Expert, kind: Kind) -> Decision<Expert> {
    let id = expert.id.to_string();
    put_because_of(expert, "expert", kind, id)
}

pub(crate) fn data(catalog: &Catalog, expert: &Expert) -> Value {
    json!({"expert": with_gallery(Audience::Admin, catalog, expert)})
}

pub(crate) async fn create(editor: Editor, request: Keyed<Request>) -> Result<Reply<Value>, ApiError> {
    let (creation, Request(details)) = editor.creation(request);
    let now = creation.now();
    let id = ExpertId::derived(creation.id_bytes("expert"));
    let decide = |catalog: &Catalog| Ok(put(catalog.create_expert(id, &details, now)?, Kind::Created));
    let (catalog, is_repeat) = creation.write(decide).await?;
    let made = catalog.experts.get(&id).ok_or_else(|| deleted_since("Expert"))?;
    Ok(replayed_if(is_repeat, Reply::created("The expert is added.", data(&catalog, made))))
}

pub(crate) async fn change(
    editor: Editor,
    Id(id): Id<ExpertId>,
    Body(Request(details)): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| Ok(put(catalog.change_expert(id, &details, now)?, Kind::Updated));
    let (catalog, changed) = editor.write(decide).await?;
    Ok(Reply::ok("The expert is changed.", data(&catalog, &changed)))
}

pub(crate) async fn delete(editor: Editor, Id(id): Id<ExpertId>) -> Result<Reply<Value>, ApiError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| {
        Ok(match catalog.delete_expert(id, now)? {
            Removal::Deactivated(expert) => put(expert, Kind::Deactivated).map(Some),
            Removal::Deleted => {
                let mut writes = vec![CatalogWrite::DeleteExpert(id)];
                writes.extend(gallery::deletions(catalog, ImageOf::Expert(id)));
                Decision::deleted("expert", id, writes, None)
            }
        })
    };
    Ok(match editor.write(decide).await? {
        (_, None) => Reply::ok("The expert is deleted, and their images with them.", json!({})),
        (catalog, Some(kept)) => {
            let message = "This expert offers services, so they are kept; they cannot be booked any more.";
            Reply::ok(message, data(&catalog, &kept))
        }
    })
}
