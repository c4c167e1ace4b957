//! Function `dashboard`: how the salon is doing. It reads what the function `stats` has counted, and no appointments.

mod report;
mod stats;

use axum::Router;
use axum::routing::get;
use chairbook_web::Web;

/// The function's routes.
pub fn router(web: Web) -> Router {
    let guarded = web.guard(Some(web.default_policy()), get(stats::stats));
    chairbook_web::router(Router::new().route("/api/v1/dashboard/stats", guarded).with_state(web))
}
