//! An appointment and its lifecycle.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::{self, minutes_in_words};
use crate::ids::{AppointmentId, ExpertId, ServiceId, SubServiceId, UserId};
use crate::money::Currency;
use crate::offers::AppliedOffer;
use crate::text::{Label, Notes, PersonName};

pub mod payment;
pub mod reminder;

use payment::{Payment, Refund, VerifiedPayment};

/// The state of an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AppointmentStatus")]
pub enum Status {
    /// Held, unpaid, until its hold ends.
    Reserved,
    /// Paid for.
    Confirmed,
    /// Called off.
    Cancelled,
    /// A reservation that ran out.
    Expired,
    /// The customer was served.
    Completed,
    /// The customer did not come.
    NoShow,
}

/// The state of the payment for an appointment, by the customer's word if the salon has not verified it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Nothing was paid.
    Unpaid,
    /// The whole price was paid, perhaps on the customer's word alone.
    Paid,
    /// The salon has given back the money.
    Refunded,
}

/// An add-on as it was booked: later changes of the catalog do not change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BookedSubService {
    /// The add-on.
    pub id: SubServiceId,
    /// Its name.
    pub name: Label,
    /// Its part of the price, minor currency units.
    pub price: i64,
    /// Its part of the duration, minutes.
    pub duration_minutes: u32,
}

/// One appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointment {
    /// The id, `apt_…`: derived from the idempotency key of the request that booked it, if it had one.
    pub id: AppointmentId,
    /// The customer.
    pub user_id: UserId,
    /// The service.
    pub service_id: ServiceId,
    /// Its name when it was booked.
    pub service_name: Label,
    /// The add-ons.
    #[serde(default)]
    pub sub_services: Vec<BookedSubService>,
    /// The expert.
    pub expert_id: ExpertId,
    /// Their name when it was booked.
    pub expert_name: PersonName,
    /// The local date of the start.
    pub date: Date,
    /// The local time of the start.
    pub time: Time,
    /// The zone in which `date` and `time` are local.
    pub time_zone: String,
    /// The start (UTC).
    pub starts_at: Timestamp,
    /// The end for the customer (UTC).
    pub ends_at: Timestamp,
    /// The end for the expert: `ends_at` and the service's buffer (UTC).
    pub blocked_until: Timestamp,
    /// From start to end, minutes.
    pub duration_minutes: u32,
    /// The status.
    pub status: Status,
    /// The price with all add-ons, after the offer's discount, minor currency units.
    pub total_price: i64,
    /// The offer that made it cheaper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<AppliedOffer>,
    /// The currency of the price.
    pub currency: Currency,
    /// The end of the hold of an unpaid reservation (UTC); absent on others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The payment, verified or only claimed; absent where nobody claims one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
    /// The refund.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<Refund>,
    /// The customer's notes to the expert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<Notes>,
    /// The start (UTC) that the customer was last reminded of, see [`reminder`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded_for: Option<Timestamp>,
    /// Raised by each change; also the calendar's `SEQUENCE`.
    pub version: u32,
    /// The number of times that it has been moved.
    pub reschedules: u32,
    /// The time of the booking (UTC).
    pub created_at: Timestamp,
    /// The time of the last change (UTC).
    pub updated_at: Timestamp,
}

/// An appointment that nobody can cancel: it is over, one way or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("This appointment can no longer be cancelled: it is {}.", .0.as_str())]
pub struct NotCancellable(pub Status);

/// Reasons why an appointment cannot be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CancelError {
    /// It is over, one way or another.
    #[error(transparent)]
    NotCancellable(#[from] NotCancellable),
    /// The customer is too late; the front desk may still cancel.
    #[error("Appointments can be cancelled until {}. Please call us.", window(*.0))]
    TooLate(u32),
}

/// Reasons why an appointment cannot be completed or missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CloseError {
    /// The lifecycle does not lead there.
    #[error("This appointment cannot become {}: it is {}.", .to.as_str(), .from.as_str())]
    InvalidTransition {
        /// The present status.
        from: Status,
        /// The status that it was to get.
        to: Status,
    },
    /// Nobody has been served, or has failed to come, before the start.
    #[error("This appointment cannot become {} before it begins.", .0.as_str())]
    NotBegun(Status),
}

/// The end of the window of so many minutes before appointments begin, in words.
pub(crate) fn window(minutes: u32) -> String {
    match minutes {
        0 => "they begin".to_owned(),
        minutes => format!("{} before they begin", minutes_in_words(minutes)),
    }
}

/// The one who cancels or moves an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangedBy {
    /// The customer, until so many minutes before the start.
    Customer {
        /// The salon's cancellation window, minutes.
        window_minutes: u32,
    },
    /// The front desk, at any time.
    Staff,
}

