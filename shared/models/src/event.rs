//! Events: whatever changes state says so in one row, written in the same transaction as the change.
//!
//! A row with a recipient is that user's in-app notification; a row that is to be delivered by e-mail says so;
//! all rows together are the audit log. Adding an event means adding an [`EventType`], writing it beside its
//! change, and, if people get mail for it, its template in `chairbook-mail`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::appointment::Appointment;
use crate::ids::{AppointmentId, EventId, UserId};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EventType {
    /// Somebody registered; carries the sealed token that verifies their e-mail address.
    #[serde(rename = "user.registered")]
    UserRegistered,
    /// Another verification mail was asked for; carries the sealed token.
    #[serde(rename = "user.verification_requested")]
    UserVerificationRequested,
    /// An e-mail address was verified.
    #[serde(rename = "user.verified")]
    UserVerified,
    /// Somebody logged in.
    #[serde(rename = "user.logged_in")]
    UserLoggedIn,
    /// Somebody logged out.
    #[serde(rename = "user.logged_out")]
    UserLoggedOut,
    /// A session got a new pair of tokens.
    #[serde(rename = "user.session_refreshed")]
    UserSessionRefreshed,
    /// A refresh token came back after it had been replaced: somebody else may have it, so its session was ended.
    #[serde(rename = "user.session_revoked")]
    UserSessionRevoked,
    /// Somebody ended one of their sessions, or all of them.
    #[serde(rename = "user.sessions_ended")]
    UserSessionsEnded,
    /// A new password was asked for; carries the sealed token.
    #[serde(rename = "user.password_reset_requested")]
    UserPasswordResetRequested,
    /// A password was changed, or reset by a link in a mail.
    #[serde(rename = "user.password_changed")]
    UserPasswordChanged,
    /// A profile was changed.
    #[serde(rename = "user.profile_changed")]
    UserProfileChanged,
    /// Somebody's role was changed; `data.role` is the new one.
    #[serde(rename = "user.role_changed")]
    UserRoleChanged,
    /// Somebody was given all that is kept about them.
    #[serde(rename = "user.exported")]
    UserExported,
    /// An account was deleted and its personal data erased.
    #[serde(rename = "user.deleted")]
    UserDeleted,
    /// An appointment was booked and paid for, by its customer's word or at the front desk, or a reservation was paid
    /// for.
    #[serde(rename = "appointment.confirmed")]
    AppointmentConfirmed,
    /// An appointment was booked and awaits payment.
    #[serde(rename = "appointment.reserved")]
    AppointmentReserved,
    /// An appointment was moved; `data.previous` says when and with whom it was before (`startsAt`, `expertId`,
    /// `expertName`).
    #[serde(rename = "appointment.rescheduled")]
    AppointmentRescheduled,
    /// The salon has verified what an appointment's customer says they have paid.
    #[serde(rename = "appointment.payment_verified")]
    AppointmentPaymentVerified,
    /// A customer was served.
    #[serde(rename = "appointment.completed")]
    AppointmentCompleted,
    /// A customer did not come.
    #[serde(rename = "appointment.no_show")]
    AppointmentNoShow,
    /// An appointment was cancelled.
    #[serde(rename = "appointment.cancelled")]
    AppointmentCancelled,
    /// A reservation ran out unpaid.
    #[serde(rename = "appointment.expired")]
    AppointmentExpired,
    /// A confirmed appointment is coming up; `data.startsAt` is the start that its customer is reminded of.
    #[serde(rename = "appointment.reminder")]
    AppointmentReminder,
    /// Something in the catalog changed.
    #[serde(rename = "catalog.changed")]
    CatalogChanged,
}

impl EventType {
    /// Every type.
    pub const ALL: [Self; 24] = [
        Self::UserRegistered,
        Self::UserVerificationRequested,
        Self::UserVerified,
        Self::UserLoggedIn,
        Self::UserLoggedOut,
        Self::UserSessionRefreshed,
        Self::UserSessionRevoked,
        Self::UserSessionsEnded,
        Self::UserPasswordResetRequested,
        Self::UserPasswordChanged,
        Self::UserProfileChanged,
        Self::UserRoleChanged,
        Self::UserExported,
        Self::UserDeleted,
        Self::AppointmentConfirmed,
        Self::AppointmentReserved,
        Self::AppointmentRescheduled,
        Self::AppointmentPaymentVerified,
        Self::AppointmentCompleted,
        Self::AppointmentNoShow,
        Self::AppointmentCancelled,
        Self::AppointmentExpired,
        Self::AppointmentReminder,
        Self::CatalogChanged,
    ];

