//! Refusals of the booking rules, as HTTP answers.

use chairbook_models::appointment::payment::PayError;
use chairbook_models::availability::Slot;
use chairbook_models::booking::{BookingError, PaymentRequiredAtSalon};
use chairbook_models::catalog::Settings;
use chairbook_models::ids::ExpertId;
use chairbook_web::{ApiError, FieldError};
use http::StatusCode;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::json;

use crate::availability::SlotAnswer;

/// A request that the rules refuse: 400, with the field and what would be right.
pub(crate) fn of_booking(error: &BookingError) -> ApiError {
    ApiError {
        code: error.code(),
        ..ApiError::validation(vec![FieldError::new(error.field(), error.to_string())])
    }
}

/// More free times of more experts than fit one answer: 400.
pub(crate) fn too_many_starts() -> ApiError {
    ApiError {
        code: "too_many_free_times",
        ..ApiError::validation(vec![FieldError::new(
            "to",
            "must be earlier, or one expert must be named (expertId): there are more free times than fit one answer",
        )])
    }
}

/// A free start on a date, as the slots of `GET /availability`.
#[derive(Serialize)]
struct Alternative {
    date: Date,
    #[serde(flatten)]
    slot: SlotAnswer,
}

/// A cell that is taken: 409, with the next free starts.
pub(crate) fn slot_taken(alternatives: Vec<Slot>) -> ApiError {
    let alternative = |slot: Slot| Alternative { date: slot.date, slot: slot.into() };
    let alternatives: Vec<_> = alternatives.into_iter().map(alternative).collect();
    ApiError::new(StatusCode::CONFLICT, "slot_taken", "This time has just been taken. Please choose another.")
        .with_detail("alternatives", json!(alternatives))
}

/// A customer who has as many open reservations as the salon allows: 409.
pub(crate) fn too_many_open(settings: &Settings) -> ApiError {
    let limit = settings.max_open_reservations.unwrap_or_default();
    let message = format!(
        "You have {limit} {} that the salon has not been paid for yet, and cannot book more. Please pay for one at the \
         salon, or cancel one, first.",
        if limit == 1 { "appointment" } else { "appointments" }
    );
    ApiError::new(StatusCode::CONFLICT, "too_many_open_reservations", message)
}

/// A customer who says that they pay at once, where only the front desk may say so: 403.
pub(crate) fn payment_required_at_salon(error: PaymentRequiredAtSalon) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, error.code(), error.to_string())
}

/// The front desk books for somebody who has no account: 400.
pub(crate) fn unknown_customer() -> ApiError {
    ApiError {
        code: "unknown_customer",
        ..ApiError::validation(vec![FieldError::new(
            "userId",
            "must be the id of somebody who has an account",
        )])
    }
}

/// A change that the appointment's state does not allow: 409.
pub(crate) fn conflict(code: &'static str, error: &dyn std::fmt::Display) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, code, error.to_string())
}

/// A new time that the rules refuse. What the request did not name is not its fault: an appointment whose service is
/// not offered any more cannot be moved, and one whose expert does not offer it any more only to another expert.
pub(crate) fn of_reschedule(error: &BookingError, named: Option<ExpertId>) -> ApiError {
    let message = match error.field() {
        "serviceId" | "subServiceIds" => {
            "This appointment cannot be moved: its service, or one of its add-ons, is not offered like this any more."
        }
        "expertId" if named.is_none() => {
            "This appointment cannot be moved with the same expert, who does not offer its service any more. Please \
             choose another one (expertId)."
        }
        _ => return of_booking(error),
    };
    ApiError::new(StatusCode::CONFLICT, error.code(), message)
}

/// A payment that is not recorded.
pub(crate) fn of_payment(error: PayError) -> ApiError {
    match error {
        PayError::InvalidTransition(_) | PayError::AlreadyPaid => conflict(error.code(), &error),
        PayError::WrongAmount(_) => ApiError {
            code: error.code(),
            ..ApiError::validation(vec![FieldError::new("amount", error.to_string())])
        },
    }
}
