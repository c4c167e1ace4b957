//! Notifications as responses show them.

use chairbook_models::event::EventType;
use chairbook_models::ids::EventId;
use chairbook_models::preferences::Preferences;
use chairbook_store::Notification as Kept;
use chairbook_web::view::NotificationPreferences;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// A notification.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notification {
    id: EventId,
    /// The type of event, such as `appointment.confirmed`. There may be more types in the future.
    #[serde(rename = "type")]
    #[schemars(with = "String")]
    event_type: EventType,
    /// A few words.
    title: &'static str,
    /// One or two short sentences.
    body: String,
    /// The path in this API of what it is about, such as `/api/v1/appointments/apt_…`.
    link: Option<String>,
    created_at: Timestamp,
    /// The time (UTC) at which it was read; `null` while it is unread.
    read_at: Option<Timestamp>,
}

impl From<&Kept> for Notification {
    fn from(kept: &Kept) -> Self {
        let event_type = kept.data.event_type();
        Self {
            id: kept.id,
            event_type,
            title: event_type.title(),
            body: kept.data.text(),
            link: link(kept),
            created_at: kept.at,
            read_at: kept.read_at,
        }
    }
}

/// The path of what a notification is about.
fn link(kept: &Kept) -> Option<String> {
    if let Some(id) = kept.subjects.appointment_id {
        return Some(format!("/api/v1/appointments/{id}"));
    }
    if let Some(id) = kept.subjects.todo_id
        && kept.data.event_type() != EventType::TodoDeleted
    {
        return Some(format!("/api/v1/todos/{id}"));
    }
    let path = match kept.data.event_type() {
        EventType::UserLoggedIn
        | EventType::UserSessionRevoked
        | EventType::UserSessionsEnded
        | EventType::UserPasswordChanged => "/api/v1/auth/sessions",
        EventType::UserVerified | EventType::UserRoleChanged => "/api/v1/profile",
        _ => return None,
    };
    Some(path.to_owned())
}

/// A response about one notification.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OneNotification {
    notification: Notification,
}

impl From<&Kept> for OneNotification {
    fn from(kept: &Kept) -> Self {
        Self { notification: kept.into() }
    }
}

/// A number of unread notifications.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UnreadCount {
    /// The number, counted up to 99.
    #[schemars(range(max = 99))]
    pub(crate) count: u32,
    /// Set where there are more than `count`.
    pub(crate) has_more: bool,
}

/// A part of one's notifications that was marked as read.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReadNotifications {
    /// The number of notifications that this request has marked.
    pub(crate) marked: u32,
    /// The number of notifications until `until` that are left unread, counted up to 99.
    #[schemars(range(max = 99))]
    pub(crate) left: u32,
    /// The time (UTC) of the latest notification that may be marked.
    pub(crate) until: Timestamp,
}

/// A response about the choice of one's notifications.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ChosenNotifications {
    preferences: NotificationPreferences,
}

impl From<&Preferences> for ChosenNotifications {
    fn from(preferences: &Preferences) -> Self {
        Self { preferences: preferences.into() }
    }
}
