//! `GET` and `POST /experts`; `GET`, `PUT` and `DELETE /experts/{id}`.

use axum::extract::State;
use chairbook_models::catalog::{Catalog, Expert, ImageOf};
use chairbook_models::catalog_change::{CatalogError, ExpertDetails, Removal};
use chairbook_models::event::{CatalogKind, ChangeKind};
use chairbook_models::ids::{ExpertId, ServiceId};
use chairbook_models::text::Label;
use chairbook_store::{CatalogRow, CatalogWrite};
use chairbook_web::fields::format::{Flag, Format, text};
use chairbook_web::{Fields, FromFields, Id, Page, Paging, Query, RequestError, Web};
use http::HeaderMap;
use jiff::Timestamp;

use crate::audience::{Answer, Audience, IncludeInactive, Reader};
use crate::change::Decision;
use crate::error::{CreateError, FindError};
use crate::gallery;
use crate::ids::TopLevel;
use crate::resource::{Addressed, Referable, Resource};
use crate::values::HttpUrl;
use crate::view::{ListedExpert, OneExpert};
use crate::written::Written;

/// `serviceId`, `includeInactive`, `limit`, `cursor`.
pub(crate) struct Filter {
    service_id: Option<ServiceId>,
    include_inactive: IncludeInactive,
    paging: Paging,
}

impl FromFields for Filter {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let service_id = fields.optional("serviceId");
        let include_inactive = IncludeInactive::from_fields(fields);
        let paging = Paging::from_fields(fields);
        Some(Self { service_id: service_id?, include_inactive: include_inactive?, paging: paging? })
    }
}

pub(crate) async fn list(
    State(web): State<Web>,
    reader: Reader,
    headers: HeaderMap,
    Query(filter): Query<Filter>,
) -> Result<Answer<Page<ListedExpert<'static>>>, RequestError> {
    let (audience, catalog) = reader.read(&web, filter.include_inactive).await?;
    let mut all: Vec<_> = catalog
        .experts
        .values()
        .filter(|expert| expert.is_active || audience.is_admin())
        .filter(|expert| filter.service_id.is_none_or(|id| expert.services.contains_key(&id)))
        .collect();
    all.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    let list = format!("experts {:?} {:?}", filter.service_id, filter.include_inactive);
    let id = |expert: &&Expert| expert.id.to_string();
    let page = filter.paging.page(&list, &all, id, |expert| ListedExpert::new(audience, &catalog, expert))?;
    Answer::new(audience, &headers, "The salon's experts.", page)
}

pub(crate) async fn one(
    State(web): State<Web>,
    reader: Reader,
    headers: HeaderMap,
    Id(id): Id<ExpertId>,
    Query(include_inactive): Query<IncludeInactive>,
) -> Result<Answer<Written<OneExpert<'static>>>, FindError> {
    let (audience, catalog) = reader.read(&web, include_inactive).await?;
    let expert = catalog
        .experts
        .get(&id)
        .filter(|expert| expert.is_active || audience.is_admin())
        .ok_or(FindError::NotFound { thing: Expert::NAME })?;
    let data = Written::new(&OneExpert::new(audience, &catalog, expert))?;
    Ok(Answer::new(audience, &headers, "The expert.", data)?)
}

/// `name`, `title`, `bio`, `imageUrl`, `isActive`.
pub(crate) struct Request(ExpertDetails);

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let name = fields.required("name");
        let title = text::<Label>().about("The expert's occupation, such as \"Senior stylist\".");
        let title = fields.optional_as("title", title);
        let bio = fields.optional("bio");
        let image_url = fields.optional_as("imageUrl", HttpUrl);
        let is_active = fields.optional_as("isActive", Flag.about("Set where the expert can be booked."));
        Some(Self(ExpertDetails {
            name: name?,
            title: title?,
            bio: bio?,
            image_url: image_url?,
            is_active: is_active?,
        }))
    }
}

/// The decision to write an expert because something of theirs changes.
pub(crate) fn put_because_of(
    expert: Expert,
    kind: CatalogKind,
    change: ChangeKind,
    id: String,
) -> Decision<Expert> {
    Decision { writes: vec![CatalogWrite::Put(expert.row())], kind, change, id, outcome: expert }
}

impl Resource for Expert {
    const KIND: CatalogKind = CatalogKind::Expert;
    const NAME: &'static str = "Expert";
    const CREATED: &'static str = "The expert is added.";
    const UPDATED: &'static str = "The expert is changed.";
    const DELETED: &'static str = "The expert is deleted, and their images with them.";

    type Id = ExpertId;
    type Parent = TopLevel;
    type Path = Id<ExpertId>;
    type Request = Request;
    type Data = OneExpert<'static>;
    type CreateError = CreateError;
    type UpdateError = FindError;

    fn derive_id(bytes: [u8; 16]) -> ExpertId {
        ExpertId::derived(bytes)
    }

    fn id(&self) -> ExpertId {
        self.id
    }

    fn row(&self) -> CatalogRow {
        CatalogRow::Expert(Box::new(self.clone()))
    }

    fn find(catalog: &Catalog, id: ExpertId) -> Option<&Self> {
        catalog.experts.get(&id)
    }

    fn create(
        catalog: &Catalog,
        _: &TopLevel,
        id: ExpertId,
        Request(details): &Request,
        now: Timestamp,
    ) -> Result<Self, CatalogError> {
        catalog.create_expert(id, details, now)
    }

    fn update(
        catalog: &Catalog,
        Id(id): &Id<ExpertId>,
        Request(details): &Request,
        now: Timestamp,
    ) -> Result<Self, CatalogError> {
        catalog.change_expert(*id, details, now)
    }

    /// With their images.
    fn delete(
        catalog: &Catalog,
        Id(id): &Id<ExpertId>,
        _: Timestamp,
    ) -> Result<Vec<CatalogWrite>, CatalogError> {
        let mut writes = vec![CatalogWrite::DeleteExpert(*id)];
        writes.extend(gallery::deletions(catalog, ImageOf::Expert(*id)));
        Ok(writes)
    }

    fn data(&self, catalog: &Catalog) -> Result<Written<OneExpert<'static>>, RequestError> {
        Written::new(&OneExpert::new(Audience::Admin, catalog, self))
    }
}

impl Addressed for Expert {
    const PATH: &'static str = "/api/v1/experts";
}

impl Referable for Expert {
    const DEACTIVATED: &'static str =
        "This expert offers services, so they are kept; they cannot be booked any more.";

    fn removal(
        catalog: &Catalog,
        Id(id): &Id<ExpertId>,
        now: Timestamp,
    ) -> Result<Removal<Self>, CatalogError> {
        catalog.delete_expert(*id, now)
    }
}