impl ChangedBy {
    /// The salon's window if this is a customer who comes too late for an appointment that begins then.
    pub(crate) fn closed_window(self, starts_at: Timestamp, now: Timestamp) -> Option<u32> {
        let Self::Customer { window_minutes } = self else { return None };
        (starts_at.duration_since(now) < duration::minutes(window_minutes)).then_some(window_minutes)
    }
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Reserved, Self::Confirmed, Self::Cancelled, Self::Expired, Self::Completed, Self::NoShow];

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Completed => "completed",
            Self::NoShow => "no_show",
        }
    }

    /// Returns true if the lifecycle leads from here to there: `reserved → confirmed | cancelled | expired`,
    /// `confirmed → completed | no_show | cancelled`.
    #[must_use]
    pub const fn can_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Reserved, Self::Confirmed | Self::Cancelled | Self::Expired)
                | (Self::Confirmed, Self::Completed | Self::NoShow | Self::Cancelled)
        )
    }
}

impl Appointment {
    /// The status at `now`: a reservation that has run out has expired, whether or not it has been swept.
    #[must_use]
    pub fn effective_status(&self, now: Timestamp) -> Status {
        match (self.status, self.expires_at) {
            (Status::Reserved, Some(until)) if until <= now => Status::Expired,
            (status, _) => status,
        }
    }

    /// The payment that the salon has verified; `None` where nothing was paid, or the customer alone says so.
    #[must_use]
    pub const fn verified_payment(&self) -> Option<&VerifiedPayment> {
        match &self.payment {
            Some(Payment::Verified(payment)) => Some(payment),
            Some(Payment::Unverified { .. }) | None => None,
        }
    }

    /// Returns true if it stands on its customer's word that they have paid: it is confirmed, or was until its end, and
    /// the salon has not verified the payment.
    #[must_use]
    pub const fn awaits_verification(&self) -> bool {
        let is_claimed = matches!(self.payment, Some(Payment::Unverified { .. }));
        is_claimed && matches!(self.status, Status::Confirmed | Status::Completed | Status::NoShow)
    }

    /// The status of the payment. A customer's word is worth nothing any more once the appointment is cancelled.
    #[must_use]
    pub const fn payment_status(&self) -> PaymentStatus {
        match (self.verified_payment(), &self.refund) {
            (Some(_), Some(_)) => PaymentStatus::Refunded,
            (Some(_), None) => PaymentStatus::Paid,
            (None, _) if self.awaits_verification() => PaymentStatus::Paid,
            (None, _) => PaymentStatus::Unpaid,
        }
    }

    /// Returns true if it counts towards the open reservations of its customer at `now`: a reservation that is held, or
    /// a confirmed appointment that is not over and whose payment the salon has not verified.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        match self.effective_status(now) {
            Status::Reserved => true,
            Status::Confirmed => self.awaits_verification() && now < self.ends_at,
            Status::Cancelled | Status::Expired | Status::Completed | Status::NoShow => false,
        }
    }

    fn changed(&self, status: Status, now: Timestamp) -> Self {
        Self {
            status,
            expires_at: None,
            version: self.version.saturating_add(1),
            updated_at: now,
            ..self.clone()
        }
    }
}

/// An appointment of nobody: what its customer wrote, and who they were, is forgotten.
#[must_use]
pub fn anonymise(appointment: &Appointment, now: Timestamp) -> Appointment {
    Appointment {
        user_id: UserId::NOBODY,
        notes: None,
        version: appointment.version.saturating_add(1),
        updated_at: now,
        ..appointment.clone()
    }
}

/// A reservation that has run out, expired; `None` for any other appointment.
#[must_use]
pub fn expire(appointment: &Appointment, now: Timestamp) -> Option<Appointment> {
    let has_run_out =
        appointment.status == Status::Reserved && appointment.effective_status(now) == Status::Expired;
    has_run_out.then(|| appointment.changed(Status::Expired, now))
}

/// An appointment, cancelled by its customer or by the front desk, see [`cancel_at_desk`].
///
/// # Errors
/// [`CancelError`] when it is over, or a customer is too late.
pub fn cancel(appointment: &Appointment, by: ChangedBy, now: Timestamp) -> Result<Appointment, CancelError> {
    let cancelled = cancel_at_desk(appointment, now)?;
    match by.closed_window(appointment.starts_at, now) {
        Some(window_minutes) => Err(CancelError::TooLate(window_minutes)),
        None => Ok(cancelled),
    }
}

