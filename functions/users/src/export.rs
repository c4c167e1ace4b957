//! `GET /profile/export`: all that is kept about the caller.

use axum::extract::State;
use chairbook_models::appointment::Appointment;
use chairbook_models::event::{Event, EventType};
use chairbook_models::ids::UserId;
use chairbook_platform::clock;
use chairbook_store::{Reader, StoreError};
use chairbook_web::{Access, ApiError, Customer, Reply, Web, render};
use futures_util::try_join;
use http::{HeaderValue, header};
use serde_json::{Value, json};

use crate::event;

/// So many of the latest events are exported: what fits an answer of Lambda's 6 MB with much to spare.
const MOST_EVENTS: usize = 5_000;

/// Every appointment of somebody, the latest booked first.
pub(crate) async fn appointments(reader: &Reader, user: UserId) -> Result<Vec<Appointment>, StoreError> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = reader.appointments_of(user, |_| true, 100, after).await?;
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

fn told(event: &Event) -> Value {
    json!({"type": event.event_type, "at": event.at, "subjects": event.subjects, "data": event.data})
}

pub(crate) async fn export(State(web): State<Web>, customer: Customer) -> Result<Reply<Value>, ApiError> {
    let now = clock::now();
    let (reader, caller) = (&web.reader, customer.caller);
    let user = caller.user_id;
    // Admitted first: these reads are worth more than a round trip.
    let reads = async {
        try_join!(
            reader.profile(user),
            reader.sessions(user),
            appointments(reader, user),
            reader.events_of(user, MOST_EVENTS)
        )
    };
    let (profile, sessions, appointments, events) = Box::pin(reads).await?;
    let profile = profile.ok_or_else(ApiError::session_ended)?;
    let sessions: Vec<_> = sessions
        .iter()
        .map(|session| {
            json!({
                "id": session.id,
                "ip": session.ip,
                "userAgent": session.user_agent,
                "createdAt": session.created_at,
                "lastUsedAt": session.last_used_at,
            })
        })
        .collect();
    let appointments: Vec<_> = appointments
        .iter()
        .map(|appointment| {
            json!({
                "id": appointment.id,
                "serviceName": appointment.service_name,
                "subServices": appointment.sub_services,
                "expertName": appointment.expert_name,
                "startsAt": appointment.starts_at,
                "endsAt": appointment.ends_at,
                "timeZone": appointment.time_zone,
                "status": appointment.effective_status(now),
                "paymentStatus": appointment.payment_status(),
                "totalPrice": appointment.total_price,
                "offer": appointment.offer,
                "currency": appointment.currency,
                "payment": render::payment(appointment),
                "refund": appointment.refund,
                "notes": appointment.notes,
                "createdAt": appointment.created_at,
            })
        })
        .collect();
    customer.store().add_event(&event(EventType::UserExported, user, caller.into(), None, now)).await?;
    let data = json!({
        "exportedAt": now,
        "user": render::user(&profile),
        "sessions": sessions,
        "appointments": appointments,
        "events": events.iter().map(told).collect::<Vec<_>>(),
    });
    let disposition = HeaderValue::from_static("attachment; filename=\"chairbook-export.json\"");
    Ok(Reply::ok("All that we keep about you.", data).with_header(header::CONTENT_DISPOSITION, disposition))
}
