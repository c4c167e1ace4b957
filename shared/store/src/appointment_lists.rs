//! Table `appointments`: lists of appointments, by its indexes.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use chairbook_models::appointment::Appointment;
use chairbook_models::ids::{AppointmentId, UserId};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::appointments::HOLD_SHARDS;
use crate::item::{Item, from_item, instant, s};
use crate::{Store, StoreError, keys, meter};

/// Where a page of a customer's appointments begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageKey {
    /// The last appointment of the page before.
    pub id: AppointmentId,
    /// When it was booked (UTC).
    pub created_at: Timestamp,
}

/// Where a page of appointments by day begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayPageKey {
    /// The last appointment of the page before.
    pub id: AppointmentId,
    /// Its local date.
    pub date: Date,
    /// Its start (UTC).
    pub starts_at: Timestamp,
}

/// A page of appointments.
#[derive(Debug, Clone, PartialEq)]
pub struct AppointmentPage<K = PageKey> {
    /// The appointments.
    pub items: Vec<Appointment>,
    /// Where the next page begins, if there is one.
    pub next: Option<K>,
}

impl<K> AppointmentPage<K> {
    /// The first `limit` of what was found; if there is more, the next page begins after them.
    fn of(mut items: Vec<Appointment>, limit: usize, key: impl FnOnce(&Appointment) -> K) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        Self { next: items.last().filter(|_| more).map(key), items }
    }
}

/// The key of an appointment in the index over these two attributes.
fn index_key(id: AppointmentId, index: [(&str, String); 2]) -> Item {
    let primary = keys::appointment(id);
    let key = [("pk", primary.pk), ("sk", primary.sk)].into_iter().chain(index);
    key.map(|(name, value)| (name.to_owned(), s(value))).collect()
}

/// One more than the page has: whether there is a next one.
fn with_one_more(limit: usize) -> i32 {
    i32::try_from(limit.saturating_add(1)).unwrap_or(i32::MAX)
}

impl Store {
    fn index(&self, name: &str) -> Result<QueryFluentBuilder, StoreError> {
        Ok(self
            .client
            .query()
            .table_name(self.appointments()?)
            .index_name(name)
            .return_consumed_capacity(ReturnConsumedCapacity::Total))
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
        after: Option<PageKey>,
    ) -> Result<AppointmentPage, StoreError> {
        let mut start = after.map(|key| {
            let index = [("user_id", user.to_string()), ("created_at", instant(key.created_at))];
            index_key(key.id, index)
        });
        let mut items: Vec<Appointment> = Vec::new();
        loop {
            let call = self
                .index("by_user")?
                .key_condition_expression("user_id = :user")
                .expression_attribute_values(":user", s(user.to_string()))
                .scan_index_forward(false)
                .limit(with_one_more(limit))
                .set_exclusive_start_key(start)
                .send();
            let page = meter::metered(call).await?;
            for item in page.items.unwrap_or_default() {
                let appointment = from_item(item)?;
                if keep(&appointment) {
                    items.push(appointment);
                }
            }
            start = page.last_evaluated_key;
            if items.len() > limit || start.is_none() {
                break;
            }
        }
        Ok(AppointmentPage::of(items, limit, |last| PageKey { id: last.id, created_at: last.created_at }))
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
    ) -> Result<AppointmentPage<DayPageKey>, StoreError> {
        let mut date = after.as_ref().map_or(from, |key| key.date);
        let mut start = after.map(|key| {
            let index = [("date", key.date.to_string()), ("starts_at", instant(key.starts_at))];
            index_key(key.id, index)
        });
        let mut items: Vec<Appointment> = Vec::new();
        while date <= to {
            let call = self
                .index("by_day")?
                .key_condition_expression("#date = :date")
                .expression_attribute_names("#date", "date")
                .expression_attribute_values(":date", s(date.to_string()))
                .limit(with_one_more(limit))
                .set_exclusive_start_key(start)
                .send();
            let page = meter::metered(call).await?;
            for item in page.items.unwrap_or_default() {
                let appointment = from_item(item)?;
                if keep(&appointment) {
                    items.push(appointment);
                }
            }
            if items.len() > limit {
                break;
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                let Ok(tomorrow) = date.tomorrow() else { break };
                date = tomorrow;
            }
        }
        let key = |last: &Appointment| DayPageKey { id: last.id, date: last.date, starts_at: last.starts_at };
        Ok(AppointmentPage::of(items, limit, key))
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
        meter::metered(call).await?.items.unwrap_or_default().into_iter().map(from_item).collect()
    }
}
