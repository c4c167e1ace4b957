//! The catalog as responses show it. Texts are borrowed from the catalog.

use chairbook_models::catalog::{
    Catalog, Category as KeptCategory, Expert as KeptExpert, GalleryImage as KeptImage, ImageOf, OwnTerms,
    PayNow, Service as KeptService, Settings as KeptSettings, SubService as KeptSubService,
    TimeOff as KeptTimeOff,
};
use chairbook_models::ids::{CategoryId, ExpertId, ImageId, OfferId, ServiceId, SubServiceId, TimeOffId};
use chairbook_models::money::Currency;
use chairbook_models::offers::{Offer as KeptOffer, OfferCode};
use chairbook_models::working_hours::WorkingHours;
use chairbook_web::view::LocalDateTime;
use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;

use crate::audience::Audience;

/// The member that tells admins whether a thing is active.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Activity {
    /// Set where customers see it. Only admins see this member.
    is_active: bool,
}

impl Activity {
    fn of(audience: Audience, is_active: bool) -> Option<Self> {
        audience.for_admins(|| Self { is_active })
    }
}

/// The members that tell admins when a thing was created and changed.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Times {
    /// The time (UTC) of its creation. Only admins see this member.
    created_at: Timestamp,
    /// The time (UTC) of its last change. Only admins see this member.
    updated_at: Timestamp,
}

impl Times {
    fn of(audience: Audience, created_at: Timestamp, updated_at: Timestamp) -> Option<Self> {
        audience.for_admins(|| Self { created_at, updated_at })
    }
}

/// A heading under which services are listed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Category<'c> {
    id: CategoryId,
    name: &'c str,
    description: Option<&'c str>,
    /// Its place in the list, lowest first.
    position: u32,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    activity: Option<Activity>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    times: Option<Times>,
}

impl<'c> Category<'c> {
    pub(crate) fn new(audience: Audience, kept: &'c KeptCategory) -> Self {
        Self {
            id: kept.id,
            name: &kept.name,
            description: kept.description.as_deref(),
            position: kept.position,
            activity: Activity::of(audience, kept.is_active),
            times: Times::of(audience, kept.created_at, kept.updated_at),
        }
    }
}

/// A response about one category.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OneCategory<'c> {
    pub(crate) category: Category<'c>,
}

/// An add-on, as lists of services show it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListedSubService<'c> {
    id: SubServiceId,
    name: &'c str,
    /// Its part of the price, minor currency units.
    price: i64,
    /// Its part of the duration, minutes.
    duration_minutes: u32,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    activity: Option<Activity>,
}

impl<'c> ListedSubService<'c> {
    fn new(audience: Audience, kept: &'c KeptSubService) -> Self {
        Self {
            id: kept.id,
            name: &kept.name,
            price: kept.price,
            duration_minutes: kept.duration_minutes,
            activity: Activity::of(audience, kept.is_active),
        }
    }
}

/// An add-on of a service.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SubService<'c> {
    #[serde(flatten)]
    listed: ListedSubService<'c>,
    description: Option<&'c str>,
}

impl<'c> SubService<'c> {
    pub(crate) fn new(audience: Audience, kept: &'c KeptSubService) -> Self {
        Self { listed: ListedSubService::new(audience, kept), description: kept.description.as_deref() }
    }
}

/// A response about one add-on.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OneSubService<'c> {
    pub(crate) sub_service: SubService<'c>,
}

/// An expert who offers a service, as lists of services show them.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListedServiceExpert<'c> {
    id: ExpertId,
    name: &'c str,
    /// The price of the service with this expert, minor currency units.
    price: i64,
    /// The duration of the service with this expert, minutes.
    duration_minutes: u32,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    activity: Option<Activity>,
}

impl<'c> ListedServiceExpert<'c> {
    fn new(audience: Audience, service: &KeptService, kept: &'c KeptExpert) -> Self {
        let own = kept.services.get(&service.id);
        Self {
            id: kept.id,
            name: &kept.name,
            price: own.and_then(|own| own.price).unwrap_or(service.price),
            duration_minutes: own.and_then(|own| own.duration_minutes).unwrap_or(service.duration_minutes),
            activity: Activity::of(audience, kept.is_active),
        }
    }
}

