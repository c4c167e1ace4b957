//! `GET` and `POST /services`; `GET`, `PUT` and `DELETE /services/{id}`.

use axum::extract::State;
use chairbook_models::booking::MAX_BLOCKED_MINUTES;
use chairbook_models::catalog::{Catalog, Expert, ImageOf, Service, SubService};
use chairbook_models::catalog_change::{Removal, ServiceDetails, check_length};
use chairbook_models::ids::{CategoryId, ExpertId, ServiceId};
use chairbook_store::{CatalogRow, CatalogWrite};
use chairbook_web::idempotency::{deleted_since, replayed_if};
use chairbook_web::{ApiError, Body, Fields, FromFields, Id, Keyed, Page, Paging, Query, Reply, Web};
use http::HeaderMap;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::audience::{Answer, Audience, IncludeInactive, Reader};
use crate::change::{Decision, Editor, Kind, checked};
use crate::values::{flag, price, whole};
use crate::{gallery, offers};

/// The longest search text, characters.
const MAX_SEARCH: usize = 100;

/// `categoryId`, `expertId`, `q`, `includeInactive`, `limit`, `cursor`.
pub(crate) struct Filter {
    category_id: Option<CategoryId>,
    expert_id: Option<ExpertId>,
    text: Option<String>,
    include_inactive: IncludeInactive,
    paging: Paging,
}

impl FromFields for Filter {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let category_id = fields.optional("categoryId");
        let expert_id = fields.optional("expertId");
        let text = fields.optional_with("q", |value| {
            let text = value.as_str().unwrap_or_default().trim().to_lowercase();
            if text.chars().count() > MAX_SEARCH {
                return Err(format!("must have at most {MAX_SEARCH} characters"));
            }
            Ok(text)
        });
        let include_inactive = IncludeInactive::from_fields(fields);
        let paging = Paging::from_fields(fields);
        Some(Self {
            category_id: category_id?,
            expert_id: expert_id?,
            text: text?,
            include_inactive: include_inactive?,
            paging: paging?,
        })
    }
}

impl Filter {
    fn matches(&self, audience: Audience, catalog: &Catalog, service: &Service) -> bool {
        let all = audience == Audience::Admin;
        let contains = |text: &str, wanted: &str| text.to_lowercase().contains(wanted);
        (all || catalog.is_bookable(service))
            && self.category_id.is_none_or(|id| id == service.category_id)
            && self.expert_id.is_none_or(|id| {
                catalog.experts.get(&id).is_some_and(|expert| {
                    (all || expert.is_active) && expert.services.contains_key(&service.id)
                })
            })
            && self.text.as_deref().is_none_or(|wanted| {
                contains(&service.name, wanted)
                    || service.description.as_deref().is_some_and(|text| contains(text, wanted))
            })
    }

    /// The list that this filter makes, for its cursors.
    fn list(&self) -> String {
        let Self { category_id, expert_id, text, include_inactive, .. } = self;
        format!("services {category_id:?} {expert_id:?} {text:?} {include_inactive:?}")
    }
}

/// How much is shown of what belongs to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Names and terms, as in a list of services.
    Listed,
    /// Everything.
    Whole,
}

impl Extent {
    /// Adds to a thing what only a single service shows of it.
    fn complete<const N: usize>(self, thing: &mut Value, members: [(&str, Value); N]) {
        if self == Self::Whole {
            for (name, value) in members {
                thing[name] = value;
            }
        }
    }
}

pub(crate) fn render_sub_service(audience: Audience, extent: Extent, sub: &SubService) -> Value {
    let mut rendered = json!({
        "id": sub.id,
        "name": sub.name,
        "price": sub.price,
        "durationMinutes": sub.duration_minutes,
    });
    extent.complete(&mut rendered, [("description", json!(sub.description))]);
    audience.complete(&mut rendered, [("isActive", json!(sub.is_active))]);
    rendered
}

