//! How the catalog changes: what becomes of it when an admin adds, changes or deletes something.
//!
//! Each rule takes the catalog as it was read and gives the row to be written. Whoever writes it does so on the
//! condition that the catalog is still the one that was read, so that what a rule has seen, such as that a category
//! exists, still holds. Deleting what something else in the catalog refers to deactivates it instead.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::booking::MAX_BLOCKED_MINUTES;
use crate::catalog::{Catalog, Category, Expert, OwnTerms, PayNow, Service, Settings, SubService, TimeOff};
use crate::duration::minutes_in_words;
use crate::ids::{CategoryId, ExpertId, ServiceId, SubServiceId, TimeOffId};
use crate::money::Currency;
use crate::text::{Description, Label, PersonName};
use crate::working_hours::WorkingHours;

mod gallery;
mod offers;

pub use gallery::{GalleryImageDetails, MAX_IMAGES, MAX_IMAGES_OF_ONE, image_of};
pub use offers::{
    MAX_OFFERS, MAX_OFFERS_NAMING_ONE, MAX_SERVICES_OF_OFFER, OfferDetails, check_validity, discount,
};

/// The most categories. The catalog is kept in memory whole, so everything in it has its limit.
pub const MAX_CATEGORIES: usize = 100;
/// The most services.
pub const MAX_SERVICES: usize = 500;
/// The most add-ons of one service: it is deleted together with them, its images and out of its offers, in one
/// transaction of at most 100 actions
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>).
pub const MAX_SUB_SERVICES_OF_ONE: usize = 50;
/// The most add-ons of all services together.
pub const MAX_SUB_SERVICES: usize = 2_000;
/// The most experts.
pub const MAX_EXPERTS: usize = 200;
/// The most spans of time off that one expert can have, past ones included.
pub const MAX_TIME_OFF: usize = 100;
/// The highest price, minor currency units.
pub const MAX_PRICE: i64 = 100_000_000;
/// The last place among categories and among images.
pub const MAX_POSITION: u32 = 10_000;
/// The longest lead time and cancellation window, minutes: 30 days.
pub const MAX_NOTICE_MINUTES: u32 = 30 * 24 * 60;
/// The longest that an unpaid reservation can keep its slot, minutes: 30 days.
pub const MAX_HOLD_MINUTES: u32 = 30 * 24 * 60;
/// The most unpaid reservations that one customer can be allowed at a time.
pub const MAX_OPEN_RESERVATIONS: u32 = 50;
/// The furthest ahead that customers can be reminded, minutes: a week.
pub const MAX_REMINDER_MINUTES: u32 = 7 * 24 * 60;
/// The furthest that appointments can be booked ahead, days.
pub const MAX_HORIZON_DAYS: u32 = 730;
/// The grids that a day divides into evenly, minutes.
pub const SLOT_GRIDS: [u32; 8] = [5, 10, 15, 20, 30, 40, 45, 60];

/// A field that does not fit the rest of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// The request's field.
    pub field: &'static str,
    /// Advice on the right value.
    pub message: String,
}

impl FieldFault {
    fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

/// Reasons why the catalog cannot be changed like that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// There is no such thing.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// There are as many as there can be.
    #[error("there are {at_most} {what} already, and there can be no more")]
    Full {
        /// The kind of thing, in the plural.
        what: &'static str,
        /// The most that there can be.
        at_most: usize,
    },
    /// Fields that do not fit the rest of the catalog, at least one.
    #[error("some fields do not fit the catalog")]
    Invalid(Vec<FieldFault>),
}

/// The outcome of a deletion.
#[derive(Debug, Clone, PartialEq)]
pub enum Removal<T> {
    /// Nothing referred to it: it is gone.
    Deleted,
    /// It is in use: customers do not see it any more.
    Deactivated(T),
}

/// The details of a category. Without a position it stays where it is, a new one comes last; without
/// `is_active` it stays as it is, a new one is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryDetails {
    /// The name.
    pub name: Label,
    /// A sentence or two.
    pub description: Option<Description>,
    /// The place in the list, lowest first.
    pub position: Option<u32>,
    /// Set where customers see it.
    pub is_active: Option<bool>,
}

