//! The offers among which a booking gets the best.

use jiff::Timestamp;
use jiff::civil::Date;

use super::{ChoiceError, Quote, Salon};
use crate::ids::ServiceId;
use crate::offers::{AppliedOffer, Offer, OfferCode, best};

/// Reasons why the offer that is asked for does not make a booking cheaper.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// There is no offer with that code, or it is not applied at present.
    #[error("must be the code of a current offer")]
    UnknownOffer,
    /// The offer is for other services.
    #[error("must be the code of an offer for this service; this one is for others")]
    OfferForOtherServices,
    /// The offer is for appointments on other dates.
    #[error("must be the code of an offer for that date; this one is for appointments{}", range(*.from, *.to))]
    OfferForOtherDates {
        /// The first date that it is for.
        from: Option<Date>,
        /// The last one.
        to: Option<Date>,
    },
}

/// A range of dates in words, to follow a word: ` from 2026-03-01 until 2026-03-31`.
fn range(from: Option<Date>, to: Option<Date>) -> String {
    let told = |word, date: Option<Date>| date.map_or_else(String::new, |date| format!(" {word} {date}"));
    told("from", from) + &told("until", to)
}

impl ChoiceError for OfferError {
    fn examples() -> Vec<Self> {
        one_of_each![UnknownOffer, OfferForOtherServices, OfferForOtherDates { from: None, to: None }]
    }

    fn code(&self) -> &'static str {
        match self {
            Self::UnknownOffer => "unknown_offer",
            Self::OfferForOtherServices => "offer_for_other_services",
            Self::OfferForOtherDates { .. } => "offer_for_other_dates",
        }
    }

    fn field(&self) -> &'static str {
        "offerCode"
    }
}

impl<'c> Salon<'c> {
    /// The offers of which a booking for a salon-local date gets the best: those that apply by themselves, and the one
    /// that is asked for.
    ///
    /// # Errors
    /// [`OfferError`] when the one that is asked for does not fit. A code that is known to nobody, one that is not
    /// active and one that is over sound the same, so that guessing finds out nothing that booking would not.
    pub fn offers(
        &self,
        service: ServiceId,
        date: Date,
        code: Option<&OfferCode>,
        now: Timestamp,
    ) -> Result<Vec<&'c Offer>, OfferError> {
        let mut offers = self.automatic(service, date);
        if let Some(code) = code {
            let today = self.today(now);
            let asked_for = self.catalog.offers.values().find(|offer| offer.code.as_ref() == Some(code));
            let offer = asked_for
                .filter(|offer| offer.is_active && !offer.is_over(today))
                .ok_or(OfferError::UnknownOffer)?;
            if !offer.is_for(service) {
                return Err(OfferError::OfferForOtherServices);
            }
            if !offer.is_valid_on(date) {
                return Err(OfferError::OfferForOtherDates { from: offer.valid_from, to: offer.valid_to });
            }
            offers.push(offer);
        }
        Ok(offers)
    }

    fn automatic(&self, service: ServiceId, date: Date) -> Vec<&'c Offer> {
        let all = self.catalog.offers.values();
        all.filter(|offer| offer.code.is_none() && offer.fits(service, date)).collect()
    }

    /// The discount on a price that is agreed anew: by the same offer as before if it still fits, else by the best of
    /// those that apply by themselves.
    pub(crate) fn offer_again(
        &self,
        before: Option<&AppliedOffer>,
        quote: &Quote<'_>,
        date: Date,
    ) -> Option<AppliedOffer> {
        let (service, price) = (quote.service.id, quote.total_price);
        let same = before.and_then(|before| self.catalog.offers.get(&before.id));
        let same = same.filter(|offer| offer.fits(service, date)).and_then(|offer| offer.applied(price));
        same.or_else(|| best(self.automatic(service, date), price))
    }
}
