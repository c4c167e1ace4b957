//! `POST /services/{id}/sub-services`, `PUT` and `DELETE /services/{id}/sub-services/{subServiceId}`.

use chairbook_models::booking::MAX_BLOCKED_MINUTES;
use chairbook_models::catalog::{Catalog, SubService};
use chairbook_models::catalog_change::{CatalogError, SubServiceDetails};
use chairbook_models::event::CatalogKind;
use chairbook_models::ids::{ServiceId, SubServiceId};
use chairbook_store::{CatalogRow, CatalogWrite};
use chairbook_web::fields::format::{Flag, Format, whole};
use chairbook_web::{Fields, FromFields, Id, RequestError};
use jiff::Timestamp;

use crate::audience::Audience;
use crate::error::{AddError, FindError};
use crate::ids::Ids;
use crate::resource::Resource;
use crate::values::money;
use crate::view::{self, OneSubService};
use crate::written::Written;

/// `name`, `description`, `price`, `durationMinutes`, `isActive`.
pub(crate) struct Request(SubServiceDetails);

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let name = fields.required("name");
        let description = fields.optional("description");
        let price = fields.required_as("price", money());
        let duration_minutes = whole(0..=MAX_BLOCKED_MINUTES)
            .about("The time that it adds to the service's, minutes; an add-on may take no time of its own.");
        let duration_minutes = fields.required_as("durationMinutes", duration_minutes);
        let is_active = fields.optional_as("isActive", Flag.about("Set where it can be booked."));
        Some(Self(SubServiceDetails {
            name: name?,
            description: description?,
            price: price?,
            duration_minutes: duration_minutes?,
            is_active: is_active?,
        }))
    }
}

impl Resource for SubService {
    const KIND: CatalogKind = CatalogKind::SubService;
    const NAME: &'static str = "Sub-service";
    const CREATED: &'static str = "The sub-service is added.";
    const UPDATED: &'static str = "The sub-service is changed.";
    const DELETED: &'static str = "The sub-service is deleted.";

    type Id = SubServiceId;
    type Parent = Id<ServiceId>;
    type Path = Ids<ServiceId, SubServiceId>;
    type Request = Request;
    type Data = OneSubService<'static>;
    type CreateError = AddError;
    type UpdateError = FindError;

    fn derive_id(bytes: [u8; 16]) -> SubServiceId {
        SubServiceId::derived(bytes)
    }

    fn id(&self) -> SubServiceId {
        self.id
    }

    fn row(&self) -> CatalogRow {
        CatalogRow::SubService(self.clone())
    }

    fn find(catalog: &Catalog, id: SubServiceId) -> Option<&Self> {
        catalog.sub_services.get(&id)
    }

    fn create(
        catalog: &Catalog,
        Id(service): &Id<ServiceId>,
        id: SubServiceId,
        Request(details): &Request,
        _: Timestamp,
    ) -> Result<Self, CatalogError> {
        catalog.create_sub_service(*service, id, details)
    }

    fn update(
        catalog: &Catalog,
        Ids(service, id): &Ids<ServiceId, SubServiceId>,
        Request(details): &Request,
        _: Timestamp,
    ) -> Result<Self, CatalogError> {
        catalog.change_sub_service(*service, *id, details)
    }

    fn delete(
        catalog: &Catalog,
        Ids(service, id): &Ids<ServiceId, SubServiceId>,
        _: Timestamp,
    ) -> Result<Vec<CatalogWrite>, CatalogError> {
        catalog.delete_sub_service(*service, *id)?;
        Ok(vec![CatalogWrite::DeleteSubService(*service, *id)])
    }

    fn data(&self, _: &Catalog) -> Result<Written<OneSubService<'static>>, RequestError> {
        Written::new(&OneSubService { sub_service: view::SubService::new(Audience::Admin, self) })
    }
}
