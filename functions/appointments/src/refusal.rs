//! Refusals of the booking rules, as HTTP answers.

use chairbook_models::appointment::CancelError;
use chairbook_models::availability::Slot;
use chairbook_models::booking::BookingError;
use chairbook_web::{ApiError, FieldError};
use http::StatusCode;
use serde_json::{Value, json};

/// A request that the rules refuse: 400, with the field and what would be right.
pub(crate) fn of_booking(error: &BookingError) -> ApiError {
    ApiError {
        code: error.code(),
        ..ApiError::validation(vec![FieldError::new(error.field(), error.to_string())])
    }
}

/// A cell that is taken: 409, with the next free starts.
pub(crate) fn slot_taken(alternatives: &[Slot]) -> ApiError {
    let alternatives: Vec<Value> = alternatives
        .iter()
        .map(|slot| {
            json!({
                "date": slot.date,
                "time": slot.time.strftime("%H:%M").to_string(),
                "startsAt": slot.starts_at,
                "expertIds": slot.expert_ids,
            })
        })
        .collect();
    ApiError::new(StatusCode::CONFLICT, "slot_taken", "This time has just been taken. Please choose another.")
        .with_detail("alternatives", json!(alternatives))
}

/// A cancellation that the rules refuse.
pub(crate) fn of_cancel(error: CancelError) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, error.code(), error.to_string())
}
