//! Function `dashboard`: how the salon is doing. It reads what the function `stats` has counted, and no appointments.

mod report;
mod stats;

use axum::Router;
use chairbook_web::{Api, Limit, Live, Web, about};

/// The group's routes.
pub fn api<A: Api<Web>>(api: A) -> A {
    api.get(
        "/api/v1/dashboard/stats",
        about("getStatistics", "Get the salon's numbers from one date to another").described(
            "At most 366 days; until today unless the request says otherwise, and from the first of the month in which \
             they end. An appointment counts on the local date of its start, whenever it was booked, paid for or \
             cancelled. Events are counted within seconds.",
        ),
        Limit::Default,
        stats::stats,
    )
}

/// The function's routes.
pub fn router(web: Web) -> Router {
    chairbook_web::router(api(Live::new(web.clone())).into_routes(web))
}
