//! What is paid for an appointment, who says so, and what is given back.
//!
//! A customer can say that they pay at once. That is their word alone ([`Payment::Unverified`]): it confirms an
//! appointment where the salon's settings let it, and is no money to the salon before the front desk has verified it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Appointment, Status};
use crate::ids::UserId;
use crate::text::{line, texts};

/// The way in which the salon was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl PaymentMethod {
    /// Every method.
    pub const ALL: [Self; 4] = [Self::Cash, Self::Card, Self::Transfer, Self::Other];
}

texts! {
    /// A text that finds a payment elsewhere (a receipt's number, a terminal's transaction): 1 to 100 characters,
    /// trimmed, on one line.
    PaymentReference = |text| line(text, 100);
}

/// A payment for an appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Payment {
    /// The customer says that they pay the whole price; nobody at the salon has verified it.
    Unverified {
        /// The time of their word (UTC).
        at: Timestamp,
    },
    /// The front desk took it, or verified it.
    Verified(VerifiedPayment),
}

/// A payment that the front desk took, or verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedPayment {
    /// The way in which it was paid.
    pub method: PaymentMethod,
    /// A text that finds it elsewhere, such as a receipt's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<PaymentReference>,
    /// The amount, minor currency units.
    pub amount: i64,
    /// The time at which it was recorded (UTC).
    pub at: Timestamp,
    /// The admin who recorded it.
    pub by: UserId,
    /// The time at which the customer had said that they pay, if they had (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Timestamp>,
}

/// A payment as an admin records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskPayment {
    /// The way in which it was paid.
    pub method: PaymentMethod,
    /// A text that finds it elsewhere, such as a receipt's number.
    pub reference: Option<PaymentReference>,
    /// The amount, minor currency units.
    pub amount: i64,
    /// The admin.
    pub by: UserId,
}

impl DeskPayment {
    /// The payment, recorded at `now`.
    #[must_use]
    pub fn recorded(self, claimed_at: Option<Timestamp>, now: Timestamp) -> Payment {
        let Self { method, reference, amount, by } = self;
        Payment::Verified(VerifiedPayment { method, reference, amount, at: now, by, claimed_at })
    }
}

/// Money that was given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The amount, minor currency units.
    pub amount: i64,
    /// The time of the refund (UTC).
    pub at: Timestamp,
}

/// A refusal to record a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayError {
    /// It is over unpaid, or its hold has run out.
    #[error("This appointment cannot be paid for: it is {}.", .0.as_str())]
    InvalidTransition(Status),
    /// The salon has its money.
    #[error("This appointment is paid for already.")]
    AlreadyPaid,
    /// There are no part payments.
    #[error("must be the whole price, {0}")]
    WrongAmount(i64),
}

/// An appointment for which the salon was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paid {
    /// A reservation, confirmed by its payment.
    Confirmed(Appointment),
    /// An appointment that stood on its customer's word, and stands where it stood.
    Verified(Appointment),
}

impl Paid {
    /// The appointment.
    #[must_use]
    pub const fn appointment(&self) -> &Appointment {
        match self {
            Self::Confirmed(appointment) | Self::Verified(appointment) => appointment,
        }
    }
}

