//! `GET` and `POST /offers`, `PUT` and `DELETE /offers/{id}`; and the offers that a service shows.

use std::collections::BTreeSet;

use axum::extract::State;
use chairbook_models::booking::Salon;
use chairbook_models::catalog::{Catalog, Service};
use chairbook_models::catalog_change::{
    MAX_PRICE, MAX_SERVICES_OF_OFFER, OfferDetails, check_validity, discount,
};
use chairbook_models::ids::{OfferId, ServiceId};
use chairbook_models::offers::{Offer, OfferCode};
use chairbook_platform::clock;
use chairbook_store::{CatalogRow, CatalogWrite};
use chairbook_web::dates::date;
use chairbook_web::idempotency::{deleted_since, replayed_if};
use chairbook_web::{ApiError, Body, Fields, FromFields, Id, Keyed, Page, Paging, Query, Reply, Web};
use http::HeaderMap;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::audience::{Answer, Audience, IncludeInactive, Reader};
use crate::change::{Decision, Editor, Kind, checked};
use crate::values::{flag, whole};

/// The salon's local date.
pub(crate) fn today(catalog: &Catalog) -> Result<Date, ApiError> {
    let salon = Salon::new(catalog).map_err(|error| ApiError::bug(&error))?;
    Ok(salon.today(clock::now()))
}

/// `includeInactive`, `limit`, `cursor`.
pub(crate) struct Filter {
    include_inactive: IncludeInactive,
    paging: Paging,
}

impl FromFields for Filter {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let include_inactive = IncludeInactive::from_fields(fields);
        let paging = Paging::from_fields(fields);
        Some(Self { include_inactive: include_inactive?, paging: paging? })
    }
}

/// The services that an offer names, as far as they may be seen.
fn named_services(audience: Audience, catalog: &Catalog, offer: &Offer) -> Vec<ServiceId> {
    let is_seen = |id: &ServiceId| {
        audience == Audience::Admin
            || catalog.services.get(id).is_some_and(|service| catalog.is_bookable(service))
    };
    offer.service_ids.iter().copied().filter(is_seen).collect()
}

fn render(audience: Audience, catalog: &Catalog, offer: &Offer) -> Value {
    let mut rendered = json!({
        "id": offer.id,
        "name": offer.name,
        "description": offer.description,
        "percentOff": offer.discount.percent(),
        "amountOff": offer.discount.amount(),
        "currency": catalog.settings.currency,
        "serviceIds": named_services(audience, catalog, offer),
        "validFrom": offer.valid_from,
        "validTo": offer.valid_to,
    });
    audience.complete(&mut rendered, [("code", json!(offer.code.as_ref().map(OfferCode::as_str)))]);
    audience.complete_with_times(&mut rendered, offer.is_active, offer.created_at, offer.updated_at);
    rendered
}

/// The offers that customers of a service get without asking for them.
pub(crate) fn of_service(catalog: &Catalog, service: &Service, today: Date) -> Vec<Value> {
    let all = catalog.public_offers(today).into_iter().filter(|offer| offer.is_for(service.id));
    all.map(|offer| {
        json!({
            "id": offer.id,
            "name": offer.name,
            "percentOff": offer.discount.percent(),
            "amountOff": offer.discount.amount(),
            "validFrom": offer.valid_from,
            "validTo": offer.valid_to,
        })
    })
    .collect()
}

pub(crate) async fn list(
    State(web): State<Web>,
    reader: Reader,
    headers: HeaderMap,
    Query(filter): Query<Filter>,
) -> Result<Answer<Page>, ApiError> {
    let (audience, catalog) = reader.read(&web, filter.include_inactive).await?;
    let today = today(&catalog)?;
    let all = match audience {
        Audience::Public => {
            let mut public = catalog.public_offers(today);
            // One that is only for what nobody can book is no offer.
            public.retain(|offer| {
                offer.service_ids.is_empty() || !named_services(audience, &catalog, offer).is_empty()
            });
            public
        }
        Audience::Admin => {
            let mut all: Vec<_> = catalog.offers.values().collect();
            all.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
            all
        }
    };
    let list = format!("offers {audience:?}");
    let show = |offer: &&Offer| render(audience, &catalog, offer);
    let page = filter.paging.page(&list, &all, |offer| offer.id.to_string(), show)?;
    Answer::new(audience, &headers, "The salon's offers.", page)
}

/// `{name,description?,percentOff?|amountOff?,code?,serviceIds?,validFrom?,validTo?,isActive?}`.
pub(crate) struct Request(OfferDetails);

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name");
        let description = fields.optional("description");
        let percent = fields.optional_with("percentOff", whole(1..=100));
        let amount = fields.optional_with("amountOff", whole(1..=MAX_PRICE));
        let code = fields.optional("code");
        let service_ids = fields.list("serviceIds", MAX_SERVICES_OF_OFFER);
        let valid_from = fields.optional_with("validFrom", date);
        let valid_to = fields.optional_with("validTo", date);
        let is_active = fields.optional_with("isActive", flag);
        let discount = match (percent, amount) {
            (Some(percent), Some(amount)) => checked(fields, discount(percent, amount)),
            _ => None,
        };
        let validity = match (valid_from, valid_to) {
            (Some(from), Some(to)) => checked(fields, check_validity(from, to)),
            _ => None,
        };
        validity?;
        Some(Self(OfferDetails {
            name: name?,
            description: description?,
            discount: discount?,
            code: code?,
            service_ids: BTreeSet::from_iter(service_ids?),
            valid_from: valid_from?,
            valid_to: valid_to?,
            is_active: is_active?,
        }))
    }
}

fn put(offer: Offer, kind: Kind) -> Decision<Offer> {
    Decision {
        writes: vec![CatalogWrite::Put(CatalogRow::Offer(offer.clone()))],
        what: "offer",
        kind,
        id: offer.id.to_string(),
        outcome: offer,
    }
}

fn data(catalog: &Catalog, offer: &Offer) -> Value {
    json!({"offer": render(Audience::Admin, catalog, offer)})
}

pub(crate) async fn create(editor: Editor, request: Keyed<Request>) -> Result<Reply<Value>, ApiError> {
    let (creation, Request(details)) = editor.creation(request);
    let now = creation.now();
    let id = OfferId::derived(creation.id_bytes("offer"));
    let decide = |catalog: &Catalog| Ok(put(catalog.create_offer(id, &details, now)?, Kind::Created));
    let (catalog, is_repeat) = creation.write(decide).await?;
    let made = catalog.offers.get(&id).ok_or_else(|| deleted_since("Offer"))?;
    Ok(replayed_if(is_repeat, Reply::created("The offer is added.", data(&catalog, made))))
}

pub(crate) async fn change(
    editor: Editor,
    Id(id): Id<OfferId>,
    Body(Request(details)): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| Ok(put(catalog.change_offer(id, &details, now)?, Kind::Updated));
    let (catalog, changed) = editor.write(decide).await?;
    let message = "The offer is changed. Appointments keep what it took off when they were booked.";
    Ok(Reply::ok(message, data(&catalog, &changed)))
}

pub(crate) async fn delete(editor: Editor, Id(id): Id<OfferId>) -> Result<Reply<Value>, ApiError> {
    let decide = |catalog: &Catalog| {
        catalog.delete_offer(id)?;
        Ok(Decision::deleted("offer", id, vec![CatalogWrite::DeleteOffer(id)], ()))
    };
    editor.write(decide).await?;
    let message = "The offer is deleted. Appointments keep what it took off when they were booked.";
    Ok(Reply::ok(message, json!({})))
}