/// The details of a service. Without `is_active` it stays as it is, a new one is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceDetails {
    /// The category it stands under.
    pub category_id: CategoryId,
    /// The name.
    pub name: Label,
    /// A sentence or two.
    pub description: Option<Description>,
    /// The price, minor currency units.
    pub price: i64,
    /// The duration for the customer, minutes.
    pub duration_minutes: u32,
    /// The time for which the expert is kept busy afterwards, minutes.
    pub buffer_minutes: u32,
    /// Set where it can be booked.
    pub is_active: Option<bool>,
}

/// The details of an add-on. Without `is_active` it stays as it is, a new one is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubServiceDetails {
    /// The name.
    pub name: Label,
    /// A sentence or two.
    pub description: Option<Description>,
    /// Its addition to the price, minor currency units.
    pub price: i64,
    /// Its addition to the duration, minutes.
    pub duration_minutes: u32,
    /// Set where it can be booked.
    pub is_active: Option<bool>,
}

/// The details of an expert. Without `is_active` they stay as they are, a new one is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpertDetails {
    /// The name.
    pub name: PersonName,
    /// The job title.
    pub title: Option<Label>,
    /// A paragraph about them.
    pub bio: Option<Description>,
    /// The address of their picture, an http(s) URL.
    pub image_url: Option<String>,
    /// Set where they can be booked.
    pub is_active: Option<bool>,
}

/// A span of time off that is to be noted, in the salon's local time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeOffDetails {
    /// The first moment off.
    pub from: DateTime,
    /// The first moment back.
    pub to: DateTime,
    /// The reason, for the front desk.
    pub reason: Option<Label>,
}

/// The salon's settings as they are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsDetails {
    /// The salon's name.
    pub salon_name: Label,
    /// An IANA time zone.
    pub time_zone: TimeZone,
    /// The currency of every price.
    pub currency: Currency,
    /// One of [`SLOT_GRIDS`].
    pub slot_grid_minutes: u32,
    /// The latest before its start that an appointment can be booked, minutes.
    pub lead_time_minutes: u32,
    /// The number of days ahead for which appointments can be booked.
    pub horizon_days: u32,
    /// The latest before its start that a customer can cancel, minutes.
    pub cancellation_window_minutes: u32,
    /// The hold of an unpaid reservation, minutes; `None` for as long as the deployment says.
    pub reservation_hold_minutes: Option<u32>,
    /// The most open reservations of one customer at a time; `None` for any number.
    pub max_open_reservations: Option<u32>,
    /// The time before its start at which a customer is reminded, minutes; 0 for never.
    pub reminder_minutes: u32,
    /// The people who may say that an appointment is paid for as it is booked.
    pub pay_now: PayNow,
}

/// An IANA time zone, with its usual spelling.
///
/// # Errors
/// Advice on the right value.
pub fn time_zone(name: &str) -> Result<TimeZone, &'static str> {
    TimeZone::get(name)
        .ok()
        .filter(|zone| !zone.is_unknown() && zone.iana_name().is_some())
        .ok_or("must be an IANA time zone such as Europe/Paris")
}

/// Checks that a span of time off ends after it begins.
///
/// # Errors
/// [`FieldFault`] when it does not.
pub fn check_time_off(from: DateTime, to: DateTime) -> Result<(), FieldFault> {
    if from < to { Ok(()) } else { Err(FieldFault::new("to", "must be after `from`")) }
}

/// Checks that a service's duration and buffer fit into the longest time that an expert can be busy.
///
/// # Errors
/// [`FieldFault`] when they do not.
pub fn check_length(duration_minutes: u32, buffer_minutes: u32) -> Result<(), FieldFault> {
    if duration_minutes + buffer_minutes <= MAX_BLOCKED_MINUTES {
        Ok(())
    } else {
        let message =
            format!("must be less: duration and buffer together are at most {MAX_BLOCKED_MINUTES} minutes");
        Err(FieldFault::new("bufferMinutes", message))
    }
}