/// An expert who offers a service.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ServiceExpert<'c> {
    #[serde(flatten)]
    listed: ListedServiceExpert<'c>,
    /// The expert's occupation, such as "Senior stylist".
    title: Option<&'c str>,
    #[schemars(extend("format" = "uri"))]
    image_url: Option<&'c str>,
    /// The mean of the expert's reviews, 1 to 5.
    rating: Option<f64>,
}

impl<'c> ServiceExpert<'c> {
    fn new(audience: Audience, service: &KeptService, kept: &'c KeptExpert) -> Self {
        Self {
            listed: ListedServiceExpert::new(audience, service, kept),
            title: kept.title.as_deref(),
            image_url: kept.image_url.as_deref(),
            rating: kept.rating,
        }
    }
}

/// An offer that customers of a service get without asking for it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ServiceOffer<'c> {
    id: OfferId,
    name: &'c str,
    /// The hundredths of the price that it takes off, unless it takes off an amount.
    percent_off: Option<u32>,
    /// The amount that it takes off, minor currency units, unless it takes off a percentage.
    amount_off: Option<i64>,
    /// The first local date of appointments that it is for.
    valid_from: Option<Date>,
    /// The last local date of appointments that it is for.
    valid_to: Option<Date>,
}

impl<'c> From<&'c KeptOffer> for ServiceOffer<'c> {
    fn from(kept: &'c KeptOffer) -> Self {
        Self {
            id: kept.id,
            name: &kept.name,
            percent_off: kept.discount.percent(),
            amount_off: kept.discount.amount(),
            valid_from: kept.valid_from,
            valid_to: kept.valid_to,
        }
    }
}

/// The members of a service that lists show as well.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ServiceTerms<'c> {
    id: ServiceId,
    category_id: CategoryId,
    category_name: Option<&'c str>,
    name: &'c str,
    description: Option<&'c str>,
    /// The price unless the expert has their own, minor currency units.
    price: i64,
    currency: Currency,
    /// The duration unless the expert has their own, minutes.
    duration_minutes: u32,
    /// The time that the expert is kept busy after the appointment, minutes.
    buffer_minutes: u32,
    /// The offers that apply without a code.
    offers: Vec<ServiceOffer<'c>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    activity: Option<Activity>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    times: Option<Times>,
}

/// The catalog on one day, as it is shown to somebody.
pub(crate) struct Showing<'c> {
    pub(crate) audience: Audience,
    pub(crate) catalog: &'c Catalog,
    public_offers: Vec<&'c KeptOffer>,
}

impl<'c> Showing<'c> {
    pub(crate) fn new(audience: Audience, catalog: &'c Catalog, today: Date) -> Self {
        Self { audience, catalog, public_offers: catalog.public_offers(today) }
    }

    fn terms(&self, kept: &'c KeptService) -> ServiceTerms<'c> {
        let Self { audience, catalog, public_offers } = self;
        let category = catalog.categories.get(&kept.category_id);
        let offers = public_offers.iter().copied().filter(|offer| offer.is_for(kept.id));
        ServiceTerms {
            id: kept.id,
            category_id: kept.category_id,
            category_name: category.map(|category| category.name.as_str()),
            name: &kept.name,
            description: kept.description.as_deref(),
            price: kept.price,
            currency: catalog.settings.currency,
            duration_minutes: kept.duration_minutes,
            buffer_minutes: kept.buffer_minutes,
            offers: offers.map(ServiceOffer::from).collect(),
            activity: Activity::of(*audience, kept.is_active),
            times: Times::of(*audience, kept.created_at, kept.updated_at),
        }
    }

    fn sub_services(&self, kept: &KeptService) -> Vec<&'c KeptSubService> {
        match self.audience {
            Audience::Public => self.catalog.sub_services_of(kept.id),
            Audience::Admin => self.catalog.all_sub_services_of(kept.id),
        }
    }