fn render_expert(audience: Audience, extent: Extent, expert: &Expert, service: &Service) -> Value {
    let own = expert.services.get(&service.id);
    let mut rendered = json!({
        "id": expert.id,
        "name": expert.name,
        "price": own.and_then(|own| own.price).unwrap_or(service.price),
        "durationMinutes": own.and_then(|own| own.duration_minutes).unwrap_or(service.duration_minutes),
    });
    extent.complete(
        &mut rendered,
        [
            ("title", json!(expert.title)),
            ("imageUrl", json!(expert.image_url)),
            ("rating", json!(expert.rating)),
        ],
    );
    audience.complete(&mut rendered, [("isActive", json!(expert.is_active))]);
    rendered
}

fn render(audience: Audience, catalog: &Catalog, service: &Service, today: Date, extent: Extent) -> Value {
    let (sub_services, experts) = match audience {
        Audience::Public => (catalog.sub_services_of(service.id), catalog.experts_offering(service.id)),
        Audience::Admin => {
            (catalog.all_sub_services_of(service.id), catalog.all_experts_offering(service.id))
        }
    };
    let sub_services: Vec<_> =
        sub_services.into_iter().map(|sub| render_sub_service(audience, extent, sub)).collect();
    let experts: Vec<_> =
        experts.into_iter().map(|expert| render_expert(audience, extent, expert, service)).collect();
    let mut rendered = json!({
        "id": service.id,
        "categoryId": service.category_id,
        "categoryName": catalog.categories.get(&service.category_id).map(|category| &category.name),
        "name": service.name,
        "description": service.description,
        "price": service.price,
        "currency": catalog.settings.currency,
        "durationMinutes": service.duration_minutes,
        "bufferMinutes": service.buffer_minutes,
        "isActive": service.is_active,
    });
    // Moved in: `json!` would copy each.
    rendered["subServices"] = Value::Array(sub_services);
    rendered["experts"] = Value::Array(experts);
    rendered["offers"] = Value::Array(offers::of_service(catalog, service, today));
    let Service { is_active, created_at, updated_at, .. } = *service;
    if extent == Extent::Whole {
        rendered["gallery"] = Value::Array(gallery::of(audience, catalog, ImageOf::Service(service.id)));
    }
    audience.complete_with_times(&mut rendered, is_active, created_at, updated_at);
    rendered
}

pub(crate) async fn list(
    State(web): State<Web>,
    reader: Reader,
    headers: HeaderMap,
    Query(filter): Query<Filter>,
) -> Result<Answer<Page>, ApiError> {
    let (audience, catalog) = reader.read(&web, filter.include_inactive).await?;
    let mut all: Vec<_> =
        catalog.services.values().filter(|service| filter.matches(audience, &catalog, service)).collect();
    let position = |service: &Service| catalog.categories.get(&service.category_id).map(|c| c.position);
    all.sort_by(|a, b| (position(a), &a.name, a.id).cmp(&(position(b), &b.name, b.id)));
    let today = offers::today(&catalog)?;
    let show = |service: &&Service| render(audience, &catalog, service, today, Extent::Listed);
    let page = filter.paging.page(&filter.list(), &all, |service| service.id.to_string(), show)?;
    Answer::new(audience, &headers, "The salon's services.", page)
}

pub(crate) async fn one(
    State(web): State<Web>,
    reader: Reader,
    headers: HeaderMap,
    Id(id): Id<ServiceId>,
    Query(include_inactive): Query<IncludeInactive>,
) -> Result<Answer<Value>, ApiError> {
    let (audience, catalog) = reader.read(&web, include_inactive).await?;
    let service = catalog
        .services
        .get(&id)
        .filter(|service| audience == Audience::Admin || catalog.is_bookable(service))
        .ok_or_else(|| ApiError::not_found("Service"))?;
    let today = offers::today(&catalog)?;
    let data = json!({"service": render(audience, &catalog, service, today, Extent::Whole)});
    Answer::new(audience, &headers, "The service.", data)
}