impl SettingsDetails {
    /// The settings.
    ///
    /// # Errors
    /// [`FieldFault`] when no appointment could ever be booked.
    pub fn settings(&self) -> Result<Settings, FieldFault> {
        if self.lead_time_minutes >= self.horizon_days * 24 * 60 {
            let message = format!("must be less than the horizon of {} days", self.horizon_days);
            return Err(FieldFault::new("leadTimeMinutes", message));
        }
        Ok(Settings {
            salon_name: self.salon_name.clone(),
            time_zone: self.time_zone.iana_name().unwrap_or("UTC").to_owned(),
            currency: self.currency,
            slot_grid_minutes: self.slot_grid_minutes,
            lead_time_minutes: self.lead_time_minutes,
            horizon_days: self.horizon_days,
            cancellation_window_minutes: self.cancellation_window_minutes,
            reservation_hold_minutes: self.reservation_hold_minutes,
            max_open_reservations: self.max_open_reservations,
            reminder_minutes: self.reminder_minutes,
            pay_now: self.pay_now,
        })
    }
}

fn room(what: &'static str, there_are: usize, at_most: usize) -> Result<(), CatalogError> {
    if there_are < at_most { Ok(()) } else { Err(CatalogError::Full { what, at_most }) }
}

/// Categories.
impl Catalog {
    fn known_category(&self, id: CategoryId) -> Result<&Category, CatalogError> {
        self.categories.get(&id).ok_or(CatalogError::NotFound("Category"))
    }

    /// A new category.
    ///
    /// # Errors
    /// [`CatalogError::Full`].
    pub fn create_category(
        &self,
        id: CategoryId,
        details: &CategoryDetails,
        now: Timestamp,
    ) -> Result<Category, CatalogError> {
        room("categories", self.categories.len(), MAX_CATEGORIES)?;
        let last = self.categories.values().map(|category| category.position).max();
        let next = last.map_or(1, |last| last.saturating_add(1).min(MAX_POSITION));
        Ok(Category {
            id,
            name: details.name.clone(),
            description: details.description.clone(),
            position: details.position.unwrap_or(next),
            is_active: details.is_active.unwrap_or(true),
            created_at: now,
            updated_at: now,
        })
    }

    /// A category as it is to be.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub fn change_category(
        &self,
        id: CategoryId,
        details: &CategoryDetails,
        now: Timestamp,
    ) -> Result<Category, CatalogError> {
        let known = self.known_category(id)?;
        Ok(Category {
            id,
            name: details.name.clone(),
            description: details.description.clone(),
            position: details.position.unwrap_or(known.position),
            is_active: details.is_active.unwrap_or(known.is_active),
            created_at: known.created_at,
            updated_at: now,
        })
    }

    /// Deletes a category, or deactivates it if services stand under it.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub fn delete_category(&self, id: CategoryId, now: Timestamp) -> Result<Removal<Category>, CatalogError> {
        let known = self.known_category(id)?;
        if !self.services.values().any(|service| service.category_id == id) {
            return Ok(Removal::Deleted);
        }
        Ok(Removal::Deactivated(Category { is_active: false, updated_at: now, ..known.clone() }))
    }
}

/// Services and their add-ons.
impl Catalog {
    fn known_service(&self, id: ServiceId) -> Result<&Service, CatalogError> {
        self.services.get(&id).ok_or(CatalogError::NotFound("Service"))
    }

    fn known_sub_service(&self, service: ServiceId, id: SubServiceId) -> Result<&SubService, CatalogError> {
        let known = self.sub_services.get(&id).filter(|sub| sub.service_id == service);
        known.ok_or(CatalogError::NotFound("Sub-service"))
    }

    /// A new service.
    ///
    /// # Errors
    /// [`CatalogError::Full`], and [`CatalogError::Invalid`] when there is no such category.
    pub fn create_service(
        &self,
        id: ServiceId,
        details: &ServiceDetails,
        now: Timestamp,
    ) -> Result<Service, CatalogError> {
        room("services", self.services.len(), MAX_SERVICES)?;
        self.check_service(id, details)?;
        Ok(service(id, details, details.is_active.unwrap_or(true), (now, now)))
    }