    fn experts(&self, kept: &KeptService) -> Vec<&'c KeptExpert> {
        match self.audience {
            Audience::Public => self.catalog.experts_offering(kept.id),
            Audience::Admin => self.catalog.all_experts_offering(kept.id),
        }
    }
}

/// A service with its add-ons `S` and experts `E`, each with as many members as the response has of them.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ServiceWith<'c, S, E> {
    #[serde(flatten)]
    terms: ServiceTerms<'c>,
    sub_services: Vec<S>,
    experts: Vec<E>,
}

impl<'c, S, E> ServiceWith<'c, S, E> {
    fn new(
        showing: &Showing<'c>,
        kept: &'c KeptService,
        sub_service: impl Fn(Audience, &'c KeptSubService) -> S,
        expert: impl Fn(Audience, &'c KeptService, &'c KeptExpert) -> E,
    ) -> Self {
        let audience = showing.audience;
        let (sub_services, experts) =
            (showing.sub_services(kept).into_iter(), showing.experts(kept).into_iter());
        Self {
            terms: showing.terms(kept),
            sub_services: sub_services.map(|sub| sub_service(audience, sub)).collect(),
            experts: experts.map(|of| expert(audience, kept, of)).collect(),
        }
    }
}

/// A service in a list.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ListedService<'c> {
    #[serde(flatten)]
    listed: ServiceWith<'c, ListedSubService<'c>, ListedServiceExpert<'c>>,
}

impl<'c> ListedService<'c> {
    pub(crate) fn new(showing: &Showing<'c>, kept: &'c KeptService) -> Self {
        Self { listed: ServiceWith::new(showing, kept, ListedSubService::new, ListedServiceExpert::new) }
    }
}

/// A service.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Service<'c> {
    #[serde(flatten)]
    whole: ServiceWith<'c, SubService<'c>, ServiceExpert<'c>>,
    gallery: Vec<GalleryImage<'c>>,
}

impl<'c> Service<'c> {
    pub(crate) fn new(showing: &Showing<'c>, kept: &'c KeptService) -> Self {
        Self {
            whole: ServiceWith::new(showing, kept, SubService::new, ServiceExpert::new),
            gallery: gallery(showing.audience, showing.catalog, ImageOf::Service(kept.id)),
        }
    }
}

/// A response about one service.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OneService<'c> {
    pub(crate) service: Service<'c>,
}

/// An image of an expert or of a service.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GalleryImage<'c> {
    id: ImageId,
    #[schemars(extend("format" = "uri"))]
    image_url: &'c str,
    caption: Option<&'c str>,
    /// Its place among the images, lowest first.
    position: u32,
    /// The expert whom it shows, unless it shows a service.
    expert_id: Option<ExpertId>,
    /// The service that it shows, unless it shows an expert.
    service_id: Option<ServiceId>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    times: Option<Times>,
}

impl<'c> GalleryImage<'c> {
    pub(crate) fn new(audience: Audience, kept: &'c KeptImage) -> Self {
        Self {
            id: kept.id,
            image_url: &kept.image_url,
            caption: kept.caption.as_deref(),
            position: kept.position,
            expert_id: kept.of.expert(),
            service_id: kept.of.service(),
            times: Times::of(audience, kept.created_at, kept.updated_at),
        }
    }
}

/// The images of one expert or service, in order.
fn gallery(audience: Audience, catalog: &Catalog, of: ImageOf) -> Vec<GalleryImage<'_>> {
    catalog.images_of(of).into_iter().map(|image| GalleryImage::new(audience, image)).collect()
}

/// A response about one image.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OneGalleryImage<'c> {
    pub(crate) image: GalleryImage<'c>,
}

/// A span in which an expert does not work.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TimeOff<'c> {
    id: TimeOffId,
    /// The local time of its first moment.
    from: LocalDateTime,
    /// The local time of the first moment after it.
    to: LocalDateTime,
    reason: Option<&'c str>,
}

impl<'c> From<&'c KeptTimeOff> for TimeOff<'c> {
    fn from(kept: &'c KeptTimeOff) -> Self {
        Self {
            id: kept.id,
            from: LocalDateTime(kept.from),
            to: LocalDateTime(kept.to),
            reason: kept.reason.as_deref(),
        }
    }
}

