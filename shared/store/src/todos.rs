//! Table `todos`: people's to-dos, and the number that each has open.
//!
//! A person's to-dos stand in their own partition by id, which is by time of creation; that one is somebody else's cannot
//! be asked, since its key has its person. The index `by_due` has them by status and then by due time.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::TransactWriteItem;
use chairbook_models::event::Event;
use chairbook_models::ids::{TodoId, UserId};
use chairbook_models::todo::{DueAt, Filter, MAX_OPEN, Status, Todo};
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde::Deserialize;

use crate::item::{Item, from_item, instant, key_item, n, s, to_item};
use crate::paging::{ListPage, PageKey, read_page, rows};
use crate::transaction::{Outcome, create, deletion, finish, finish_deletion, replace_version, update};
use crate::{Reader, Store, StoreError, keys};

/// Rows that an erasure deletes concurrently.
const DELETED_AT_ONCE: usize = 8;

/// The due time by which what is never due stands in the index: behind all others.
const NEVER: Timestamp = Timestamp::constant(250_000_000_000, 0);

/// The outcome of adding a to-do.
#[derive(Debug, Clone, PartialEq)]
pub enum AddOutcome {
    /// It is added.
    Added,
    /// The request had added one before, as this event tells.
    Repeated(Box<Event>),
    /// Its person has as many open as there can be.
    TooManyOpen,
}

/// The outcome of changing a to-do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// It is changed.
    Changed,
    /// It would be open again, and its person has as many open as there can be.
    TooManyOpen,
}

/// Somebody who has or has had to-dos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct TodoPerson {
    /// The person.
    pub user_id: UserId,
    /// The number of their to-dos that are open.
    pub open: u32,
}

impl PageKey<TodoId> {
    /// The place of a to-do in the order of due times.
    #[must_use]
    pub fn by_due(todo: &Todo) -> Self {
        Self { id: todo.id, at: todo.due_at.map_or(NEVER, DueAt::instant) }
    }
}

/// The sort key in the index `by_due`.
fn due_order(status: Status, key: &PageKey<TodoId>) -> String {
    format!("{}#{}#{}", status.as_str(), instant(key.at), key.id)
}

/// The first and the last sort key that a query of the index looks at: what a filter admits of one status, after a place.
fn due_range(status: Status, filter: &Filter, after: Option<&PageKey<TodoId>>) -> (String, String) {
    let bound = |due: Option<DueAt>, without: &str| {
        due.map_or_else(|| without.to_owned(), |due| instant(due.instant()))
    };
    let status_name = status.as_str();
    let from = match after {
        // No key has a tilde, which sorts behind all that they have.
        Some(after) => format!("{}~", due_order(status, after)),
        None => format!("{status_name}#{}", bound(filter.due_from, "")),
    };
    // With an earliest due time alone, what is never due is left out, too.
    let without = if filter.due_from.is_some() { instant(NEVER) } else { "~".to_owned() };
    let to = match filter.due_to {
        Some(due_to) => format!("{status_name}#{}~", bound(Some(due_to), "")),
        None => format!("{status_name}#{without}"),
    };
    (from, to)
}

fn todo_item(todo: &Todo) -> Result<Item, StoreError> {
    let mut item = to_item(keys::todo(todo.user_id, todo.id), todo)?;
    item.insert("due_order".to_owned(), s(due_order(todo.status, &PageKey::by_due(todo))));
    Ok(item)
}

/// The first `limit` of what several lists have in one order, each of them a page. Beyond the place at which a page that
/// is not the last of its list ends, nothing is known of that list, so nothing of the others is taken.
fn merged<T, K: Ord + Copy>(
    pages: Vec<ListPage<T, K>>,
    limit: usize,
    key: impl Fn(&T) -> K,
) -> ListPage<T, K> {
    let horizon = pages.iter().filter_map(|page| page.next).min();
    let mut items: Vec<_> = pages.into_iter().flat_map(|page| page.items).collect();
    items.sort_by_key(&key);
    items.retain(|item| horizon.is_none_or(|horizon| key(item) <= horizon));
    if items.len() > limit {
        items.truncate(limit);
        return ListPage { next: items.last().map(&key), items };
    }
    ListPage { items, next: horizon }
}

