//! Function `catalog`: what the salon offers, for everybody to read.

mod categories;
mod experts;
mod services;

use axum::Router;
use axum::routing::get;
use chairbook_web::Web;

/// The function's routes.
pub fn router(web: Web) -> Router {
    let usual = Some(web.default_policy());
    chairbook_web::router(
        Router::new()
            .route("/api/v1/categories", web.guard(usual, get(categories::list)))
            .route("/api/v1/services", web.guard(usual, get(services::list)))
            .route("/api/v1/services/{id}", web.guard(usual, get(services::one)))
            .route("/api/v1/experts", web.guard(usual, get(experts::list)))
            .route("/api/v1/experts/{id}", web.guard(usual, get(experts::one)))
            .with_state(web),
    )
}