/// A response about one span of time off.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OneTimeOff<'c> {
    pub(crate) time_off: TimeOff<'c>,
}

/// The members of an expert's service that only admins see.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Assignment {
    /// Set where the service and its category are active. Only admins see this member.
    is_bookable: bool,
    /// The expert's own price, minor currency units; `null` where the service's counts. Only admins see this member.
    own_price: Option<i64>,
    /// The expert's own duration, minutes; `null` where the service's counts. Only admins see this member.
    own_duration_minutes: Option<u32>,
}

/// A service that an expert offers.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ExpertService<'c> {
    id: ServiceId,
    name: &'c str,
    /// The price with this expert, minor currency units.
    price: i64,
    /// The duration with this expert, minutes.
    duration_minutes: u32,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    assignment: Option<Assignment>,
}

impl<'c> ExpertService<'c> {
    /// The service, if the audience may see it.
    fn new(audience: Audience, catalog: &'c Catalog, id: ServiceId, own: &OwnTerms) -> Option<Self> {
        let kept = catalog.services.get(&id)?;
        let is_bookable = catalog.is_bookable(kept);
        (is_bookable || audience.is_admin()).then(|| Self {
            id,
            name: &kept.name,
            price: own.price.unwrap_or(kept.price),
            duration_minutes: own.duration_minutes.unwrap_or(kept.duration_minutes),
            assignment: audience.for_admins(|| Assignment {
                is_bookable,
                own_price: own.price,
                own_duration_minutes: own.duration_minutes,
            }),
        })
    }
}

/// The member that tells admins when an expert does not work.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Absences<'c> {
    /// The spans in which the expert does not work, by their start. Only admins see this member.
    time_off: Vec<TimeOff<'c>>,
}

/// An expert in a list.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedExpert<'c> {
    id: ExpertId,
    name: &'c str,
    /// The expert's occupation, such as "Senior stylist".
    title: Option<&'c str>,
    bio: Option<&'c str>,
    #[schemars(extend("format" = "uri"))]
    image_url: Option<&'c str>,
    /// The mean of the expert's reviews, 1 to 5.
    rating: Option<f64>,
    /// The number of the expert's reviews.
    total_reviews: u32,
    working_hours: &'c WorkingHours,
    /// The IANA time zone of the working hours.
    time_zone: &'c str,
    /// The services that the expert offers.
    services: Vec<ExpertService<'c>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    absences: Option<Absences<'c>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    activity: Option<Activity>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    times: Option<Times>,
}

impl<'c> ListedExpert<'c> {
    pub(crate) fn new(audience: Audience, catalog: &'c Catalog, kept: &'c KeptExpert) -> Self {
        let services = kept.services.iter();
        Self {
            id: kept.id,
            name: &kept.name,
            title: kept.title.as_deref(),
            bio: kept.bio.as_deref(),
            image_url: kept.image_url.as_deref(),
            rating: kept.rating,
            total_reviews: kept.total_reviews,
            working_hours: &kept.working_hours,
            time_zone: &catalog.settings.time_zone,
            services: services
                .filter_map(|(id, own)| ExpertService::new(audience, catalog, *id, own))
                .collect(),
            absences: audience
                .for_admins(|| Absences { time_off: kept.time_off.iter().map(TimeOff::from).collect() }),
            activity: Activity::of(audience, kept.is_active),
            times: Times::of(audience, kept.created_at, kept.updated_at),
        }
    }
}

/// Somebody who serves customers.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Expert<'c> {
    #[serde(flatten)]
    listed: ListedExpert<'c>,
    gallery: Vec<GalleryImage<'c>>,
}

/// A response about one expert.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OneExpert<'c> {
    expert: Expert<'c>,
}

impl<'c> OneExpert<'c> {
    pub(crate) fn new(audience: Audience, catalog: &'c Catalog, kept: &'c KeptExpert) -> Self {
        let listed = ListedExpert::new(audience, catalog, kept);
        Self { expert: Expert { listed, gallery: gallery(audience, catalog, ImageOf::Expert(kept.id)) } }
    }
}

