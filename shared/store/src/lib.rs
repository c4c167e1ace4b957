//! The only crate that knows DynamoDB: keys, items, conditions, transactions, cursors; one module per table.
//!
//! A change and the event that tells of it are one transaction. Conditions, never reads before writes, keep the
//! promises; what a failed condition found comes back with the failure, so a refusal costs no second look.
//! Every call is counted by the [meter](chairbook_platform::meter), so that a request's cost is a number in its log line.
//!
//! To store one more kind of row: add its key to [`keys`], write and read it in its table's module through
//! [`item`], and describe it in `docs/data-model.md`.

mod accounts;
mod appointment_lists;
mod appointments;
mod busy_rebuild;
mod busy_weeks;
mod catalog;
mod directory;
mod erasure;
mod error;
mod events;
mod expert_days;
mod item;
mod keys;
mod limits;
mod meter;
mod notifications;
mod open_reservations;
mod paging;
mod reader;
mod reminders;
mod sessions;
mod statistics;
mod todos;
mod transaction;
mod users;

use std::ops::Deref;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

pub use accounts::AccountChange;
pub use appointment_lists::DayPageKey;
pub use appointments::{BookOutcome, CustomerCheck, Expiry, Idempotency, NewAppointment, RescheduleOutcome};
pub use busy_rebuild::RebuiltWeek;
pub use catalog::{CatalogChange, CatalogRow, CatalogWrite};
pub use directory::UsersFrom;
pub use erasure::Leaving;
pub use error::StoreError;
pub use events::{Claim, DeliveryOutcome};
pub use limits::MailLimits;
pub use notifications::{Notification, ReadOutcome, UnreadStart};
pub use paging::{ListPage, PageKey, PageKeyError};
pub use reader::Reader;
pub use sessions::Rotation;
pub use statistics::{APPOINTMENTS_AT_ONCE, Recount};
pub use todos::{AddOutcome, ChangeOutcome, TodoPerson};
pub use users::{Account, Attempt, LoginAttempt, OneTimeToken, Registration, TokenPurpose};

/// The tables' names; a function knows only those that it may use.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// `USERS_TABLE`.
    pub users: Option<String>,
    /// `CATALOG_TABLE`.
    pub catalog: Option<String>,
    /// `APPOINTMENTS_TABLE`.
    pub appointments: Option<String>,
    /// `TODOS_TABLE`.
    pub todos: Option<String>,
    /// `EVENTS_TABLE`.
    pub events: Option<String>,
    /// `LIMITS_TABLE`.
    pub limits: Option<String>,
}

impl Tables {
    /// The names from the environment variables `USERS_TABLE`, `CATALOG_TABLE`, `APPOINTMENTS_TABLE`,
    /// `TODOS_TABLE`, `EVENTS_TABLE` and `LIMITS_TABLE`, each absent where the function was not given it.
    #[must_use]
    pub fn from_env() -> Self {
        let name = |variable: &str| std::env::var(variable).ok().filter(|name| !name.is_empty());
        Self {
            users: name("USERS_TABLE"),
            catalog: name("CATALOG_TABLE"),
            appointments: name("APPOINTMENTS_TABLE"),
            todos: name("TODOS_TABLE"),
            events: name("EVENTS_TABLE"),
            limits: name("LIMITS_TABLE"),
        }
    }

    /// Each table that is known: its key in the environment in lower case, and its name.
    #[must_use]
    pub fn known(&self) -> Vec<(&'static str, &str)> {
        [
            ("users", &self.users),
            ("catalog", &self.catalog),
            ("appointments", &self.appointments),
            ("todos", &self.todos),
            ("events", &self.events),
            ("limits", &self.limits),
        ]
        .into_iter()
        .filter_map(|(key, name)| name.as_deref().map(|name| (key, name)))
        .collect()
    }
}

/// The tables, as functions use them: all that a [`Reader`] reads, and every change. Cheap to clone; clones share what
/// they remember.
#[derive(Clone)]
pub struct Store {
    reader: Reader,
    client: Client,
}

impl Deref for Store {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl Store {
    /// A store over a client. Makes no call.
    #[must_use]
    pub fn new(client: Client, tables: Tables) -> Self {
        Self { reader: Reader::new(client.clone(), tables), client }
    }

    /// The same tables, read only.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Deletes a row, if there is one.
    async fn delete_row(&self, table: &str, key: keys::Key) -> Result<(), StoreError> {
        let call = self
            .client
            .delete_item()
            .table_name(table)
            .set_key(Some(item::key_item(key)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        transaction::outwait_conflicts(|| async { Ok(meter::metered(call.clone().send()).await?) }).await?;
        Ok(())
    }

    /// An update of one row, to be completed and sent.
    fn update_item(&self, table: &str, key: keys::Key) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(table)
            .key("pk", item::s(key.pk))
            .key("sk", item::s(key.sk))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}
