//! The rules of booking: the price (before [`crate::offers`]) and the duration of a service with its add-ons at one
//! expert, and the local times at which it can begin. Availability asks the same rules of every slot, so what is
//! offered can be booked.
//!
//! Hours, time off and the slot grid are wall-clock times in the salon's zone; bookings are instants. A local time
//! that daylight saving skips cannot be booked; of one that comes twice, the first is meant.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

use crate::appointment::payment::{self, DeskPayment, PaymentMethod};
use crate::appointment::{Appointment, BookedSubService, Status};
use crate::catalog::{Catalog, Expert, PayNow, Service, SubService};
use crate::day::Span;
use crate::duration::{days_in_words, minutes, minutes_in_words};
use crate::ids::{AppointmentId, ExpertId, ServiceId, SubServiceId, UserId};
use crate::offers::{self, AppliedOffer, Offer};
use crate::text::Notes;

/// A list with a value of each variant of `Self`: one that is left out does not compile.
macro_rules! one_of_each {
    ($($variant:ident $(($($value:expr),+))? $({ $($member:ident: $of:expr),+ })?),+ $(,)?) => {{
        let _ = |error: &Self| match error {
            $(Self::$variant { .. } => (),)+
        };
        vec![$(Self::$variant $(($($value),+))? $({ $($member: $of),+ })?),+]
    }};
}

mod offer_choice;

pub use offer_choice::OfferError;

/// The longest that an expert can be busy with one appointment, minutes: 120 cells, whose conditions fit the 4 KB
/// that a DynamoDB expression may have
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>).
pub const MAX_BLOCKED_MINUTES: u32 = 600;

/// A choice that the rules of booking refuse. It displays as advice for the field at fault.
pub trait ChoiceError: Display + Sized {
    /// Returns one of each kind, for the API's reference.
    fn examples() -> Vec<Self>;

    /// Returns the machine-readable code.
    fn code(&self) -> &'static str;

    /// Returns the request's field that is at fault.
    fn field(&self) -> &'static str;
}

/// Reasons why a service with its add-ons cannot be booked, whoever does it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// There is no such service, or it is not offered any more.
    #[error("must be the id of a service that can be booked")]
    UnknownService,
    /// An add-on is none of this service's.
    #[error("must be add-ons of the service; {0} is none")]
    UnknownSubService(SubServiceId),
    /// An add-on is given twice.
    #[error("must name each add-on once; {0} is there twice")]
    RepeatedSubService(SubServiceId),
    /// Nobody offers the service.
    #[error("must be a service that an expert offers; none does at present")]
    NobodyOffersService,
    /// It would take longer than an appointment may.
    #[error("must be fewer: the appointment would take more than {MAX_BLOCKED_MINUTES} minutes")]
    TooLong,
}

impl ChoiceError for ServiceError {
    fn examples() -> Vec<Self> {
        let sub_service = SubServiceId::derived([1; 16]);
        one_of_each![
            UnknownService,
            UnknownSubService(sub_service),
            RepeatedSubService(sub_service),
            NobodyOffersService,
            TooLong,
        ]
    }

    fn code(&self) -> &'static str {
        match self {
            Self::UnknownService => "unknown_service",
            Self::UnknownSubService(_) | Self::RepeatedSubService(_) => "unknown_sub_service",
            Self::NobodyOffersService => "service_not_offered",
            Self::TooLong => "too_long",
        }
    }

    fn field(&self) -> &'static str {
        match self {
            Self::UnknownService | Self::NobodyOffersService => "serviceId",
            Self::UnknownSubService(_) | Self::RepeatedSubService(_) | Self::TooLong => "subServiceIds",
        }
    }
}

/// Reasons why an expert cannot be booked for a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpertError {
    /// There is no such expert, or they do not work here any more.
    #[error("must be the id of an expert who can be booked")]
    UnknownExpert,
    /// The expert does not offer the service.
    #[error("must be an expert who offers the service")]
    ExpertDoesNotOfferService,
}

impl ChoiceError for ExpertError {
    fn examples() -> Vec<Self> {
        one_of_each![UnknownExpert, ExpertDoesNotOfferService]
    }

    fn code(&self) -> &'static str {
        match self {
            Self::UnknownExpert => "unknown_expert",
            Self::ExpertDoesNotOfferService => "service_not_offered",
        }
    }

    fn field(&self) -> &'static str {
        "expertId"
    }
}

/// Reasons why there is no quote, whatever the time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// The service and its add-ons cannot be booked.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The expert cannot be booked for them.
    #[error(transparent)]
    Expert(#[from] ExpertError),
}