/// The member that tells admins an offer's code.
#[derive(Serialize, JsonSchema)]
struct Code<'c> {
    /// The code that a booking has to name; `null` where the offer applies by itself. Only admins see this member.
    code: Option<&'c str>,
}

/// An offer: what makes appointments cheaper.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Offer<'c> {
    id: OfferId,
    name: &'c str,
    description: Option<&'c str>,
    /// The hundredths of the price that it takes off, unless it takes off an amount.
    percent_off: Option<u32>,
    /// The amount that it takes off, minor currency units, unless it takes off a percentage.
    amount_off: Option<i64>,
    currency: Currency,
    /// The services that it is for; none where it is for all.
    service_ids: Vec<ServiceId>,
    /// The first local date of appointments that it is for.
    valid_from: Option<Date>,
    /// The last local date of appointments that it is for.
    valid_to: Option<Date>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    code: Option<Code<'c>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    activity: Option<Activity>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    times: Option<Times>,
}

impl<'c> Offer<'c> {
    /// The offer, which names these services as far as the audience may see them.
    pub(crate) fn new(
        audience: Audience,
        catalog: &Catalog,
        kept: &'c KeptOffer,
        service_ids: Vec<ServiceId>,
    ) -> Self {
        Self {
            id: kept.id,
            name: &kept.name,
            description: kept.description.as_deref(),
            percent_off: kept.discount.percent(),
            amount_off: kept.discount.amount(),
            currency: catalog.settings.currency,
            service_ids,
            valid_from: kept.valid_from,
            valid_to: kept.valid_to,
            code: audience.for_admins(|| Code { code: kept.code.as_ref().map(OfferCode::as_str) }),
            activity: Activity::of(audience, kept.is_active),
            times: Times::of(audience, kept.created_at, kept.updated_at),
        }
    }
}

/// A response about one offer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OneOffer<'c> {
    pub(crate) offer: Offer<'c>,
}

/// The settings of the whole salon.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    salon_name: String,
    /// The IANA time zone of all local dates and times.
    time_zone: String,
    /// The currency of all prices.
    currency: Currency,
    /// The grid on which appointments start, minutes.
    slot_grid_minutes: u32,
    /// The time before its start until which an appointment can be booked, minutes.
    lead_time_minutes: u32,
    /// The number of days ahead for which appointments can be booked.
    horizon_days: u32,
    /// The time before its start until which customers can cancel an appointment, minutes.
    cancellation_window_minutes: u32,
    /// The time for which an unpaid reservation keeps its slot, minutes; `null` for the deployment's.
    reservation_hold_minutes: Option<u32>,
    /// The most open reservations of one customer at a time; `null` for any number.
    max_open_reservations: Option<u32>,
    /// The time before its start at which customers are reminded of an appointment, minutes; 0 for never.
    reminder_minutes: u32,
    /// The people who may say that an appointment is paid for as it is booked.
    pay_now: PayNow,
}

/// A response about the settings.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OneSettings {
    settings: Settings,
}

impl From<&KeptSettings> for OneSettings {
    fn from(kept: &KeptSettings) -> Self {
        let settings = Settings {
            salon_name: kept.salon_name.to_string(),
            time_zone: kept.time_zone.clone(),
            currency: kept.currency,
            slot_grid_minutes: kept.slot_grid_minutes,
            lead_time_minutes: kept.lead_time_minutes,
            horizon_days: kept.horizon_days,
            cancellation_window_minutes: kept.cancellation_window_minutes,
            reservation_hold_minutes: kept.reservation_hold_minutes,
            max_open_reservations: kept.max_open_reservations,
            reminder_minutes: kept.reminder_minutes,
            pay_now: kept.pay_now,
        };
        Self { settings }
    }
}

#[cfg(test)]
mod tests {
    use chairbook_models::catalog_change::{
        CategoryDetails, ExpertDetails, GalleryImageDetails, OfferDetails, ServiceDetails, SubServiceDetails,
        TimeOffDetails,
    };
    use chairbook_models::offers::Discount;
    use jiff::civil::{date, datetime};
    use serde_json::{Value, json};

    use super::*;

