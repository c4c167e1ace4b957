//! Table `events` as the recipients of events see it: notifications, read or not. And the preferences about them, in a
//! profile's row.
//!
//! An unread notification is one whose row has the attribute `unread`, which reading removes. So what is unread cannot
//! drift from the notifications themselves, as a counter could. The index `by_unread` holds those rows alone. Both indexes
//! lag behind the table by fractions of a second, as a rule
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html>): a notification that was just read may be
//! listed and counted as unread for a moment. Writes are decided by the rows alone.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure, Select};
use chairbook_models::event::{Category, Event, EventData, EventType, Subjects};
use chairbook_models::ids::{EventId, UserId};
use chairbook_models::preferences::Preferences;
use jiff::Timestamp;
use serde::Deserialize;

use crate::item::{Item, from_item, index_key, instant, s};
use crate::paging::{ListPage, PageKey, read_page, rows};
use crate::transaction::{finish, outwait_conflicts, update};
use crate::users::{IS_ACCOUNT, condition_item};
use crate::{Reader, Store, StoreError, keys, meter};

/// The most unread notifications that one query counts.
const UNREAD_AT_ONCE: i32 = 200;

/// An event as its recipient sees it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "Row")]
pub struct Notification {
    /// The event's id.
    pub id: EventId,
    /// The type and its data.
    pub data: EventData,
    /// The time of the event (UTC).
    pub at: Timestamp,
    /// The person and the appointment that it is about.
    pub subjects: Subjects,
    /// The time at which it was read (UTC); `None` while it is unread.
    pub read_at: Option<Timestamp>,
}

/// The row, from the table or from either index.
#[derive(Deserialize)]
struct Row {
    id: EventId,
    #[serde(flatten)]
    data: EventData,
    at: Timestamp,
    #[serde(default)]
    subjects: Subjects,
    #[serde(default)]
    unread: Option<UserId>,
    #[serde(default)]
    read_at: Option<Timestamp>,
}

impl From<Row> for Notification {
    fn from(row: Row) -> Self {
        let Row { id, data, at, subjects, unread, read_at } = row;
        // A row from before there was the attribute `unread` has neither, and counts as read from the beginning.
        let read_at = if unread.is_some() { None } else { read_at.or(Some(at)) };
        Self { id, data, at, subjects, read_at }
    }
}

impl Notification {
    /// The category; `None` where the event is for the audit log alone.
    #[must_use]
    pub const fn category(&self) -> Option<Category> {
        self.data.event_type().category()
    }
}

impl From<&Notification> for PageKey<EventId> {
    fn from(last: &Notification) -> Self {
        Self { id: last.id, at: last.at }
    }
}

/// The place at which a look at unread notifications goes on.
#[derive(Debug, Clone)]
pub struct UnreadStart(Item);

