//! What the dashboard counts: what one appointment contributes, and sums of it by day.
//!
//! A contribution is a pure function of the appointment as it stands, so that whatever has happened to an appointment,
//! and in whatever order it became known, the totals are the sum over the appointments of what each contributes now.
//! Counting something more means adding a [`Measure`], saying in [`Contribution::measures`] who contributes to it, and
//! giving it a name in `chairbook-store`.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::appointment::{Appointment, Status};
use crate::ids::{ExpertId, ServiceId};
use crate::money::Currency;
use crate::text::{Label, PersonName};

/// Something that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Appointments that stand there.
    Status(Status),
    /// Appointments that begin in this hour of the local day (0 to 23) and stand, see [`stands`].
    Hour(i8),
    /// Money that the salon was paid and keeps, minor units.
    Revenue(Currency),
    /// Money that the salon was paid and has given back, minor units.
    Refunded(Currency),
    /// Prices that customers say they have paid and the salon has not verified, minor units.
    Unverified(Currency),
    /// Prices of reservations that are not paid for yet, minor units.
    Unpaid(Currency),
    /// Appointments of a service that stand.
    Service(ServiceId),
    /// Money that was paid for them and is kept, minor units.
    ServiceRevenue(ServiceId, Currency),
    /// Appointments with an expert that stand.
    Expert(ExpertId),
    /// Money that was paid for them and is kept, minor units.
    ExpertRevenue(ExpertId, Currency),
    /// Accounts whose e-mail address was verified.
    NewCustomers,
}

/// A thing of the catalog that a report shows by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Named {
    /// A service.
    Service(ServiceId),
    /// An expert.
    Expert(ExpertId),
}

/// Returns true if an appointment takes, took or was to take place: it was neither cancelled nor did it expire.
#[must_use]
pub const fn stands(status: Status) -> bool {
    !matches!(status, Status::Cancelled | Status::Expired)
}

/// The contribution of one appointment to the statistics of its day. Says nothing of its customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// The local date of its start.
    pub day: Date,
    /// The hour of the local day in which it begins, 0 to 23.
    pub hour: i8,
    /// The status.
    pub status: Status,
    /// The service.
    pub service_id: ServiceId,
    /// The service's name when it was booked or moved.
    pub service_name: Label,
    /// The expert.
    pub expert_id: ExpertId,
    /// Their name when it was booked or moved.
    pub expert_name: PersonName,
    /// The currency of the amounts.
    pub currency: Currency,
    /// Money that the salon was paid and keeps, minor units.
    pub revenue: i64,
    /// Money that the salon was paid and has given back, minor units.
    pub refunded: i64,
    /// The price, if the customer says they have paid it and the salon has not verified it, minor units.
    pub unverified: i64,
    /// The price, if it is not paid for yet, minor units.
    pub unpaid: i64,
}

impl Contribution {
    /// Returns the contribution of an appointment as it stands in its row: a reservation whose hold has run out is
    /// one until it is ended.
    #[must_use]
    pub fn of(appointment: &Appointment) -> Self {
        let price = appointment.total_price;
        let (revenue, refunded) = match appointment.verified_payment() {
            Some(payment) => {
                let refunded = appointment.refund.map_or(0, |refund| refund.amount);
                (payment.amount.saturating_sub(refunded), refunded)
            }
            None => (0, 0),
        };
        let unverified = if appointment.awaits_verification() { price } else { 0 };
        let unpaid = if appointment.status == Status::Reserved { price } else { 0 };
        Self {
            day: appointment.date,
            hour: appointment.time.hour(),
            status: appointment.status,
            service_id: appointment.service_id,
            service_name: appointment.service_name.clone(),
            expert_id: appointment.expert_id,
            expert_name: appointment.expert_name.clone(),
            currency: appointment.currency,
            revenue,
            refunded,
            unverified,
            unpaid,
        }
    }

