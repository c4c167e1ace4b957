//! Pages of lists: rows that a query finds in order, of which some are to be kept, and where the next page begins.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::item::{Item, from_item};
use crate::{StoreError, meter};

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListPage<T, K> {
    /// The items; there may be fewer than asked for, even none, although more pages follow.
    pub items: Vec<T>,
    /// The place at which the next page begins, if there may be one.
    pub next: Option<K>,
}

/// The beginning of a page of a list in the order of an instant. As text, `1772528400000
/// apt_01jd3x8m4e5zq0v7k2n9r6t1wb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageKey<I> {
    /// The last item of the page before.
    pub id: I,
    /// Its instant (UTC), to the millisecond.
    pub at: Timestamp,
}

impl<I: Ord> PartialOrd for PageKey<I> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<I: Ord> Ord for PageKey<I> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at).then_with(|| self.id.cmp(&other.id))
    }
}

impl<I: fmt::Display> fmt::Display for PageKey<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at.as_millisecond(), self.id)
    }
}

/// A text is no [`PageKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be milliseconds since 1970 and an id")]
pub struct PageKeyError;

impl<I: FromStr> FromStr for PageKey<I> {
    type Err = PageKeyError;

    fn from_str(text: &str) -> Result<Self, PageKeyError> {
        let (millisecond, id) = text.split_once(' ').ok_or(PageKeyError)?;
        let millisecond = millisecond.parse().map_err(|_| PageKeyError)?;
        Ok(Self {
            id: id.parse().map_err(|_| PageKeyError)?,
            at: Timestamp::from_millisecond(millisecond).map_err(|_| PageKeyError)?,
        })
    }
}

/// The most rows of one query, where few are to be kept.
const ROWS_PER_QUERY: usize = 200;

/// The most rows that are read for one page, however few are to be kept.
const ROWS_PER_PAGE: usize = 2_000;

/// A page that is being filled from rows, of which some are to be kept.
pub(crate) struct Filling<T> {
    limit: usize,
    kept: Vec<T>,
    /// The number of rows that have been read, and the last of them.
    read: usize,
    last: Option<T>,
}

impl<T: Clone> Filling<T> {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { limit, kept: Vec::new(), read: 0, last: None }
    }

    /// Returns the number of rows to read next: those that fill the page, with one more that tells of a next one, if as
    /// many of them are kept as of those before.
    pub(crate) fn rows(&self) -> i32 {
        let missing = (self.limit + 1).saturating_sub(self.kept.len()).max(1);
        let expected = missing * self.read / self.kept.len().max(1);
        i32::try_from(expected.clamp(missing, ROWS_PER_QUERY.max(missing))).unwrap_or(i32::MAX)
    }

    pub(crate) fn read(&mut self, rows: Vec<T>, keep: impl Fn(&T) -> bool) {
        self.read += rows.len();
        self.last = rows.last().cloned().or_else(|| self.last.take());
        self.kept.extend(rows.into_iter().filter(keep));
    }

    fn is_full(&self) -> bool {
        self.kept.len() > self.limit
    }

    /// Returns true if nothing more is to be read for it.
    pub(crate) fn is_done(&self) -> bool {
        self.is_full() || self.read >= ROWS_PER_PAGE
    }

    /// The page, and after what the next one begins, unless the rows were read to their `end`: after the last that
    /// this one has; or, if too few were to be kept, after the last that was read.
    pub(crate) fn page(mut self, end: bool) -> (Vec<T>, Option<T>) {
        let next = if self.is_full() {
            self.kept.truncate(self.limit);
            self.kept.last().cloned()
        } else {
            self.last.filter(|_| !end)
        };
        (self.kept, next)
    }
}

/// The rows that a query found, as values.
pub(crate) fn rows<T: DeserializeOwned>(items: Option<Vec<Item>>) -> Result<Vec<T>, StoreError> {
    items.unwrap_or_default().into_iter().map(from_item).collect()
}

/// A page of what a query finds after `start`: those rows that are to be kept, at most `limit`. `key` says where the
/// page after one begins that ends with an item.
pub(crate) async fn read_page<T: Clone + DeserializeOwned, K>(
    query: QueryFluentBuilder,
    mut start: Option<Item>,
    limit: usize,
    keep: impl Fn(&T) -> bool,
    key: impl Fn(&T) -> K,
) -> Result<ListPage<T, K>, StoreError> {
    let mut page = Filling::new(limit);
    while !page.is_done() {
        let call = query.clone().limit(page.rows()).set_exclusive_start_key(start).send();
        let found = meter::metered(call).await?;
        page.read(rows(found.items)?, &keep);
        start = found.last_evaluated_key;
        if start.is_none() {
            break;
        }
    }
    let (items, next) = page.page(start.is_none());
    Ok(ListPage { items, next: next.as_ref().map(key) })
}

#[cfg(test)]
mod tests {
    use chairbook_models::ids::EventId;

    use super::*;

    #[test]
    fn a_key_is_what_its_text_says() {
        let key = PageKey {
            id: EventId::derived([7; 16]),
            at: Timestamp::from_millisecond(1_772_528_400_123).unwrap(),
        };
        assert_eq!(key.to_string().parse(), Ok(key));
        for text in [
            "",
            "1772528400123",
            "soon evt_01jd3x8m4e5zq0v7k2n9r6t1wb",
            "1772528400123 apt_01jd3x8m4e5zq0v7k2n9r6t1wb",
        ] {
            assert_eq!(text.parse::<PageKey<EventId>>(), Err(PageKeyError), "{text}");
        }
    }

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