/// `{categoryId,name,description?,price,durationMinutes,bufferMinutes?,isActive?}`.
pub(crate) struct Request(ServiceDetails);

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let category_id = fields.required("categoryId");
        let name = fields.required("name");
        let description = fields.optional("description");
        let price = price(fields);
        let duration_minutes = fields.required_with("durationMinutes", whole(1..=MAX_BLOCKED_MINUTES));
        let buffer_minutes = fields.optional_with("bufferMinutes", whole(0..=MAX_BLOCKED_MINUTES - 1));
        let is_active = fields.optional_with("isActive", flag);
        let (duration_minutes, buffer_minutes) = (duration_minutes?, buffer_minutes?.unwrap_or_default());
        let length = checked(fields, check_length(duration_minutes, buffer_minutes));
        length?;
        Some(Self(ServiceDetails {
            category_id: category_id?,
            name: name?,
            description: description?,
            price: price?,
            duration_minutes,
            buffer_minutes,
            is_active: is_active?,
        }))
    }
}

fn put(service: Service, kind: Kind) -> Decision<Service> {
    Decision {
        writes: vec![CatalogWrite::Put(CatalogRow::Service(service.clone()))],
        what: "service",
        kind,
        id: service.id.to_string(),
        outcome: service,
    }
}

fn data(catalog: &Catalog, service: &Service) -> Result<Value, ApiError> {
    let today = offers::today(catalog)?;
    Ok(json!({"service": render(Audience::Admin, catalog, service, today, Extent::Whole)}))
}

pub(crate) async fn create(editor: Editor, request: Keyed<Request>) -> Result<Reply<Value>, ApiError> {
    let (creation, Request(details)) = editor.creation(request);
    let now = creation.now();
    let id = ServiceId::derived(creation.id_bytes("service"));
    let decide = |catalog: &Catalog| Ok(put(catalog.create_service(id, &details, now)?, Kind::Created));
    let (catalog, is_repeat) = creation.write(decide).await?;
    let made = catalog.services.get(&id).ok_or_else(|| deleted_since("Service"))?;
    Ok(replayed_if(is_repeat, Reply::created("The service is added.", data(&catalog, made)?)))
}

pub(crate) async fn change(
    editor: Editor,
    Id(id): Id<ServiceId>,
    Body(Request(details)): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| Ok(put(catalog.change_service(id, &details, now)?, Kind::Updated));
    let (catalog, changed) = editor.write(decide).await?;
    Ok(Reply::ok("The service is changed.", data(&catalog, &changed)?))
}

pub(crate) async fn delete(editor: Editor, Id(id): Id<ServiceId>) -> Result<Reply<Value>, ApiError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| {
        Ok(match catalog.delete_service(id, now)? {
            Removal::Deactivated(service) => put(service, Kind::Deactivated).map(Some),
            Removal::Deleted => {
                let subs = catalog.all_sub_services_of(id);
                let mut writes = vec![CatalogWrite::DeleteService(id)];
                writes.extend(subs.into_iter().map(|sub| CatalogWrite::DeleteSubService(id, sub.id)));
                writes.extend(gallery::deletions(catalog, ImageOf::Service(id)));
                let offers = catalog.offers_without(id, now).into_iter();
                writes.extend(offers.map(|offer| CatalogWrite::Put(CatalogRow::Offer(offer))));
                Decision::deleted("service", id, writes, None)
            }
        })
    };
    Ok(match editor.write(decide).await? {
        (_, None) => Reply::ok("The service is deleted, and its sub-services and images with it.", json!({})),
        (catalog, Some(kept)) => {
            let message = "Experts offer this service, so it is kept; it cannot be booked any more.";
            Reply::ok(message, data(&catalog, &kept)?)
        }
    })
}