/// An appointment with a payment that the front desk took: a reservation is confirmed by it; of an appointment that
/// stands on its customer's word, it takes the place of that word. Either happens once.
///
/// # Errors
/// [`PayError`] when it is paid already, nothing is to be paid any more, or the amount is not its price.
pub fn pay(appointment: &Appointment, payment: DeskPayment, now: Timestamp) -> Result<Paid, PayError> {
    let status = appointment.effective_status(now);
    let claimed_at = match &appointment.payment {
        Some(Payment::Unverified { at }) if appointment.awaits_verification() => Some(*at),
        _ if status == Status::Reserved => None,
        Some(Payment::Verified(_)) if appointment.refund.is_none() => return Err(PayError::AlreadyPaid),
        _ => return Err(PayError::InvalidTransition(status)),
    };
    if payment.amount != appointment.total_price {
        return Err(PayError::WrongAmount(appointment.total_price));
    }
    let payment = Some(payment.recorded(claimed_at, now));
    Ok(match claimed_at {
        None => Paid::Confirmed(Appointment { payment, ..appointment.changed(Status::Confirmed, now) }),
        Some(_) => Paid::Verified(Appointment { payment, ..appointment.changed(status, now) }),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{ALL, START, appointment, at, claimed};
    use super::super::{ChangedBy, Closing, PaymentStatus, cancel, close};
    use super::*;

    const DESK: UserId = UserId::derived([8; 16]);

    fn cash(amount: i64) -> DeskPayment {
        DeskPayment { method: PaymentMethod::Cash, reference: None, amount, by: DESK }
    }

    fn recorded(claimed_at: Option<Timestamp>, now: Timestamp) -> Payment {
        cash(4_500).recorded(claimed_at, now)
    }

    #[test]
    fn a_reservation_is_paid_for_while_it_is_held() {
        for status in ALL {
            let held = (status == Status::Reserved).then_some(500);
            let before = appointment(status, held);
            let paid = pay(&before, cash(4_500), at(499));
            match status {
                Status::Reserved => {
                    let Ok(Paid::Confirmed(paid)) = paid else { panic!("{paid:?}") };
                    assert_eq!(
                        (paid.status, paid.payment_status()),
                        (Status::Confirmed, PaymentStatus::Paid)
                    );
                    assert_eq!((paid.expires_at, paid.version, paid.updated_at), (None, 4, at(499)));
                    assert_eq!(paid.payment, Some(recorded(None, at(499))));
                    let cancelled = cancel(&paid, ChangedBy::Staff, at(600)).unwrap();
                    assert_eq!(cancelled.refund, Some(Refund { amount: 4_500, at: at(600) }));
                    assert_eq!(cancelled.payment, paid.payment, "what was paid stays known");
                    let again = pay(&cancelled, cash(4_500), at(601));
                    assert_eq!(again, Err(PayError::InvalidTransition(Status::Cancelled)));
                }
                Status::Confirmed => assert_eq!(paid, Err(PayError::AlreadyPaid)),
                _ => assert_eq!(paid, Err(PayError::InvalidTransition(status))),
            }
        }
        let run_out = pay(&appointment(Status::Reserved, Some(500)), cash(4_500), at(500));
        assert_eq!(run_out, Err(PayError::InvalidTransition(Status::Expired)));
    }

    #[test]
    fn a_word_is_verified_once_wherever_it_stands() {
        for status in [Status::Confirmed, Status::Completed, Status::NoShow] {
            let before = claimed(status);
            let Ok(Paid::Verified(paid)) = pay(&before, cash(4_500), at(700)) else { panic!("{status:?}") };
            let expected = Appointment {
                payment: Some(recorded(Some(at(0)), at(700))),
                version: before.version + 1,
                updated_at: at(700),
                ..before
            };
            assert_eq!(paid, expected);
            assert_eq!(pay(&paid, cash(4_500), at(701)), Err(PayError::AlreadyPaid));
        }
        let cancelled = pay(&claimed(Status::Cancelled), cash(4_500), at(700));
        assert_eq!(cancelled, Err(PayError::InvalidTransition(Status::Cancelled)));
    }

    #[test]
    fn all_is_paid_or_nothing() {
        for amount in [0, -4_500, 4_499, 4_501] {
            for before in [appointment(Status::Reserved, Some(500)), claimed(Status::Confirmed)] {
                let refused = pay(&before, cash(amount), at(0));
                assert_eq!(refused, Err(PayError::WrongAmount(4_500)), "{amount}");
            }
        }
    }

    #[test]
    fn a_reference_is_one_short_line() {
        assert_eq!(" R-17 ".parse::<PaymentReference>().unwrap().as_str(), "R-17");
        for bad in ["", "  ", "a\nb", &"x".repeat(101)] {
            assert!(bad.parse::<PaymentReference>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_payment_is_read_back_as_it_was_written() {
        let reference = Some("R-17".parse().unwrap());
        let card = DeskPayment { method: PaymentMethod::Card, reference, amount: 4_500, by: DESK };
        for payment in [
            Payment::Unverified { at: at(5) },
            card.recorded(Some(at(5)), at(6)),
            cash(1).recorded(None, at(7)),
        ] {
            let written = serde_json::to_value(&payment).unwrap();
            let state = if matches!(payment, Payment::Verified(_)) { "verified" } else { "unverified" };
            assert_eq!(written["state"], state);
            assert_eq!(serde_json::from_value::<Payment>(written).unwrap(), payment);
        }
    }

    #[derive(Debug, Clone, Copy)]
    enum Deed {
        Pay,
        Cancel,
        Complete,
        Miss,
        Expire,
    }

    proptest! {
        /// Whatever is tried in whatever order: what is given back was verified, all of it and once, and nothing is
        /// verified twice.
        #[test]
        fn nothing_is_given_back_that_was_not_verified(
            first in 0..3_usize,
            deeds in prop::collection::vec(
                prop::sample::select(vec![Deed::Pay, Deed::Cancel, Deed::Complete, Deed::Miss, Deed::Expire]),
                0..12,
            ),
        ) {
            let mut now = [appointment(Status::Reserved, Some(START)), claimed(Status::Confirmed),
                appointment(Status::Confirmed, None)][first].clone();
            let mut verified = usize::from(now.verified_payment().is_some());
            for (second, deed) in (START - 6..).zip(deeds) {
                let after = match deed {
                    Deed::Pay => pay(&now, cash(4_500), at(second)).ok().map(|paid| paid.appointment().clone()),
                    Deed::Cancel => cancel(&now, ChangedBy::Staff, at(second)).ok(),
                    Deed::Complete => close(&now, Closing::Completed, at(second)).ok(),
                    Deed::Miss => close(&now, Closing::NoShow, at(second)).ok(),
                    Deed::Expire => super::super::expire(&now, at(second)),
                };
                let Some(after) = after else { continue };
                verified += usize::from(matches!(deed, Deed::Pay));
                prop_assert!(verified <= 1, "{after:?}");
                prop_assert_eq!(after.verified_payment().is_some(), verified == 1);
                prop_assert_eq!(after.version, now.version + 1);
                let is_given_back = verified == 1 && after.status == Status::Cancelled;
                prop_assert_eq!(after.refund.map(|refund| refund.amount), is_given_back.then_some(4_500));
                let is_refunded = after.payment_status() == PaymentStatus::Refunded;
                prop_assert_eq!(is_refunded, is_given_back);
                now = after;
            }
        }
    }
}
