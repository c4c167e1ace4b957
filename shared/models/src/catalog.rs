//! The catalog of a salon: categories, services with their add-ons, experts with their hours, images of both, and its
//! settings. What makes it cheaper is in [`crate::offers`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::civil::DateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{CategoryId, ExpertId, ImageId, OfferId, ServiceId, SubServiceId, TimeOffId};
use crate::money::Currency;
use crate::offers::Offer;
use crate::text::{Description, Label, PersonName};
use crate::working_hours::WorkingHours;

/// A heading under which services are listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// The id, `cat_…`: derived from the idempotency key of the request that added it, if it had one.
    pub id: CategoryId,
    /// The name.
    pub name: Label,
    /// A sentence or two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// The position in the list, lowest first.
    pub position: u32,
    /// Set where customers see it.
    pub is_active: bool,
    /// The time of its creation (UTC).
    pub created_at: Timestamp,
    /// The time of its last change (UTC).
    pub updated_at: Timestamp,
}

/// Something that can be booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// The id, `svc_…`, by which experts, offers and images refer to it.
    pub id: ServiceId,
    /// The category it stands under.
    pub category_id: CategoryId,
    /// The name.
    pub name: Label,
    /// A sentence or two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// The price, minor currency units.
    pub price: i64,
    /// The duration for the customer, minutes.
    pub duration_minutes: u32,
    /// The time that the expert is kept busy afterwards (cleaning up, changing rooms), minutes.
    pub buffer_minutes: u32,
    /// Set where it can be booked.
    pub is_active: bool,
    /// The time of its creation (UTC).
    pub created_at: Timestamp,
    /// The time of its last change (UTC).
    pub updated_at: Timestamp,
}

/// An add-on of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubService {
    /// The id, `sub_…`, unique among the add-ons of all services.
    pub id: SubServiceId,
    /// The service that it is added to.
    pub service_id: ServiceId,
    /// The name.
    pub name: Label,
    /// A sentence or two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// Its addition to the price, minor currency units.
    pub price: i64,
    /// Its addition to the duration, minutes.
    pub duration_minutes: u32,
    /// Set where it can be booked.
    pub is_active: bool,
}

/// An expert's own price and duration of one service, where they differ from the service's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnTerms {
    /// The expert's own price, minor currency units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<i64>,
    /// The expert's own duration, minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<u32>,
}

/// A span in which an expert does not work, in the salon's local time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeOff {
    /// The id, `tof_…`, unique among all experts.
    pub id: TimeOffId,
    /// The first moment off.
    pub from: DateTime,
    /// The first moment back.
    pub to: DateTime,
    /// The reason, for the front desk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
}

/// Somebody who serves customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expert {
    /// The id, `exp_…`, which keys the expert's days, too.
    pub id: ExpertId,
    /// The name.
    pub name: PersonName,
    /// The job title, such as "Senior stylist".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Label>,
    /// A paragraph about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bio: Option<Description>,
    /// The URL of their picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// The mean of their reviews, 1 to 5; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<f64>,
    /// The number of reviews that it is the mean of.
    pub total_reviews: u32,
    /// Set where they can be booked.
    pub is_active: bool,
    /// The services they offer, each with their own terms.
    pub services: BTreeMap<ServiceId, OwnTerms>,
    /// The working hours.
    pub working_hours: WorkingHours,
    /// The time off within them.
    #[serde(default)]
    pub time_off: Vec<TimeOff>,
    /// The time of their creation (UTC).
    pub created_at: Timestamp,
    /// The time of the last change (UTC).
    pub updated_at: Timestamp,
}

/// The subject of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageOf {
    /// An expert, or their work.
    Expert(ExpertId),
    /// A service, or what comes of it.
    Service(ServiceId),
}

impl ImageOf {
    /// The expert, if it is one.
    #[must_use]
    pub const fn expert(self) -> Option<ExpertId> {
        match self {
            Self::Expert(id) => Some(id),
            Self::Service(_) => None,
        }
    }

    /// The service, if it is one.
    #[must_use]
    pub const fn service(self) -> Option<ServiceId> {
        match self {
            Self::Service(id) => Some(id),
            Self::Expert(_) => None,
        }
    }
}

/// An image of an expert or a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GalleryImage {
    /// The id, `img_…`, which decides between images at one position that are as old.
    pub id: ImageId,
    /// The subject.
    pub of: ImageOf,
    /// The http(s) URL.
    pub image_url: String,
    /// The caption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<Label>,
    /// The position among the images, lowest first.
    pub position: u32,
    /// The time of its creation (UTC).
    pub created_at: Timestamp,
    /// The time of its last change (UTC).
    pub updated_at: Timestamp,
}

/// The people who can book an appointment as paid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayNow {
    /// Customers too: their word confirms the appointment, and is to be verified.
    #[default]
    Anyone,
    /// The front desk alone, which takes the money: customers pay at the salon.
    Staff,
}

impl PayNow {
    /// Every choice.
    pub const ALL: [Self; 2] = [Self::Anyone, Self::Staff];
}

