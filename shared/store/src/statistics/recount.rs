//! Recounting a day: its totals are made anew from the ledger, and the ledger from the appointments.

use std::collections::BTreeSet;

use chairbook_models::ids::AppointmentId;
use chairbook_models::statistics::{Contribution, DayStatistics};
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::ToSpan;
use jiff::civil::Date;

use super::attributes::{measure_attribute, name_attribute, read_day};
use super::{APPOINTMENTS_AT_ONCE, Counted};
use crate::item::{Item, n, number, s, text};
use crate::transaction::{Outcome, pause, replace};
use crate::{Store, StoreError, keys};

/// The number of times that a day is summed up again, since something was counted for it meanwhile.
const TRIES: u32 = 12;

/// The appointments of a day that are looked up at once.
const APPOINTMENTS_PER_PAGE: usize = 500;

/// The rows of the ledger that are read side by side.
const SIDE_BY_SIDE: usize = 16;

/// The result of recounting a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recount {
    /// Appointments that were looked at: those of the day, and those that were counted for it.
    pub appointments: usize,
    /// Those of them for which something else had been counted than what they contribute.
    pub miscounted: usize,
    /// Set where the day's row said something else than the sum of the ledger.
    pub is_repaired: bool,
}

impl Store {
    /// Recounts a local day, while counting goes on: first each of its appointments is counted as it stands, then the
    /// day's row is made anew if it is not the sum of what is counted.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be recounted; whatever was repaired by then is right.
    pub async fn recount_day(&self, date: Date) -> Result<Recount, StoreError> {
        let mut known = self.counted_on(date).await?;
        let mut after = None;
        loop {
            let page = self.appointments_by_day((date, date), |_| true, APPOINTMENTS_PER_PAGE, after).await?;
            known.extend(page.items.iter().map(|appointment| appointment.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let mut recount = Recount { appointments: known.len(), ..Recount::default() };
        let ids: Vec<_> = known.iter().copied().collect();
        for ids in ids.chunks(APPOINTMENTS_AT_ONCE) {
            recount.miscounted += self.count_appointments(ids).await?;
        }
        for tries in 0..TRIES {
            match self.repair_day(date, &known).await? {
                Some(is_repaired) => return Ok(Recount { is_repaired, ..recount }),
                None => pause(tries).await,
            }
        }
        Err(StoreError::Unavailable("something is counted for this day all the time".to_owned()))
    }

    /// Makes the day's row anew if it needs to be, and says whether it did; `None` when something was counted for the
    /// day meanwhile.
    ///
    /// Whatever changes what is counted for the day raises its row's revision in the same transaction. So if the
    /// revision is the same afterwards as it was before, what was read between is of one moment.
    async fn repair_day(
        &self,
        date: Date,
        known: &BTreeSet<AppointmentId>,
    ) -> Result<Option<bool>, StoreError> {
        let table = self.appointments()?;
        let row = self.get(table, keys::statistics_day(date), true).await?.unwrap_or_default();
        let revision = number(&row, "revision");
        let (found, has_more) = read_day(&row);

        let ids = self.counted_on(date).await?.into_iter().chain(known.iter().copied());
        let ids: BTreeSet<_> = ids.collect();
        let counted: Vec<Counted> =
            stream::iter(ids).map(|id| self.counted(id)).buffer_unordered(SIDE_BY_SIDE).try_collect().await?;
        let of_day = counted.iter().filter_map(|counted| counted.contribution.as_ref());
        let of_day: Vec<&Contribution> = of_day.filter(|contribution| contribution.day == date).collect();
        let new_customers = self.new_customers_on(date).await?;
        let mut right = DayStatistics::recounted(of_day, new_customers);

        let lacks_names = right.names.keys().any(|named| !found.names.contains_key(named));
        if found.totals == right.totals && !has_more && !lacks_names {
            return Ok(Some(false));
        }
        // The row knows the latest names; the ledger those from when each appointment was booked.
        right.names.extend(found.names);
        let item = day_item(date, &right, revision.unwrap_or_default().saturating_add(1));
        match self.transact(vec![replace(table, item, revision)?]).await? {
            Outcome::Committed => Ok(Some(true)),
            Outcome::Refused(_) => Ok(None),
        }
    }

    /// Counts the customers who were new on a local day.
    async fn new_customers_on(&self, date: Date) -> Result<i64, StoreError> {
        // No zone is so far from UTC that a local day has more than the UTC days beside its own.
        let dates = [date.saturating_sub(1.day()), date, date.saturating_add(1.day())];
        let rows = dates.map(|date| self.rows(keys::new_customers(date)));
        let rows = try_join_all(rows).await?;
        let day = date.to_string();
        let count = rows.iter().flatten().filter(|row| text(row, "day") == Some(day.as_str())).count();
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

fn day_item(date: Date, day: &DayStatistics, revision: i64) -> Item {
    let key = keys::statistics_day(date);
    let row = [("pk", s(key.pk)), ("sk", s(key.sk)), ("revision", n(revision))];
    let row = row.map(|(name, value)| (name.to_owned(), value));
    let totals = day.totals.iter().map(|(measure, sum)| (measure_attribute(measure), n(sum)));
    let names = day.names.iter().map(|(named, name)| (name_attribute(*named), s(name)));
    row.into_iter().chain(totals).chain(names).collect()
}
