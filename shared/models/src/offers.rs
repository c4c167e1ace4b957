//! Offers: discounts on appointments, and their conditions.
//!
//! An offer without a code applies by itself to every booking that it fits; one with a code only to a booking that
//! names it. Which it fits depends on the service and on the salon-local date of the appointment, not on when it is
//! booked. Offers do not add up: of those that could be applied, the best for the customer is. What is taken off is
//! taken off the whole price, with add-ons and at the expert's own price, and never more than that.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ids::{OfferId, ServiceId};
use crate::text::{Description, Label, TextError, texts};

texts! {
    /// The code by which customers get an offer: 3 to 32 ASCII letters, digits and hyphens. Codes are the same whatever
    /// their case, so they are kept in upper case.
    OfferCode = code;
}

fn code(text: &str) -> Result<String, TextError> {
    let code = text.trim();
    if (3..=32).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        Ok(code.to_ascii_uppercase())
    } else {
        Err(TextError("must have 3 to 32 letters (A to Z), digits or hyphens".to_owned()))
    }
}

/// The discount of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discount {
    /// So many hundredths of the price, 1 to 100.
    Percent(u32),
    /// So much, minor currency units, at least 1.
    Amount(i64),
}

impl Discount {
    /// The discount on a price, minor currency units: never less than nothing, never more than the price. A percentage
    /// is rounded to the nearest minor unit, halves in the customer's favour.
    #[must_use]
    pub fn on(self, price: i64) -> i64 {
        let price = price.max(0);
        match self {
            Self::Percent(percent) => {
                let percent = i64::from(percent.min(100));
                // In two parts, so that no price overflows.
                price / 100 * percent + (price % 100 * percent + 50) / 100
            }
            Self::Amount(amount) => amount.clamp(0, price),
        }
    }

    /// The hundredths, if it is a percentage.
    #[must_use]
    pub const fn percent(self) -> Option<u32> {
        match self {
            Self::Percent(percent) => Some(percent),
            Self::Amount(_) => None,
        }
    }

    /// The amount, minor currency units, if it is one.
    #[must_use]
    pub const fn amount(self) -> Option<i64> {
        match self {
            Self::Amount(amount) => Some(amount),
            Self::Percent(_) => None,
        }
    }
}

/// Something that makes appointments cheaper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The id, `ofr_…`, which appointments keep with the discount.
    pub id: OfferId,
    /// The name.
    pub name: Label,
    /// A sentence or two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// The discount.
    pub discount: Discount,
    /// The code that a booking has to name; without one the offer applies by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<OfferCode>,
    /// The services that it is for; empty for all.
    #[serde(default)]
    pub service_ids: BTreeSet<ServiceId>,
    /// The first salon-local date of an appointment that it fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Date>,
    /// The last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Date>,
    /// Set where it is applied.
    pub is_active: bool,
    /// The time of its creation (UTC).
    pub created_at: Timestamp,
    /// The time of its last change (UTC).
    pub updated_at: Timestamp,
}

/// An offer as it was applied to an appointment's price: later changes of the catalog do not change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedOffer {
    /// The offer.
    pub id: OfferId,
    /// Its name.
    pub name: Label,
    /// Its code, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<OfferCode>,
    /// The amount that it took off, minor currency units, at least 1.
    pub discount: i64,
}

impl Offer {
    /// Returns true if it is for a service.
    #[must_use]
    pub fn is_for(&self, service: ServiceId) -> bool {
        self.service_ids.is_empty() || self.service_ids.contains(&service)
    }

    /// Returns true if it is for appointments on a salon-local date.
    #[must_use]
    pub fn is_valid_on(&self, date: Date) -> bool {
        self.valid_from.is_none_or(|from| from <= date) && self.valid_to.is_none_or(|to| date <= to)
    }

    /// Returns true if it fits no appointment from today (salon-local) on.
    #[must_use]
    pub fn is_over(&self, today: Date) -> bool {
        self.valid_to.is_some_and(|to| to < today)
    }

    /// Returns true if customers get it, now or on a date to come, without asking for it.
    #[must_use]
    pub fn is_public(&self, today: Date) -> bool {
        self.is_active && self.code.is_none() && !self.is_over(today)
    }

    pub(crate) fn fits(&self, service: ServiceId, date: Date) -> bool {
        self.is_active && self.is_for(service) && self.is_valid_on(date)
    }

    /// The offer applied to a price; `None` if it takes nothing off.
    pub(crate) fn applied(&self, price: i64) -> Option<AppliedOffer> {
        let discount = self.discount.on(price);
        (discount > 0).then(|| AppliedOffer {
            id: self.id,
            name: self.name.clone(),
            code: self.code.clone(),
            discount,
        })
    }
}

/// The best of some offers applied to a price; `None` if none takes anything off. Of two that take off the same, it is
/// the one that was asked for by its code, then always the same one.
#[must_use]
pub fn best<'o>(offers: impl IntoIterator<Item = &'o Offer>, price: i64) -> Option<AppliedOffer> {
    offers
        .into_iter()
        .filter_map(|offer| offer.applied(price))
        .max_by_key(|applied| (applied.discount, applied.code.is_some(), Reverse(applied.id)))
}

#[cfg(test)]
#[path = "offers_tests.rs"]
mod tests;
