//! The group's refusals.

use chairbook_models::appointment::payment::PayError as PaymentRefused;
use chairbook_models::appointment::{CancelError as CancellationRefused, CloseError, NotCancellable};
use chairbook_models::booking::{
    ChoiceError, ExpertError, OfferError, PaymentRequiredAtSalon, QuoteError, ServiceError, StartError,
};
use chairbook_models::ids::ExpertId;
use chairbook_models::reschedule::RescheduleError as MoveRefused;
use chairbook_store::StoreError;
use chairbook_web::contract::{ApiErrors, Operation};
use chairbook_web::{ApiError, RepeatError, RequestError, WriteError, errors};
use http::StatusCode;

use crate::view::Alternatives;

/// A choice that the booking rules refuse: 400, with the field and what would be right.
#[derive(Debug)]
pub(crate) struct ChoiceRefused<E>(pub(crate) E);

impl<E: ChoiceError> From<ChoiceRefused<E>> for ApiError {
    fn from(ChoiceRefused(error): ChoiceRefused<E>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.code(), error.to_string()).at_field(error.field())
    }
}

impl<E: ChoiceError> ApiErrors for ChoiceRefused<E> {
    fn describe(operation: &mut Operation<'_>) {
        for error in E::examples() {
            let message = format!("{}: {error}", error.field());
            operation.refusal(
                400,
                error.code(),
                "The booking rules refuse a field of the request.",
                &message,
            );
        }
    }
}

errors! {
    /// Refusals of a question for free times.
    pub(crate) enum AvailabilityError {
        /// There are more free times than fit one response.
        TooManyFreeTimes => BAD_REQUEST("to") "too_many_free_times"
            "must be earlier, or one expert must be named (expertId): there are more free times than fit one response";
        ..Quote(ChoiceRefused<QuoteError>);
        ..Request(RequestError: StoreError);
    }
}

errors! {
    /// Refusals of a look at one appointment.
    pub(crate) enum FindError {
        /// There is no such appointment, or the caller may not see it.
        NotFound => NOT_FOUND "not_found" "Appointment not found.";
        ..Request(RequestError: StoreError);
    }
}

errors! {
    /// Refusals of a start that somebody else has.
    pub(crate) enum TakenError {
        /// Somebody else has booked this time. `alternatives` are the next free starts.
        SlotTaken { details: Alternatives } => CONFLICT "slot_taken"
            "This time has just been taken. Please choose another.";
    }
}

errors! {
    /// Refusals of a booking.
    pub(crate) enum BookError {
        /// The caller is no admin, and books for somebody else.
        ForAnother => FORBIDDEN "forbidden" "Only admins may book for others.";
        /// The front desk books for somebody who has no account.
        UnknownCustomer => BAD_REQUEST("userId") "unknown_customer"
            "must be the id of somebody who has an account";
        /// The customer has as many open reservations as the salon's settings allow.
        TooManyOpen { message: String } => CONFLICT "too_many_open_reservations" "{message}"
            like "You have 2 appointments that the salon has not been paid for yet, and cannot book more. Please pay \
                  for one at the salon, or cancel one, first.";
        /// The customer asks to pay at once, and the salon's settings leave that to the front desk.
        PaymentRequiredAtSalon { message: String } => FORBIDDEN "payment_required_at_salon" "{message}"
            like "You cannot pay for this when you book it. Please book it without payNow, and pay at the salon.";
        ..Quote(ChoiceRefused<QuoteError>);
        ..Start(ChoiceRefused<StartError>);
        ..Offer(ChoiceRefused<OfferError>);
        ..Taken(TakenError);
        ..Repeat(RepeatError);
        ..Write(WriteError: RequestError, StoreError);
    }
}

impl From<PaymentRequiredAtSalon> for BookError {
    fn from(error: PaymentRequiredAtSalon) -> Self {
        Self::PaymentRequiredAtSalon { message: error.to_string() }
    }
}

errors! {
    /// Refusals of any change of an appointment.
    pub(crate) enum ChangeError {
        /// The appointment's status does not allow it.
        InvalidTransition { message: String } => CONFLICT "invalid_transition" "{message}"
            like "This appointment can no longer be cancelled: it is completed.";
        ..Find(FindError: RequestError);
        ..Write(WriteError: StoreError);
    }
}

impl From<NotCancellable> for ChangeError {
    fn from(error: NotCancellable) -> Self {
        Self::InvalidTransition { message: error.to_string() }
    }
}

