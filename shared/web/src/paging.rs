//! Pages of lists: bounded by a number of items and by bytes.

use std::marker::PhantomData;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::contract::RequestError;
use crate::cursor;
use crate::fields::format::{self, Format, whole};
use crate::fields::{Fields, FromFields};
use crate::reply::Page;

/// Bytes of JSON after which a page ends early: 1 MiB. Lambda answers with at most 6 MB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>), in which a body is a JSON string, so that
/// each of its quotation marks and backslashes counts twice.
pub const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// The most items of a page.
const MAX_ITEMS: usize = 100;

/// The most items of a page if the request does not say.
const DEFAULT_ITEMS: usize = 20;

/// `limit` and `cursor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    /// The most items of the page, 1 to 100.
    limit: usize,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

impl FromFields for Paging {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let limit = fields
            .optional_as("limit", whole(1..=MAX_ITEMS).about("The most items of a page; 20 unless given."));
        let cursor = format::text().about("The `nextCursor` of the page before, with the same filters.");
        let cursor = fields.optional_as("cursor", cursor);
        Some(Self { limit: limit?.unwrap_or(DEFAULT_ITEMS), cursor: cursor? })
    }
}

impl Paging {
    /// The most items of the page.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Reads the start of the page from the cursor's position by `read`; none for the first page.
    ///
    /// # Errors
    /// 400 when the cursor is not one of this list.
    pub fn start<P>(
        &self,
        list: &str,
        read: impl FnOnce(&str) -> Option<P>,
    ) -> Result<Option<P>, RequestError> {
        cursor::decode(list, self.cursor.as_deref(), read)
    }

    /// The requested page of `all`, a list in memory and in order. `list` names the list with its filters, `id` an item;
    /// `show` makes the response's item of one.
    ///
    /// # Errors
    /// 400 when the cursor is not one of this list; 500 when an item is not JSON.
    pub fn page<T, U: Serialize>(
        &self,
        list: &str,
        all: &[T],
        id: impl Fn(&T) -> String,
        show: impl Fn(&T) -> U,
    ) -> Result<Page<U>, RequestError> {
        let start = self.start(list, |last| {
            // Where the item is gone meanwhile, the list begins again rather than skipping some.
            Some(all.iter().position(|item| id(item) == last).map_or(0, |place| place + 1))
        })?;
        let start = start.unwrap_or(0);
        let end = all.len().min(start + self.limit);
        let cursor = |item: &T| cursor::encode(list, &id(item));
        let next = (end < all.len() && end > start).then(|| cursor(&all[end - 1]));
        Page::bounded(&all[start..end], next, show, cursor)
    }
}

/// The room for the items of a page: [`MAX_PAGE_BYTES`] for all of them together.
#[derive(Debug)]
pub struct Room {
    left: usize,
    is_empty: bool,
    is_full: bool,
}

impl Default for Room {
    fn default() -> Self {
        Self { left: MAX_PAGE_BYTES, is_empty: true, is_full: false }
    }
}

impl Room {
    /// The first of `items` that there is room for, as JSON; of a page that has none yet, at least one, however long.
    ///
    /// # Errors
    /// 500 when an item is not JSON.
    pub fn fill<U: Serialize>(
        &mut self,
        items: impl IntoIterator<Item = U>,
    ) -> Result<Vec<Box<RawValue>>, RequestError> {
        let mut shown = Vec::new();
        for item in items {
            let item = to_raw_value(&item).map_err(|error| RequestError::bug(&error))?;
            let length = item.get().len();
            if length > self.left && !self.is_empty {
                self.is_full = true;
                break;
            }
            self.left = self.left.saturating_sub(length);
            self.is_empty = false;
            shown.push(item);
        }
        Ok(shown)
    }

    /// Returns true if there was no room for an item.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.is_full
    }
}

impl<U: Serialize> Page<U> {
    /// The page of `items`, after which the list goes on at `next`. If they are longer than [`MAX_PAGE_BYTES`] together,
    /// the page has the first of them, at least one, and the list goes on at the `cursor` of its last.
    ///
    /// # Errors
    /// 500 when an item is not JSON.
    pub fn bounded<T>(
        items: &[T],
        next: Option<String>,
        show: impl Fn(&T) -> U,
        cursor: impl Fn(&T) -> String,
    ) -> Result<Self, RequestError> {
        let shown = Room::default().fill(items.iter().map(show))?;
        let last = shown.len().checked_sub(1).filter(|_| shown.len() < items.len());
        let next_cursor = last.map(|last| cursor(&items[last])).or(next);
        Ok(Self { next_cursor, items: shown, of: PhantomData })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every page of a list, as the items of each.
    fn pages(limit: usize, all: &[u32], show: impl Fn(&u32) -> String) -> Vec<Vec<String>> {
        let (mut pages, mut cursor) = (Vec::new(), None);
        loop {
            let page = Paging { limit, cursor }.page("all", all, u32::to_string, &show).unwrap();
            let items = page.items.iter().map(|item| serde_json::from_str(item.get()).unwrap());
            pages.push(items.collect());
            cursor = page.next_cursor;
            if cursor.is_none() {
                return pages;
            }
        }
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repeat() {
        let all: Vec<u32> = (0..7).collect();
        let pages = pages(3, &all, u32::to_string);
        assert_eq!(pages, [vec!["0", "1", "2"], vec!["3", "4", "5"], vec!["6"]]);
    }

    #[test]
    fn an_exact_page_is_the_last() {
        assert_eq!(pages(3, &[1, 2, 3], u32::to_string), [["1", "2", "3"]]);
    }

    #[test]
    fn a_page_ends_before_it_is_too_long_and_the_next_goes_on_there() {
        // With its quotation marks, each is as long as it says.
        let show = |length: &u32| "x".repeat(usize::try_from(*length).unwrap() - 2);
        let most = u32::try_from(MAX_PAGE_BYTES).unwrap();
        let lengths = |limit, all: &[u32]| -> Vec<Vec<usize>> {
            let lengths = |page: Vec<String>| page.iter().map(|item| item.len() + 2).collect();
            pages(limit, all, show).into_iter().map(lengths).collect()
        };
        let (whole, half) = (MAX_PAGE_BYTES, MAX_PAGE_BYTES / 2);
        assert_eq!(lengths(10, &[most / 2, most - most / 2]), [[half, half]]);
        assert_eq!(lengths(10, &[most / 2, most / 2 + 1, 9]), [vec![half], vec![half + 1, 9]]);
        assert_eq!(lengths(2, &[8, 9, most / 2, most, 7]), [vec![8, 9], vec![half], vec![whole], vec![7]]);
        // One that is too long by itself is a page of its own.
        assert_eq!(lengths(10, &[8, most + 1, 9]), [vec![8], vec![whole + 1], vec![9]]);
        assert_eq!(lengths(10, &[most + 1]), [[whole + 1]]);
    }

    #[test]
    fn where_nothing_is_left_out_the_list_goes_on_where_it_was_told() {
        let page = |items: &[u32]| {
            let next = Some("next".to_owned());
            Page::bounded(items, next, |item| *item, |item| format!("after {item}")).unwrap().next_cursor
        };
        assert_eq!((page(&[]), page(&[1, 2])), (Some("next".to_owned()), Some("next".to_owned())));
    }
}