impl Reader {
    /// One of somebody's to-dos.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be read.
    pub async fn todo(&self, user: UserId, id: TodoId) -> Result<Option<Todo>, StoreError> {
        self.get(self.todos()?, keys::todo(user, id), true).await?.map(from_item).transpose()
    }

    /// Somebody's to-dos, the latest created first; those that a filter admits.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn todos_by_creation(
        &self,
        user: UserId,
        filter: &Filter,
        limit: usize,
        after: Option<TodoId>,
    ) -> Result<ListPage<Todo, TodoId>, StoreError> {
        let start = after.map(|id| key_item(keys::todo(user, id)));
        let query =
            self.partition_query(self.todos()?, keys::todos(user), None, false).scan_index_forward(false);
        read_page(query, start, limit, |todo| filter.admits(todo), |last: &Todo| last.id).await
    }

    /// Somebody's to-dos, the earliest due first and what is never due last; those that a filter admits. Costs a query
    /// for each status, side by side. The index lags behind by fractions of a second.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn todos_by_due(
        &self,
        user: UserId,
        filter: &Filter,
        limit: usize,
        after: Option<PageKey<TodoId>>,
    ) -> Result<ListPage<Todo, PageKey<TodoId>>, StoreError> {
        let pages = filter.statuses().into_iter().map(async |status| {
            let (from, to) = due_range(status, filter, after.as_ref());
            if from > to {
                return Ok(ListPage { items: Vec::new(), next: None });
            }
            let query = self.due_query(user, from, to)?;
            read_page(query, None, limit, |todo| filter.admits(todo), PageKey::by_due).await
        });
        let pages: Vec<ListPage<Todo, _>> = try_join_all(pages).await?;
        Ok(merged(pages, limit, PageKey::by_due))
    }

    fn due_query(&self, user: UserId, from: String, to: String) -> Result<QueryFluentBuilder, StoreError> {
        Ok(self
            .query(self.todos()?)
            .index_name("by_due")
            .key_condition_expression("pk = :pk AND due_order BETWEEN :from AND :to")
            .expression_attribute_values(":pk", s(keys::todos(user)))
            .expression_attribute_values(":from", s(from))
            .expression_attribute_values(":to", s(to)))
    }

    /// The shards of the people who have to-dos.
    pub fn todo_people_shards() -> impl Iterator<Item = u8> {
        0..keys::TODO_PEOPLE_SHARDS
    }

    /// A page of a shard's people who have to-dos open.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn people_with_open_todos(
        &self,
        shard: u8,
        limit: usize,
        after: Option<UserId>,
    ) -> Result<ListPage<TodoPerson, UserId>, StoreError> {
        let start = after.map(|user| key_item(keys::open_todos(user)));
        let query = self.partition_query(self.todos()?, keys::todo_people(shard), None, false);
        read_page(query, start, limit, |person: &TodoPerson| person.open > 0, |last| last.user_id).await
    }
}

impl Store {
    /// Adds a to-do, with the event that tells of it.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be added or not.
    pub async fn add_todo(&self, todo: &Todo, event: &Event) -> Result<AddOutcome, StoreError> {
        let mut writes = vec![self.event_write(event)?, create(self.todos()?, todo_item(todo)?)?];
        writes.extend(self.open_todos_write(None, Some(todo))?);
        let refusals = match self.transact(writes).await? {
            Outcome::Committed => return Ok(AddOutcome::Added),
            Outcome::Refused(refusals) => refusals,
        };
        // The event comes first: where the request is a repeat, it does not matter how many are open by now.
        match refusals.into_iter().next() {
            Some(told) if told.failed => {
                Ok(AddOutcome::Repeated(Box::new(from_item(told.found.unwrap_or_default())?)))
            }
            _ => Ok(AddOutcome::TooManyOpen),
        }
    }

