//! Function `catalog`: what the salon offers, for everybody to read and for admins to change.

mod audience;
mod categories;
mod change;
mod expert_services;
mod experts;
mod gallery;
mod ids;
mod offers;
mod services;
mod settings;
mod sub_services;
mod time_off;
mod values;
mod working_hours;

use axum::Router;
use axum::routing::{delete, get, post, put};
use chairbook_web::Web;

/// The function's routes.
pub fn router(web: Web) -> Router {
    let usual = Some(web.default_policy());
    let guard = |methods| web.guard(usual, methods);
    let category = put(categories::change).delete(categories::delete);
    let service = get(services::one).put(services::change).delete(services::delete);
    let sub_service = put(sub_services::change).delete(sub_services::delete);
    let expert = get(experts::one).put(experts::change).delete(experts::delete);
    let expert_service = put(expert_services::offer).delete(expert_services::withdraw);
    let offer = put(offers::change).delete(offers::delete);
    let image = put(gallery::change).delete(gallery::delete);
    let routes = Router::new()
        .route("/api/v1/categories", guard(get(categories::list).post(categories::create)))
        .route("/api/v1/categories/{id}", guard(category))
        .route("/api/v1/services", guard(get(services::list).post(services::create)))
        .route("/api/v1/services/{id}", guard(service))
        .route("/api/v1/services/{id}/sub-services", guard(post(sub_services::create)))
        .route("/api/v1/services/{id}/sub-services/{subServiceId}", guard(sub_service))
        .route("/api/v1/experts", guard(get(experts::list).post(experts::create)))
        .route("/api/v1/experts/{id}", guard(expert))
        .route("/api/v1/experts/{id}/services/{serviceId}", guard(expert_service))
        .route("/api/v1/experts/{id}/working-hours", guard(put(working_hours::change)))
        .route("/api/v1/experts/{id}/time-off", guard(post(time_off::create)))
        .route("/api/v1/experts/{id}/time-off/{timeOffId}", guard(delete(time_off::delete)))
        .route("/api/v1/offers", guard(get(offers::list).post(offers::create)))
        .route("/api/v1/offers/{id}", guard(offer))
        .route("/api/v1/gallery", guard(get(gallery::list).post(gallery::create)))
        .route("/api/v1/gallery/{id}", guard(image))
        .route("/api/v1/settings", guard(get(settings::show).put(settings::change)));
    chairbook_web::router(routes.with_state(web))
}
