//! Table `catalog`: read whole and kept in memory, since it is small and changes rarely; one strongly consistent
//! read of its version tells whether the copy still stands.

use std::sync::{Arc, PoisonError};

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use chairbook_auth::Caller;
use chairbook_models::catalog::{Catalog, Category, Expert, GalleryImage, Service, Settings, SubService};
use chairbook_models::event::Event;
use chairbook_models::ids::{CategoryId, ExpertId, ImageId, OfferId, ServiceId, SubServiceId};
use chairbook_models::offers::Offer;

use crate::item::{Item, from_item, n, number, text, to_item};
use crate::sessions::caller_refused;
use crate::transaction::{Outcome, delete, finish, pause, put, update};
use crate::{Reader, Store, StoreError, keys};

/// The number of times that a change looks again after somebody else has changed the catalog first.
const TRIES: u32 = 10;

/// A row to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum CatalogRow {
    /// The settings of the whole salon.
    Settings(Settings),
    /// A category.
    Category(Category),
    /// A service.
    Service(Service),
    /// An add-on.
    SubService(SubService),
    /// An expert.
    Expert(Box<Expert>),
    /// An offer.
    Offer(Offer),
    /// An image.
    GalleryImage(GalleryImage),
}

impl CatalogRow {
    fn item(&self) -> Result<Item, StoreError> {
        match self {
            Self::Settings(row) => to_item(keys::settings(), row),
            Self::Category(row) => to_item(keys::category(row.id), row),
            Self::Service(row) => to_item(keys::service(row.id), row),
            Self::SubService(row) => to_item(keys::sub_service(row.service_id, row.id), row),
            Self::Expert(row) => to_item(keys::expert(row.id), row),
            Self::Offer(row) => to_item(keys::offer(row.id), row),
            Self::GalleryImage(row) => to_item(keys::gallery_image(row.id), row),
        }
    }
}

/// The write of a change to one row.
#[derive(Debug, Clone, PartialEq)]
pub enum CatalogWrite {
    /// Writes it, whether or not it was there.
    Put(CatalogRow),
    /// Removes a category.
    DeleteCategory(CategoryId),
    /// Removes a service, but not its add-ons and images, nor from offers.
    DeleteService(ServiceId),
    /// Removes an add-on of a service.
    DeleteSubService(ServiceId, SubServiceId),
    /// Removes an expert, but not their images.
    DeleteExpert(ExpertId),
    /// Removes an offer.
    DeleteOffer(OfferId),
    /// Removes an image.
    DeleteGalleryImage(ImageId),
}

impl CatalogWrite {
    fn action(&self, table: &str) -> Result<TransactWriteItem, StoreError> {
        match self {
            Self::Put(row) => put(table, row.item()?, None),
            Self::DeleteCategory(id) => delete(table, keys::category(*id), None),
            Self::DeleteService(id) => delete(table, keys::service(*id), None),
            Self::DeleteSubService(service, id) => delete(table, keys::sub_service(*service, *id), None),
            Self::DeleteExpert(id) => delete(table, keys::expert(*id), None),
            Self::DeleteOffer(id) => delete(table, keys::offer(*id), None),
            Self::DeleteGalleryImage(id) => delete(table, keys::gallery_image(*id), None),
        }
    }

    fn apply(&self, catalog: &mut Catalog) {
        match self {
            Self::Put(CatalogRow::Settings(row)) => catalog.settings = row.clone(),
            Self::Put(CatalogRow::Category(row)) => {
                catalog.categories.insert(row.id, row.clone());
            }
            Self::Put(CatalogRow::Service(row)) => {
                catalog.services.insert(row.id, row.clone());
            }
            Self::Put(CatalogRow::SubService(row)) => {
                catalog.sub_services.insert(row.id, row.clone());
            }
            Self::Put(CatalogRow::Expert(row)) => {
                catalog.experts.insert(row.id, Expert::clone(row));
            }
            Self::Put(CatalogRow::Offer(row)) => {
                catalog.offers.insert(row.id, row.clone());
            }
            Self::Put(CatalogRow::GalleryImage(row)) => {
                catalog.gallery.insert(row.id, row.clone());
            }
            Self::DeleteCategory(id) => {
                catalog.categories.remove(id);
            }
            Self::DeleteService(id) => {
                catalog.services.remove(id);
            }
            Self::DeleteSubService(_, id) => {
                catalog.sub_services.remove(id);
            }
            Self::DeleteExpert(id) => {
                catalog.experts.remove(id);
            }
            Self::DeleteOffer(id) => {
                catalog.offers.remove(id);
            }
            Self::DeleteGalleryImage(id) => {
                catalog.gallery.remove(id);
            }
        }
    }
}

