//! `GET /services` and `GET /services/{id}`.

use axum::extract::State;
use chairbook_models::catalog::{Catalog, Service};
use chairbook_models::ids::{CategoryId, ExpertId, ServiceId};
use chairbook_web::{ApiError, Fields, FromFields, Id, Paging, Pending, Query, Revalidated, Visitor, Web};
use http::HeaderMap;
use serde_json::{Value, json};

/// The longest search text, characters.
const MAX_SEARCH: usize = 100;

/// `categoryId`, `expertId`, `q`, `limit`, `cursor`.
pub(crate) struct Filter {
    category_id: Option<CategoryId>,
    expert_id: Option<ExpertId>,
    text: Option<String>,
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
        let paging = Paging::from_fields(fields);
        Some(Self { category_id: category_id?, expert_id: expert_id?, text: text?, paging: paging? })
    }
}

impl Filter {
    fn matches(&self, catalog: &Catalog, service: &Service) -> bool {
        let contains = |text: &str, wanted: &str| text.to_lowercase().contains(wanted);
        catalog.is_bookable(service)
            && self.category_id.is_none_or(|id| id == service.category_id)
            && self.expert_id.is_none_or(|id| {
                catalog
                    .experts
                    .get(&id)
                    .is_some_and(|expert| expert.is_active && expert.services.contains_key(&service.id))
            })
            && self.text.as_deref().is_none_or(|wanted| {
                contains(&service.name, wanted)
                    || service.description.as_deref().is_some_and(|text| contains(text, wanted))
            })
    }

    /// The list that this filter makes, for its cursors.
    fn list(&self) -> String {
        format!("services {:?} {:?} {:?}", self.category_id, self.expert_id, self.text)
    }
}

fn render(catalog: &Catalog, service: &Service) -> Value {
    let sub_services: Vec<_> = catalog
        .sub_services_of(service.id)
        .into_iter()
        .map(|sub| {
            json!({
                "id": sub.id,
                "name": sub.name,
                "description": sub.description,
                "price": sub.price,
                "durationMinutes": sub.duration_minutes,
            })
        })
        .collect();
    let experts: Vec<_> = catalog
        .experts_offering(service.id)
        .into_iter()
        .map(|expert| {
            let own = expert.services.get(&service.id);
            json!({
                "id": expert.id,
                "name": expert.name,
                "title": expert.title,
                "imageUrl": expert.image_url,
                "rating": expert.rating,
                "price": own.and_then(|own| own.price).unwrap_or(service.price),
                "durationMinutes":
                    own.and_then(|own| own.duration_minutes).unwrap_or(service.duration_minutes),
            })
        })
        .collect();
    json!({
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
        "subServices": sub_services,
        "experts": experts,
    })
}

pub(crate) async fn list(
    State(web): State<Web>,
    visitor: Pending<Visitor>,
    headers: HeaderMap,
    Query(filter): Query<Filter>,
) -> Result<Revalidated, ApiError> {
    let (_, catalog) = visitor.admit_with(web.store.catalog()).await?;
    let mut all: Vec<_> =
        catalog.services.values().filter(|service| filter.matches(&catalog, service)).collect();
    let position = |service: &Service| catalog.categories.get(&service.category_id).map(|c| c.position);
    all.sort_by(|a, b| (position(a), &a.name, a.id).cmp(&(position(b), &b.name, b.id)));
    let page = filter.paging.page(&filter.list(), &all, |service| service.id.to_string())?;
    Ok(Revalidated::new(&headers, catalog.version, "The salon's services.", || {
        let items: Vec<_> = page.items.iter().map(|&place| render(&catalog, all[place])).collect();
        json!({"items": items, "nextCursor": page.next_cursor})
    }))
}

pub(crate) async fn one(
    State(web): State<Web>,
    visitor: Pending<Visitor>,
    headers: HeaderMap,
    Id(id): Id<ServiceId>,
) -> Result<Revalidated, ApiError> {
    let (_, catalog) = visitor.admit_with(web.store.catalog()).await?;
    let service = catalog
        .services
        .get(&id)
        .filter(|service| catalog.is_bookable(service))
        .ok_or_else(|| ApiError::not_found("Service"))?;
    Ok(Revalidated::new(
        &headers,
        catalog.version,
        "The service.",
        || json!({"service": render(&catalog, service)}),
    ))
}
