//! `GET` and `POST /services`; `GET`, `PUT` and `DELETE /services/{id}`.

use std::borrow::Cow;
use std::str::FromStr;

use axum::extract::State;
use chairbook_models::booking::MAX_BLOCKED_MINUTES;
use chairbook_models::catalog::{Catalog, ImageOf, Service};
use chairbook_models::catalog_change::{CatalogError, Removal, ServiceDetails, check_length};
use chairbook_models::event::CatalogKind;
use chairbook_models::ids::{CategoryId, ExpertId, ServiceId};
use chairbook_store::{CatalogRow, CatalogWrite};
use chairbook_web::fields::format::{Flag, Format, whole};
use chairbook_web::{Fields, FromFields, Id, Page, Paging, Query, RequestError, Web};
use http::HeaderMap;
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::audience::{Answer, Audience, IncludeInactive, Reader};
use crate::error::{CreateError, FindError};
use crate::ids::TopLevel;
use crate::resource::{Addressed, Referable, Resource};
use crate::values::{checked, money};
use crate::view::{ListedService, OneService, Showing};
use crate::written::Written;
use crate::{gallery, offers, view};

/// The longest search text, characters.
const MAX_SEARCH: usize = 100;

/// A text to be found in names and descriptions, in lower case.
struct SearchText(String);

impl FromStr for SearchText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim().to_lowercase();
        if text.chars().count() > MAX_SEARCH {
            return Err(format!("must have at most {MAX_SEARCH} characters"));
        }
        Ok(Self(text))
    }
}

impl JsonSchema for SearchText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SearchText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A part of the name or of the description, in any case.",
            "type": "string",
            "maxLength": MAX_SEARCH,
        })
    }
}

/// `categoryId`, `expertId`, `q`, `includeInactive`, `limit`, `cursor`.
pub(crate) struct Filter {
    category_id: Option<CategoryId>,
    expert_id: Option<ExpertId>,
    text: Option<SearchText>,
    include_inactive: IncludeInactive,
    paging: Paging,
}

impl FromFields for Filter {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let category_id = fields.optional("categoryId");
        let expert_id = fields.optional("expertId");
        let text = fields.optional("q");
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
        let all = audience.is_admin();
        let contains = |text: &str, wanted: &str| text.to_lowercase().contains(wanted);
        (all || catalog.is_bookable(service))
            && self.category_id.is_none_or(|id| id == service.category_id)
            && self.expert_id.is_none_or(|id| {
                catalog.experts.get(&id).is_some_and(|expert| {
                    (all || expert.is_active) && expert.services.contains_key(&service.id)
                })
            })
            && self.text.as_ref().is_none_or(|SearchText(wanted)| {
                contains(&service.name, wanted)
                    || service.description.as_deref().is_some_and(|text| contains(text, wanted))
            })
    }

    /// The list that this filter makes, for its cursors.
    fn list(&self) -> String {
        let Self { category_id, expert_id, text, include_inactive, .. } = self;
        let text = text.as_ref().map(|SearchText(text)| text);
        format!("services {category_id:?} {expert_id:?} {text:?} {include_inactive:?}")
    }
}

/// The catalog as it is shown today.
fn showing(audience: Audience, catalog: &Catalog) -> Result<Showing<'_>, RequestError> {
    Ok(Showing::new(audience, catalog, offers::today(catalog)?))
}

pub(crate) async fn list(
    State(web): State<Web>,
    reader: Reader,
    headers: HeaderMap,
    Query(filter): Query<Filter>,
) -> Result<Answer<Page<ListedService<'static>>>, RequestError> {
    let (audience, catalog) = reader.read(&web, filter.include_inactive).await?;
    let mut all: Vec<_> =
        catalog.services.values().filter(|service| filter.matches(audience, &catalog, service)).collect();
    let position = |service: &Service| catalog.categories.get(&service.category_id).map(|c| c.position);
    all.sort_by_cached_key(|service| (position(service), service.name.as_str(), service.id));
    let showing = showing(audience, &catalog)?;
    let id = |service: &&Service| service.id.to_string();
    let page =
        filter.paging.page(&filter.list(), &all, id, |service| ListedService::new(&showing, service))?;
    Answer::new(audience, &headers, "The salon's services.", page)
}

