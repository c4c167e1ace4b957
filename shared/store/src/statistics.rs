//! Table `appointments`: what the dashboard counts, and the ledger that keeps it right.
//!
//! For each appointment a row says what has been counted for it, and for each day a row has the totals. Whoever counts
//! reads both what was counted and the appointment, and moves the totals by the difference, in one transaction on the
//! condition that nobody has counted that appointment meanwhile. So the totals are always the sum of the ledger, and
//! counting an appointment twice, late, or in the wrong order changes nothing. See `docs/data-model.md` for the rows.

mod attributes;
mod recount;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::types::{ConsumedCapacity, TransactWriteItem};
use chairbook_models::ids::{AppointmentId, EventId};
use chairbook_models::statistics::{Contribution, DayStatistics, Measure, count_change};
use futures_util::future::try_join_all;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

pub use recount::Recount;

use crate::item::{Item, from_item, n, s, text, to_item};
use crate::transaction::{Outcome, create, delete, finish, pause, put, replace, update};
use crate::{Reader, Store, StoreError, keys, meter};

use attributes::{measure_attribute, name_attribute, read_day};

/// The appointments that are counted in one transaction: with three rows each and two days of their own they are 50 of
/// the 100 that it may have, and on one day their measures are at most 200 of the 300 that an expression may have.
pub const APPOINTMENTS_AT_ONCE: usize = 10;

/// Read units of the days of one report, at most: 10 MiB, of which a unit is 8 KiB, eventually consistent. What is
/// refused for it has cost a query of a megabyte more, or one of each month.
const MOST_READ_UNITS: f64 = 1_280.0;

/// The number of times that counting looks again after somebody else has counted one of the same appointments.
const TRIES: u32 = 6;

/// The row of the ledger about one appointment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counted {
    /// Raised by each change; 0 where there is no row.
    revision: i64,
    /// The contribution, if there is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contribution: Option<Contribution>,
}

/// An appointment for which something else has been counted than what it contributes.
#[derive(Debug)]
struct Change {
    id: AppointmentId,
    before: Counted,
    after: Option<Contribution>,
}

impl Change {
    /// Returns the writes of the ledger.
    fn writes(&self, table: &str) -> Result<Vec<TransactWriteItem>, StoreError> {
        let next =
            Counted { revision: self.before.revision.saturating_add(1), contribution: self.after.clone() };
        let known = (self.before.revision > 0).then_some(self.before.revision);
        let mut writes = vec![replace(table, to_item(keys::counted(self.id), &next)?, known)?];
        let day = |contribution: &Option<Contribution>| contribution.as_ref().map(|it| it.day);
        let (before, after) = (day(&self.before.contribution), day(&self.after));
        if before != after {
            if let Some(day) = before {
                writes.push(delete(table, keys::counted_there(day, self.id), None)?);
            }
            if let Some(day) = after {
                writes.push(put(table, bare(keys::counted_there(day, self.id)), None)?);
            }
        }
        Ok(writes)
    }
}

/// A row that says nothing but its key.
fn bare(key: keys::Key) -> Item {
    Item::from([("pk".to_owned(), s(key.pk)), ("sk".to_owned(), s(key.sk))])
}

/// All that some changes write: the ledger, and each day once.
fn writes(table: &str, changes: &[Change]) -> Result<Vec<TransactWriteItem>, StoreError> {
    let mut days: BTreeMap<Date, DayStatistics> = BTreeMap::new();
    let mut writes = Vec::new();
    for change in changes {
        writes.extend(change.writes(table)?);
        count_change(&mut days, change.before.contribution.as_ref(), change.after.as_ref());
    }
    for (date, moved) in &days {
        writes.push(day_write(table, *date, moved)?);
    }
    Ok(writes)
}

/// Moves a day's totals by some amounts, and learns names.
fn day_write(table: &str, date: Date, moved: &DayStatistics) -> Result<TransactWriteItem, StoreError> {
    let mut write = update(table, keys::statistics_day(date)).expression_attribute_values(":one", n(1));
    let mut add = vec!["revision :one".to_owned()];
    for (place, (measure, amount)) in moved.totals.iter().enumerate() {
        add.push(format!("#m{place} :m{place}"));
        write = write
            .expression_attribute_names(format!("#m{place}"), measure_attribute(measure))
            .expression_attribute_values(format!(":m{place}"), n(amount));
    }
    let mut set = Vec::new();
    for (place, (named, name)) in moved.names.iter().enumerate() {
        set.push(format!("#n{place} = :n{place}"));
        write = write
            .expression_attribute_names(format!("#n{place}"), name_attribute(*named))
            .expression_attribute_values(format!(":n{place}"), s(name));
    }
    let mut expression = format!("ADD {}", add.join(", "));
    if !set.is_empty() {
        expression = format!("{expression} SET {}", set.join(", "));
    }
    finish(write.update_expression(expression))
}