    /// Each measure to which it contributes, and how much.
    fn measures(&self) -> impl Iterator<Item = (Measure, i64)> {
        let standing = i64::from(stands(self.status));
        [
            (Measure::Status(self.status), 1),
            (Measure::Hour(self.hour), standing),
            (Measure::Revenue(self.currency), self.revenue),
            (Measure::Refunded(self.currency), self.refunded),
            (Measure::Unverified(self.currency), self.unverified),
            (Measure::Unpaid(self.currency), self.unpaid),
            (Measure::Service(self.service_id), standing),
            (Measure::ServiceRevenue(self.service_id, self.currency), self.revenue),
            (Measure::Expert(self.expert_id), standing),
            (Measure::ExpertRevenue(self.expert_id, self.currency), self.revenue),
        ]
        .into_iter()
    }

    /// The names of what it contributes to by name.
    #[must_use]
    pub fn names(&self) -> [(Named, &str); 2] {
        [
            (Named::Service(self.service_id), self.service_name.as_str()),
            (Named::Expert(self.expert_id), self.expert_name.as_str()),
        ]
    }
}

/// Sums by measure; a measure that is not in it is zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals(BTreeMap<Measure, i64>);

impl Totals {
    /// The sum of a measure.
    #[must_use]
    pub fn get(&self, measure: Measure) -> i64 {
        self.0.get(&measure).copied().unwrap_or_default()
    }

    /// Adds to a measure; less than nothing takes away.
    pub fn add(&mut self, measure: Measure, amount: i64) {
        let sum = self.0.entry(measure).or_default();
        *sum = sum.saturating_add(amount);
        if *sum == 0 {
            self.0.remove(&measure);
        }
    }

    /// Adds what an appointment contributes.
    pub fn count(&mut self, contribution: &Contribution) {
        for (measure, amount) in contribution.measures() {
            self.add(measure, amount);
        }
    }

    /// Takes away what an appointment contributes.
    pub fn discount(&mut self, contribution: &Contribution) {
        for (measure, amount) in contribution.measures() {
            self.add(measure, amount.saturating_neg());
        }
    }

    /// Adds the sums of another.
    pub fn merge(&mut self, other: &Self) {
        for (measure, amount) in other.iter() {
            self.add(measure, amount);
        }
    }

    /// Each measure that is not zero, and its sum.
    pub fn iter(&self) -> impl Iterator<Item = (Measure, i64)> {
        self.0.iter().map(|(measure, sum)| (*measure, *sum))
    }

    /// Returns true if every measure is zero.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The content of one day's row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayStatistics {
    /// The sums.
    pub totals: Totals,
    /// The last known names of what is summed by name.
    pub names: BTreeMap<Named, String>,
}

impl DayStatistics {
    /// Sums up a day's row, from the contribution of each appointment of the day and from the number of customers who
    /// were new on it.
    #[must_use]
    pub fn recounted<'c>(
        contributions: impl IntoIterator<Item = &'c Contribution>,
        new_customers: i64,
    ) -> Self {
        let mut day = Self::default();
        for contribution in contributions {
            day.count(contribution);
        }
        day.totals.add(Measure::NewCustomers, new_customers);
        day
    }

    fn count(&mut self, contribution: &Contribution) {
        self.totals.count(contribution);
        if stands(contribution.status) {
            let names = contribution.names().map(|(named, name)| (named, name.to_owned()));
            self.names.extend(names);
        }
    }
}

/// Returns the changes of each day's row, by local date, when an appointment that was counted as `before` comes to
/// contribute `after`; nothing where it was not counted, or is not there.
pub fn count_change(
    days: &mut BTreeMap<Date, DayStatistics>,
    before: Option<&Contribution>,
    after: Option<&Contribution>,
) {
    if let Some(before) = before {
        days.entry(before.day).or_default().totals.discount(before);
    }
    if let Some(after) = after {
        days.entry(after.day).or_default().count(after);
    }
}

#[cfg(test)]
#[path = "statistics_tests.rs"]
mod tests;