    /// A service as it is to be.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`], and [`CatalogError::Invalid`] when there is no such category or the buffer is too
    /// long for an expert who takes their own time.
    pub fn change_service(
        &self,
        id: ServiceId,
        details: &ServiceDetails,
        now: Timestamp,
    ) -> Result<Service, CatalogError> {
        let known = self.known_service(id)?;
        self.check_service(id, details)?;
        let is_active = details.is_active.unwrap_or(known.is_active);
        Ok(service(id, details, is_active, (known.created_at, now)))
    }

    fn check_service(&self, id: ServiceId, details: &ServiceDetails) -> Result<(), CatalogError> {
        let mut faults = Vec::new();
        if !self.categories.contains_key(&details.category_id) {
            faults.push(FieldFault::new("categoryId", "must be the id of a category"));
        }
        let longest =
            self.experts.values().filter_map(|expert| expert.services.get(&id)?.duration_minutes).max();
        if let Some(longest) = longest
            && longest + details.buffer_minutes > MAX_BLOCKED_MINUTES
        {
            let at_most = MAX_BLOCKED_MINUTES.saturating_sub(longest);
            let message =
                format!("must be at most {at_most}: an expert takes {longest} minutes for this service");
            faults.push(FieldFault::new("bufferMinutes", message));
        }
        if faults.is_empty() { Ok(()) } else { Err(CatalogError::Invalid(faults)) }
    }

    /// Deletes a service, whose add-ons and images go with it and which goes out of its offers
    /// ([`Catalog::offers_without`]), or deactivates it if an expert offers it.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub fn delete_service(&self, id: ServiceId, now: Timestamp) -> Result<Removal<Service>, CatalogError> {
        let known = self.known_service(id)?;
        if self.all_experts_offering(id).is_empty() {
            return Ok(Removal::Deleted);
        }
        Ok(Removal::Deactivated(Service { is_active: false, updated_at: now, ..known.clone() }))
    }

    /// A new add-on of a service.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] of the service, [`CatalogError::Full`].
    pub fn create_sub_service(
        &self,
        service: ServiceId,
        id: SubServiceId,
        details: &SubServiceDetails,
    ) -> Result<SubService, CatalogError> {
        self.known_service(service)?;
        let there_are = self.all_sub_services_of(service).len();
        room("sub-services of this service", there_are, MAX_SUB_SERVICES_OF_ONE)?;
        room("sub-services", self.sub_services.len(), MAX_SUB_SERVICES)?;
        Ok(sub_service(service, id, details, details.is_active.unwrap_or(true)))
    }

    /// An add-on as it is to be.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub fn change_sub_service(
        &self,
        service: ServiceId,
        id: SubServiceId,
        details: &SubServiceDetails,
    ) -> Result<SubService, CatalogError> {
        self.known_service(service)?;
        let known = self.known_sub_service(service, id)?;
        Ok(sub_service(service, id, details, details.is_active.unwrap_or(known.is_active)))
    }

    /// Checks that an add-on can be deleted: it can, since nothing refers to it, and appointments have their own copy
    /// of its name and price.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub fn delete_sub_service(&self, service: ServiceId, id: SubServiceId) -> Result<(), CatalogError> {
        self.known_service(service)?;
        self.known_sub_service(service, id).map(|_| ())
    }
}

fn service(
    id: ServiceId,
    details: &ServiceDetails,
    is_active: bool,
    (created_at, updated_at): (Timestamp, Timestamp),
) -> Service {
    Service {
        id,
        category_id: details.category_id,
        name: details.name.clone(),
        description: details.description.clone(),
        price: details.price,
        duration_minutes: details.duration_minutes,
        buffer_minutes: details.buffer_minutes,
        is_active,
        created_at,
        updated_at,
    }
}

fn sub_service(
    service_id: ServiceId,
    id: SubServiceId,
    details: &SubServiceDetails,
    is_active: bool,
) -> SubService {
    SubService {
        id,
        service_id,
        name: details.name.clone(),
        description: details.description.clone(),
        price: details.price,
        duration_minutes: details.duration_minutes,
        is_active,
    }
}