impl ChoiceError for QuoteError {
    fn examples() -> Vec<Self> {
        let services = ServiceError::examples().into_iter().map(Self::Service);
        services.chain(ExpertError::examples().into_iter().map(Self::Expert)).collect()
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Service(error) => error.code(),
            Self::Expert(error) => error.code(),
        }
    }

    fn field(&self) -> &'static str {
        match self {
            Self::Service(error) => error.field(),
            Self::Expert(error) => error.field(),
        }
    }
}

/// Reasons why an appointment cannot begin at a local time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The day is over.
    #[error("must be today or later")]
    DateInPast,
    /// The time is over.
    #[error("must be later: this time has passed")]
    TimeInPast,
    /// It begins too soon.
    #[error("must be later: appointments are booked at least {} ahead", minutes_in_words(*.0))]
    TooSoon(u32),
    /// It is too far ahead.
    #[error("must be at most {} ahead", days_in_words(*.0))]
    TooFarAhead(u32),
    /// Appointments do not begin at that minute.
    #[error("must be a multiple of {0} minutes after midnight")]
    OffGrid(u32),
    /// Clocks are put forward over that time.
    #[error("must be another time: clocks are put forward then, and this time is skipped")]
    NoSuchTime,
    /// Nobody works then, or not long enough.
    #[error("must be within working hours with all of its {0} minutes")]
    Closed(u32),
}

impl ChoiceError for StartError {
    fn examples() -> Vec<Self> {
        one_of_each![
            DateInPast,
            TimeInPast,
            TooSoon(60),
            TooFarAhead(90),
            OffGrid(15),
            NoSuchTime,
            Closed(45),
        ]
    }

    fn code(&self) -> &'static str {
        match self {
            Self::DateInPast | Self::TimeInPast => "in_the_past",
            Self::TooSoon(_) => "too_soon",
            Self::TooFarAhead(_) => "too_far_ahead",
            Self::OffGrid(_) => "off_grid",
            Self::NoSuchTime => "no_such_time",
            Self::Closed(_) => "closed",
        }
    }

    fn field(&self) -> &'static str {
        match self {
            Self::DateInPast | Self::TooFarAhead(_) => "date",
            Self::TimeInPast | Self::TooSoon(_) | Self::OffGrid(_) | Self::NoSuchTime | Self::Closed(_) => {
                "time"
            }
        }
    }
}

/// The settings' time zone is none that is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the salon's time zone is not known")]
pub struct UnknownTimeZone;

/// A service with add-ons by one expert, with its duration and price.
#[derive(Debug, Clone, PartialEq)]
pub struct Quote<'c> {
    /// The service.
    pub service: &'c Service,
    /// The add-ons, in the order asked for.
    pub sub_services: Vec<&'c SubService>,
    /// The expert.
    pub expert: &'c Expert,
    /// The duration for the customer, minutes.
    pub duration_minutes: u32,
    /// The time that the expert is busy afterwards, minutes.
    pub buffer_minutes: u32,
    /// The price before any offer, minor currency units.
    pub total_price: i64,
}

/// A quote at a time that the rules allow.
#[derive(Debug, Clone, PartialEq)]
pub struct Booking<'q, 'c> {
    /// The service by its expert.
    pub quote: &'q Quote<'c>,
    /// The local date.
    pub date: Date,
    /// The local time.
    pub time: Time,
    /// From the customer's arrival until the expert is free again.
    pub blocked: Span,
    /// The offer and its discount.
    pub offer: Option<AppliedOffer>,
}

/// The payment of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payment {
    /// At once, as the customer says.
    OnTheirWord,
    /// At once at the front desk, as this admin says.
    AtDesk(UserId),
    /// Later: the slot is held so long.
    Later(Duration),
}

/// The one who makes a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Booker {
    /// The customer.
    Customer,
    /// This admin, for themselves or for somebody else.
    Staff(UserId),
}

/// The salon takes payment on site alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("You cannot pay for this when you book it. Please book it without payNow, and pay at the salon.")]
pub struct PaymentRequiredAtSalon;

/// A catalog with its time zone at hand.
#[derive(Debug, Clone)]
pub struct Salon<'c> {
    pub(crate) catalog: &'c Catalog,
    pub(crate) zone: TimeZone,
}

impl<'c> Salon<'c> {
    /// A salon as its catalog says.
    ///
    /// # Errors
    /// [`UnknownTimeZone`] when the settings' zone is none of the IANA database.
    pub fn new(catalog: &'c Catalog) -> Result<Self, UnknownTimeZone> {
        let zone = TimeZone::get(&catalog.settings.time_zone).map_err(|_| UnknownTimeZone)?;
        Ok(Self { catalog, zone })
    }