    const HAIR: CategoryId = CategoryId::derived([1; 16]);
    const CUT: ServiceId = ServiceId::derived([1; 16]);
    const FRINGE: SubServiceId = SubServiceId::derived([1; 16]);
    const INES: ExpertId = ExpertId::derived([1; 16]);
    const SPRING: OfferId = OfferId::derived([1; 16]);
    const SALON: ImageId = ImageId::derived([1; 16]);
    const OFF: TimeOffId = TimeOffId::derived([1; 16]);
    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    /// One thing of each kind: the expert offers the service at a price of her own, and the offer is for it.
    fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        let hair = CategoryDetails {
            name: "Hair".parse().unwrap(),
            description: None,
            position: None,
            is_active: None,
        };
        catalog.categories.insert(HAIR, catalog.create_category(HAIR, &hair, NOW).unwrap());
        let cut = ServiceDetails {
            category_id: HAIR,
            name: "Cut".parse().unwrap(),
            description: Some("Wash, cut and blow-dry".parse().unwrap()),
            price: 5_800,
            duration_minutes: 60,
            buffer_minutes: 5,
            is_active: None,
        };
        catalog.services.insert(CUT, catalog.create_service(CUT, &cut, NOW).unwrap());
        let fringe = SubServiceDetails {
            name: "Fringe trim".parse().unwrap(),
            description: None,
            price: 800,
            duration_minutes: 0,
            is_active: None,
        };
        let fringe = catalog.create_sub_service(CUT, FRINGE, &fringe).unwrap();
        catalog.sub_services.insert(FRINGE, fringe);
        let ines = ExpertDetails {
            name: "Inès".parse().unwrap(),
            title: Some("Director".parse().unwrap()),
            bio: None,
            image_url: None,
            is_active: None,
        };
        catalog.experts.insert(INES, catalog.create_expert(INES, &ines, NOW).unwrap());
        let own = OwnTerms { price: Some(7_200), duration_minutes: None };
        catalog.experts.insert(INES, catalog.assign(INES, CUT, &own, NOW).unwrap());
        let off = TimeOffDetails {
            from: datetime(2026, 3, 2, 9, 0, 0, 0),
            to: datetime(2026, 3, 3, 0, 0, 0, 0),
            reason: None,
        };
        catalog.experts.insert(INES, catalog.add_time_off(INES, OFF, &off, NOW).unwrap());
        let spring = OfferDetails {
            name: "Spring".parse().unwrap(),
            description: None,
            discount: Discount::Percent(20),
            code: None,
            service_ids: [CUT].into(),
            valid_from: None,
            valid_to: Some(date(2026, 5, 31)),
            is_active: None,
        };
        catalog.offers.insert(SPRING, catalog.create_offer(SPRING, &spring, NOW).unwrap());
        let image = GalleryImageDetails {
            of: ImageOf::Service(CUT),
            image_url: "https://cdn.example/cut.jpg".to_owned(),
            caption: None,
            position: None,
        };
        catalog.gallery.insert(SALON, catalog.create_image(SALON, &image, NOW).unwrap());
        catalog
    }

    fn showing(audience: Audience, catalog: &Catalog) -> Showing<'_> {
        Showing::new(audience, catalog, date(2026, 3, 2))
    }

    fn json_of(view: impl Serialize) -> Value {
        serde_json::to_value(view).unwrap()
    }

    /// The members that the second of two objects has besides those of the first, all of which it has.
    fn further(fewer: &Value, more: &Value) -> Value {
        let (fewer, mut more) = (fewer.as_object().unwrap(), more.as_object().unwrap().clone());
        for name in fewer.keys() {
            assert!(more.remove(name).is_some(), "{name}");
        }
        Value::Object(more)
    }

    #[test]
    fn a_list_shows_of_a_service_what_customers_choose_by() {
        let catalog = catalog();
        let cut = &catalog.services[&CUT];
        let listed = json_of(ListedService::new(&showing(Audience::Public, &catalog), cut));
        let fringe = json!({"id": FRINGE, "name": "Fringe trim", "price": 800, "durationMinutes": 0});
        let ines = json!({"id": INES, "name": "Inès", "price": 7_200, "durationMinutes": 60});
        let spring = json!({
            "id": SPRING, "name": "Spring", "percentOff": 20, "amountOff": null, "validFrom": null,
            "validTo": "2026-05-31",
        });
        assert_eq!(
            listed,
            json!({
                "id": CUT, "categoryId": HAIR, "categoryName": "Hair", "name": "Cut",
                "description": "Wash, cut and blow-dry", "price": 5_800, "currency": "EUR",
                "durationMinutes": 60, "bufferMinutes": 5, "subServices": [fringe], "experts": [ines],
                "offers": [spring],
            })
        );
        let whole = json_of(Service::new(&showing(Audience::Public, &catalog), cut));
        let image = json!({
            "id": SALON, "imageUrl": "https://cdn.example/cut.jpg", "caption": null, "position": 1,
            "expertId": null, "serviceId": CUT,
        });
        assert_eq!(further(&listed, &whole), json!({"gallery": [image]}));
        let of = |service: &Value, list: &str| service[list][0].clone();
        assert_eq!(
            further(&of(&listed, "subServices"), &of(&whole, "subServices")),
            json!({"description": null})
        );
        assert_eq!(
            further(&of(&listed, "experts"), &of(&whole, "experts")),
            json!({"title": "Director", "imageUrl": null, "rating": null})
        );
    }

    #[test]
    fn admins_see_more_members() {
        let catalog = catalog();
        let times = json!({"createdAt": "1970-01-01T00:00:00Z", "updatedAt": "1970-01-01T00:00:00Z"});
        let mut upkeep = times.clone();
        upkeep["isActive"] = json!(true);
        let more =
            |show: &dyn Fn(Audience) -> Value| further(&show(Audience::Public), &show(Audience::Admin));
        let category = |audience| json_of(Category::new(audience, &catalog.categories[&HAIR]));
        assert_eq!(more(&category), upkeep);
        let service =
            |audience| json_of(ListedService::new(&showing(audience, &catalog), &catalog.services[&CUT]));
        assert_eq!(more(&service), upkeep);
        for list in ["subServices", "experts"] {
            let first = |audience| service(audience)[list][0].clone();
            assert_eq!(more(&first), json!({"isActive": true}), "{list}");
        }
        let image = |audience| json_of(GalleryImage::new(audience, &catalog.gallery[&SALON]));
        assert_eq!(more(&image), times);
        let offer = |audience| json_of(Offer::new(audience, &catalog, &catalog.offers[&SPRING], vec![CUT]));
        let mut of_offer = upkeep.clone();
        of_offer["code"] = Value::Null;
        assert_eq!(more(&offer), of_offer);
        let expert = |audience| json_of(ListedExpert::new(audience, &catalog, &catalog.experts[&INES]));
        let mut of_expert = upkeep;
        of_expert["timeOff"] =
            json!([{"id": OFF, "from": "2026-03-02T09:00", "to": "2026-03-03T00:00", "reason": null}]);
        assert_eq!(more(&expert), of_expert);
        assert_eq!(
            more(&|audience| expert(audience)["services"][0].clone()),
            json!({"isBookable": true, "ownPrice": 7_200, "ownDurationMinutes": null})
        );
    }

    #[test]
    fn things_that_cannot_be_booked_are_shown_to_admins_alone() {
        let mut catalog = catalog();
        catalog.services.get_mut(&CUT).unwrap().is_active = false;
        catalog.sub_services.get_mut(&FRINGE).unwrap().is_active = false;
        catalog.experts.get_mut(&INES).unwrap().is_active = false;
        for (audience, number) in [(Audience::Public, 0), (Audience::Admin, 1)] {
            let service = json_of(Service::new(&showing(audience, &catalog), &catalog.services[&CUT]));
            let expert = json_of(OneExpert::new(audience, &catalog, &catalog.experts[&INES]));
            for list in [&service["subServices"], &service["experts"], &expert["expert"]["services"]] {
                assert_eq!(list.as_array().unwrap().len(), number, "{audience:?} {list}");
            }
        }
    }
}
