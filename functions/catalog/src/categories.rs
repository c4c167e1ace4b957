//! `GET` and `POST /categories`, `PUT` and `DELETE /categories/{id}`.

use axum::extract::State;
use chairbook_models::catalog::{Catalog, Category};
use chairbook_models::catalog_change::{CategoryDetails, MAX_POSITION, Removal};
use chairbook_models::ids::CategoryId;
use chairbook_store::{CatalogRow, CatalogWrite};
use chairbook_web::idempotency::{deleted_since, replayed_if};
use chairbook_web::{ApiError, Body, Fields, FromFields, Id, Keyed, Page, Paging, Query, Reply, Web};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::audience::{Answer, Audience, IncludeInactive, Reader};
use crate::change::{Decision, Editor, Kind};
use crate::values::{flag, whole};

/// `includeInactive`, `limit`, `cursor`.
pub(crate) struct Filter {
    include_inactive: IncludeInactive,
    paging: Paging,
}

impl FromFields for Filter {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let include_inactive = IncludeInactive::from_fields(fields);
        let paging = Paging::from_fields(fields);
        Some(Self { include_inactive: include_inactive?, paging: paging? })
    }
}

fn render(audience: Audience, category: &Category) -> Value {
    let mut rendered = json!({
        "id": category.id,
        "name": category.name,
        "description": category.description,
        "position": category.position,
    });
    let Category { is_active, created_at, updated_at, .. } = *category;
    audience.complete_with_times(&mut rendered, is_active, created_at, updated_at);
    rendered
}

pub(crate) async fn list(
    State(web): State<Web>,
    reader: Reader,
    headers: HeaderMap,
    Query(filter): Query<Filter>,
) -> Result<Answer<Page>, ApiError> {
    let (audience, catalog) = reader.read(&web, filter.include_inactive).await?;
    let is_shown = |category: &&Category| category.is_active || audience == Audience::Admin;
    let mut all: Vec<_> = catalog.categories.values().filter(is_shown).collect();
    all.sort_by(|a, b| (a.position, &a.name, a.id).cmp(&(b.position, &b.name, b.id)));
    let list = format!("categories {audience:?}");
    let show = |category: &&Category| render(audience, category);
    let page = filter.paging.page(&list, &all, |category| category.id.to_string(), show)?;
    Answer::new(audience, &headers, "The salon's categories.", page)
}

/// `{name,description?,position?,isActive?}`.
pub(crate) struct Request(CategoryDetails);

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name");
        let description = fields.optional("description");
        let position = fields.optional_with("position", whole(0..=MAX_POSITION));
        let is_active = fields.optional_with("isActive", flag);
        Some(Self(CategoryDetails {
            name: name?,
            description: description?,
            position: position?,
            is_active: is_active?,
        }))
    }
}

fn put(category: Category, kind: Kind) -> Decision<Category> {
    Decision {
        writes: vec![CatalogWrite::Put(CatalogRow::Category(category.clone()))],
        what: "category",
        kind,
        id: category.id.to_string(),
        outcome: category,
    }
}

fn data(category: &Category) -> Value {
    json!({"category": render(Audience::Admin, category)})
}

pub(crate) async fn create(editor: Editor, request: Keyed<Request>) -> Result<Reply<Value>, ApiError> {
    let (creation, Request(details)) = editor.creation(request);
    let now = creation.now();
    let id = CategoryId::derived(creation.id_bytes("category"));
    let decide = |catalog: &Catalog| Ok(put(catalog.create_category(id, &details, now)?, Kind::Created));
    let (catalog, is_repeat) = creation.write(decide).await?;
    let made = catalog.categories.get(&id).ok_or_else(|| deleted_since("Category"))?;
    Ok(replayed_if(is_repeat, Reply::created("The category is added.", data(made))))
}

pub(crate) async fn change(
    editor: Editor,
    Id(id): Id<CategoryId>,
    Body(Request(details)): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| Ok(put(catalog.change_category(id, &details, now)?, Kind::Updated));
    let (_, changed) = editor.write(decide).await?;
    Ok(Reply::ok("The category is changed.", data(&changed)))
}

pub(crate) async fn delete(editor: Editor, Id(id): Id<CategoryId>) -> Result<Reply<Value>, ApiError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| {
        Ok(match catalog.delete_category(id, now)? {
            Removal::Deactivated(category) => put(category, Kind::Deactivated).map(Some),
            Removal::Deleted => {
                Decision::deleted("category", id, vec![CatalogWrite::DeleteCategory(id)], None)
            }
        })
    };
    Ok(match editor.write(decide).await? {
        (_, None) => Reply::ok("The category is deleted.", json!({})),
        (_, Some(kept)) => {
            let message =
                "Services stand under this category, so it is kept; customers do not see it any more.";
            Reply::ok(message, data(&kept))
        }
    })
}
