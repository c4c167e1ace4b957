//! Exports as responses show them.

use chairbook_auth::Session;
use chairbook_models::appointment::{Appointment, PaymentStatus, Status};
use chairbook_models::event::{Event, EventType, Subjects};
use chairbook_models::ids::{AppointmentId, EventId, SessionId, TodoId, UserId};
use chairbook_models::money::Currency;
use chairbook_models::text::Notes;
use chairbook_web::view::{AppliedOffer, BookedSubService, Payment, Refund};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A session in an export.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExportedSession {
    id: SessionId,
    /// The source address of the login.
    ip: Option<String>,
    /// The client's name for itself at the login, at most 256 characters of it.
    user_agent: Option<String>,
    created_at: Timestamp,
    /// The time (UTC) of the login or of the last refresh.
    last_used_at: Timestamp,
}

impl From<&Session> for ExportedSession {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id,
            ip: session.ip.clone(),
            user_agent: session.user_agent.clone(),
            created_at: session.created_at,
            last_used_at: session.last_used_at,
        }
    }
}

/// An appointment in an export.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExportedAppointment {
    id: AppointmentId,
    /// The service's name when it was booked.
    service_name: String,
    sub_services: Vec<BookedSubService>,
    /// The expert's name when it was booked.
    expert_name: String,
    /// The start (UTC).
    starts_at: Timestamp,
    /// The end (UTC).
    ends_at: Timestamp,
    /// The IANA time zone of the salon.
    time_zone: String,
    status: Status,
    payment_status: PaymentStatus,
    /// The price with all add-ons, after the offer's discount, minor currency units.
    total_price: i64,
    offer: Option<AppliedOffer>,
    currency: Currency,
    payment: Option<Payment>,
    refund: Option<Refund>,
    /// The customer's notes to the expert.
    notes: Option<String>,
    created_at: Timestamp,
}

impl ExportedAppointment {
    /// The appointment at `now`, by which a reservation that has not been swept yet has expired or not.
    pub(crate) fn at(appointment: &Appointment, now: Timestamp) -> Self {
        Self {
            id: appointment.id,
            service_name: appointment.service_name.to_string(),
            sub_services: appointment.sub_services.iter().map(BookedSubService::from).collect(),
            expert_name: appointment.expert_name.to_string(),
            starts_at: appointment.starts_at,
            ends_at: appointment.ends_at,
            time_zone: appointment.time_zone.clone(),
            status: appointment.effective_status(now),
            payment_status: appointment.payment_status(),
            total_price: appointment.total_price,
            offer: appointment.offer.as_ref().map(AppliedOffer::from),
            currency: appointment.currency,
            payment: Payment::of(appointment),
            refund: appointment.refund.map(Refund::from),
            notes: appointment.notes.as_ref().map(Notes::to_string),
            created_at: appointment.created_at,
        }
    }
}

/// The person and the thing that an event is about.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the API's names")]
struct EventSubjects {
    appointment_id: Option<AppointmentId>,
    todo_id: Option<TodoId>,
    user_id: Option<UserId>,
}

impl From<&Subjects> for EventSubjects {
    fn from(subjects: &Subjects) -> Self {
        let Subjects { user_id, appointment_id, todo_id } = *subjects;
        Self { appointment_id, todo_id, user_id }
    }
}

/// An event that the person was told of, or was to be told of, in an export.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ExportedEvent {
    id: EventId,
    /// The type of event, such as `appointment.confirmed`. There may be more types in the future.
    #[serde(rename = "type")]
    #[schemars(with = "String")]
    event_type: EventType,
    /// The time (UTC) of the event.
    at: Timestamp,
    subjects: EventSubjects,
    /// Details of the event. The members depend on `type`: `serviceName` and `startsAt` where it is about an appointment,
    /// `title` and `dueAt` where it is about a to-do, `ip` and `userAgent` where it is about a login, as far as they are
    /// known.
    data: Map<String, Value>,
    /// The text of the notification in the app.
    text: String,
}

impl From<&Event> for ExportedEvent {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id,
            event_type: event.event_type(),
            at: event.at,
            subjects: (&event.subjects).into(),
            data: event.data.members(),
            text: event.data.text(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chairbook_models::event::{Actor, EventData};
    use serde_json::json;

    use super::*;

    #[test]
    fn an_exported_event_has_its_data_and_its_text() {
        let (id, at) = (EventId::derived([1; 16]), "2026-03-02T09:00:00Z".parse().unwrap());
        let exported = |event_type| {
            let data = EventData::example(event_type);
            let event = Event::new(id, data, at, Actor::System, None, Subjects::default());
            serde_json::to_value(ExportedEvent::from(&event)).unwrap()
        };
        let subjects = json!({"appointmentId": null, "todoId": null, "userId": null});
        assert_eq!(
            exported(EventType::AppointmentConfirmed),
            json!({
                "id": id,
                "type": "appointment.confirmed",
                "at": "2026-03-02T09:00:00Z",
                "subjects": subjects,
                "data": {"serviceName": "Cut & finish", "startsAt": "2026-03-03T10:00:00Z"},
                "text": "Your appointment for Cut & finish is confirmed.",
            })
        );
        assert_eq!(
            exported(EventType::UserVerified),
            json!({
                "id": id,
                "type": "user.verified",
                "at": "2026-03-02T09:00:00Z",
                "subjects": subjects,
                "data": {},
                "text": "Your e-mail address is verified.",
            })
        );
    }
}
