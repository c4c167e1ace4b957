//! `GET` and `POST /categories`, `PUT` and `DELETE /categories/{id}`.

use axum::extract::State;
use chairbook_models::catalog::{Catalog, Category};
use chairbook_models::catalog_change::{CatalogError, CategoryDetails, MAX_POSITION, Removal};
use chairbook_models::event::CatalogKind;
use chairbook_models::ids::CategoryId;
use chairbook_store::{CatalogRow, CatalogWrite};
use chairbook_web::fields::format::{Flag, Format, whole};
use chairbook_web::{Fields, FromFields, Id, Page, Query, RequestError, Web};
use http::HeaderMap;
use jiff::Timestamp;

use crate::audience::{Answer, Audience, Listing, Reader};
use crate::error::{CreateError, FindError};
use crate::ids::TopLevel;
use crate::resource::{Referable, Resource};
use crate::view::{self, OneCategory};
use crate::written::Written;

pub(crate) async fn list(
    State(web): State<Web>,
    reader: Reader,
    headers: HeaderMap,
    Query(Listing { include_inactive, paging }): Query<Listing>,
) -> Result<Answer<Page<view::Category<'static>>>, RequestError> {
    let (audience, catalog) = reader.read(&web, include_inactive).await?;
    let is_shown = |category: &&Category| category.is_active || audience.is_admin();
    let mut all: Vec<_> = catalog.categories.values().filter(is_shown).collect();
    all.sort_by(|a, b| (a.position, &a.name, a.id).cmp(&(b.position, &b.name, b.id)));
    let list = format!("categories {audience:?}");
    let id = |category: &&Category| category.id.to_string();
    let page = paging.page(&list, &all, id, |category| view::Category::new(audience, category))?;
    Answer::new(audience, &headers, "The salon's categories.", page)
}

/// `name`, `description`, `position`, `isActive`.
pub(crate) struct Request(CategoryDetails);

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let name = fields.required("name");
        let description = fields.optional("description");
        let position = whole(0..=MAX_POSITION)
            .about("The place in the list, lowest first; unless given, a new category comes last.");
        let position = fields.optional_as("position", position);
        let is_active = fields.optional_as("isActive", Flag.about("Set for customers to see it."));
        Some(Self(CategoryDetails {
            name: name?,
            description: description?,
            position: position?,
            is_active: is_active?,
        }))
    }
}

impl Resource for Category {
    const KIND: CatalogKind = CatalogKind::Category;
    const NAME: &'static str = "Category";
    const CREATED: &'static str = "The category is added.";
    const UPDATED: &'static str = "The category is changed.";
    const DELETED: &'static str = "The category is deleted.";

    type Id = CategoryId;
    type Parent = TopLevel;
    type Path = Id<CategoryId>;
    type Request = Request;
    type Data = OneCategory<'static>;
    type CreateError = CreateError;
    type UpdateError = FindError;

    fn derive_id(bytes: [u8; 16]) -> CategoryId {
        CategoryId::derived(bytes)
    }

    fn id(&self) -> CategoryId {
        self.id
    }

    fn row(&self) -> CatalogRow {
        CatalogRow::Category(self.clone())
    }

    fn find(catalog: &Catalog, id: CategoryId) -> Option<&Self> {
        catalog.categories.get(&id)
    }

    fn create(
        catalog: &Catalog,
        _: &TopLevel,
        id: CategoryId,
        Request(details): &Request,
        now: Timestamp,
    ) -> Result<Self, CatalogError> {
        catalog.create_category(id, details, now)
    }

    fn update(
        catalog: &Catalog,
        Id(id): &Id<CategoryId>,
        Request(details): &Request,
        now: Timestamp,
    ) -> Result<Self, CatalogError> {
        catalog.change_category(*id, details, now)
    }

    fn delete(_: &Catalog, Id(id): &Id<CategoryId>, _: Timestamp) -> Result<Vec<CatalogWrite>, CatalogError> {
        Ok(vec![CatalogWrite::DeleteCategory(*id)])
    }

    fn data(&self, _: &Catalog) -> Result<Written<OneCategory<'static>>, RequestError> {
        Written::new(&OneCategory { category: view::Category::new(Audience::Admin, self) })
    }
}

impl Referable for Category {
    const DEACTIVATED: &'static str =
        "Services stand under this category, so it is kept; customers do not see it any more.";

    fn removal(
        catalog: &Catalog,
        Id(id): &Id<CategoryId>,
        now: Timestamp,
    ) -> Result<Removal<Self>, CatalogError> {
        catalog.delete_category(*id, now)
    }
}
