//! What is paid for an appointment at the front desk, and what is given back.

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Appointment, PaymentStatus, Status};
use crate::text::TextError;

/// How something was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// In notes and coins.
    Cash,
    /// By card.
    Card,
    /// By bank transfer.
    Transfer,
    /// In any other way, such as a voucher.
    Other,
}

/// What finds a payment elsewhere (a receipt's number, a terminal's transaction): 1 to 100 characters, trimmed, on one
/// line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentReference(String);

impl PaymentReference {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PaymentReference {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let reference = text.trim();
        if (1..=100).contains(&reference.chars().count()) && !reference.chars().any(char::is_control) {
            Ok(Self(reference.to_owned()))
        } else {
            Err(TextError("must have 1 to 100 characters, on one line".to_owned()))
        }
    }
}

/// A payment that the front desk took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// How it was paid.
    pub method: PaymentMethod,
    /// What finds it elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<PaymentReference>,
    /// How much, minor currency units.
    pub amount: i64,
    /// When (UTC).
    pub at: Timestamp,
}

/// What was given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// How much, minor currency units.
    pub amount: i64,
    /// When (UTC).
    pub at: Timestamp,
}

/// Why a payment is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayError {
    /// It is paid already, or over, or its hold has run out.
    #[error("This appointment cannot be paid for: it is {}.", .0.as_str())]
    InvalidTransition(Status),
    /// There are no part payments.
    #[error("must be the whole price, {0}")]
    WrongAmount(i64),
}

impl PayError {
    /// The machine-readable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidTransition(_) => "invalid_transition",
            Self::WrongAmount(_) => "wrong_amount",
        }
    }
}

/// A reservation, paid for and confirmed.
///
/// # Errors
/// [`PayError`] when it is no reservation, not one any more, or the amount is not its price.
pub fn pay(appointment: &Appointment, payment: Payment, now: Timestamp) -> Result<Appointment, PayError> {
    let status = appointment.effective_status(now);
    if !status.can_become(Status::Confirmed) {
        return Err(PayError::InvalidTransition(status));
    }
    if payment.amount != appointment.total_price {
        return Err(PayError::WrongAmount(appointment.total_price));
    }
    let confirmed = appointment.changed(Status::Confirmed, now);
    Ok(Appointment { payment_status: PaymentStatus::Paid, payment: Some(payment), ..confirmed })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ALL, appointment, at};
    use super::super::{ChangedBy, cancel};
    use super::*;

    fn cash(amount: i64) -> Payment {
        Payment { method: PaymentMethod::Cash, reference: None, amount, at: at(100) }
    }

    #[test]
    fn only_a_reservation_that_is_still_held_is_paid_for() {
        for status in ALL {
            let paid =
                pay(&appointment(status, (status == Status::Reserved).then_some(500)), cash(4_500), at(499));
            if status == Status::Reserved {
                let paid = paid.unwrap();
                assert_eq!((paid.status, paid.payment_status), (Status::Confirmed, PaymentStatus::Paid));
                assert_eq!((paid.expires_at, paid.version, paid.updated_at), (None, 4, at(499)));
                assert_eq!(paid.payment, Some(cash(4_500)));
                let cancelled = cancel(&paid, ChangedBy::Staff, at(600)).unwrap();
                assert_eq!(cancelled.refund, Some(Refund { amount: 4_500, at: at(600) }));
                assert_eq!(cancelled.payment, Some(cash(4_500)), "what was paid stays known");
            } else {
                assert_eq!(paid, Err(PayError::InvalidTransition(status)));
            }
        }
        let run_out = pay(&appointment(Status::Reserved, Some(500)), cash(4_500), at(500));
        assert_eq!(run_out, Err(PayError::InvalidTransition(Status::Expired)));
    }

    #[test]
    fn all_is_paid_or_nothing() {
        for amount in [0, -4_500, 4_499, 4_501] {
            let refused = pay(&appointment(Status::Reserved, Some(500)), cash(amount), at(0));
            assert_eq!(refused, Err(PayError::WrongAmount(4_500)), "{amount}");
        }
    }

    #[test]
    fn a_reference_is_one_short_line() {
        assert_eq!(" R-17 ".parse::<PaymentReference>().unwrap().as_str(), "R-17");
        for bad in ["", "  ", "a\nb", &"x".repeat(101)] {
            assert!(bad.parse::<PaymentReference>().is_err(), "{bad}");
        }
    }
}