/// The settings of the salon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The salon's name, as mails and calendars show it.
    pub salon_name: Label,
    /// Its IANA time zone, such as `Europe/Paris`; all working hours are local to it.
    pub time_zone: String,
    /// The currency of every price.
    pub currency: Currency,
    /// Appointments start at multiples of so many minutes after the hour's start of the day, 5 to 60.
    pub slot_grid_minutes: u32,
    /// The shortest time before its start at which an appointment can be booked, minutes.
    pub lead_time_minutes: u32,
    /// The number of days ahead for which appointments can be booked.
    pub horizon_days: u32,
    /// The shortest time before its start at which a customer can cancel, minutes.
    pub cancellation_window_minutes: u32,
    /// The hold of an unpaid reservation, minutes; absent for the deployment's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation_hold_minutes: Option<u32>,
    /// The most open reservations of one customer at a time, see [`crate::appointment::Appointment::is_open`];
    /// absent for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_open_reservations: Option<u32>,
    /// The time before its start at which a customer is reminded of an appointment, minutes; 0 for never.
    #[serde(default = "reminder_minutes")]
    pub reminder_minutes: u32,
    /// The people who can book an appointment as paid.
    #[serde(default)]
    pub pay_now: PayNow,
}

/// A day before: [`Settings::reminder_minutes`] of a salon that says nothing.
pub const REMINDER_MINUTES: u32 = 24 * 60;

const fn reminder_minutes() -> u32 {
    REMINDER_MINUTES
}

impl Default for Settings {
    /// A salon that has set nothing yet: UTC, euros, a slot every 15 minutes, an hour's lead, 90 days ahead, and
    /// cancellation until the start, reservations held as long as the deployment says, a reminder a day before, and
    /// customers who may say that they pay at once.
    fn default() -> Self {
        Self {
            salon_name: Label::given("Chairbook"),
            time_zone: "UTC".to_owned(),
            currency: Currency::EUR,
            slot_grid_minutes: 15,
            lead_time_minutes: 60,
            horizon_days: 90,
            cancellation_window_minutes: 0,
            reservation_hold_minutes: None,
            max_open_reservations: None,
            reminder_minutes: REMINDER_MINUTES,
            pay_now: PayNow::Anyone,
        }
    }
}

/// The whole catalog, as one version of it stood.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    /// Raised by every write.
    pub version: u64,
    /// The settings of the salon.
    pub settings: Settings,
    /// Every category.
    pub categories: BTreeMap<CategoryId, Category>,
    /// Every service.
    pub services: BTreeMap<ServiceId, Service>,
    /// Every add-on.
    pub sub_services: BTreeMap<SubServiceId, SubService>,
    /// Every expert.
    pub experts: BTreeMap<ExpertId, Expert>,
    /// Every offer.
    pub offers: BTreeMap<OfferId, Offer>,
    /// Every image.
    pub gallery: BTreeMap<ImageId, GalleryImage>,
}

impl Catalog {
    /// The offers that customers get without asking for them, by name.
    #[must_use]
    pub fn public_offers(&self, today: Date) -> Vec<&Offer> {
        let mut found: Vec<_> = self.offers.values().filter(|offer| offer.is_public(today)).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        found
    }

    /// The bookable add-ons of a service, by name.
    #[must_use]
    pub fn sub_services_of(&self, service: ServiceId) -> Vec<&SubService> {
        let mut found = self.all_sub_services_of(service);
        found.retain(|sub| sub.is_active);
        found
    }

    /// Every add-on of a service, by name.
    #[must_use]
    pub fn all_sub_services_of(&self, service: ServiceId) -> Vec<&SubService> {
        let mut found: Vec<_> = self.sub_services.values().filter(|sub| sub.service_id == service).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        found
    }

    /// The bookable experts who offer a service, by name.
    #[must_use]
    pub fn experts_offering(&self, service: ServiceId) -> Vec<&Expert> {
        let mut found = self.all_experts_offering(service);
        found.retain(|expert| expert.is_active);
        found
    }

    /// Every expert who offers a service, by name.
    #[must_use]
    pub fn all_experts_offering(&self, service: ServiceId) -> Vec<&Expert> {
        let mut found: Vec<_> =
            self.experts.values().filter(|expert| expert.services.contains_key(&service)).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        found
    }

    /// Returns true if a service can be booked: it and its category are active.
    #[must_use]
    pub fn is_bookable(&self, service: &Service) -> bool {
        service.is_active
            && self.categories.get(&service.category_id).is_none_or(|category| category.is_active)
    }
    /// Every image, in order: by position, then the oldest first.
    #[must_use]
    pub fn images(&self) -> Vec<&GalleryImage> {
        let mut all: Vec<_> = self.gallery.values().collect();
        all.sort_by_key(|image| (image.position, image.created_at, image.id));
        all
    }

    /// The images of one expert or service, in order.
    #[must_use]
    pub fn images_of(&self, of: ImageOf) -> Vec<&GalleryImage> {
        let mut all = self.images();
        all.retain(|image| image.of == of);
        all
    }

    /// Returns true if everybody may see the subject of an image: an expert or a service that can be booked.
    #[must_use]
    pub fn is_shown(&self, image: &GalleryImage) -> bool {
        match image.of {
            ImageOf::Expert(id) => self.experts.get(&id).is_some_and(|expert| expert.is_active),
            ImageOf::Service(id) => self.services.get(&id).is_some_and(|service| self.is_bookable(service)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_were_written_before_there_were_more_have_their_defaults() {
        let mut written =
            serde_json::to_value(Settings { pay_now: PayNow::Staff, ..Settings::default() }).unwrap();
        assert_eq!(written["pay_now"], "staff");
        for later in ["pay_now", "reminder_minutes"] {
            assert!(written.as_object_mut().unwrap().remove(later).is_some(), "{later}");
        }
        assert_eq!(serde_json::from_value::<Settings>(written).unwrap(), Settings::default());
    }
}
