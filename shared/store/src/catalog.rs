//! Table `catalog`: read whole and kept in memory, since it is small and changes rarely; one strongly consistent
//! read of its version tells whether the copy still stands.

use std::sync::{Arc, PoisonError};

use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, TransactWriteItem};
use chairbook_models::catalog::{Catalog, Category, Expert, Service, Settings, SubService};
use chairbook_models::event::Event;

use crate::item::{Item, from_item, n, number, s, text, to_item};
use crate::transaction::{finish, put, update};
use crate::{Store, StoreError, keys, meter};

/// A row to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum CatalogRow {
    /// What holds for the whole salon.
    Settings(Settings),
    /// A category.
    Category(Category),
    /// A service.
    Service(Service),
    /// An add-on.
    SubService(SubService),
    /// An expert.
    Expert(Box<Expert>),
}

impl CatalogRow {
    fn item(&self) -> Result<Item, StoreError> {
        match self {
            Self::Settings(row) => to_item(keys::settings(), row),
            Self::Category(row) => to_item(keys::category(row.id), row),
            Self::Service(row) => to_item(keys::service(row.id), row),
            Self::SubService(row) => to_item(keys::sub_service(row.service_id, row.id), row),
            Self::Expert(row) => to_item(keys::expert(row.id), row),
        }
    }
}

impl Store {
    /// The catalog as it stands now: from memory if no write has come since, else read anew.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be read.
    pub async fn catalog(&self) -> Result<Arc<Catalog>, StoreError> {
        let row = self.get(self.catalog_table()?, keys::catalog_version(), true).await?;
        let version = row
            .and_then(|item| number(&item, "version"))
            .and_then(|version| u64::try_from(version).ok())
            .unwrap_or(0);
        if let Some(copy) = &*self.catalog.read().unwrap_or_else(PoisonError::into_inner)
            && copy.version == version
        {
            return Ok(Arc::clone(copy));
        }
        // Read after the version: what this holds is at least as new as its number says, never older.
        let read = Arc::new(Box::pin(self.read_catalog(version)).await?);
        let mut copy = self.catalog.write().unwrap_or_else(PoisonError::into_inner);
        if copy.as_ref().is_none_or(|copy| copy.version < version) {
            *copy = Some(Arc::clone(&read));
        }
        Ok(read)
    }

    /// The salon's settings.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn settings(&self) -> Result<Settings, StoreError> {
        let row = self.get(self.catalog_table()?, keys::settings(), true).await?;
        Ok(row.map(from_item).transpose()?.unwrap_or_default())
    }

    async fn read_catalog(&self, version: u64) -> Result<Catalog, StoreError> {
        let (meta, categories, services, experts) = futures_util::try_join!(
            self.partition(keys::META),
            self.partition(keys::CATEGORIES),
            self.partition(keys::SERVICES),
            self.partition(keys::EXPERTS),
        )?;
        let mut catalog = Catalog { version, ..Catalog::default() };
        for item in meta {
            if text(&item, "sk") == Some("SETTINGS") {
                catalog.settings = from_item(item)?;
            }
        }
        for item in categories {
            let category: Category = from_item(item)?;
            catalog.categories.insert(category.id, category);
        }
        for item in services {
            if item.contains_key("service_id") {
                let sub_service: SubService = from_item(item)?;
                catalog.sub_services.insert(sub_service.id, sub_service);
            } else {
                let service: Service = from_item(item)?;
                catalog.services.insert(service.id, service);
            }
        }
        for item in experts {
            let expert: Expert = from_item(item)?;
            catalog.experts.insert(expert.id, expert);
        }
        Ok(catalog)
    }

    async fn partition(&self, pk: &str) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let call = self
                .client
                .query()
                .table_name(self.catalog_table()?)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", s(pk))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send();
            let page = meter::metered(call).await?;
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(items);
            }
        }
    }

    /// Writes rows of the catalog, each as a whole, raises its version and tells of it, in one transaction; at
    /// most 98 rows.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be written; then nothing is.
    pub async fn write_catalog(&self, rows: &[CatalogRow], event: &Event) -> Result<(), StoreError> {
        let table = self.catalog_table()?;
        let mut writes: Vec<TransactWriteItem> =
            rows.iter().map(|row| put(table, row.item()?, None)).collect::<Result<_, _>>()?;
        writes.push(finish(
            update(table, keys::catalog_version())
                .update_expression("ADD #version :one")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":one", n(1)),
        )?);
        writes.push(self.event_write(event)?);
        self.transact_or_changed(writes).await
    }
}
