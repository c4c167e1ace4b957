//! `GET /experts` and `GET /experts/{id}`.

use axum::extract::State;
use chairbook_models::catalog::{Catalog, Expert};
use chairbook_models::ids::{ExpertId, ServiceId};
use chairbook_web::{ApiError, Fields, FromFields, Id, Paging, Pending, Query, Revalidated, Visitor, Web};
use http::HeaderMap;
use serde_json::{Value, json};

/// `serviceId`, `limit`, `cursor`.
pub(crate) struct Filter {
    service_id: Option<ServiceId>,
    paging: Paging,
}

impl FromFields for Filter {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let service_id = fields.optional("serviceId");
        let paging = Paging::from_fields(fields);
        Some(Self { service_id: service_id?, paging: paging? })
    }
}

fn render(catalog: &Catalog, expert: &Expert) -> Value {
    let services: Vec<_> = expert
        .services
        .iter()
        .filter_map(|(id, own)| {
            let service = catalog.services.get(id).filter(|service| catalog.is_bookable(service))?;
            Some(json!({
                "id": service.id,
                "name": service.name,
                "price": own.price.unwrap_or(service.price),
                "durationMinutes": own.duration_minutes.unwrap_or(service.duration_minutes),
            }))
        })
        .collect();
    json!({
        "id": expert.id,
        "name": expert.name,
        "title": expert.title,
        "bio": expert.bio,
        "imageUrl": expert.image_url,
        "rating": expert.rating,
        "totalReviews": expert.total_reviews,
        "services": services,
        "workingHours": expert.working_hours,
        "timeZone": catalog.settings.time_zone,
    })
}

pub(crate) async fn list(
    State(web): State<Web>,
    visitor: Pending<Visitor>,
    headers: HeaderMap,
    Query(filter): Query<Filter>,
) -> Result<Revalidated, ApiError> {
    let (_, catalog) = visitor.admit_with(web.store.catalog()).await?;
    let mut all: Vec<_> = catalog
        .experts
        .values()
        .filter(|expert| expert.is_active)
        .filter(|expert| filter.service_id.is_none_or(|id| expert.services.contains_key(&id)))
        .collect();
    all.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    let list = format!("experts {:?}", filter.service_id);
    let page = filter.paging.page(&list, &all, |expert| expert.id.to_string())?;
    Ok(Revalidated::new(&headers, catalog.version, "The salon's experts.", || {
        let items: Vec<_> = page.items.iter().map(|&place| render(&catalog, all[place])).collect();
        json!({"items": items, "nextCursor": page.next_cursor})
    }))
}

pub(crate) async fn one(
    State(web): State<Web>,
    visitor: Pending<Visitor>,
    headers: HeaderMap,
    Id(id): Id<ExpertId>,
) -> Result<Revalidated, ApiError> {
    let (_, catalog) = visitor.admit_with(web.store.catalog()).await?;
    let expert = catalog
        .experts
        .get(&id)
        .filter(|expert| expert.is_active)
        .ok_or_else(|| ApiError::not_found("Expert"))?;
    Ok(Revalidated::new(
        &headers,
        catalog.version,
        "The expert.",
        || json!({"expert": render(&catalog, expert)}),
    ))
}
