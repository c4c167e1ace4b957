//! Function `users`: people's profiles, for themselves and for admins; roles; deletion with all that is known.

mod directory;
mod erasure;
mod error;
mod export;
mod profile;
mod role;
mod view;

use axum::Router;
use chairbook_models::event::{Actor, Event, EventData};
use chairbook_models::ids::{EventId, UserId};
use chairbook_platform::random;
use chairbook_web::{Api, Limit, Live, Web, about};
use jiff::Timestamp;

/// An event about somebody's account, of which they are notified where `recipient` is set.
pub(crate) fn event(
    data: EventData,
    user_id: UserId,
    actor: Actor,
    recipient: Option<UserId>,
    now: Timestamp,
) -> Event {
    Event::about_user(EventId::new(now, random::bytes()), data, now, actor, user_id, recipient)
}

/// The group's routes.
pub fn api<A: Api<Web>>(api: A) -> A {
    api.get("/api/v1/profile", about("getProfile", "Get one's own profile"), Limit::Default, profile::show)
        .put(
            "/api/v1/profile",
            about("updateProfile", "Change one's own profile").described("An absent phone is removed."),
            Limit::Default,
            profile::change,
        )
        .delete(
            "/api/v1/profile",
            about("deleteProfile", "Delete one's own account").described(
                "Ends the account and its sessions, cancels the appointments that are to come, and takes the person out \
                 of all others.",
            ),
            Limit::Default,
            erasure::delete_own,
        )
        .get(
            "/api/v1/profile/export",
            about("exportProfile", "Export all that is kept about the caller, page by page").described(
                "Sessions, then appointments, then to-dos, then events; each page has at most 1 MiB of them.",
            ),
            Limit::Default,
            export::export,
        )
        .get(
            "/api/v1/users",
            about("listUsers", "List people, the latest registered first"),
            Limit::Default,
            directory::list,
        )
        .get("/api/v1/users/{id}", about("getUser", "Get a person"), Limit::Default, directory::one)
        .delete(
            "/api/v1/users/{id}",
            about("deleteUser", "Delete somebody's account").described(
                "The same as when people delete their own. Goes on with a deletion that was stopped. Only owners may \
                 delete admins and owners.",
            ),
            Limit::Default,
            erasure::delete,
        )
        .put(
            "/api/v1/users/{id}/role",
            about("setUserRole", "Give somebody a role")
                .described("In force with the next request. The last owner stays one."),
            Limit::Default,
            role::change,
        )
}

/// The function's routes.
pub fn router(web: Web) -> Router {
    let routes = api(Live::new(web.clone()));
    chairbook_web::scheduled_router(&web.clone(), routes.into_routes(web), erasure::finish_erasures)
}
