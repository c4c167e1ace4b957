//! Function `catalog`: the salon's catalog and its settings, for everybody to read and for admins to change.

mod audience;
mod categories;
mod change;
mod error;
mod expert_services;
mod experts;
mod gallery;
mod ids;
mod offers;
mod resource;
mod services;
mod settings;
mod sub_services;
mod time_off;
mod values;
mod view;
mod working_hours;
mod written;

use axum::Router;
use chairbook_models::catalog::{Category, Expert, GalleryImage, Service, SubService};
use chairbook_models::offers::Offer;
use chairbook_web::{Api, Limit, Live, Web, about};

/// The description of a `PUT` that gives all that can be said of a thing.
const REPLACES: &str = "Replaces all that can be said of it: what is absent is removed, or has its default. \
                        `isActive` stays as it is when absent.";

/// Categories.
fn categories_api<A: Api<Web>>(api: A) -> A {
    api.get(
        "/api/v1/categories",
        about("listCategories", "List categories in the salon's order"),
        Limit::Default,
        categories::list,
    )
    .post(
        "/api/v1/categories",
        about("createCategory", "Add a category"),
        Limit::Default,
        resource::create::<Category>,
    )
    .put(
        "/api/v1/categories/{id}",
        about("updateCategory", "Change a category").described(
            "Replaces all that can be said of it: what is absent is removed. `position` and `isActive` \
             stay as they are when absent.",
        ),
        Limit::Default,
        resource::update::<Category>,
    )
    .delete(
        "/api/v1/categories/{id}",
        about("deleteCategory", "Delete a category").described(
            "A category under which services stand is deactivated instead, and is in the response.",
        ),
        Limit::Default,
        resource::delete_or_deactivate::<Category>,
    )
}

/// Services and their add-ons.
fn services_api<A: Api<Web>>(api: A) -> A {
    api.get(
        "/api/v1/services",
        about("listServices", "List services by category and name")
            .described("Each comes with its add-ons, its experts and the offers that apply without a code."),
        Limit::Default,
        services::list,
    )
    .post(
        "/api/v1/services",
        about("createService", "Add a service"),
        Limit::Default,
        resource::create_addressed::<Service>,
    )
    .get("/api/v1/services/{id}", about("getService", "Get a service"), Limit::Default, services::one)
    .put(
        "/api/v1/services/{id}",
        about("updateService", "Change a service").described(REPLACES),
        Limit::Default,
        resource::update::<Service>,
    )
    .delete(
        "/api/v1/services/{id}",
        about("deleteService", "Delete a service").described(
            "Its add-ons and images go with it, and offers do not name it any more; an offer that names \
             no other service is deactivated. A service that an expert offers is deactivated instead, and \
             is in the response.",
        ),
        Limit::Default,
        resource::delete_or_deactivate::<Service>,
    )
    .post(
        "/api/v1/services/{id}/sub-services",
        about("createSubService", "Add an add-on to a service"),
        Limit::Default,
        resource::create::<SubService>,
    )
    .put(
        "/api/v1/services/{id}/sub-services/{subServiceId}",
        about("updateSubService", "Change an add-on").described(REPLACES),
        Limit::Default,
        resource::update::<SubService>,
    )
    .delete(
        "/api/v1/services/{id}/sub-services/{subServiceId}",
        about("deleteSubService", "Delete an add-on"),
        Limit::Default,
        resource::delete::<SubService>,
    )
}

