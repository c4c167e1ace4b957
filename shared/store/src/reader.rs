//! Reads. A [`Reader`] has no way to write: its client is private to this module, which offers `GetItem`, `BatchGetItem`
//! and `Query` alone. What is read beside the checks of limit, session and role is read through one, so that a request that is
//! refused has changed nothing.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity};
use chairbook_auth::access_token::VerificationKey;
use chairbook_models::catalog::Catalog;

use crate::transaction::{TRIES, pause, unbuilt};
use crate::{StoreError, Tables, item, keys, meter};

/// The tables, read only. Cheap to clone; clones share the copies that they keep in memory.
#[derive(Clone)]
pub struct Reader {
    client: Client,
    tables: Arc<Tables>,
    pub(crate) catalog: Arc<RwLock<Option<Arc<Catalog>>>>,
    pub(crate) verification_keys: Arc<RwLock<HashMap<String, VerificationKey>>>,
}

impl Reader {
    /// A reader over a client. Makes no call.
    pub(crate) fn new(client: Client, tables: Tables) -> Self {
        Self { client, tables: Arc::new(tables), catalog: Arc::default(), verification_keys: Arc::default() }
    }

    /// The tables' names.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    pub(crate) fn users(&self) -> Result<&str, StoreError> {
        self.tables.users.as_deref().ok_or(StoreError::NotConfigured("USERS_TABLE"))
    }

    pub(crate) fn catalog_table(&self) -> Result<&str, StoreError> {
        self.tables.catalog.as_deref().ok_or(StoreError::NotConfigured("CATALOG_TABLE"))
    }

    pub(crate) fn appointments(&self) -> Result<&str, StoreError> {
        self.tables.appointments.as_deref().ok_or(StoreError::NotConfigured("APPOINTMENTS_TABLE"))
    }

    pub(crate) fn todos(&self) -> Result<&str, StoreError> {
        self.tables.todos.as_deref().ok_or(StoreError::NotConfigured("TODOS_TABLE"))
    }

    pub(crate) fn events(&self) -> Result<&str, StoreError> {
        self.tables.events.as_deref().ok_or(StoreError::NotConfigured("EVENTS_TABLE"))
    }

    pub(crate) fn limits(&self) -> Result<&str, StoreError> {
        self.tables.limits.as_deref().ok_or(StoreError::NotConfigured("LIMITS_TABLE"))
    }

    /// Reads one row by its key.
    pub(crate) async fn get(
        &self,
        table: &str,
        key: keys::Key,
        consistent: bool,
    ) -> Result<Option<item::Item>, StoreError> {
        let call = self
            .client
            .get_item()
            .table_name(table)
            .key("pk", item::s(key.pk))
            .key("sk", item::s(key.sk))
            .consistent_read(consistent)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send();
        Ok(meter::metered(call).await?.item)
    }

    /// Reads rows by their keys, at most 100, in no order; keys that no row has are passed over.
    pub(crate) async fn batch_get(
        &self,
        table: &str,
        keys: Vec<keys::Key>,
        consistent: bool,
    ) -> Result<Vec<item::Item>, StoreError> {
        let keys = keys.into_iter().map(|key| {
            [("pk", key.pk), ("sk", key.sk)].map(|(name, value)| (name.to_owned(), item::s(value))).into()
        });
        let keys = KeysAndAttributes::builder().set_keys(Some(keys.collect())).consistent_read(consistent);
        let mut asked = HashMap::from([(table.to_owned(), keys.build().map_err(unbuilt)?)]);
        let mut rows = Vec::new();
        for tries in 0..TRIES {
            let call = self
                .client
                .batch_get_item()
                .set_request_items(Some(asked))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send();
            let found = meter::metered(call).await?;
            rows.extend(found.responses.into_iter().flatten().flat_map(|(_, rows)| rows));
            // DynamoDB leaves out what it is too busy for, or what is beyond 16 MB.
            asked = found.unprocessed_keys.unwrap_or_default();
            if asked.is_empty() {
                return Ok(rows);
            }
            pause(tries).await;
        }
        Err(StoreError::Unavailable("UnprocessedKeys".to_owned()))
    }

    /// A query of a table, to be completed and sent.
    pub(crate) fn query(&self, table: &str) -> QueryFluentBuilder {
        self.client.query().table_name(table).return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    /// A query of a partition of a table, or of its rows between two sort keys, both included.
    pub(crate) fn partition_query(
        &self,
        table: &str,
        pk: impl Into<String>,
        between: Option<(String, String)>,
        consistent: bool,
    ) -> QueryFluentBuilder {
        let condition = if between.is_some() { "pk = :pk AND sk BETWEEN :from AND :to" } else { "pk = :pk" };
        let query = self
            .query(table)
            .key_condition_expression(condition)
            .expression_attribute_values(":pk", item::s(pk))
            .consistent_read(consistent);
        match between {
            Some((from, to)) => query
                .expression_attribute_values(":from", item::s(from))
                .expression_attribute_values(":to", item::s(to)),
            None => query,
        }
    }

    /// Reads all rows of a query, page by page.
    pub(crate) async fn read_all(query: QueryFluentBuilder) -> Result<Vec<item::Item>, StoreError> {
        let mut rows = Vec::new();
        let mut start = None;
        loop {
            let page = meter::metered(query.clone().set_exclusive_start_key(start).send()).await?;
            rows.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Measures the time that a table takes to look up a key that no row has.
    ///
    /// # Errors
    /// [`StoreError`] when the table does not respond.
    pub async fn probe(&self, table: &str) -> Result<Duration, StoreError> {
        let begun = std::time::Instant::now();
        self.get(table, keys::health(), false).await?;
        Ok(begun.elapsed())
    }
}
