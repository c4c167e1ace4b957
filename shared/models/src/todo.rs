//! To-dos: people's own notes of what is to be done, and when.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::event::{EventData, TodoFacts};
use crate::ids::{TodoId, UserId};
use crate::text::{Description, TodoTitle};

/// The most to-dos that a person has open.
pub const MAX_OPEN: u32 = 1_000;

/// The local time at which a person is reminded of what is due on that day.
const MORNING: Time = Time::constant(7, 0, 0, 0);

/// The part of the day, from [`MORNING`] on, in which a reminder that is late is still given.
const MORNING_LASTS: SignedDuration = SignedDuration::from_hours(5);

/// The state of a to-do; each can follow each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "TodoStatus")]
pub enum Status {
    /// Yet to be begun.
    Pending,
    /// Begun.
    InProgress,
    /// Done.
    Completed,
    /// Given up.
    Cancelled,
}

impl Status {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Pending, Self::InProgress, Self::Completed, Self::Cancelled];

    /// Those of what is still to be done.
    pub const OPEN: [Self; 2] = [Self::Pending, Self::InProgress];

    /// The name in the API and in the tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns true if there is still something to be done.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::InProgress)
    }
}

/// The importance of a to-do.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "TodoPriority")]
pub enum Priority {
    /// It can wait.
    Low,
    /// Neither.
    #[default]
    Medium,
    /// It comes first.
    High,
}

impl Priority {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The name in the API and in the tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// A text that names none of some values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be {0}")]
pub struct NameError(&'static str);

impl FromStr for Status {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or(NameError("pending, in_progress, completed or cancelled"))
    }
}

impl FromStr for Priority {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let found = Self::ALL.into_iter().find(|priority| priority.as_str() == text);
        found.ok_or(NameError("low, medium or high"))
    }
}

/// The time at which something is due (UTC), to the millisecond, in the years from 2000 to 2099.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DueAt(Timestamp);

impl DueAt {
    /// The earliest.
    const FIRST: Timestamp = Timestamp::constant(946_684_800, 0);

    /// The end of those that there are.
    const END: Timestamp = Timestamp::constant(4_102_444_800, 0);

    /// A time, without what it has beyond milliseconds; `None` beyond the years.
    #[must_use]
    pub fn new(at: Timestamp) -> Option<Self> {
        let at = Timestamp::from_millisecond(at.as_millisecond()).ok()?;
        (Self::FIRST..Self::END).contains(&at).then_some(Self(at))
    }

    /// The instant (UTC).
    #[must_use]
    pub const fn instant(self) -> Timestamp {
        self.0
    }
}

impl fmt::Display for DueAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for DueAt {
    type Err = DueAtError;

    fn from_str(text: &str) -> Result<Self, DueAtError> {
        text.parse().ok().and_then(Self::new).ok_or(DueAtError)
    }
}

/// A text that is no time at which something can be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time such as 2026-12-24T09:00:00Z, in the years from 2000 to 2099")]
pub struct DueAtError;

impl JsonSchema for DueAt {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DueAt".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The time at which it is due (UTC), to the millisecond, in the years from 2000 to 2099.",
            "type": "string",
            "format": "date-time",
            "examples": ["2026-12-24T09:00:00Z"],
        })
    }
}

/// One to-do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Todo {
    /// The id, `tdo_…`: always fresh, never derived, so that ids sort by the time of creation.
    pub id: TodoId,
    /// The person whose it is.
    pub user_id: UserId,
    /// The title.
    pub title: TodoTitle,
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// The priority.
    pub priority: Priority,
    /// The time at which it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DueAt>,
    /// The status.
    pub status: Status,
    /// The due time that its person was last reminded of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded_for: Option<DueAt>,
    /// Raised by each change.
    pub version: u32,
    /// The time of its creation (UTC).
    pub created_at: Timestamp,
    /// The time of the last change by its person (UTC).
    pub updated_at: Timestamp,
}

/// All that a person says of a to-do but its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// The title.
    pub title: TodoTitle,
    /// The description.
    pub description: Option<Description>,
    /// The priority.
    pub priority: Priority,
    /// The time at which it is due.
    pub due_at: Option<DueAt>,
}

impl Todo {
    /// A new to-do.
    #[must_use]
    pub fn new(id: TodoId, user_id: UserId, details: Details, status: Status, now: Timestamp) -> Self {
        let Details { title, description, priority, due_at } = details;
        Self {
            id,
            user_id,
            title,
            description,
            priority,
            due_at,
            status,
            reminded_for: None,
            version: 0,
            created_at: now,
            updated_at: now,
        }
    }

