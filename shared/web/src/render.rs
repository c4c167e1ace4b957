//! What several functions show in the same way.

use chairbook_models::appointment::Appointment;
use chairbook_models::appointment::payment::Payment;
use chairbook_models::user::Profile;
use serde_json::{Value, json};

/// A person, as they see themselves and admins see them.
#[must_use]
pub fn user(profile: &Profile) -> Value {
    json!({
        "id": profile.id,
        "name": profile.name,
        "email": profile.email,
        "phone": profile.phone,
        "role": profile.role,
        "emailVerified": profile.email_verified,
        "createdAt": profile.created_at,
        "updatedAt": profile.updated_at,
    })
}

/// What was paid for an appointment, or what its customer says they have paid: `unverified`, of the whole price. `null`
/// where nobody says so. Which admin recorded it stays with the salon.
#[must_use]
pub fn payment(appointment: &Appointment) -> Value {
    match &appointment.payment {
        None => Value::Null,
        Some(Payment::Unverified { at }) => {
            json!({"method": "unverified", "reference": null, "amount": appointment.total_price, "at": at})
        }
        Some(Payment::Verified(payment)) => json!({
            "method": payment.method,
            "reference": payment.reference,
            "amount": payment.amount,
            "at": payment.at,
        }),
    }
}