    /// Changes a to-do (`before` becomes `after`), with the event that tells of it.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when it is no longer as `before` says.
    pub async fn change_todo(
        &self,
        before: &Todo,
        after: &Todo,
        event: &Event,
    ) -> Result<ChangeOutcome, StoreError> {
        let mut writes = vec![
            replace_version(self.todos()?, todo_item(after)?, before.version)?,
            self.event_write(event)?,
        ];
        writes.extend(self.open_todos_write(Some(before), Some(after))?);
        match self.transact(writes).await? {
            Outcome::Committed => Ok(ChangeOutcome::Changed),
            Outcome::Refused(refusals) if refusals.first().is_some_and(|row| row.failed) => {
                Err(StoreError::Changed)
            }
            Outcome::Refused(_) => Ok(ChangeOutcome::TooManyOpen),
        }
    }

    /// Deletes a to-do, with the event that tells of it.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when it is no longer as `before` says.
    pub async fn delete_todo(&self, before: &Todo, event: &Event) -> Result<(), StoreError> {
        let row = deletion(self.todos()?, keys::todo(before.user_id, before.id))
            .condition_expression("#version = :version")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":version", n(before.version));
        let mut writes = vec![finish_deletion(row)?, self.event_write(event)?];
        writes.extend(self.open_todos_write(Some(before), None)?);
        self.transact_or_changed(writes).await
    }

    /// The write that keeps the number of somebody's open to-dos, where a change from `before` to `after` moves it.
    fn open_todos_write(
        &self,
        before: Option<&Todo>,
        after: Option<&Todo>,
    ) -> Result<Option<TransactWriteItem>, StoreError> {
        let is_open = |todo: Option<&Todo>| todo.is_some_and(|todo| todo.status.is_open());
        let Some(user) = after.or(before).map(|todo| todo.user_id) else { return Ok(None) };
        let row = update(self.todos()?, keys::open_todos(user))
            .update_expression("SET user_id = :user ADD #open :by")
            .expression_attribute_names("#open", "open")
            .expression_attribute_values(":user", s(user.to_string()));
        let row = match (is_open(before), is_open(after)) {
            (false, true) => row
                .condition_expression("attribute_not_exists(#open) OR #open < :most")
                .expression_attribute_values(":by", n(1))
                .expression_attribute_values(":most", n(MAX_OPEN)),
            (true, false) => row.expression_attribute_values(":by", n(-1)),
            _ => return Ok(None),
        };
        finish(row).map(Some)
    }

    /// Deletes all of somebody's to-dos, and what is kept of their number.
    ///
    /// # Errors
    /// [`StoreError`] when a row could not be read or deleted.
    pub async fn forget_todos(&self, user: UserId) -> Result<(), StoreError> {
        #[derive(Deserialize)]
        struct Row {
            id: TodoId,
        }
        let table = self.todos()?;
        let query = self.partition_query(table, keys::todos(user), None, true).projection_expression("id");
        let found: Vec<Row> = rows(Some(Reader::read_all(query).await?))?;
        stream::iter(found)
            .map(Ok)
            .try_for_each_concurrent(DELETED_AT_ONCE, |row| {
                Box::pin(self.delete_row(table, keys::todo(user, row.id)))
            })
            .await?;
        self.delete_row(table, keys::open_todos(user)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(second: i64, id: u8) -> PageKey<TodoId> {
        PageKey { id: TodoId::derived([id; 16]), at: Timestamp::from_second(second).unwrap() }
    }

    fn due(second: i64) -> DueAt {
        DueAt::new(Timestamp::from_second(second).unwrap()).unwrap()
    }

    #[test]
    fn a_range_has_what_is_due_within_it_and_what_is_never_due_only_without_bounds() {
        let never = PageKey { id: TodoId::derived([9; 16]), at: NEVER };
        let (early, late) = (key(1_700_000_000, 0), key(1_800_000_000, 255));
        let bounds = |from: Option<i64>, to: Option<i64>| Filter {
            due_from: from.map(due),
            due_to: to.map(due),
            ..Filter::default()
        };
        for (filter, after, expected) in [
            (bounds(None, None), None, [true, true, true]),
            (bounds(Some(1_700_000_000), None), None, [true, true, false]),
            (bounds(Some(1_700_000_001), None), None, [false, true, false]),
            (bounds(None, Some(1_800_000_000)), None, [true, true, false]),
            (bounds(None, Some(1_799_999_999)), None, [true, false, false]),
            (bounds(Some(1_700_000_000), Some(1_700_000_000)), None, [true, false, false]),
            (bounds(None, None), Some(early), [false, true, true]),
            (bounds(None, None), Some(late), [false, false, true]),
            (bounds(Some(1_700_000_000), None), Some(key(1_700_000_000, 1)), [false, true, false]),
            (bounds(None, None), Some(never), [false, false, false]),
        ] {
            let (from, to) = due_range(Status::Pending, &filter, after.as_ref());
            let is_in = |key: &PageKey<TodoId>| {
                let order = due_order(Status::Pending, key);
                from <= order && order <= to
            };
            assert_eq!([early, late, never].map(|key| is_in(&key)), expected, "{filter:?} {after:?}");
            for status in [Status::InProgress, Status::Completed, Status::Cancelled] {
                let order = due_order(status, &late);
                assert!(!(from <= order && order <= to), "{order} in {from} to {to}");
            }
        }
    }

    #[test]
    fn keys_sort_as_the_index_does() {
        let keys = [key(1_700_000_000, 1), key(1_700_000_000, 2), key(1_700_000_001, 0)];
        assert!(keys.is_sorted());
        assert!(keys.map(|key| due_order(Status::Pending, &key)).is_sorted());
    }

    /// A page of numbers in order.
    fn page(items: &[u32], next: Option<u32>) -> ListPage<u32, u32> {
        ListPage { items: items.to_vec(), next }
    }

    #[test]
    fn pages_of_several_lists_are_one_page_of_all() {
        let merge = |pages, limit| merged(pages, limit, |item: &u32| *item);
        assert_eq!(merge(vec![page(&[1, 4], None), page(&[2, 3], None)], 9), page(&[1, 2, 3, 4], None));
        assert_eq!(merge(vec![page(&[1, 4], None), page(&[2, 3], None)], 3), page(&[1, 2, 3], Some(3)));
        assert_eq!(merge(vec![page(&[1, 4], None), page(&[2, 3], None)], 4), page(&[1, 2, 3, 4], None));
        // One list goes on after 3, the other's 7 may be behind what follows.
        assert_eq!(merge(vec![page(&[1, 3], Some(3)), page(&[2, 7], None)], 9), page(&[1, 2, 3], Some(3)));
        // Of one, nothing is known yet but that there is nothing up to 5.
        assert_eq!(merge(vec![page(&[], Some(5)), page(&[6, 7], Some(7))], 2), page(&[], Some(5)));
        assert_eq!(merge(vec![], 2), page(&[], None));
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repeat() {
        let lists: [&[u32]; 3] = [&[1, 2, 3, 10, 11], &[4, 5, 6, 7], &[8]];
        for limit in 1..=4 {
            let (mut all, mut after) = (Vec::new(), 0);
            loop {
                let pages = lists.map(|list| {
                    let left: Vec<u32> = list.iter().copied().filter(|item| *item > after).collect();
                    let shown: Vec<u32> = left.iter().copied().take(limit).collect();
                    let next = (left.len() > limit).then(|| shown[limit - 1]);
                    ListPage { items: shown, next }
                });
                let ListPage { items, next } = merged(pages.into(), limit, |item: &u32| *item);
                assert!(items.len() <= limit);
                all.extend(items);
                let Some(next) = next else { break };
                after = next;
            }
            assert_eq!(all, (1..=11).filter(|item| *item != 9).collect::<Vec<_>>(), "{limit}");
        }
    }
}