impl Reader {
    /// The statistics of the days from one local date to another, of which anything is known; `None` when their rows
    /// are more than a report reads. They lag behind what happens by some seconds.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn statistics(
        &self,
        from: Date,
        to: Date,
    ) -> Result<Option<Vec<(Date, DayStatistics)>>, StoreError> {
        let table = self.appointments()?;
        let months = from.first_of_month().series(1.month()).take_while(|month| *month <= to);
        let queries = months.map(|month| {
            let (first, last) = (month.max(from), month.last_of_month().min(to));
            let range = (keys::statistics_day(first).sk, keys::statistics_day(last).sk);
            self.partition_query(table, keys::statistics_month(month), Some(range), false)
        });
        let queries: Vec<_> = queries.collect();
        // Each month's first megabyte side by side, which is all of it as a rule; then one more at a time.
        let pages = try_join_all(queries.iter().map(|query| meter::metered(query.clone().send()))).await?;
        let mut spent: f64 = pages.iter().map(read_units).sum();
        let mut days = Vec::new();
        for (query, mut page) in queries.into_iter().zip(pages) {
            loop {
                if spent > MOST_READ_UNITS {
                    return Ok(None);
                }
                for item in page.items.unwrap_or_default() {
                    days.push((day_of(&item)?, read_day(&item).0));
                }
                let Some(last) = page.last_evaluated_key else { break };
                page = meter::metered(query.clone().set_exclusive_start_key(Some(last)).send()).await?;
                spent += read_units(&page);
            }
        }
        Ok(Some(days))
    }

    async fn counted(&self, id: AppointmentId) -> Result<Counted, StoreError> {
        let row = self.get(self.appointments()?, keys::counted(id), true).await?;
        Ok(row.map(from_item).transpose()?.unwrap_or_default())
    }

    /// Reads the rows of a partition of statistics, strongly consistent.
    async fn rows(&self, pk: String) -> Result<Vec<Item>, StoreError> {
        Self::read_all(self.partition_query(self.appointments()?, pk, None, true)).await
    }

    /// Lists the appointments that have been counted for a day.
    async fn counted_on(&self, date: Date) -> Result<BTreeSet<AppointmentId>, StoreError> {
        let rows = self.rows(keys::counted_on(date)).await?;
        let id = |row: &Item| text(row, "sk").and_then(|id| id.parse().ok());
        Ok(rows.iter().filter_map(id).collect())
    }
}

impl Store {
    /// Counts appointments as they stand now: at most [`APPOINTMENTS_AT_ONCE`], each once. Returns for how many of them
    /// something else had been counted.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be counted; then none is.
    pub async fn count_appointments(&self, ids: &[AppointmentId]) -> Result<usize, StoreError> {
        for tries in 0..TRIES {
            let changes = try_join_all(ids.iter().map(|id| self.miscounted(*id))).await?;
            let changes: Vec<_> = changes.into_iter().flatten().collect();
            if changes.is_empty() {
                return Ok(0);
            }
            match self.transact(writes(self.appointments()?, &changes)?).await? {
                Outcome::Committed => return Ok(changes.len()),
                Outcome::Refused(_) => pause(tries).await,
            }
        }
        Err(StoreError::Unavailable("the same appointments are counted all the time".to_owned()))
    }

    async fn miscounted(&self, id: AppointmentId) -> Result<Option<Change>, StoreError> {
        // In this order: the appointment is then never older than what was counted of it.
        let before = self.counted(id).await?;
        let after = self.appointment(id).await?.as_ref().map(Contribution::of);
        Ok((before.contribution != after).then_some(Change { id, before, after }))
    }

    /// Counts a customer whose e-mail address was verified at that instant, which was on that local day, unless the
    /// event has been counted before. Returns whether it had not.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be counted.
    pub async fn count_new_customer(
        &self,
        event: EventId,
        verified_at: Timestamp,
        day: Date,
    ) -> Result<bool, StoreError> {
        let table = self.appointments()?;
        // By the UTC date, which stays what it is when the salon moves to another zone.
        let mut marker = bare(keys::new_customer(verified_at.to_zoned(TimeZone::UTC).date(), event));
        marker.insert("day".to_owned(), s(day.to_string()));
        let mut moved = DayStatistics::default();
        moved.totals.add(Measure::NewCustomers, 1);
        let writes = vec![create(table, marker)?, day_write(table, day, &moved)?];
        Ok(matches!(self.transact(writes).await?, Outcome::Committed))
    }
}

fn read_units(page: &QueryOutput) -> f64 {
    page.consumed_capacity().and_then(ConsumedCapacity::capacity_units).unwrap_or_default()
}

fn day_of(item: &Item) -> Result<Date, StoreError> {
    text(item, "sk")
        .and_then(|sk| sk.strip_prefix("DAY#"))
        .and_then(|date| date.parse().ok())
        .ok_or_else(|| StoreError::Malformed("a day's statistics without a date".to_owned()))
}

#[cfg(test)]
mod tests;
