//! `GET` and `POST /offers`, `PUT` and `DELETE /offers/{id}`.

use std::collections::BTreeSet;

use axum::extract::State;
use chairbook_models::booking::Salon;
use chairbook_models::catalog::Catalog;
use chairbook_models::catalog_change::{
    CatalogError, MAX_PRICE, MAX_SERVICES_OF_OFFER, OfferDetails, check_validity, discount,
};
use chairbook_models::event::CatalogKind;
use chairbook_models::ids::{OfferId, ServiceId};
use chairbook_models::offers::{Offer, OfferCode};
use chairbook_platform::clock;
use chairbook_store::{CatalogRow, CatalogWrite};
use chairbook_web::fields::format::{self, Flag, Format, LocalDate, text, whole};
use chairbook_web::{Fields, FromFields, Id, Page, Query, RequestError, Web};
use http::HeaderMap;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::audience::{Answer, Audience, Listing, Reader};
use crate::error::{CreateError, MoveError};
use crate::ids::TopLevel;
use crate::resource::Resource;
use crate::values::checked;
use crate::view::{self, OneOffer};
use crate::written::Written;

/// The salon's local date.
pub(crate) fn today(catalog: &Catalog) -> Result<Date, RequestError> {
    let salon = Salon::new(catalog).map_err(|error| RequestError::bug(&error))?;
    Ok(salon.today(clock::now()))
}

/// The services that an offer names, as far as they may be seen.
fn named_services(audience: Audience, catalog: &Catalog, offer: &Offer) -> Vec<ServiceId> {
    let is_seen = |id: &ServiceId| {
        audience.is_admin() || catalog.services.get(id).is_some_and(|service| catalog.is_bookable(service))
    };
    offer.service_ids.iter().copied().filter(is_seen).collect()
}

fn show<'c>(audience: Audience, catalog: &Catalog, offer: &'c Offer) -> view::Offer<'c> {
    view::Offer::new(audience, catalog, offer, named_services(audience, catalog, offer))
}

pub(crate) async fn list(
    State(web): State<Web>,
    reader: Reader,
    headers: HeaderMap,
    Query(Listing { include_inactive, paging }): Query<Listing>,
) -> Result<Answer<Page<view::Offer<'static>>>, RequestError> {
    let (audience, catalog) = reader.read(&web, include_inactive).await?;
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
    let id = |offer: &&Offer| offer.id.to_string();
    let page = paging.page(&list, &all, id, |offer| show(audience, &catalog, offer))?;
    Answer::new(audience, &headers, "The salon's offers.", page)
}

/// `name`, `description`, `percentOff` or `amountOff`, `code`, `serviceIds`, `validFrom`, `validTo`, `isActive`.
pub(crate) struct Request(OfferDetails);

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let name = fields.required("name");
        let description = fields.optional("description");
        let percent = whole(1..=100).about("The hundredths of the price that it takes off.");
        let percent = fields.optional_as("percentOff", percent);
        let amount = whole(1..=MAX_PRICE)
            .about("The amount that it takes off, minor currency units; either this or `percentOff`.");
        let amount = fields.optional_as("amountOff", amount);
        let code = text::<OfferCode>().about(
            "The code that a booking has to name, in any case; without one the offer applies by itself. No two offers \
             have the same.",
        );
        let code = fields.optional_as("code", code);
        let service_ids =
            format::list(MAX_SERVICES_OF_OFFER).about("The services that it is for; none for all.");
        let service_ids = fields.optional_as("serviceIds", service_ids).map(Option::unwrap_or_default);
        let valid_from = LocalDate.about("The first local date of appointments that it is for.");
        let valid_from = fields.optional_as("validFrom", valid_from);
        let valid_to = LocalDate.about("The last local date of appointments that it is for.");
        let valid_to = fields.optional_as("validTo", valid_to);
        let is_active = fields.optional_as("isActive", Flag.about("Set where it applies."));
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

impl Resource for Offer {
    const KIND: CatalogKind = CatalogKind::Offer;
    const NAME: &'static str = "Offer";
    const CREATED: &'static str = "The offer is added.";
    const UPDATED: &'static str =
        "The offer is changed. Appointments keep what it took off when they were booked.";
    const DELETED: &'static str =
        "The offer is deleted. Appointments keep what it took off when they were booked.";

    type Id = OfferId;
    type Parent = TopLevel;
    type Path = Id<OfferId>;
    type Request = Request;
    type Data = OneOffer<'static>;
    type CreateError = CreateError;
    type UpdateError = MoveError;

    fn derive_id(bytes: [u8; 16]) -> OfferId {
        OfferId::derived(bytes)
    }

    fn id(&self) -> OfferId {
        self.id
    }

    fn row(&self) -> CatalogRow {
        CatalogRow::Offer(self.clone())
    }

    fn find(catalog: &Catalog, id: OfferId) -> Option<&Self> {
        catalog.offers.get(&id)
    }

    fn create(
        catalog: &Catalog,
        _: &TopLevel,
        id: OfferId,
        Request(details): &Request,
        now: Timestamp,
    ) -> Result<Self, CatalogError> {
        catalog.create_offer(id, details, now)
    }

    fn update(
        catalog: &Catalog,
        Id(id): &Id<OfferId>,
        Request(details): &Request,
        now: Timestamp,
    ) -> Result<Self, CatalogError> {
        catalog.change_offer(*id, details, now)
    }

    fn delete(
        catalog: &Catalog,
        Id(id): &Id<OfferId>,
        _: Timestamp,
    ) -> Result<Vec<CatalogWrite>, CatalogError> {
        catalog.delete_offer(*id)?;
        Ok(vec![CatalogWrite::DeleteOffer(*id)])
    }

    fn data(&self, catalog: &Catalog) -> Result<Written<OneOffer<'static>>, RequestError> {
        Written::new(&OneOffer { offer: show(Audience::Admin, catalog, self) })
    }
}
