//! Table `appointments`: lists of appointments, by its indexes.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use chairbook_models::appointment::Appointment;
use chairbook_models::ids::{AppointmentId, UserId};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use crate::appointments::HOLD_SHARDS;
use crate::item::{Item, from_item, instant, s};
use crate::{Reader, StoreError, keys, meter};

/// Where a page of a customer's appointments begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageKey {
    /// The last appointment of the page before.
    pub id: AppointmentId,
    /// When it was booked (UTC).
    pub created_at: Timestamp,
}

impl PageKey {
    /// The page after one that ends with this appointment.
    #[must_use]
    pub const fn after(last: &Appointment) -> Self {
        Self { id: last.id, created_at: last.created_at }
    }
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

impl DayPageKey {
    /// The page after one that ends with this appointment.
    #[must_use]
    pub const fn after(last: &Appointment) -> Self {
        Self { id: last.id, date: last.date, starts_at: last.starts_at }
    }
}

/// A page of appointments.
#[derive(Debug, Clone, PartialEq)]
pub struct AppointmentPage<K = PageKey> {
    /// The appointments; there may be fewer than asked for, even none, although more pages follow.
    pub items: Vec<Appointment>,
    /// Where the next page begins, if there may be one.
    pub next: Option<K>,
}

/// How many rows a query reads at most, where few are to be kept.
const ROWS_PER_QUERY: usize = 200;

/// How many rows are read for one page, however few are to be kept.
const ROWS_PER_PAGE: usize = 2_000;

/// A page that is being filled from rows, of which some are to be kept.
struct Filling<T> {
    limit: usize,
    kept: Vec<T>,
    /// How many rows have been read, and the last of them.
    read: usize,
    last: Option<T>,
}

impl<T: Clone> Filling<T> {
    const fn new(limit: usize) -> Self {
        Self { limit, kept: Vec::new(), read: 0, last: None }
    }

    /// How many rows to read next: as many as fill the page, with one more that tells whether there is a next one, if as
    /// many of them are kept as of those before.
    fn rows(&self) -> i32 {
        let missing = (self.limit + 1).saturating_sub(self.kept.len()).max(1);
        let expected = missing * self.read / self.kept.len().max(1);
        i32::try_from(expected.clamp(missing, ROWS_PER_QUERY.max(missing))).unwrap_or(i32::MAX)
    }

    fn read(&mut self, rows: Vec<T>, keep: impl Fn(&T) -> bool) {
        self.read += rows.len();
        self.last = rows.last().cloned().or_else(|| self.last.take());
        self.kept.extend(rows.into_iter().filter(keep));
    }

    fn is_full(&self) -> bool {
        self.kept.len() > self.limit
    }

    /// Whether nothing more is to be read for it.
    fn is_done(&self) -> bool {
        self.is_full() || self.read >= ROWS_PER_PAGE
    }

    /// The page, and after what the next one begins, unless the rows were read to their `end`: after the last that this one
    /// has; or, if too few were to be kept, after the last that was read.
    fn page(mut self, end: bool) -> (Vec<T>, Option<T>) {
        let next = if self.is_full() {
            self.kept.truncate(self.limit);
            self.kept.last().cloned()
        } else {
            self.last.filter(|_| !end)
        };
        (self.kept, next)
    }
}

/// The key of an appointment in the index over these two attributes.
fn index_key(id: AppointmentId, index: [(&str, String); 2]) -> Item {
    let primary = keys::appointment(id);
    let key = [("pk", primary.pk), ("sk", primary.sk)].into_iter().chain(index);
    key.map(|(name, value)| (name.to_owned(), s(value))).collect()
}

fn appointments(items: Option<Vec<Item>>) -> Result<Vec<Appointment>, StoreError> {
    items.unwrap_or_default().into_iter().map(from_item).collect()
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
        after: Option<PageKey>,
    ) -> Result<AppointmentPage, StoreError> {
        let mut start = after.map(|key| {
            let index = [("user_id", user.to_string()), ("created_at", instant(key.created_at))];
            index_key(key.id, index)
        });
        let mut page = Filling::new(limit);
        while !page.is_done() {
            let call = self
                .index("by_user")?
                .key_condition_expression("user_id = :user")
                .expression_attribute_values(":user", s(user.to_string()))
                .scan_index_forward(false)
                .limit(page.rows())
                .set_exclusive_start_key(start)
                .send();
            let found = meter::metered(call).await?;
            page.read(appointments(found.items)?, &keep);
            start = found.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        let (items, next) = page.page(start.is_none());
        Ok(AppointmentPage { items, next: next.as_ref().map(PageKey::after) })
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
        // The range may have moved on since the page before, if it is told by what day it is.
        let after = after.filter(|key| key.date >= from);
        let mut date = after.as_ref().map_or(from, |key| key.date);
        let mut start = after.map(|key| {
            let index = [("date", key.date.to_string()), ("starts_at", instant(key.starts_at))];
            index_key(key.id, index)
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
            page.read(appointments(found.items)?, &keep);
            start = found.last_evaluated_key;
            if start.is_none() {
                end = date == to;
                date = date.saturating_add(1.day());
            }
        }
        let (items, next) = page.page(end);
        Ok(AppointmentPage { items, next: next.as_ref().map(DayPageKey::after) })
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
        appointments(meter::metered(call).await?.items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the numbers up to `to` into a page after `from`; returns the page with how many rows each query read.
    fn filled(
        limit: usize,
        (from, to): (usize, usize),
        keep: fn(&usize) -> bool,
    ) -> (Vec<usize>, Option<usize>, Vec<usize>) {
        let mut page = Filling::new(limit);
        let (mut at, mut queries) = (from, Vec::new());
        while !page.is_done() && at < to {
            let rows = usize::try_from(page.rows()).unwrap().min(to - at);
            page.read((at + 1..=at + rows).collect(), keep);
            queries.push(rows);
            at += rows;
        }
        let (items, next) = page.page(at == to);
        (items, next, queries)
    }

    #[test]
    fn a_page_reads_what_it_shows_and_one_more() {
        let all: fn(&usize) -> bool = |_| true;
        assert_eq!(filled(3, (0, 9), all), (vec![1, 2, 3], Some(3), vec![4]));
        assert_eq!(filled(3, (6, 9), all), (vec![7, 8, 9], None, vec![3]));
        assert_eq!(filled(3, (9, 9), all), (vec![], None, vec![]));
        // Where all rows of a day were kept, as many are read of the next as are missing.
        let mut page = Filling::new(20);
        page.read((1..=15).collect(), all);
        assert_eq!(page.rows(), 6);
    }

    #[test]
    fn where_few_are_kept_more_are_read_at_once() {
        assert_eq!(filled(2, (0, 9_999), |row| row % 40 == 0), (vec![40, 80], Some(80), vec![3, 9, 36, 96]),);
        assert_eq!(
            filled(1, (0, 500), |row| *row == 450),
            (vec![450], None, vec![2, 4, 12, 36, 108, 200, 138])
        );
    }

    #[test]
    fn a_page_ends_after_so_many_rows_and_the_next_goes_on_there() {
        let mut found = Vec::new();
        let mut from = Some(0);
        let mut pages = 0;
        while let Some(at) = from {
            let (items, next, queries) = filled(5, (at, 9_000), |row| row % 2_500 == 0);
            assert!(queries.iter().sum::<usize>() < ROWS_PER_PAGE + ROWS_PER_QUERY);
            found.extend(items);
            from = next;
            pages += 1;
        }
        assert_eq!((found, pages), (vec![2_500, 5_000, 7_500], 5));
    }
}
