//! How offers change.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{CatalogError, FieldFault, room};
use crate::catalog::Catalog;
use crate::ids::{OfferId, ServiceId};
use crate::offers::{Discount, Offer, OfferCode};
use crate::text::{Description, Label};

/// The most offers.
pub const MAX_OFFERS: usize = 100;
/// The most offers that name one and the same service: when it is deleted, each of them is written in that transaction.
pub const MAX_OFFERS_NAMING_ONE: usize = 15;
/// The most services that one offer names.
pub const MAX_SERVICES_OF_OFFER: usize = 100;

/// The details of an offer. Without `is_active` it stays as it is, a new one is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferDetails {
    /// The name.
    pub name: Label,
    /// A sentence or two.
    pub description: Option<Description>,
    /// The discount on the whole price.
    pub discount: Discount,
    /// The code that a booking has to name.
    pub code: Option<OfferCode>,
    /// The services that it is for; empty for all.
    pub service_ids: BTreeSet<ServiceId>,
    /// The first salon-local date of an appointment that it fits.
    pub valid_from: Option<Date>,
    /// The last one.
    pub valid_to: Option<Date>,
    /// Set where it is applied.
    pub is_active: Option<bool>,
}

/// Returns the discount of an offer: a percentage or an amount.
///
/// # Errors
/// [`FieldFault`] when it is neither or both.
pub fn discount(percent: Option<u32>, amount: Option<i64>) -> Result<Discount, FieldFault> {
    match (percent, amount) {
        (Some(percent), None) => Ok(Discount::Percent(percent)),
        (None, Some(amount)) => Ok(Discount::Amount(amount)),
        (None, None) => Err(FieldFault::new("percentOff", "is required, unless there is `amountOff`")),
        (Some(_), Some(_)) => {
            let message = "must be absent: an offer takes off either this or `percentOff`";
            Err(FieldFault::new("amountOff", message))
        }
    }
}

/// Checks that an offer's dates leave at least one day.
///
/// # Errors
/// [`FieldFault`] when they do not.
pub fn check_validity(from: Option<Date>, to: Option<Date>) -> Result<(), FieldFault> {
    match (from, to) {
        (Some(from), Some(to)) if to < from => {
            Err(FieldFault::new("validTo", "must not be before `validFrom`"))
        }
        _ => Ok(()),
    }
}

/// Offers.
impl Catalog {
    fn known_offer(&self, id: OfferId) -> Result<&Offer, CatalogError> {
        self.offers.get(&id).ok_or(CatalogError::NotFound("Offer"))
    }

    /// A new offer.
    ///
    /// # Errors
    /// [`CatalogError::Full`], and [`CatalogError::Invalid`] when it names a service that there is not, or another has
    /// its code.
    pub fn create_offer(
        &self,
        id: OfferId,
        details: &OfferDetails,
        now: Timestamp,
    ) -> Result<Offer, CatalogError> {
        room("offers", self.offers.len(), MAX_OFFERS)?;
        self.check_offer(id, details)?;
        Ok(offer(id, details, details.is_active.unwrap_or(true), (now, now)))
    }

    /// An offer as it is to be. Appointments keep what it was when they were booked.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`], [`CatalogError::Full`], and [`CatalogError::Invalid`] as for a new one.
    pub fn change_offer(
        &self,
        id: OfferId,
        details: &OfferDetails,
        now: Timestamp,
    ) -> Result<Offer, CatalogError> {
        let known = self.known_offer(id)?;
        self.check_offer(id, details)?;
        let is_active = details.is_active.unwrap_or(known.is_active);
        Ok(offer(id, details, is_active, (known.created_at, now)))
    }

    fn check_offer(&self, id: OfferId, details: &OfferDetails) -> Result<(), CatalogError> {
        let mut faults = Vec::new();
        let unknown = details.service_ids.iter().find(|id| !self.services.contains_key(id));
        if let Some(unknown) = unknown {
            faults.push(FieldFault::new("serviceIds", format!("must be ids of services; {unknown} is none")));
        }
        let others = || self.offers.values().filter(move |other| other.id != id);
        if let Some(code) = &details.code
            && let Some(other) = others().find(|other| other.code.as_ref() == Some(code))
        {
            let message = format!("must be another: {} has this code already", other.id);
            faults.push(FieldFault::new("code", message));
        }
        if !faults.is_empty() {
            return Err(CatalogError::Invalid(faults));
        }
        details.service_ids.iter().try_for_each(|service| {
            let naming = others().filter(|other| other.service_ids.contains(service)).count();
            room("offers that name one of these services", naming, MAX_OFFERS_NAMING_ONE)
        })
    }