    /// The number of its experts, active or not.
    #[must_use]
    pub fn experts(&self) -> usize {
        self.catalog.experts.len()
    }

    /// The hold of unpaid reservations in the salon's settings, if they have one.
    #[must_use]
    pub fn hold(&self) -> Option<Duration> {
        self.catalog
            .settings
            .reservation_hold_minutes
            .map(|minutes| Duration::from_secs(u64::from(minutes) * 60))
    }

    /// Decides on the payment of a booking that is said to be paid at once, or not; `default_hold` is for a salon
    /// whose settings do not say how long an unpaid reservation keeps its slot.
    ///
    /// # Errors
    /// [`PaymentRequiredAtSalon`] when it is a customer who says so, and the settings leave that to the front desk.
    pub fn payment(
        &self,
        pay_now: bool,
        booker: Booker,
        default_hold: Duration,
    ) -> Result<Payment, PaymentRequiredAtSalon> {
        match (pay_now, booker, self.catalog.settings.pay_now) {
            (false, ..) => Ok(Payment::Later(self.hold().unwrap_or(default_hold))),
            (true, Booker::Staff(admin), _) => Ok(Payment::AtDesk(admin)),
            (true, Booker::Customer, PayNow::Anyone) => Ok(Payment::OnTheirWord),
            (true, Booker::Customer, PayNow::Staff) => Err(PaymentRequiredAtSalon),
        }
    }

