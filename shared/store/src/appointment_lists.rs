//! Table `appointments`: lists of appointments, by its indexes.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use chairbook_models::appointment::Appointment;
use chairbook_models::ids::{AppointmentId, UserId};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use crate::appointments::HOLD_SHARDS;
use crate::item::{index_key, instant, s};
use crate::paging::{Filling, ListPage, PageKey, read_page, rows};
use crate::{Reader, StoreError, keys, meter};

/// The place at which a page of appointments by day begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayPageKey {
    /// The last appointment of the page before.
    pub id: AppointmentId,
    /// Its local date.
    pub date: Date,
    /// Its start (UTC).
    pub starts_at: Timestamp,
}

impl DayPageKey {
    /// The page after one that ends with this appointment.
    #[must_use]
    pub const fn after(last: &Appointment) -> Self {
        Self { id: last.id, date: last.date, starts_at: last.starts_at }
    }
}

impl From<&Appointment> for PageKey<AppointmentId> {
    fn from(last: &Appointment) -> Self {
        Self { id: last.id, at: last.created_at }
    }
}

impl Reader {
    fn index(&self, name: &str) -> Result<QueryFluentBuilder, StoreError> {
        Ok(self.query(self.appointments()?).index_name(name))
    }

    /// A customer's appointments, the latest booked first; those that are to be kept.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn appointments_of(
        &self,
        user: UserId,
        keep: impl Fn(&Appointment) -> bool,
        limit: usize,
        after: Option<PageKey<AppointmentId>>,
    ) -> Result<ListPage<Appointment, PageKey<AppointmentId>>, StoreError> {
        let start = after.map(|key| {
            let index = [("user_id", user.to_string()), ("created_at", instant(key.at))];
            index_key(keys::appointment(key.id), index)
        });
        let query = self
            .index("by_user")?
            .key_condition_expression("user_id = :user")
            .expression_attribute_values(":user", s(user.to_string()))
            .scan_index_forward(false);
        read_page(query, start, limit, keep, |last: &Appointment| PageKey {
            id: last.id,
            at: last.created_at,
        })
        .await
    }

    /// Everybody's appointments from one local date to another, the earliest first; those that are to be kept. Costs
    /// a query for each day that the page reaches into.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn appointments_by_day(
        &self,
        (from, to): (Date, Date),
        keep: impl Fn(&Appointment) -> bool,
        limit: usize,
        after: Option<DayPageKey>,
    ) -> Result<ListPage<Appointment, DayPageKey>, StoreError> {
        // The range may have moved on since the page before, if it is told by what day it is.
        let after = after.filter(|key| key.date >= from);
        let mut date = after.as_ref().map_or(from, |key| key.date);
        let mut start = after.map(|key| {
            let index = [("date", key.date.to_string()), ("starts_at", instant(key.starts_at))];
            index_key(keys::appointment(key.id), index)
        });
        let mut page = Filling::new(limit);
        let mut end = date > to;
        while !end && !page.is_done() {
            let call = self
                .index("by_day")?
                .key_condition_expression("#date = :date")
                .expression_attribute_names("#date", "date")
                .expression_attribute_values(":date", s(date.to_string()))
                .limit(page.rows())
                .set_exclusive_start_key(start)
                .send();
            let found = meter::metered(call).await?;
            page.read(rows(found.items)?, &keep);
            start = found.last_evaluated_key;
            if start.is_none() {
                end = date == to;
                date = date.saturating_add(1.day());
            }
        }
        let (items, next) = page.page(end);
        Ok(ListPage { items, next: next.as_ref().map(DayPageKey::after) })
    }

    /// The shards of the index of unpaid reservations.
    pub fn hold_shards() -> impl Iterator<Item = u8> {
        0..HOLD_SHARDS
    }

    /// A page of a shard's reservations whose hold has run out, the longest overdue first.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn run_out_holds(
        &self,
        shard: u8,
        now: Timestamp,
        limit: i32,
    ) -> Result<Vec<Appointment>, StoreError> {
        let call = self
            .index("holds")?
            .key_condition_expression("hold_shard = :shard AND expires_at <= :now")
            .expression_attribute_values(":shard", s(shard.to_string()))
            .expression_attribute_values(":now", s(instant(now)))
            .limit(limit)
            .send();
        rows(meter::metered(call).await?.items)
    }
}