    /// The to-do with other details and another status; `None` if they are the same.
    #[must_use]
    pub fn changed(&self, details: Details, status: Status, now: Timestamp) -> Option<Self> {
        let Details { title, description, priority, due_at } = details;
        let after = Self { title, description, priority, due_at, status, ..self.clone() };
        (after != *self).then(|| Self { version: self.version + 1, updated_at: now, ..after })
    }

    /// The to-do with another status; `None` if it is the same.
    #[must_use]
    pub fn with_status(&self, status: Status, now: Timestamp) -> Option<Self> {
        let Self { title, description, priority, due_at, .. } = self.clone();
        self.changed(Details { title, description, priority, due_at }, status, now)
    }

    /// The variant of the data of the event that tells of its change to `after`.
    #[must_use]
    pub fn event_of_change(&self, after: &Self) -> fn(TodoFacts) -> EventData {
        let is_completed = |todo: &Self| todo.status == Status::Completed;
        if is_completed(after) && !is_completed(self) {
            EventData::TodoCompleted
        } else {
            EventData::TodoUpdated
        }
    }

    /// The to-do after its person was reminded of it; `None` if they are not to be reminded at `now` (see
    /// [`due_today`]).
    ///
    /// It must be open and due on this local day, and its person not have been reminded of this due time. Whoever
    /// created or changed it since the morning began knows of it.
    #[must_use]
    pub fn reminded(&self, today: &DueToday) -> Option<Self> {
        let due_at = self.due_at?;
        let is_due = self.status.is_open()
            && (today.from..=today.to).contains(&due_at)
            && self.updated_at < today.morning
            && self.reminded_for != Some(due_at);
        is_due.then(|| Self { reminded_for: Some(due_at), version: self.version + 1, ..self.clone() })
    }
}

/// The due times of a local day, on whose morning people are reminded of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueToday {
    /// The earliest.
    pub from: DueAt,
    /// The latest.
    pub to: DueAt,
    /// The beginning of the morning (UTC).
    pub morning: Timestamp,
}

/// The due times that people are reminded of at `now`, by the salon's clock; `None` outside of its mornings, from 7:00
/// to 12:00.
#[must_use]
pub fn due_today(zone: &TimeZone, now: Timestamp) -> Option<DueToday> {
    let date = now.to_zoned(zone.clone()).date();
    let start = |date: Date| Some(zone.to_zoned(date.at(0, 0, 0, 0)).ok()?.timestamp());
    let morning = zone.to_zoned(date.to_datetime(MORNING)).ok()?.timestamp();
    if now < morning || now.duration_since(morning) >= MORNING_LASTS {
        return None;
    }
    let end = start(date.checked_add(1.day()).ok()?)?;
    let (from, to) = (DueAt::new(start(date)?)?, DueAt::new(end - SignedDuration::from_millis(1))?);
    Some(DueToday { from, to, morning })
}

/// A choice among a person's to-dos.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The statuses; none for all.
    pub statuses: Vec<Status>,
    /// The priorities; none for all.
    pub priorities: Vec<Priority>,
    /// The earliest due time; with it, what is never due is left out.
    pub due_from: Option<DueAt>,
    /// The latest due time; with it, what is never due is left out.
    pub due_to: Option<DueAt>,
}

impl Filter {
    /// Returns true if a to-do is among the chosen.
    #[must_use]
    pub fn admits(&self, todo: &Todo) -> bool {
        let is_due = match todo.due_at {
            Some(due_at) => {
                self.due_from.is_none_or(|from| from <= due_at) && self.due_to.is_none_or(|to| due_at <= to)
            }
            None => self.due_from.is_none() && self.due_to.is_none(),
        };
        is_due
            && (self.statuses.is_empty() || self.statuses.contains(&todo.status))
            && (self.priorities.is_empty() || self.priorities.contains(&todo.priority))
    }

    /// The statuses that are looked at, each once.
    #[must_use]
    pub fn statuses(&self) -> Vec<Status> {
        let is_chosen = |status: &Status| self.statuses.is_empty() || self.statuses.contains(status);
        Status::ALL.into_iter().filter(is_chosen).collect()
    }
}

#[cfg(test)]
#[path = "todo_tests.rs"]
mod tests;