/// Experts.
fn experts_api<A: Api<Web>>(api: A) -> A {
    api.get("/api/v1/experts", about("listExperts", "List experts by name"), Limit::Default, experts::list)
        .post(
            "/api/v1/experts",
            about("createExpert", "Add an expert")
                .described("They offer no service and never work until told."),
            Limit::Default,
            resource::create_addressed::<Expert>,
        )
        .get("/api/v1/experts/{id}", about("getExpert", "Get an expert"), Limit::Default, experts::one)
        .put(
            "/api/v1/experts/{id}",
            about("updateExpert", "Change an expert").described(REPLACES),
            Limit::Default,
            resource::update::<Expert>,
        )
        .delete(
            "/api/v1/experts/{id}",
            about("deleteExpert", "Delete an expert").described(
                "Their images go with them. An expert who offers services is deactivated instead, and \
                 is in the response.",
            ),
            Limit::Default,
            resource::delete_or_deactivate::<Expert>,
        )
        .put(
            "/api/v1/experts/{id}/services/{serviceId}",
            about("assignService", "Assign a service to an expert").described(
                "The expert offers it, on their own terms where given. For a service that they offer \
                 already, the terms are replaced.",
            ),
            Limit::Default,
            expert_services::assign,
        )
        .delete(
            "/api/v1/experts/{id}/services/{serviceId}",
            about("unassignService", "Take a service from an expert"),
            Limit::Default,
            expert_services::unassign,
        )
        .put(
            "/api/v1/experts/{id}/working-hours",
            about("setWorkingHours", "Set an expert's working hours").described(
                "The whole week, in local time: a weekday that is absent is free. `24:00` is the \
                 midnight at the end of a day.",
            ),
            Limit::Default,
            working_hours::set,
        )
        .post(
            "/api/v1/experts/{id}/time-off",
            about("createTimeOff", "Add time off of an expert")
                .described("Appointments within it stay as they are."),
            Limit::Default,
            time_off::create,
        )
        .delete(
            "/api/v1/experts/{id}/time-off/{timeOffId}",
            about("deleteTimeOff", "Delete time off of an expert"),
            Limit::Default,
            time_off::delete,
        )
}

/// Offers.
fn offers_api<A: Api<Web>>(api: A) -> A {
    api.get(
        "/api/v1/offers",
        about("listOffers", "List offers by name").described(
            "Those that apply without a code and are not over. Admins see the others by `includeInactive`.",
        ),
        Limit::Default,
        offers::list,
    )
    .post("/api/v1/offers", about("createOffer", "Add an offer"), Limit::Default, resource::create::<Offer>)
    .put(
        "/api/v1/offers/{id}",
        about("updateOffer", "Change an offer").described(REPLACES),
        Limit::Default,
        resource::update::<Offer>,
    )
    .delete(
        "/api/v1/offers/{id}",
        about("deleteOffer", "Delete an offer").described("Appointments keep what it took off."),
        Limit::Default,
        resource::delete::<Offer>,
    )
}

/// The gallery.
fn gallery_api<A: Api<Web>>(api: A) -> A {
    api.get(
        "/api/v1/gallery",
        about("listGalleryImages", "List images by position"),
        Limit::Default,
        gallery::list,
    )
    .post(
        "/api/v1/gallery",
        about("createGalleryImage", "Add an image"),
        Limit::Default,
        resource::create::<GalleryImage>,
    )
    .put(
        "/api/v1/gallery/{id}",
        about("updateGalleryImage", "Change an image").described(
            "Replaces all that can be said of it: what is absent is removed. `position` stays as it is \
             when absent.",
        ),
        Limit::Default,
        resource::update::<GalleryImage>,
    )
    .delete(
        "/api/v1/gallery/{id}",
        about("deleteGalleryImage", "Delete an image"),
        Limit::Default,
        resource::delete::<GalleryImage>,
    )
}

/// The settings.
fn settings_api<A: Api<Web>>(api: A) -> A {
    api.get(
        "/api/v1/settings",
        about("getSettings", "Get the salon's settings"),
        Limit::Default,
        settings::show,
    )
    .put(
        "/api/v1/settings",
        about("updateSettings", "Change the salon's settings").described(
            "All of them at once: a setting that is absent has its default. Appointments stay as they are.",
        ),
        Limit::Default,
        settings::update,
    )
}

/// The group's routes.
pub fn api<A: Api<Web>>(api: A) -> A {
    settings_api(gallery_api(offers_api(experts_api(services_api(categories_api(api))))))
}

/// The function's routes.
pub fn router(web: Web) -> Router {
    chairbook_web::router(api(Live::new(web.clone())).into_routes(web))
}