/// A change of the catalog that has been decided on.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogChange<T> {
    /// The writes, each row once; at most 98.
    pub writes: Vec<CatalogWrite>,
    /// The event that tells of it.
    pub event: Event,
    /// The result for the caller.
    pub outcome: T,
}

impl Reader {
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
        // Read after the version: what this holds is at least as new as its number says, never older. That takes for
        // granted that who sees one row of a transaction sees the others a round trip later, which DynamoDB promises of
        // transactional reads alone
        // (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-isolation);
        // those cannot query.
        let read = Arc::new(Box::pin(self.read_catalog(version)).await?);
        self.keep_catalog(&read);
        Ok(read)
    }

    /// Keeps a copy of the catalog, unless there is one as new.
    fn keep_catalog(&self, read: &Arc<Catalog>) {
        let mut copy = self.catalog.write().unwrap_or_else(PoisonError::into_inner);
        if copy.as_ref().is_none_or(|copy| copy.version < read.version) {
            *copy = Some(Arc::clone(read));
        }
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
        let (meta, categories, services, experts, offers, gallery) = futures_util::try_join!(
            self.partition(keys::META),
            self.partition(keys::CATEGORIES),
            self.partition(keys::SERVICES),
            self.partition(keys::EXPERTS),
            self.partition(keys::OFFERS),
            self.partition(keys::GALLERY),
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
        for item in offers {
            let offer: Offer = from_item(item)?;
            catalog.offers.insert(offer.id, offer);
        }
        for item in gallery {
            let image: GalleryImage = from_item(item)?;
            catalog.gallery.insert(image.id, image);
        }
        Ok(catalog)
    }

    async fn partition(&self, pk: &str) -> Result<Vec<Item>, StoreError> {
        Self::read_all(self.partition_query(self.catalog_table()?, pk, None, true)).await
    }
}

impl Store {
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

    /// Changes the catalog as `decide` says of `read`, on the condition that it is still what was read; if somebody
    /// else was faster, `decide` is asked again about what there is now. Returns the changed catalog.
    ///
    /// # Errors
    /// The refusal of `decide`, or [`StoreError`]: [`StoreError::SessionEnded`] or [`StoreError::RoleChanged`] when
    /// `by` is no longer who was admitted, [`StoreError::Exists`] when its event has been written before. Then
    /// nothing is changed.
    pub async fn change_catalog<T, E: From<StoreError>>(
        &self,
        read: Arc<Catalog>,
        by: Caller,
        decide: impl Fn(&Catalog) -> Result<CatalogChange<T>, E>,
    ) -> Result<(Arc<Catalog>, T), E> {
        let mut catalog = read;
        for tries in 0..TRIES {
            let CatalogChange { writes, event, outcome } = decide(&catalog)?;
            match self.commit_catalog(&catalog, by, &writes, &event).await {
                Ok(changed) => return Ok((changed, outcome)),
                Err(StoreError::Changed) => {}
                Err(error) => return Err(error.into()),
            }
            pause(tries).await;
            catalog = self.catalog().await?;
        }
        Err(StoreError::Unavailable("too many changes of the catalog at once".to_owned()).into())
    }

    async fn commit_catalog(
        &self,
        read: &Catalog,
        by: Caller,
        writes: &[CatalogWrite],
        event: &Event,
    ) -> Result<Arc<Catalog>, StoreError> {
        let table = self.catalog_table()?;
        let mut actions = vec![self.caller_check(by)?];
        for write in writes {
            actions.push(write.action(table)?);
        }
        let next = read.version + 1;
        let version = |version: u64| AttributeValue::N(version.to_string());
        let raise = update(table, keys::catalog_version())
            .update_expression("SET #version = :next")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":next", version(next));
        actions.push(finish(match read.version {
            0 => raise.condition_expression("attribute_not_exists(pk)"),
            known => raise
                .condition_expression("#version = :known")
                .expression_attribute_values(":known", version(known)),
        })?);
        actions.push(self.event_write(event)?);
        if let Outcome::Refused(refusals) = self.transact(actions).await? {
            if let Some(refusal) = refusals.first().filter(|caller| caller.failed) {
                return Err(caller_refused(refusal));
            }
            let is_repeat = refusals.last().is_some_and(|event| event.failed);
            return Err(if is_repeat { StoreError::Exists } else { StoreError::Changed });
        }
        // The condition held, so nothing but this change is new in the next version.
        let mut changed = Catalog { version: next, ..read.clone() };
        for write in writes {
            write.apply(&mut changed);
        }
        let changed = Arc::new(changed);
        self.keep_catalog(&changed);
        Ok(changed)
    }
}
