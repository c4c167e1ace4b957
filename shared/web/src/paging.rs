//! Pages of lists that are in memory already.

use crate::cursor;
use crate::error::ApiError;
use crate::fields::{Fields, FromFields};
use crate::reply::Page;

/// `limit` and `cursor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    limit: usize,
    cursor: Option<String>,
}

impl FromFields for Paging {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let limit = fields.limit();
        let cursor = fields.optional("cursor");
        Some(Self { limit: limit?, cursor: cursor? })
    }
}

impl Paging {
    /// The page of `all` (in order) that is asked for. `list` names the list with its filters; `id` names an
    /// item. The answer's items are places in `all`.
    ///
    /// # Errors
    /// 400 when the cursor is not one of this list.
    pub fn page<T>(&self, list: &str, all: &[T], id: impl Fn(&T) -> String) -> Result<Page<usize>, ApiError> {
        let start = match &self.cursor {
            None => 0,
            Some(cursor) => {
                let last = cursor::decode(list, cursor)?;
                // Where the item is gone meanwhile, the list begins again rather than skipping some.
                all.iter().position(|item| id(item) == last).map_or(0, |place| place + 1)
            }
        };
        let end = all.len().min(start + self.limit);
        let more = end < all.len() && end > start;
        Ok(Page {
            items: (start..end).collect(),
            next_cursor: more.then(|| cursor::encode(list, &id(&all[end - 1]))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_repeat() {
        let all: Vec<u32> = (0..7).collect();
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let page = Paging { limit: 3, cursor }.page("all", &all, u32::to_string).unwrap();
            seen.extend(page.items.iter().map(|&place| all[place]));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn an_exact_page_is_the_last() {
        let page = Paging { limit: 3, cursor: None }.page("all", &[1, 2, 3], i32::to_string).unwrap();
        assert_eq!((page.items.len(), page.next_cursor), (3, None));
    }
}