pub(crate) async fn one(
    State(web): State<Web>,
    reader: Reader,
    headers: HeaderMap,
    Id(id): Id<ServiceId>,
    Query(include_inactive): Query<IncludeInactive>,
) -> Result<Answer<Written<OneService<'static>>>, FindError> {
    let (audience, catalog) = reader.read(&web, include_inactive).await?;
    let service = catalog
        .services
        .get(&id)
        .filter(|service| audience.is_admin() || catalog.is_bookable(service))
        .ok_or(FindError::NotFound { thing: Service::NAME })?;
    Ok(Answer::new(audience, &headers, "The service.", data(audience, &catalog, service)?)?)
}

fn data(
    audience: Audience,
    catalog: &Catalog,
    service: &Service,
) -> Result<Written<OneService<'static>>, RequestError> {
    Written::new(&OneService { service: view::Service::new(&showing(audience, catalog)?, service) })
}

/// `categoryId`, `name`, `description`, `price`, `durationMinutes`, `bufferMinutes`, `isActive`.
pub(crate) struct Request(ServiceDetails);

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let category_id = fields.required("categoryId");
        let name = fields.required("name");
        let description = fields.optional("description");
        let price = fields.required_as("price", money());
        let duration_minutes =
            whole(1..=MAX_BLOCKED_MINUTES).about("The time that the customer is served, minutes.");
        let duration_minutes = fields.required_as("durationMinutes", duration_minutes);
        let buffer_minutes = whole(0..=MAX_BLOCKED_MINUTES - 1).about(
            "The time that the expert is kept busy afterwards, minutes; 0 unless given. With `durationMinutes` at most \
             600.",
        );
        let buffer_minutes = fields.optional_as("bufferMinutes", buffer_minutes);
        let is_active = fields.optional_as("isActive", Flag.about("Set where it can be booked."));
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

impl Resource for Service {
    const KIND: CatalogKind = CatalogKind::Service;
    const NAME: &'static str = "Service";
    const CREATED: &'static str = "The service is added.";
    const UPDATED: &'static str = "The service is changed.";
    const DELETED: &'static str = "The service is deleted, and its sub-services and images with it.";

    type Id = ServiceId;
    type Parent = TopLevel;
    type Path = Id<ServiceId>;
    type Request = Request;
    type Data = OneService<'static>;
    type CreateError = CreateError;
    type UpdateError = FindError;

    fn derive_id(bytes: [u8; 16]) -> ServiceId {
        ServiceId::derived(bytes)
    }

    fn id(&self) -> ServiceId {
        self.id
    }

    fn row(&self) -> CatalogRow {
        CatalogRow::Service(self.clone())
    }

    fn find(catalog: &Catalog, id: ServiceId) -> Option<&Self> {
        catalog.services.get(&id)
    }

    fn create(
        catalog: &Catalog,
        _: &TopLevel,
        id: ServiceId,
        Request(details): &Request,
        now: Timestamp,
    ) -> Result<Self, CatalogError> {
        catalog.create_service(id, details, now)
    }

    fn update(
        catalog: &Catalog,
        Id(id): &Id<ServiceId>,
        Request(details): &Request,
        now: Timestamp,
    ) -> Result<Self, CatalogError> {
        catalog.change_service(*id, details, now)
    }

    /// With its add-ons and images, and out of its offers.
    fn delete(
        catalog: &Catalog,
        Id(id): &Id<ServiceId>,
        now: Timestamp,
    ) -> Result<Vec<CatalogWrite>, CatalogError> {
        let subs = catalog.all_sub_services_of(*id).into_iter();
        let offers = catalog.offers_without(*id, now).into_iter();
        let mut writes = vec![CatalogWrite::DeleteService(*id)];
        writes.extend(subs.map(|sub| CatalogWrite::DeleteSubService(*id, sub.id)));
        writes.extend(gallery::deletions(catalog, ImageOf::Service(*id)));
        writes.extend(offers.map(|offer| CatalogWrite::Put(CatalogRow::Offer(offer))));
        Ok(writes)
    }

    fn data(&self, catalog: &Catalog) -> Result<Written<OneService<'static>>, RequestError> {
        data(Audience::Admin, catalog, self)
    }
}

impl Addressed for Service {
    const PATH: &'static str = "/api/v1/services";
}

impl Referable for Service {
    const DEACTIVATED: &'static str =
        "Experts offer this service, so it is kept; it cannot be booked any more.";

    fn removal(
        catalog: &Catalog,
        Id(id): &Id<ServiceId>,
        now: Timestamp,
    ) -> Result<Removal<Self>, CatalogError> {
        catalog.delete_service(*id, now)
    }
}
