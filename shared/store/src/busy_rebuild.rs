//! Rebuilding the rows of busy weeks from the appointments, while bookings go on.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_models::appointment::Appointment;
use chairbook_models::ids::{AppointmentId, ExpertId};
use chairbook_models::week::Week;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::ToSpan;

use crate::busy_weeks::{REVISION, SETS, Sets, places, read_key};
use crate::expert_days::read_day;
use crate::item::{Item, n, number, s};
use crate::transaction::{Outcome, pause, replace};
use crate::{Reader, Store, StoreError, keys};

/// Attempts to rebuild a row in whose week somebody books meanwhile.
const TRIES: u32 = 12;

/// Appointments in one page of a day's.
const APPOINTMENTS_PER_PAGE: usize = 500;

/// Appointments, or rows, that are looked at concurrently.
const SIDE_BY_SIDE: usize = 16;

/// The result of rebuilding a week.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RebuiltWeek {
    /// Experts who have, or should have, something to do in it.
    pub experts: usize,
    /// Those of them whose row was wrong, and has been written again.
    pub repaired: Vec<ExpertId>,
}

impl Store {
    /// Makes the rows of all experts' busy times of a week say what their days and appointments say.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be read or written; rows that were repaired by then are right.
    pub async fn rebuild_busy_week(&self, week: Week) -> Result<RebuiltWeek, StoreError> {
        let experts = self.experts_busy_in(week).await?;
        let mut rebuilt = RebuiltWeek { experts: experts.len(), ..RebuiltWeek::default() };
        let rows = stream::iter(experts).map(async |expert| {
            let is_repaired = self.rebuild_busy_row(expert, week).await?;
            Ok::<_, StoreError>(is_repaired.then_some(expert))
        });
        let rows: Vec<_> = rows.buffer_unordered(SIDE_BY_SIDE).try_collect().await?;
        rebuilt.repaired = rows.into_iter().flatten().collect();
        rebuilt.repaired.sort_unstable();
        Ok(rebuilt)
    }

    /// The experts who have a row, or an appointment that may reach into the week.
    async fn experts_busy_in(&self, week: Week) -> Result<BTreeSet<ExpertId>, StoreError> {
        let rows = self.busy_weeks(&[week], true).await?;
        let mut experts =
            rows.iter().map(|row| Ok(read_key(row)?.0)).collect::<Result<BTreeSet<_>, StoreError>>()?;
        // Local dates are at most a day away from UTC's, and appointments end within a day.
        let dates = (week.monday().saturating_sub(2.days()), week.sunday().saturating_add(1.day()));
        let mut after = None;
        loop {
            let page = self.appointments_by_day(dates, |_| true, APPOINTMENTS_PER_PAGE, after).await?;
            experts.extend(page.items.iter().map(|appointment| appointment.expert_id));
            after = page.next;
            if after.is_none() {
                return Ok(experts);
            }
        }
    }

    async fn rebuild_busy_row(&self, expert: ExpertId, week: Week) -> Result<bool, StoreError> {
        for tries in 0..TRIES {
            match self.repair_busy_row(expert, week).await? {
                Some(is_repaired) => return Ok(is_repaired),
                None => pause(tries).await,
            }
        }
        Err(StoreError::Unavailable("this expert's week changes all the time".to_owned()))
    }

    /// Writes a row again if it is wrong, and returns whether it was; `None` when the week has changed meanwhile.
    ///
    /// Each change of the week's days raises the row's revision in the same transaction. So if the revision is the same
    /// afterwards as it was before, what was read between is of one moment.
    async fn repair_busy_row(&self, expert: ExpertId, week: Week) -> Result<Option<bool>, StoreError> {
        let table = self.appointments()?;
        let key = keys::busy_week(expert, week);
        let row = self.get(table, key.clone(), true).await?.unwrap_or_default();
        let holders = self.holders(expert, week).await?;
        let appointments = stream::iter(holders).map(|id| self.appointment(id));
        let appointments: Vec<Option<Appointment>> =
            appointments.buffer_unordered(SIDE_BY_SIDE).try_collect().await?;
        let mut right = Sets::new();
        for (row, (set, element)) in appointments.iter().flatten().flat_map(places) {
            if row == (expert, week) {
                right.entry(set).or_default().insert(element);
            }
        }
        if right == read_sets(&row) {
            return Ok(Some(false));
        }
        let revision = number(&row, REVISION);
        let mut item = Item::from([("pk".to_owned(), s(key.pk)), ("sk".to_owned(), s(key.sk))]);
        item.insert(REVISION.to_owned(), n(revision.unwrap_or_default().saturating_add(1)));
        item.extend(
            right
                .into_iter()
                .map(|(set, elements)| (set.to_owned(), AttributeValue::Ns(elements.into_iter().collect()))),
        );
        match self.transact(vec![replace(table, item, revision)?]).await? {
            Outcome::Committed => Ok(Some(true)),
            Outcome::Refused(_) => Ok(None),
        }
    }

    /// The appointments that hold cells of an expert's week.
    async fn holders(&self, expert: ExpertId, week: Week) -> Result<BTreeSet<AppointmentId>, StoreError> {
        let (first, last) =
            (keys::expert_day(expert, week.monday()), keys::expert_day(expert, week.sunday()));
        let query = self.partition_query(self.appointments()?, first.pk, Some((first.sk, last.sk)), true);
        let days = Reader::read_all(query).await?;
        Ok(days.iter().map(read_day).flat_map(|day| day.appointments().collect::<Vec<_>>()).collect())
    }
}

fn read_sets(row: &Item) -> Sets {
    let elements = |set: &'static str| Some((set, row.get(set)?.as_ns().ok()?.iter().cloned().collect()));
    SETS.into_iter().filter_map(elements).collect()
}