impl From<CloseError> for ChangeError {
    fn from(error: CloseError) -> Self {
        Self::InvalidTransition { message: error.to_string() }
    }
}

errors! {
    /// Refusals of a cancellation.
    pub(crate) enum CancelError {
        /// It is too late for customers; the front desk may still do it.
        WindowClosed { message: String } => CONFLICT "cancellation_window_closed" "{message}"
            like "Appointments can be cancelled until 24 hours before they begin. Please call us.";
        ..Change(ChangeError: FindError, RequestError, WriteError);
    }
}

impl From<CancellationRefused> for CancelError {
    fn from(error: CancellationRefused) -> Self {
        match error {
            CancellationRefused::NotCancellable(error) => ChangeError::from(error).into(),
            CancellationRefused::TooLate(_) => Self::WindowClosed { message: error.to_string() },
        }
    }
}

errors! {
    /// Refusals of a payment at the salon.
    pub(crate) enum PayError {
        /// The salon has its money already.
        AlreadyPaid => CONFLICT "invalid_transition" "This appointment is paid for already.";
        /// The amount is not the price: there are no part payments.
        WrongAmount { price: i64 } => BAD_REQUEST("amount") "wrong_amount" "must be the whole price, {price}"
            like "must be the whole price, 4500";
        ..Change(ChangeError: FindError, RequestError, WriteError);
    }
}

impl From<PaymentRefused> for PayError {
    fn from(error: PaymentRefused) -> Self {
        let message = error.to_string();
        match error {
            PaymentRefused::InvalidTransition(_) => ChangeError::InvalidTransition { message }.into(),
            PaymentRefused::AlreadyPaid => Self::AlreadyPaid,
            PaymentRefused::WrongAmount(price) => Self::WrongAmount { price },
        }
    }
}

/// An appointment that cannot be moved, since what was booked is not offered like this any more: 409. It is no fault of
/// the request, which did not name it.
#[derive(Debug)]
pub(crate) struct NotOffered {
    code: &'static str,
    message: &'static str,
}

impl From<NotOffered> for ApiError {
    fn from(NotOffered { code, message }: NotOffered) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }
}

impl From<ServiceError> for NotOffered {
    fn from(error: ServiceError) -> Self {
        let message = "This appointment cannot be moved: its service, or one of its add-ons, is not offered like this any \
                       more.";
        Self { code: error.code(), message }
    }
}

impl From<ExpertError> for NotOffered {
    fn from(error: ExpertError) -> Self {
        let message = "This appointment cannot be moved with the same expert, who does not offer its service any more. \
                       Please choose another one (expertId).";
        Self { code: error.code(), message }
    }
}

impl ApiErrors for NotOffered {
    fn describe(operation: &mut Operation<'_>) {
        let services = ServiceError::examples().into_iter().map(Self::from);
        for Self { code, message } in services.chain(ExpertError::examples().into_iter().map(Self::from)) {
            operation.refusal(409, code, "What was booked is not offered like this any more.", message);
        }
    }
}

errors! {
    /// Refusals of a move to another time.
    pub(crate) enum MoveError {
        /// It is too late for customers; the front desk may still do it.
        WindowClosed { message: String } => CONFLICT "cancellation_window_closed" "{message}"
            like "Appointments can be moved until 24 hours before they begin. Please call us.";
        ..Expert(ChoiceRefused<ExpertError>);
        ..Start(ChoiceRefused<StartError>);
        ..NotOffered(NotOffered: ServiceError);
        ..Taken(TakenError);
        ..Change(ChangeError: FindError, RequestError, WriteError, StoreError);
    }
}

impl MoveError {
    /// The refusal of what was booked, for a request that named this expert, or none: then it is the one of before, who
    /// is no fault of the request.
    pub(crate) fn of_quote(error: QuoteError, named: Option<ExpertId>) -> Self {
        match (error, named) {
            (QuoteError::Service(error), _) => error.into(),
            (QuoteError::Expert(error), Some(_)) => ChoiceRefused(error).into(),
            (QuoteError::Expert(error), None) => NotOffered::from(error).into(),
        }
    }
}

impl From<MoveRefused> for MoveError {
    fn from(error: MoveRefused) -> Self {
        let message = error.to_string();
        match error {
            MoveRefused::InvalidTransition(_) => ChangeError::InvalidTransition { message }.into(),
            MoveRefused::TooLate(_) => Self::WindowClosed { message },
        }
    }
}