    /// Checks that an offer can be deleted: it can, since nothing refers to it, and appointments have their own copy
    /// of what it took off.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub fn delete_offer(&self, id: OfferId) -> Result<(), CatalogError> {
        self.known_offer(id).map(|_| ())
    }

    /// Returns the changes of the offers that name a service when it is deleted: they name it no more. One that names
    /// no other would then be for all services, so it is deactivated and goes on naming it; whoever wants it back has
    /// to say what for.
    #[must_use]
    pub fn offers_without(&self, service: ServiceId, now: Timestamp) -> Vec<Offer> {
        let naming = self.offers.values().filter(|offer| offer.service_ids.contains(&service));
        naming
            .map(|offer| {
                let mut left = offer.service_ids.clone();
                left.remove(&service);
                if left.iter().any(|id| self.services.contains_key(id)) {
                    Offer { service_ids: left, updated_at: now, ..offer.clone() }
                } else {
                    Offer { is_active: false, updated_at: now, ..offer.clone() }
                }
            })
            .collect()
    }
}

fn offer(
    id: OfferId,
    details: &OfferDetails,
    is_active: bool,
    (created_at, updated_at): (Timestamp, Timestamp),
) -> Offer {
    Offer {
        id,
        name: details.name.clone(),
        description: details.description.clone(),
        discount: details.discount,
        code: details.code.clone(),
        service_ids: details.service_ids.clone(),
        valid_from: details.valid_from,
        valid_to: details.valid_to,
        is_active,
        created_at,
        updated_at,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::tests::{CUT, NOW, catalog};
    use super::super::{CatalogError, MAX_IMAGES_OF_ONE, MAX_SUB_SERVICES_OF_ONE};
    use super::*;
    use crate::catalog::Service;

    const OTHER: ServiceId = ServiceId::derived([2; 16]);

    fn id(byte: u8) -> OfferId {
        OfferId::derived([byte; 16])
    }

    fn details(code: Option<&str>, services: &[ServiceId]) -> OfferDetails {
        OfferDetails {
            name: "Spring".parse().unwrap(),
            description: None,
            discount: Discount::Percent(10),
            code: code.map(|code| code.parse().unwrap()),
            service_ids: services.iter().copied().collect(),
            valid_from: None,
            valid_to: None,
            is_active: None,
        }
    }

    fn with(mut catalog: Catalog, byte: u8, details: &OfferDetails) -> Catalog {
        let offer = catalog.create_offer(id(byte), details, NOW).unwrap();
        catalog.offers.insert(offer.id, offer);
        catalog
    }

    /// The salon with a second service, which nobody offers.
    fn two_services() -> Catalog {
        let mut catalog = catalog();
        let other = Service { id: OTHER, ..catalog.services[&CUT].clone() };
        catalog.services.insert(OTHER, other);
        catalog
    }

    fn fields(error: CatalogError) -> Vec<&'static str> {
        match error {
            CatalogError::Invalid(faults) => faults.into_iter().map(|fault| fault.field).collect(),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_code_is_one_offers_and_services_are_known() {
        let catalog = with(two_services(), 1, &details(Some("Spring-26"), &[CUT]));
        let refused = |byte, details: &OfferDetails| {
            let made = catalog.create_offer(id(byte), details, NOW).map(|_| ());
            made.map_err(fields).err().unwrap_or_default()
        };
        assert_eq!(refused(2, &details(Some("SPRING-26"), &[])), ["code"]);
        assert_eq!(refused(2, &details(Some("spring-27"), &[])), [""; 0]);
        let nowhere = ServiceId::derived([9; 16]);
        assert_eq!(refused(2, &details(Some("spring-26"), &[CUT, nowhere])), ["serviceIds", "code"]);
        // Its own code is not in its own way.
        let changed = catalog.change_offer(id(1), &details(Some("spring-26"), &[]), NOW).unwrap();
        assert_eq!((changed.code.unwrap().as_str(), changed.service_ids.len()), ("SPRING-26", 0));
        assert_eq!(
            catalog.change_offer(id(2), &details(None, &[]), NOW),
            Err(CatalogError::NotFound("Offer"))
        );
        assert_eq!(catalog.delete_offer(id(2)), Err(CatalogError::NotFound("Offer")));
        assert_eq!(catalog.delete_offer(id(1)), Ok(()));
    }

    #[test]
    fn an_offer_is_active_unless_told_and_stays_as_it_is() {
        let off = OfferDetails { is_active: Some(false), ..details(None, &[]) };
        let catalog = with(with(catalog(), 1, &details(None, &[])), 2, &off);
        assert!(catalog.offers[&id(1)].is_active);
        assert!(!catalog.change_offer(id(2), &details(None, &[]), NOW).unwrap().is_active);
        let on = OfferDetails { is_active: Some(true), ..off };
        assert!(catalog.change_offer(id(2), &on, NOW).unwrap().is_active);
    }

    #[test]
    fn a_deleted_service_never_makes_an_offer_one_for_all() {
        let catalog = with(two_services(), 1, &details(None, &[CUT, OTHER]));
        let catalog = with(with(catalog, 2, &details(None, &[OTHER])), 3, &details(None, &[]));
        let left = catalog.offers_without(OTHER, NOW);
        let left: Vec<_> = left.iter().map(|offer| (offer.id, offer.is_active)).collect();
        assert_eq!(left, [(id(1), true), (id(2), false)], "the one for all services does not name it");
        let changed = catalog.offers_without(OTHER, NOW);
        assert_eq!(changed[0].service_ids, [CUT].into());
        assert_eq!(changed[1].service_ids, [OTHER].into(), "never empty: that would be all");
        // Brought back as it is, it is refused until it says what it is for.
        let mut without = catalog;
        without.services.remove(&OTHER);
        let again = OfferDetails { is_active: Some(true), ..details(None, &[OTHER]) };
        assert_eq!(fields(without.change_offer(id(2), &again, NOW).unwrap_err()), ["serviceIds"]);
        // And where the other one that it names was deleted before, too.
        without.offers.get_mut(&id(1)).unwrap().service_ids = [CUT, OTHER].into();
        assert!(!without.offers_without(CUT, NOW)[0].is_active);
    }

    #[test]
    fn deleting_a_service_fits_one_transaction() {
        let rows = 1 + MAX_SUB_SERVICES_OF_ONE + MAX_IMAGES_OF_ONE + MAX_OFFERS_NAMING_ONE;
        assert!(rows <= 98, "{rows}");
        let mut catalog = two_services();
        for number in 0..MAX_OFFERS_NAMING_ONE {
            catalog = with(catalog, u8::try_from(number).unwrap(), &details(None, &[CUT]));
        }
        let full = |what, at_most| Err(CatalogError::Full { what, at_most });
        let what = "offers that name one of these services";
        assert_eq!(
            catalog.create_offer(id(99), &details(None, &[OTHER, CUT]), NOW),
            full(what, MAX_OFFERS_NAMING_ONE)
        );
        assert!(catalog.change_offer(id(0), &details(None, &[CUT]), NOW).is_ok(), "it is one of them");
        for number in MAX_OFFERS_NAMING_ONE..MAX_OFFERS {
            catalog = with(catalog, u8::try_from(number).unwrap(), &details(None, &[]));
        }
        assert_eq!(catalog.create_offer(id(200), &details(None, &[]), NOW), full("offers", MAX_OFFERS));
        assert_eq!(
            catalog.change_offer(id(50), &details(None, &[CUT]), NOW),
            full(what, MAX_OFFERS_NAMING_ONE)
        );
    }

    #[test]
    fn an_offer_takes_off_one_thing_on_at_least_one_day() {
        assert_eq!(discount(Some(20), None), Ok(Discount::Percent(20)));
        assert_eq!(discount(None, Some(500)), Ok(Discount::Amount(500)));
        assert_eq!(discount(None, None).unwrap_err().field, "percentOff");
        assert_eq!(discount(Some(20), Some(500)).unwrap_err().field, "amountOff");
        let (first, second) = (Some(date(2026, 3, 1)), Some(date(2026, 3, 2)));
        for (from, to) in [(None, None), (first, None), (None, first), (first, first), (first, second)] {
            assert_eq!(check_validity(from, to), Ok(()));
        }
        assert_eq!(check_validity(second, first).unwrap_err().field, "validTo");
    }
}
