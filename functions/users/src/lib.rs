//! Function `users`: people's profiles, for themselves and for admins; roles; deletion with all that is known.

mod directory;
mod erasure;
mod export;
mod profile;
mod role;

use axum::Router;
use axum::routing::{get, put};
use chairbook_models::event::{Actor, Event, EventType};
use chairbook_models::ids::{EventId, UserId};
use chairbook_platform::random;
use chairbook_web::Web;
use jiff::Timestamp;

/// An event about somebody, which they are told where `recipient` is set.
pub(crate) fn event(
    event_type: EventType,
    user_id: UserId,
    actor: Actor,
    recipient: Option<UserId>,
    now: Timestamp,
) -> Event {
    Event::about_user(EventId::new(now, random::bytes()), event_type, now, actor, user_id, recipient)
}

/// The function's routes.
pub fn router(web: Web) -> Router {
    let usual = Some(web.default_policy());
    let own = get(profile::show).put(profile::change).delete(erasure::delete_own);
    let one = get(directory::one).delete(erasure::delete);
    chairbook_web::scheduled_router(
        &web.clone(),
        Router::new()
            .route("/api/v1/profile", web.guard(usual, own))
            .route("/api/v1/profile/export", web.guard(usual, get(export::export)))
            .route("/api/v1/users", web.guard(usual, get(directory::list)))
            .route("/api/v1/users/{id}", web.guard(usual, one))
            .route("/api/v1/users/{id}/role", web.guard(usual, put(role::change)))
            .with_state(web),
        erasure::finish_erasures,
    )
}