    /// The quotes for a service: the named expert's alone, else one of each expert who offers it, by name.
    ///
    /// # Errors
    /// [`QuoteError`] when there is none.
    pub fn quotes(
        &self,
        service: ServiceId,
        sub_services: &[SubServiceId],
        expert: Option<ExpertId>,
    ) -> Result<Vec<Quote<'c>>, QuoteError> {
        let Some(expert) = expert else { return Ok(self.quotes_of_all(service, sub_services)?) };
        self.quote(service, sub_services, expert).map(|quote| vec![quote])
    }

    /// The quote of one expert for a service.
    ///
    /// # Errors
    /// [`QuoteError`] when there is none.
    pub fn quote(
        &self,
        service: ServiceId,
        sub_services: &[SubServiceId],
        expert: ExpertId,
    ) -> Result<Quote<'c>, QuoteError> {
        let service = self.service(service)?;
        let sub_services = self.sub_services(service.id, sub_services)?;
        let expert = self.catalog.experts.get(&expert).filter(|expert| expert.is_active);
        let expert = expert.ok_or(ExpertError::UnknownExpert)?;
        if !expert.services.contains_key(&service.id) {
            return Err(ExpertError::ExpertDoesNotOfferService.into());
        }
        Ok(quote(service, &sub_services, expert).ok_or(ServiceError::TooLong)?)
    }

    fn quotes_of_all(
        &self,
        service: ServiceId,
        sub_services: &[SubServiceId],
    ) -> Result<Vec<Quote<'c>>, ServiceError> {
        let service = self.service(service)?;
        let sub_services = self.sub_services(service.id, sub_services)?;
        let experts = self.catalog.experts_offering(service.id);
        if experts.is_empty() {
            return Err(ServiceError::NobodyOffersService);
        }
        let quotes: Vec<_> =
            experts.into_iter().filter_map(|expert| quote(service, &sub_services, expert)).collect();
        if quotes.is_empty() { Err(ServiceError::TooLong) } else { Ok(quotes) }
    }

    fn service(&self, id: ServiceId) -> Result<&'c Service, ServiceError> {
        let service = self.catalog.services.get(&id);
        service.filter(|service| self.catalog.is_bookable(service)).ok_or(ServiceError::UnknownService)
    }

    fn sub_services(
        &self,
        service: ServiceId,
        wanted: &[SubServiceId],
    ) -> Result<Vec<&'c SubService>, ServiceError> {
        let mut seen = BTreeSet::new();
        wanted
            .iter()
            .map(|&id| {
                if !seen.insert(id) {
                    return Err(ServiceError::RepeatedSubService(id));
                }
                self.catalog
                    .sub_services
                    .get(&id)
                    .filter(|sub| sub.service_id == service && sub.is_active)
                    .ok_or(ServiceError::UnknownSubService(id))
            })
            .collect()
    }

    /// Books a quote at a local time, if the rules let it begin then.
    ///
    /// # Errors
    /// [`StartError`] when it cannot.
    pub fn book<'q>(
        &self,
        quote: &'q Quote<'c>,
        date: Date,
        time: Time,
        now: Timestamp,
    ) -> Result<Booking<'q, 'c>, StartError> {
        let start = self.start(date, time, now)?;
        fit(quote, date, time, start, &self.open(quote.expert, date))
    }

    /// The instant of a local time at which appointments may begin, whoever does them.
    pub(crate) fn start(&self, date: Date, time: Time, now: Timestamp) -> Result<Timestamp, StartError> {
        self.check_date(date, now)?;
        self.start_on(date, time, now)
    }

    /// Checks that appointments may begin on a local date.
    pub(crate) fn check_date(&self, date: Date, now: Timestamp) -> Result<(), StartError> {
        let settings = &self.catalog.settings;
        let today = self.today(now);
        if date < today {
            return Err(StartError::DateInPast);
        }
        let horizon = jiff::Span::new().try_days(settings.horizon_days);
        if horizon.and_then(|days| today.checked_add(days)).is_ok_and(|last| date > last) {
            return Err(StartError::TooFarAhead(settings.horizon_days));
        }
        Ok(())
    }

    /// The instant of a local time at which appointments may begin, on a date on which they may.
    pub(crate) fn start_on(&self, date: Date, time: Time, now: Timestamp) -> Result<Timestamp, StartError> {
        let settings = &self.catalog.settings;
        let minute = i64::from(time.hour()) * 60 + i64::from(time.minute());
        let is_whole = time.second() == 0 && time.subsec_nanosecond() == 0;
        if !is_whole || minute % i64::from(settings.slot_grid_minutes.max(1)) != 0 {
            return Err(StartError::OffGrid(settings.slot_grid_minutes));
        }
        let local = date.to_datetime(time);
        let start = match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Gap { .. } => return Err(StartError::NoSuchTime),
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(local).map_err(|_| StartError::NoSuchTime)?
            }
        };
        if start <= now {
            return Err(StartError::TimeInPast);
        }
        if start.duration_since(now) < minutes(settings.lead_time_minutes) {
            return Err(StartError::TooSoon(settings.lead_time_minutes));
        }
        Ok(start)
    }

    /// Returns the spans in which an expert works on a local date and, for appointments across midnight, on the next
    /// one: in order, and without their time off.
    pub(crate) fn open(&self, expert: &Expert, date: Date) -> Vec<Span> {
        let mut open: Vec<Span> = Vec::new();
        for date in [Some(date), date.tomorrow().ok()].into_iter().flatten() {
            for range in expert.working_hours.on(date.weekday()) {
                let (Some(start), Some(end)) =
                    (self.minute_of(date, range.from), self.minute_of(date, range.to))
                else {
                    continue;
                };
                match open.last_mut() {
                    Some(last) if last.end >= start => last.end = last.end.max(end),
                    _ if start < end => open.push(Span { start, end }),
                    _ => {}
                }
            }
        }
        for off in &expert.time_off {
            let (Some(start), Some(end)) = (self.instant(off.from), self.instant(off.to)) else { continue };
            open = open.into_iter().flat_map(|span| without(span, Span { start, end })).collect();
        }
        open
    }

    fn minute_of(&self, date: Date, minute: u16) -> Option<Timestamp> {
        self.instant(date.to_datetime(Time::midnight()).checked_add(i64::from(minute).minutes()).ok()?)
    }

    /// The instant at which wall clocks reach a local time: the first of two; where it is skipped, the moment at
    /// which clocks are put forward.
    pub(crate) fn instant(&self, local: DateTime) -> Option<Timestamp> {
        match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(local).ok()
            }
            AmbiguousOffset::Gap { after, .. } => {
                let before_the_gap = after.to_timestamp(local).ok()?;
                self.zone.following(before_the_gap).next().map(|transition| transition.timestamp())
            }
        }
    }
}

/// The booking of a quote that begins at `start`, if it fits into the expert's open hours.
pub(crate) fn fit<'q, 'c>(
    quote: &'q Quote<'c>,
    date: Date,
    time: Time,
    start: Timestamp,
    open: &[Span],
) -> Result<Booking<'q, 'c>, StartError> {
    let closed = StartError::Closed(quote.blocked_minutes());
    let end = start.checked_add(minutes(quote.blocked_minutes())).map_err(|_| closed.clone())?;
    if open.iter().any(|open| open.start <= start && end <= open.end) {
        Ok(Booking { quote, date, time, blocked: Span { start, end }, offer: None })
    } else {
        Err(closed)
    }
}