/// An appointment, cancelled by the front desk, which is never too late. A payment that the salon has verified is given
/// back; one that is only claimed is not.
///
/// # Errors
/// [`NotCancellable`] when it is over.
pub fn cancel_at_desk(appointment: &Appointment, now: Timestamp) -> Result<Appointment, NotCancellable> {
    let status = appointment.effective_status(now);
    if !status.can_become(Status::Cancelled) {
        return Err(NotCancellable(status));
    }
    let refund = appointment.verified_payment().map(|payment| Refund { amount: payment.amount, at: now });
    Ok(Appointment { refund, ..appointment.changed(Status::Cancelled, now) })
}

/// The end of a confirmed appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// The customer was served.
    Completed,
    /// The customer did not come.
    NoShow,
}

impl Closing {
    const fn status(self) -> Status {
        match self {
            Self::Completed => Status::Completed,
            Self::NoShow => Status::NoShow,
        }
    }
}

/// A confirmed appointment that has begun, completed or missed. Either way what was paid stays paid, and what is to be
/// verified can still be.
///
/// # Errors
/// [`CloseError`] when it is not confirmed, or has not begun.
pub fn close(appointment: &Appointment, closing: Closing, now: Timestamp) -> Result<Appointment, CloseError> {
    let (from, to) = (appointment.effective_status(now), closing.status());
    if !from.can_become(to) {
        return Err(CloseError::InvalidTransition { from, to });
    }
    if now < appointment.starts_at {
        return Err(CloseError::NotBegun(to));
    }
    Ok(appointment.changed(to, now))
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::civil::{date, time};

    use super::payment::PaymentMethod;
    use super::*;

    pub(super) const START: i64 = 1_000_000;

    pub(super) fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    pub(crate) fn appointment(status: Status, expires_at: Option<i64>) -> Appointment {
        Appointment {
            id: AppointmentId::derived([1; 16]),
            user_id: UserId::derived([2; 16]),
            service_id: ServiceId::derived([3; 16]),
            service_name: "Cut".parse().unwrap(),
            sub_services: Vec::new(),
            expert_id: ExpertId::derived([4; 16]),
            expert_name: "Ada".parse().unwrap(),
            date: date(1970, 1, 12),
            time: time(13, 46, 40, 0),
            time_zone: "UTC".to_owned(),
            starts_at: at(START),
            ends_at: at(START + 3_600),
            blocked_until: at(START + 3_600),
            duration_minutes: 60,
            status,
            total_price: 4_500,
            offer: None,
            currency: Currency::EUR,
            expires_at: expires_at.map(at),
            payment: (status == Status::Confirmed).then(|| Payment::Verified(verified(4_500))),
            refund: None,
            notes: None,
            reminded_for: None,
            version: 3,
            reschedules: 0,
            created_at: at(0),
            updated_at: at(0),
        }
    }

    /// A payment in cash at the beginning of time.
    pub(crate) fn verified(amount: i64) -> VerifiedPayment {
        VerifiedPayment {
            method: PaymentMethod::Cash,
            reference: None,
            amount,
            at: at(0),
            by: UserId::derived([9; 16]),
            claimed_at: None,
        }
    }

    /// An appointment that stands on its customer's word that they have paid, or was cancelled after it.
    pub(crate) fn claimed(status: Status) -> Appointment {
        Appointment { payment: Some(Payment::Unverified { at: at(0) }), ..appointment(status, None) }
    }

    pub(super) const ALL: [Status; 6] = Status::ALL;

    #[test]
    fn the_lifecycle_is_the_documented_one() {
        let allowed: Vec<_> = ALL
            .iter()
            .flat_map(|from| ALL.iter().map(move |to| (*from, *to)))
            .filter(|(from, to)| from.can_become(*to))
            .collect();
        assert_eq!(
            allowed,
            [
                (Status::Reserved, Status::Confirmed),
                (Status::Reserved, Status::Cancelled),
                (Status::Reserved, Status::Expired),
                (Status::Confirmed, Status::Cancelled),
                (Status::Confirmed, Status::Completed),
                (Status::Confirmed, Status::NoShow),
            ]
        );
        for status in ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }

    #[test]
    fn a_reservation_runs_out_at_its_instant() {
        let reserved = appointment(Status::Reserved, Some(500));
        assert_eq!(reserved.effective_status(at(499)), Status::Reserved);
        assert_eq!(reserved.effective_status(at(500)), Status::Expired);
        assert_eq!(expire(&reserved, at(499)), None);
        let expired = expire(&reserved, at(500)).unwrap();
        assert_eq!((expired.status, expired.expires_at, expired.version), (Status::Expired, None, 4));
        assert_eq!(expired.updated_at, at(500));
        for status in ALL.into_iter().skip(1) {
            assert_eq!(expire(&appointment(status, None), at(500)), None);
        }
    }

    #[test]
    fn what_is_over_is_not_cancelled() {
        for status in ALL {
            let cancelled = cancel(&appointment(status, None), ChangedBy::Staff, at(0));
            match status {
                Status::Reserved | Status::Confirmed => {
                    let cancelled = cancelled.unwrap();
                    assert_eq!(cancelled.status, Status::Cancelled);
                    let paid = status == Status::Confirmed;
                    let expected = if paid { PaymentStatus::Refunded } else { PaymentStatus::Unpaid };
                    assert_eq!(cancelled.payment_status(), expected);
                    let refund = paid.then(|| Refund { amount: 4_500, at: at(0) });
                    assert_eq!(cancelled.refund, refund);
                }
                _ => assert_eq!(cancelled, Err(NotCancellable(status).into())),
            }
        }
        let run_out = appointment(Status::Reserved, Some(500));
        let refused = cancel(&run_out, ChangedBy::Staff, at(500));
        assert_eq!(refused, Err(NotCancellable(Status::Expired).into()));
    }

    #[test]
    fn nothing_is_given_back_for_a_word() {
        for by in [ChangedBy::Staff, ChangedBy::Customer { window_minutes: 10 }] {
            let claimed = claimed(Status::Confirmed);
            assert_eq!((claimed.payment_status(), claimed.verified_payment()), (PaymentStatus::Paid, None));
            let cancelled = cancel(&claimed, by, at(100)).unwrap();
            assert_eq!(
                (cancelled.status, cancelled.payment_status()),
                (Status::Cancelled, PaymentStatus::Unpaid)
            );
            assert_eq!((cancelled.refund, &cancelled.payment), (None, &claimed.payment));
        }
        let completed = close(&claimed(Status::Confirmed), Closing::Completed, at(START)).unwrap();
        assert_eq!((completed.payment_status(), completed.verified_payment()), (PaymentStatus::Paid, None));
    }

    #[test]
    fn a_word_is_open_until_the_appointment_is_over_and_a_reservation_while_it_is_held() {
        let end = START + 3_600;
        for (what, appointment, now, is_open) in [
            ("held", appointment(Status::Reserved, Some(500)), 499, true),
            ("run out", appointment(Status::Reserved, Some(500)), 500, false),
            ("paid", appointment(Status::Confirmed, None), 0, false),
            ("said to be paid", claimed(Status::Confirmed), 0, true),
            ("begun", claimed(Status::Confirmed), START + 1, true),
            ("almost over", claimed(Status::Confirmed), end - 1, true),
            ("over", claimed(Status::Confirmed), end, false),
            ("cancelled", claimed(Status::Cancelled), 0, false),
            ("completed", claimed(Status::Completed), START + 1, false),
            ("missed", claimed(Status::NoShow), START + 1, false),
        ] {
            assert_eq!(appointment.is_open(at(now)), is_open, "{what}");
        }
    }

    #[test]
    fn customers_cancel_until_the_window_closes_and_staff_at_any_time() {
        let confirmed = appointment(Status::Confirmed, None);
        let customer = ChangedBy::Customer { window_minutes: 10 };
        assert!(cancel(&confirmed, customer, at(START - 600)).is_ok());
        assert_eq!(cancel(&confirmed, customer, at(START - 599)), Err(CancelError::TooLate(10)));
        assert!(cancel(&confirmed, ChangedBy::Staff, at(START + 10)).is_ok());
        let no_window = ChangedBy::Customer { window_minutes: 0 };
        assert_eq!(cancel(&confirmed, no_window, at(START + 1)), Err(CancelError::TooLate(0)));
    }

    #[test]
    fn only_what_is_confirmed_and_has_begun_is_completed_or_missed() {
        for (closing, to) in [(Closing::Completed, Status::Completed), (Closing::NoShow, Status::NoShow)] {
            for from in ALL {
                let closed = close(&appointment(from, None), closing, at(START));
                if from == Status::Confirmed {
                    let closed = closed.unwrap();
                    let expected = (to, PaymentStatus::Paid, 4, at(START));
                    let found = (closed.status, closed.payment_status(), closed.version, closed.updated_at);
                    assert_eq!(found, expected);
                } else {
                    assert_eq!(closed, Err(CloseError::InvalidTransition { from, to }));
                }
            }
            let early = close(&appointment(Status::Confirmed, None), closing, at(START - 1));
            assert_eq!(early, Err(CloseError::NotBegun(to)));
        }
        let run_out = close(&appointment(Status::Reserved, Some(500)), Closing::NoShow, at(START));
        let expected = CloseError::InvalidTransition { from: Status::Expired, to: Status::NoShow };
        assert_eq!(run_out, Err(expected));
        assert_eq!(expected.to_string(), "This appointment cannot become no_show: it is expired.");
    }
}
