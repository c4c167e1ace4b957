//! An appointment as the API shows it.

use chairbook_models::appointment::Appointment;
use chairbook_models::offers::{AppliedOffer, OfferCode};
use chairbook_web::render::payment;
use jiff::Timestamp;
use serde_json::{Value, json};

/// `now` decides whether a reservation that has not been swept yet has expired.
pub(crate) fn appointment(appointment: &Appointment, now: Timestamp) -> Value {
    json!({
        "id": appointment.id,
        "userId": appointment.user_id,
        "serviceId": appointment.service_id,
        "serviceName": appointment.service_name,
        "subServices": appointment.sub_services,
        "expertId": appointment.expert_id,
        "expertName": appointment.expert_name,
        "date": appointment.date,
        "time": appointment.time.strftime("%H:%M").to_string(),
        "startsAt": appointment.starts_at,
        "endsAt": appointment.ends_at,
        "timeZone": appointment.time_zone,
        "durationMinutes": appointment.duration_minutes,
        "status": appointment.effective_status(now),
        "paymentStatus": appointment.payment_status(),
        "totalPrice": appointment.total_price,
        "offer": appointment.offer.as_ref().map(offer),
        "currency": appointment.currency,
        "expiresAt": appointment.expires_at,
        "payment": payment(appointment),
        "refund": appointment.refund,
        "notes": appointment.notes,
        "createdAt": appointment.created_at,
        "updatedAt": appointment.updated_at,
    })
}

fn offer(offer: &AppliedOffer) -> Value {
    json!({
        "id": offer.id,
        "name": offer.name,
        "code": offer.code.as_ref().map(OfferCode::as_str),
        "discount": offer.discount,
    })
}