/// The rest of a span without another.
fn without(span: Span, off: Span) -> impl Iterator<Item = Span> {
    let before = Span { start: span.start, end: span.end.min(off.start) };
    let after = Span { start: span.start.max(off.end), end: span.end };
    // Where they do not meet, one of the two is the whole span and the other is empty.
    [before, after].into_iter().filter(|left| left.start < left.end)
}

/// The quote of an expert who offers a service; `None` if it would take longer than an appointment may.
fn quote<'c>(service: &'c Service, sub_services: &[&'c SubService], expert: &'c Expert) -> Option<Quote<'c>> {
    let own = expert.services.get(&service.id);
    let price = own.and_then(|own| own.price).unwrap_or(service.price);
    let duration = own.and_then(|own| own.duration_minutes).unwrap_or(service.duration_minutes);
    let quote = Quote {
        service,
        sub_services: sub_services.to_vec(),
        expert,
        duration_minutes: sub_services
            .iter()
            .fold(duration, |sum, sub| sum.saturating_add(sub.duration_minutes)),
        buffer_minutes: service.buffer_minutes,
        total_price: sub_services.iter().fold(price, |sum, sub| sum.saturating_add(sub.price)),
    };
    (quote.blocked_minutes() <= MAX_BLOCKED_MINUTES).then_some(quote)
}

impl Quote<'_> {
    /// The whole time that the expert is busy, minutes.
    #[must_use]
    pub const fn blocked_minutes(&self) -> u32 {
        self.duration_minutes.saturating_add(self.buffer_minutes)
    }
}

impl Booking<'_, '_> {
    /// The same with the best of some offers, as [`Salon::offers`] finds them.
    #[must_use]
    pub fn with_best_of(self, offers: &[&Offer]) -> Self {
        let offer = offers::best(offers.iter().copied(), self.quote.total_price);
        Self { offer, ..self }
    }

    /// The appointment that it becomes, unless somebody else takes one of its cells first.
    ///
    /// A hold ends in whole seconds, and never after the start.
    #[must_use]
    pub fn into_appointment(
        self,
        salon: &Salon<'_>,
        id: AppointmentId,
        user_id: UserId,
        payment: Payment,
        notes: Option<Notes>,
        now: Timestamp,
    ) -> Appointment {
        let Span { start, end } = self.blocked;
        let discount = self.offer.as_ref().map_or(0, |offer| offer.discount);
        let total_price = self.quote.total_price - discount;
        let (status, expires_at, payment) = match payment {
            Payment::Later(hold) => (Status::Reserved, Some(hold_end(now, hold).min(start)), None),
            Payment::OnTheirWord => (Status::Confirmed, None, Some(payment::Payment::Unverified { at: now })),
            Payment::AtDesk(by) => {
                let method = PaymentMethod::Other;
                let taken = DeskPayment { method, reference: None, amount: total_price, by };
                (Status::Confirmed, None, Some(taken.recorded(None, now)))
            }
        };
        Appointment {
            id,
            user_id,
            service_id: self.quote.service.id,
            service_name: self.quote.service.name.clone(),
            sub_services: self.quote.sub_services.iter().map(|sub| booked(sub)).collect(),
            expert_id: self.quote.expert.id,
            expert_name: self.quote.expert.name.clone(),
            date: self.date,
            time: self.time,
            time_zone: salon.catalog.settings.time_zone.clone(),
            starts_at: start,
            ends_at: end - minutes(self.quote.buffer_minutes),
            blocked_until: end,
            duration_minutes: self.quote.duration_minutes,
            status,
            total_price,
            offer: self.offer,
            currency: salon.catalog.settings.currency,
            expires_at,
            payment,
            refund: None,
            notes,
            reminded_for: None,
            version: 1,
            reschedules: 0,
            created_at: now,
            updated_at: now,
        }
    }
}

/// `now` and the hold, upwards to a whole second.
fn hold_end(now: Timestamp, hold: Duration) -> Timestamp {
    let end = now.checked_add(hold).unwrap_or(Timestamp::MAX);
    let up = i64::from(end.subsec_nanosecond() > 0);
    Timestamp::from_second(end.as_second().saturating_add(up)).unwrap_or(end)
}

/// An add-on as it is booked today.
pub(crate) fn booked(sub: &SubService) -> BookedSubService {
    BookedSubService {
        id: sub.id,
        name: sub.name.clone(),
        price: sub.price,
        duration_minutes: sub.duration_minutes,
    }
}

#[cfg(test)]
#[path = "booking_tests.rs"]
pub(crate) mod tests;

#[cfg(test)]
#[path = "booking_properties.rs"]
mod properties;
