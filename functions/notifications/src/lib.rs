//! Function `notifications`: what people are told in the app, and their choice of what they are told.
//!
//! An event with a recipient is that person's notification. What somebody has turned off is left out when notifications are
//! read, and not when events are written: writing stays the same for everybody, a choice applies to what there is already,
//! and the audit log and exports have all events.

mod error;
mod list;
mod preferences;
mod read;
mod unread;
mod view;

use axum::Router;
use chairbook_web::{Api, Limit, Live, Web, about};

/// The group's routes.
pub fn api<A: Api<Web>>(api: A) -> A {
    api.get(
        "/api/v1/notifications",
        about("listNotifications", "List one's own notifications, the latest first").described(
            "Without those of categories whose channel `inApp` is turned off; a page with such ones is shorter. \
             Notifications are kept for 400 days.",
        ),
        Limit::Default,
        list::list,
    )
    .get(
        "/api/v1/notifications/unread-count",
        about("countUnreadNotifications", "Count one's own unread notifications").described(
            "Up to 99, without those of categories whose channel `inApp` is turned off. A notification that has just come \
             or been read may be counted as before for a moment.",
        ),
        Limit::Default,
        unread::count,
    )
    .put(
        "/api/v1/notifications/{id}/read",
        about("readNotification", "Mark one of one's own notifications as read")
            .described("Once it is read, it stays as it is."),
        Limit::Default,
        read::one,
    )
    .post(
        "/api/v1/notifications/read-all",
        about("readAllNotifications", "Mark one's own notifications as read").described(
            "At most 100 at a time, the earliest first, whatever their category. Where some are `left`, the same request \
             with the response's `until` goes on, and leaves alone what has come since the first.",
        ),
        Limit::Default,
        read::all,
    )
    .get(
        "/api/v1/notifications/preferences",
        about("getNotificationPreferences", "Get the choice of one's own notifications"),
        Limit::Default,
        preferences::show,
    )
    .put(
        "/api/v1/notifications/preferences",
        about("updateNotificationPreferences", "Choose one's own notifications").described(
            "The whole choice, which applies to mails that are still to be sent and to notifications that are there \
             already.",
        ),
        Limit::Default,
        preferences::change,
    )
}

/// The function's routes.
pub fn router(web: Web) -> Router {
    chairbook_web::router(api(Live::new(web.clone())).into_routes(web))
}
