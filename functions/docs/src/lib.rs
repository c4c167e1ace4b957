//! Function `docs`: the API's reference as an OpenAPI document, and a page to read and try the API from. It has no tables.

mod file;
mod page;

use axum::Router;
use chairbook_web::{Api, Limit, Live, Web, about};

/// The group's routes. Requests are not counted: they cost no more than counting them would.
pub fn api<A: Api<Web>>(api: A) -> A {
    api.get(
        "/",
        about("getRoot", "Go to the page of the reference"),
        Limit::None,
        page::root,
    )
    .get(
        "/api/v1/openapi.json",
        about("getOpenApi", "Get the OpenAPI document"),
        Limit::None,
        file::document,
    )
    .get(
        "/api/v1/docs",
        about("getDocs", "Read and try the API").described(
            "A page that loads nothing from other hosts. Its requests carry the access token of the latest login on it.",
        ),
        Limit::None,
        page::page,
    )
    .get(
        "/api/v1/docs/{file}",
        about("getDocsFile", "Get a script or a style sheet of the page"),
        Limit::None,
        file::of_page,
    )
}

/// The function's routes.
pub fn router(web: Web) -> Router {
    chairbook_web::router(api(Live::new(web.clone())).into_routes(web))
}