/// Experts.
impl Catalog {
    fn known_expert(&self, id: ExpertId) -> Result<&Expert, CatalogError> {
        self.experts.get(&id).ok_or(CatalogError::NotFound("Expert"))
    }

    /// A new expert, who offers nothing and never works until told.
    ///
    /// # Errors
    /// [`CatalogError::Full`].
    pub fn create_expert(
        &self,
        id: ExpertId,
        details: &ExpertDetails,
        now: Timestamp,
    ) -> Result<Expert, CatalogError> {
        room("experts", self.experts.len(), MAX_EXPERTS)?;
        Ok(Expert {
            id,
            name: details.name.clone(),
            title: details.title.clone(),
            bio: details.bio.clone(),
            image_url: details.image_url.clone(),
            rating: None,
            total_reviews: 0,
            is_active: details.is_active.unwrap_or(true),
            services: std::collections::BTreeMap::new(),
            working_hours: WorkingHours::default(),
            time_off: Vec::new(),
            created_at: now,
            updated_at: now,
        })
    }

    /// An expert as they are to be described.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub fn change_expert(
        &self,
        id: ExpertId,
        details: &ExpertDetails,
        now: Timestamp,
    ) -> Result<Expert, CatalogError> {
        let known = self.known_expert(id)?;
        Ok(Expert {
            name: details.name.clone(),
            title: details.title.clone(),
            bio: details.bio.clone(),
            image_url: details.image_url.clone(),
            is_active: details.is_active.unwrap_or(known.is_active),
            updated_at: now,
            ..known.clone()
        })
    }

    /// Deletes an expert, whose images go with them, or deactivates them if they offer services.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub fn delete_expert(&self, id: ExpertId, now: Timestamp) -> Result<Removal<Expert>, CatalogError> {
        let known = self.known_expert(id)?;
        if known.services.is_empty() {
            return Ok(Removal::Deleted);
        }
        Ok(Removal::Deactivated(Expert { is_active: false, updated_at: now, ..known.clone() }))
    }

    /// An expert who offers a service on their own terms.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] of either, and [`CatalogError::Invalid`] when their time and the service's buffer
    /// are too long together.
    pub fn assign(
        &self,
        expert: ExpertId,
        service: ServiceId,
        terms: &OwnTerms,
        now: Timestamp,
    ) -> Result<Expert, CatalogError> {
        let mut expert = self.known_expert(expert)?.clone();
        let service = self.known_service(service)?;
        let at_most = MAX_BLOCKED_MINUTES.saturating_sub(service.buffer_minutes);
        if terms.duration_minutes.is_some_and(|minutes| minutes > at_most) {
            let message = format!(
                "must be at most {at_most}, since the service has a buffer of {}",
                minutes_in_words(service.buffer_minutes)
            );
            return Err(CatalogError::Invalid(vec![FieldFault::new("durationMinutes", message)]));
        }
        expert.services.insert(service.id, terms.clone());
        expert.updated_at = now;
        Ok(expert)
    }

    /// An expert who does not offer a service any more.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] of the expert, or of the service among theirs.
    pub fn unassign(
        &self,
        expert: ExpertId,
        service: ServiceId,
        now: Timestamp,
    ) -> Result<Expert, CatalogError> {
        let mut expert = self.known_expert(expert)?.clone();
        expert.services.remove(&service).ok_or(CatalogError::NotFound("Service of this expert"))?;
        expert.updated_at = now;
        Ok(expert)
    }

    /// An expert with other working hours.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub fn set_working_hours(
        &self,
        expert: ExpertId,
        hours: &WorkingHours,
        now: Timestamp,
    ) -> Result<Expert, CatalogError> {
        let known = self.known_expert(expert)?;
        Ok(Expert { working_hours: hours.clone(), updated_at: now, ..known.clone() })
    }

    /// An expert with one more span of time off. Appointments within it stay.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`], [`CatalogError::Full`].
    pub fn add_time_off(
        &self,
        expert: ExpertId,
        id: TimeOffId,
        details: &TimeOffDetails,
        now: Timestamp,
    ) -> Result<Expert, CatalogError> {
        let mut expert = self.known_expert(expert)?.clone();
        room("spans of time off of this expert", expert.time_off.len(), MAX_TIME_OFF)?;
        expert.time_off.push(TimeOff {
            id,
            from: details.from,
            to: details.to,
            reason: details.reason.clone(),
        });
        expert.time_off.sort_by_key(|off| (off.from, off.to, off.id));
        expert.updated_at = now;
        Ok(expert)
    }

    /// An expert without one of their spans of time off.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] of the expert, or of the span among theirs.
    pub fn remove_time_off(
        &self,
        expert: ExpertId,
        id: TimeOffId,
        now: Timestamp,
    ) -> Result<Expert, CatalogError> {
        let mut expert = self.known_expert(expert)?.clone();
        let place = expert.time_off.iter().position(|off| off.id == id);
        expert.time_off.remove(place.ok_or(CatalogError::NotFound("Time off"))?);
        expert.updated_at = now;
        Ok(expert)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::datetime;

    use super::*;

    pub(super) const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const HAIR: CategoryId = CategoryId::derived([1; 16]);
    pub(super) const CUT: ServiceId = ServiceId::derived([1; 16]);
    pub(super) const INES: ExpertId = ExpertId::derived([1; 16]);

    fn category(name: &str) -> CategoryDetails {
        CategoryDetails { name: name.parse().unwrap(), description: None, position: None, is_active: None }
    }

    fn cut() -> ServiceDetails {
        ServiceDetails {
            category_id: HAIR,
            name: "Cut".parse().unwrap(),
            description: None,
            price: 5_800,
            duration_minutes: 60,
            buffer_minutes: 5,
            is_active: None,
        }
    }

    fn ines() -> ExpertDetails {
        ExpertDetails {
            name: "Inès".parse().unwrap(),
            title: None,
            bio: None,
            image_url: None,
            is_active: None,
        }
    }

    fn fringe() -> SubServiceDetails {
        SubServiceDetails {
            name: "Fringe trim".parse().unwrap(),
            description: None,
            price: 800,
            duration_minutes: 0,
            is_active: None,
        }
    }

    fn own_duration(minutes: u32) -> OwnTerms {
        OwnTerms { price: None, duration_minutes: Some(minutes) }
    }

    /// A category, a service, an expert who offers it.
    pub(super) fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        let hair = catalog.create_category(HAIR, &category("Hair"), NOW).unwrap();
        catalog.categories.insert(HAIR, hair);
        let cut = catalog.create_service(CUT, &cut(), NOW).unwrap();
        catalog.services.insert(CUT, cut);
        let ines = catalog.create_expert(INES, &ines(), NOW).unwrap();
        catalog.experts.insert(INES, ines);
        let ines = catalog.assign(INES, CUT, &own_duration(90), NOW).unwrap();
        catalog.experts.insert(INES, ines);
        catalog
    }

    fn fields(error: CatalogError) -> Vec<&'static str> {
        match error {
            CatalogError::Invalid(faults) => faults.into_iter().map(|fault| fault.field).collect(),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_new_category_comes_last_and_a_changed_one_stays_where_and_as_it_is() {
        let mut catalog = catalog();
        let second = CategoryId::derived([2; 16]);
        let nails = catalog.create_category(second, &category("Nails"), NOW).unwrap();
        assert_eq!((catalog.categories[&HAIR].position, nails.position, nails.is_active), (1, 2, true));
        catalog.categories.insert(second, Category { is_active: false, position: 7, ..nails });
        let renamed = catalog.change_category(second, &category("Hands"), NOW).unwrap();
        assert_eq!((renamed.name.as_str(), renamed.position, renamed.is_active), ("Hands", 7, false));
        let details = CategoryDetails { position: Some(0), is_active: Some(true), ..category("Hands") };
        let moved = catalog.change_category(second, &details, NOW).unwrap();
        assert_eq!((moved.position, moved.is_active), (0, true));
        catalog.categories.insert(second, Category { position: MAX_POSITION, ..moved });
        let last = catalog.create_category(CategoryId::derived([3; 16]), &category("Last"), NOW).unwrap();
        assert_eq!(last.position, MAX_POSITION);
    }

    #[test]
    fn what_is_in_use_is_deactivated_and_what_is_not_is_deleted() {
        let mut catalog = catalog();
        assert!(
            matches!(catalog.delete_category(HAIR, NOW), Ok(Removal::Deactivated(hair)) if !hair.is_active)
        );
        assert!(matches!(catalog.delete_service(CUT, NOW), Ok(Removal::Deactivated(cut)) if !cut.is_active));
        assert!(
            matches!(catalog.delete_expert(INES, NOW), Ok(Removal::Deactivated(ines)) if !ines.is_active)
        );
        let ines = catalog.unassign(INES, CUT, NOW).unwrap();
        catalog.experts.insert(INES, ines);
        assert_eq!(catalog.delete_expert(INES, NOW), Ok(Removal::Deleted));
        assert_eq!(catalog.delete_service(CUT, NOW), Ok(Removal::Deleted));
        catalog.services.clear();
        assert_eq!(catalog.delete_category(HAIR, NOW), Ok(Removal::Deleted));
    }

    #[test]
    fn a_service_is_in_a_category_and_no_expert_is_busy_too_long() {
        let catalog = catalog();
        let elsewhere = ServiceDetails { category_id: CategoryId::derived([9; 16]), ..cut() };
        assert_eq!(fields(catalog.create_service(CUT, &elsewhere, NOW).unwrap_err()), ["categoryId"]);
        for (buffer, is_right) in [(510, true), (511, false)] {
            let details = ServiceDetails { buffer_minutes: buffer, ..cut() };
            match catalog.change_service(CUT, &details, NOW) {
                Ok(_) => assert!(is_right, "{buffer}"),
                Err(error) => assert_eq!((fields(error), is_right), (vec!["bufferMinutes"], false)),
            }
        }
        let both = ServiceDetails { buffer_minutes: 540, ..elsewhere };
        assert_eq!(
            fields(catalog.change_service(CUT, &both, NOW).unwrap_err()),
            ["categoryId", "bufferMinutes"]
        );
        assert_eq!(check_length(60, 540), Ok(()));
        assert_eq!(check_length(60, 541).unwrap_err().field, "bufferMinutes");
        assert!(catalog.assign(INES, CUT, &own_duration(595), NOW).is_ok());
        assert_eq!(
            fields(catalog.assign(INES, CUT, &own_duration(596), NOW).unwrap_err()),
            ["durationMinutes"]
        );
    }

    #[test]
    fn what_is_not_there_cannot_be_changed() {
        let catalog = catalog();
        let (no_category, no_service) = (CategoryId::derived([9; 16]), ServiceId::derived([9; 16]));
        let (no_sub_service, no_expert) = (SubServiceId::derived([9; 16]), ExpertId::derived([9; 16]));
        let no_time_off = TimeOffId::derived([9; 16]);
        let not_found = |what| CatalogError::NotFound(what);
        assert_eq!(catalog.change_category(no_category, &category("X"), NOW), Err(not_found("Category")));
        assert_eq!(catalog.delete_category(no_category, NOW), Err(not_found("Category")));
        assert_eq!(catalog.change_service(no_service, &cut(), NOW), Err(not_found("Service")));
        assert_eq!(catalog.delete_service(no_service, NOW), Err(not_found("Service")));
        assert_eq!(
            catalog.create_sub_service(no_service, no_sub_service, &fringe()),
            Err(not_found("Service"))
        );
        assert_eq!(catalog.change_sub_service(CUT, no_sub_service, &fringe()), Err(not_found("Sub-service")));
        assert_eq!(catalog.delete_sub_service(CUT, no_sub_service), Err(not_found("Sub-service")));
        assert_eq!(catalog.change_expert(no_expert, &ines(), NOW), Err(not_found("Expert")));
        assert_eq!(catalog.assign(INES, no_service, &OwnTerms::default(), NOW), Err(not_found("Service")));
        assert_eq!(catalog.unassign(INES, no_service, NOW), Err(not_found("Service of this expert")));
        assert_eq!(catalog.remove_time_off(INES, no_time_off, NOW), Err(not_found("Time off")));
    }

    #[test]
    fn the_catalog_stays_small() {
        let mut catalog = catalog();
        for number in 0..MAX_SUB_SERVICES_OF_ONE {
            let id = SubServiceId::derived(u128::try_from(number).unwrap().to_be_bytes());
            let sub = catalog.create_sub_service(CUT, id, &fringe()).unwrap();
            catalog.sub_services.insert(id, sub);
        }
        let full =
            CatalogError::Full { what: "sub-services of this service", at_most: MAX_SUB_SERVICES_OF_ONE };
        assert_eq!(catalog.create_sub_service(CUT, SubServiceId::derived([9; 16]), &fringe()), Err(full));
        let off = TimeOffDetails {
            from: datetime(2026, 3, 2, 0, 0, 0, 0),
            to: datetime(2026, 3, 9, 0, 0, 0, 0),
            reason: None,
        };
        for number in 0..MAX_TIME_OFF {
            let id = TimeOffId::derived(u128::try_from(number).unwrap().to_be_bytes());
            let ines = catalog.add_time_off(INES, id, &off, NOW).unwrap();
            catalog.experts.insert(INES, ines);
        }
        let full = CatalogError::Full { what: "spans of time off of this expert", at_most: MAX_TIME_OFF };
        assert_eq!(catalog.add_time_off(INES, TimeOffId::derived([9; 16]), &off, NOW), Err(full));
        assert_eq!(room("services", MAX_SERVICES - 1, MAX_SERVICES), Ok(()));
        assert!(room("services", MAX_SERVICES, MAX_SERVICES).is_err());
    }

    #[test]
    fn time_off_is_kept_in_order_and_ends_after_it_begins() {
        let mut catalog = catalog();
        let off = |day| TimeOffDetails {
            from: datetime(2026, 3, day, 9, 0, 0, 0),
            to: datetime(2026, 3, day, 12, 0, 0, 0),
            reason: Some("Training".parse().unwrap()),
        };
        for day in [9, 2, 5] {
            let id = TimeOffId::derived([u8::try_from(day).unwrap(); 16]);
            let ines = catalog.add_time_off(INES, id, &off(day), NOW).unwrap();
            catalog.experts.insert(INES, ines);
        }
        let days = |expert: &Expert| expert.time_off.iter().map(|off| off.from.day()).collect::<Vec<_>>();
        assert_eq!(days(&catalog.experts[&INES]), [2, 5, 9]);
        let without = catalog.remove_time_off(INES, TimeOffId::derived([5; 16]), NOW).unwrap();
        assert_eq!(days(&without), [2, 9]);
        let (nine, noon) = (off(2).from, off(2).to);
        assert_eq!(check_time_off(nine, noon), Ok(()));
        for (from, to) in [(nine, nine), (noon, nine)] {
            assert_eq!(check_time_off(from, to).unwrap_err().field, "to");
        }
    }

    #[test]
    fn settings_leave_something_to_book() {
        let details = |lead_time_minutes, horizon_days| SettingsDetails {
            salon_name: "Aurora".parse().unwrap(),
            time_zone: time_zone("europe/paris").unwrap(),
            currency: Currency::EUR,
            slot_grid_minutes: 15,
            lead_time_minutes,
            horizon_days,
            cancellation_window_minutes: 0,
            reservation_hold_minutes: Some(90),
            max_open_reservations: Some(3),
            reminder_minutes: 0,
            pay_now: PayNow::Staff,
        };
        assert_eq!(details(1439, 1).settings().unwrap().time_zone, "Europe/Paris");
        assert_eq!(details(1440, 1).settings().unwrap_err().field, "leadTimeMinutes");
        for bad in ["", "Paris", "Europe/Pari", "CET+1", "Etc/Unknown", "+02:00"] {
            assert!(time_zone(bad).is_err(), "{bad}");
        }
        assert!(SLOT_GRIDS.iter().all(|grid| grid % 5 == 0 && 24 * 60 % grid == 0));
    }
}