    /// The name in the tables and in the API, such as `appointment.confirmed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserRegistered => "user.registered",
            Self::UserVerificationRequested => "user.verification_requested",
            Self::UserVerified => "user.verified",
            Self::UserLoggedIn => "user.logged_in",
            Self::UserLoggedOut => "user.logged_out",
            Self::UserSessionRefreshed => "user.session_refreshed",
            Self::UserSessionRevoked => "user.session_revoked",
            Self::UserSessionsEnded => "user.sessions_ended",
            Self::UserPasswordResetRequested => "user.password_reset_requested",
            Self::UserPasswordChanged => "user.password_changed",
            Self::UserProfileChanged => "user.profile_changed",
            Self::UserRoleChanged => "user.role_changed",
            Self::UserExported => "user.exported",
            Self::UserDeleted => "user.deleted",
            Self::AppointmentConfirmed => "appointment.confirmed",
            Self::AppointmentReserved => "appointment.reserved",
            Self::AppointmentRescheduled => "appointment.rescheduled",
            Self::AppointmentPaymentVerified => "appointment.payment_verified",
            Self::AppointmentCompleted => "appointment.completed",
            Self::AppointmentNoShow => "appointment.no_show",
            Self::AppointmentCancelled => "appointment.cancelled",
            Self::AppointmentExpired => "appointment.expired",
            Self::AppointmentReminder => "appointment.reminder",
            Self::CatalogChanged => "catalog.changed",
        }
    }

    /// Whether the recipient gets an e-mail.
    #[must_use]
    pub const fn notifies(self) -> bool {
        !matches!(
            self,
            Self::UserLoggedOut
                | Self::UserSessionRefreshed
                | Self::UserSessionsEnded
                | Self::UserProfileChanged
                | Self::UserExported
                | Self::UserDeleted
                | Self::AppointmentPaymentVerified
                | Self::AppointmentCompleted
                | Self::AppointmentNoShow
                | Self::CatalogChanged
        )
    }
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Actor {
    /// A person.
    User(UserId),
    /// A schedule or an operator.
    System,
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        match actor {
            Actor::User(id) => id.to_string(),
            Actor::System => "system".to_owned(),
        }
    }
}

impl TryFrom<String> for Actor {
    type Error = crate::ids::IdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "system" { Ok(Self::System) } else { text.parse().map(Self::User) }
    }
}

/// What an event is about: the ids that readers look things up by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subjects {
    /// The person it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The appointment it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appointment_id: Option<AppointmentId>,
}

/// How far the e-mail for an event has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// To be sent.
    Pending,
    /// Claimed by a sender, until its lease ends.
    Sending,
    /// SES took it.
    Sent,
    /// It no longer made sense, such as a booking mail for an appointment that is cancelled by now.
    Skipped,
    /// It can never be sent.
    Failed,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The id.
    pub id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// When (UTC).
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// Whose notification it is, if anybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<UserId>,
    /// What it is about.
    #[serde(default)]
    pub subjects: Subjects,
    /// What a reader needs to know besides; never a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, Value>,
    /// A one-time token, sealed so that only the e-mail function can read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_secret: Option<String>,
    /// How far its e-mail has come; absent where nobody gets one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// The SHA-256 of the request that caused it, where that had an `Idempotency-Key`, from which the event's id is
    /// derived then: it tells a repeat from another request with the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_sha256: Option<String>,
}

impl Event {
    /// A new event, to be delivered by e-mail where its type notifies and there is a recipient.
    #[must_use]
    pub fn new(
        id: EventId,
        event_type: EventType,
        at: Timestamp,
        actor: Actor,
        recipient: Option<UserId>,
        subjects: Subjects,
    ) -> Self {
        let delivery = (event_type.notifies() && recipient.is_some()).then_some(Delivery::Pending);
        Self {
            id,
            event_type,
            at,
            actor,
            recipient,
            subjects,
            data: BTreeMap::new(),
            sealed_secret: None,
            delivery,
            request_sha256: None,
        }
    }

    /// A new event about somebody's account, which they are told where `recipient` is set.
    #[must_use]
    pub fn about_user(
        id: EventId,
        event_type: EventType,
        at: Timestamp,
        actor: Actor,
        user_id: UserId,
        recipient: Option<UserId>,
    ) -> Self {
        let subjects = Subjects { user_id: Some(user_id), ..Subjects::default() };
        Self::new(id, event_type, at, actor, recipient, subjects)
    }

    /// A new event that tells an appointment's customer what became of it; `data` says which it is: `serviceName`, and
    /// `startsAt` as the appointment says it.
    #[must_use]
    pub fn about_appointment(
        id: EventId,
        event_type: EventType,
        at: Timestamp,
        actor: Actor,
        appointment: &Appointment,
    ) -> Self {
        let customer = Some(appointment.user_id);
        let subjects = Subjects { user_id: customer, appointment_id: Some(appointment.id) };
        let mut event = Self::new(id, event_type, at, actor, customer, subjects);
        event.data.insert("serviceName".to_owned(), json!(appointment.service_name));
        event.data.insert("startsAt".to_owned(), json!(appointment.starts_at));
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_every_type_is_what_serde_writes() {
        for event_type in EventType::ALL {
            assert_eq!(serde_json::to_value(event_type).unwrap(), event_type.as_str());
        }
    }

    #[test]
    fn an_event_about_an_appointment_says_which_and_tells_its_customer() {
        use crate::appointment::{Status, tests::appointment};

        let (id, at) = (EventId::derived([1; 16]), Timestamp::UNIX_EPOCH);
        let reminded = appointment(Status::Confirmed, None);
        let event =
            Event::about_appointment(id, EventType::AppointmentReminder, at, Actor::System, &reminded);
        assert_eq!((event.recipient, event.delivery), (Some(reminded.user_id), Some(Delivery::Pending)));
        assert_eq!(event.subjects.appointment_id, Some(reminded.id));
        assert_eq!(
            serde_json::to_value(&event.data).unwrap(),
            json!({"serviceName": "Cut", "startsAt": reminded.starts_at})
        );
    }

    #[test]
    fn only_an_event_that_notifies_somebody_is_to_be_delivered() {
        let id = EventId::derived([1; 16]);
        let user = UserId::derived([2; 16]);
        let at = Timestamp::UNIX_EPOCH;
        let event = |event_type, recipient| {
            Event::new(id, event_type, at, Actor::System, recipient, Subjects::default()).delivery
        };
        assert_eq!(event(EventType::AppointmentExpired, Some(user)), Some(Delivery::Pending));
        assert_eq!(event(EventType::AppointmentExpired, None), None);
        assert_eq!(event(EventType::CatalogChanged, Some(user)), None);
    }
}
