//! `GET /categories`.

use axum::extract::State;
use chairbook_models::catalog::Category;
use chairbook_web::{ApiError, Paging, Pending, Query, Revalidated, Visitor, Web};
use http::HeaderMap;
use serde_json::{Value, json};

pub(crate) fn render(category: &Category) -> Value {
    json!({
        "id": category.id,
        "name": category.name,
        "description": category.description,
        "position": category.position,
    })
}

pub(crate) async fn list(
    State(web): State<Web>,
    visitor: Pending<Visitor>,
    headers: HeaderMap,
    Query(paging): Query<Paging>,
) -> Result<Revalidated, ApiError> {
    let (_, catalog) = visitor.admit_with(web.store.catalog()).await?;
    let mut all: Vec<_> = catalog.categories.values().filter(|category| category.is_active).collect();
    all.sort_by(|a, b| (a.position, &a.name, a.id).cmp(&(b.position, &b.name, b.id)));
    let page = paging.page("categories", &all, |category| category.id.to_string())?;
    Ok(Revalidated::new(&headers, catalog.version, "The salon's categories.", || {
        let items: Vec<_> = page.items.iter().map(|&place| render(all[place])).collect();
        json!({"items": items, "nextCursor": page.next_cursor})
    }))
}