impl Reader {
    /// Somebody's notifications, the latest first; the unread alone if so asked.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn notifications(
        &self,
        user: UserId,
        only_unread: bool,
        limit: usize,
        after: Option<PageKey<EventId>>,
    ) -> Result<ListPage<Notification, PageKey<EventId>>, StoreError> {
        let attribute = if only_unread { "unread" } else { "recipient" };
        let start = after.map(|key| {
            index_key(keys::event(key.id), [(attribute, user.to_string()), ("at", instant(key.at))])
        });
        let query = if only_unread {
            self.unread_of(user)?.key_condition_expression("unread = :user")
        } else {
            self.query(self.events()?)
                .index_name("by_recipient")
                .key_condition_expression("recipient = :user")
                .expression_attribute_values(":user", s(user.to_string()))
        };
        let keep = |found: &Notification| found.category().is_some();
        read_page(query.scan_index_forward(false), start, limit, keep, |last: &Notification| {
            PageKey::from(last)
        })
        .await
    }

    /// The types of somebody's unread notifications, the latest first, from `start` on, at most 200 of them; and where
    /// the next begin, if there may be more.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn unread_types(
        &self,
        user: UserId,
        start: Option<UnreadStart>,
    ) -> Result<(Vec<EventType>, Option<UnreadStart>), StoreError> {
        #[derive(Deserialize)]
        struct Unread {
            #[serde(rename = "type")]
            event_type: EventType,
        }
        let query = self
            .unread_of(user)?
            .key_condition_expression("unread = :user")
            .projection_expression("#type")
            .expression_attribute_names("#type", "type")
            .scan_index_forward(false)
            .limit(UNREAD_AT_ONCE)
            .set_exclusive_start_key(start.map(|start| start.0));
        let found = meter::metered(query.send()).await?;
        let types = rows::<Unread>(found.items)?.into_iter().map(|unread| unread.event_type).collect();
        Ok((types, found.last_evaluated_key.map(UnreadStart)))
    }

    /// The unread notifications of somebody from until `until`, the earliest first, at most `limit` of them; and where
    /// the next begin, if there may be more.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn unread_until(
        &self,
        user: UserId,
        until: Timestamp,
        limit: i32,
    ) -> Result<(Vec<EventId>, Option<UnreadStart>), StoreError> {
        #[derive(Deserialize)]
        struct Unread {
            id: EventId,
        }
        let query = self.unread_of_until(user, until)?.projection_expression("id").limit(limit);
        let found = meter::metered(query.send()).await?;
        let ids = rows::<Unread>(found.items)?.into_iter().map(|unread| unread.id).collect();
        Ok((ids, found.last_evaluated_key.map(UnreadStart)))
    }

    /// The number of somebody's unread notifications from until `until` after `start`, counted up to `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be counted.
    pub async fn count_unread_until(
        &self,
        user: UserId,
        until: Timestamp,
        limit: i32,
        start: UnreadStart,
    ) -> Result<u32, StoreError> {
        let query = self
            .unread_of_until(user, until)?
            .select(Select::Count)
            .limit(limit)
            .set_exclusive_start_key(Some(start.0));
        let found = meter::metered(query.send()).await?;
        Ok(u32::try_from(found.count).unwrap_or_default())
    }

    /// A query of somebody's unread notifications, to be given its condition on the keys.
    fn unread_of(&self, user: UserId) -> Result<QueryFluentBuilder, StoreError> {
        Ok(self
            .query(self.events()?)
            .index_name("by_unread")
            .expression_attribute_values(":user", s(user.to_string())))
    }

    fn unread_of_until(&self, user: UserId, until: Timestamp) -> Result<QueryFluentBuilder, StoreError> {
        Ok(self
            .unread_of(user)?
            .key_condition_expression("unread = :user AND #at <= :until")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":until", s(instant(until))))
    }
}

/// The result of reading a notification.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadOutcome {
    /// It was unread.
    Read(Notification),
    /// It was read before, which stays as it is.
    ReadBefore(Notification),
    /// There is none with this id that is theirs.
    Missing,
}

impl Store {
    /// Marks somebody's notification as read, once.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written.
    pub async fn read_notification(
        &self,
        user: UserId,
        id: EventId,
        now: Timestamp,
    ) -> Result<ReadOutcome, StoreError> {
        let call = self
            .update_item(self.events()?, keys::event(id))
            .update_expression("SET read_at = :now REMOVE unread")
            .condition_expression("unread = :user")
            .expression_attribute_values(":now", s(instant(now)))
            .expression_attribute_values(":user", s(user.to_string()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let written = || async {
            match meter::metered(call.clone().send()).await {
                Ok(output) => Ok(Ok(output.attributes.unwrap_or_default())),
                Err(error) => match error.as_service_error() {
                    Some(service) if service.is_conditional_check_failed_exception() => {
                        Ok(Err(condition_item(service)))
                    }
                    _ => Err(error.into()),
                },
            }
        };
        Ok(match outwait_conflicts(written).await? {
            Ok(row) => ReadOutcome::Read(from_item(row)?),
            Err(None) => ReadOutcome::Missing,
            Err(Some(row)) => {
                let event: Event = from_item(row.clone())?;
                let is_theirs = event.recipient == Some(user) && event.event_type().category().is_some();
                if is_theirs { ReadOutcome::ReadBefore(from_item(row)?) } else { ReadOutcome::Missing }
            }
        })
    }

    /// Replaces somebody's preferences as a whole.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when the account is gone.
    pub async fn change_preferences(
        &self,
        user: UserId,
        preferences: &Preferences,
        event: &Event,
    ) -> Result<(), StoreError> {
        let write = update(self.users()?, keys::profile(user))
            .update_expression("SET preferences = :preferences, updated_at = :now")
            .condition_expression(IS_ACCOUNT)
            .expression_attribute_values(
                ":preferences",
                serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(preferences)?,
            )
            .expression_attribute_values(":now", s(instant(event.at)));
        self.transact_or_changed(vec![finish(write)?, self.event_write(event)?]).await
    }
}
