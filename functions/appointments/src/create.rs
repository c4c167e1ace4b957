//! `POST /appointments`.

use axum::extract::State as Shared;
use chairbook_auth::Caller;
use chairbook_auth::opaque_token::sha256_hex;
use chairbook_models::appointment::{self, Appointment, Status};
use chairbook_models::booking::{Booker, Booking, Payment, Quote, Salon, StartError};
use chairbook_models::catalog::{Catalog, Settings};
use chairbook_models::event::{Actor, EventData};
use chairbook_models::ids::{AppointmentId, ExpertId, ServiceId, SubServiceId, UserId};
use chairbook_models::offers::OfferCode;
use chairbook_models::text::Notes;
use chairbook_models::user::Role;
use chairbook_platform::{clock, random};
use chairbook_store::{BookOutcome, CustomerCheck, Expiry, Idempotency, NewAppointment, Store};
use chairbook_web::fields::format::{Flag, Format, LocalDate, LocalTime};
use chairbook_web::idempotency::replayed_if;
use chairbook_web::{
    Access, Body, Created, Customer, Fields, FromFields, IdempotencyKey, Located, Pending, RepeatError,
    RequestError,
};
use futures_util::future::OptionFuture;
use futures_util::{FutureExt, try_join};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use serde_json::json;

use crate::error::{BookError, ChoiceRefused, TakenError};
use crate::view::OneAppointment;
use crate::{MAX_SUB_SERVICES, State, availability, event, metrics};

/// `serviceId`, `date`, `time`, `expertId`, `subServiceIds`, `payNow`, `notes`, `offerCode`; at the front desk also
/// `userId`.
pub(crate) struct Request {
    service_id: ServiceId,
    date: Date,
    time: Time,
    expert_id: Option<ExpertId>,
    sub_service_ids: Vec<SubServiceId>,
    pay_now: bool,
    notes: Option<Notes>,
    user_id: Option<UserId>,
    offer_code: Option<OfferCode>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let service_id = fields.required("serviceId");
        let date = fields.required_as("date", LocalDate.about("The local date of the start."));
        let time = fields.required_as("time", LocalTime.about("The local time of the start."));
        let expert_id = fields.optional("expertId");
        let sub_service_ids = fields.list("subServiceIds", MAX_SUB_SERVICES);
        let pay_now = Flag.about("Set to book as paid for: by the front desk, or on the customer's word.");
        let pay_now = fields.optional_as("payNow", pay_now).map(Option::unwrap_or_default);
        let notes = fields.optional("notes");
        let user_id = fields.optional("userId");
        let offer_code = fields.optional("offerCode");
        Some(Self {
            service_id: service_id?,
            date: date?,
            time: time?,
            expert_id: expert_id?,
            sub_service_ids: sub_service_ids?,
            pay_now: pay_now?,
            notes: notes?,
            user_id: user_id?,
            offer_code: offer_code?,
        })
    }
}

impl Request {
    /// Returns the hash of the request's content, whatever the JSON looked like.
    fn sha256(&self) -> String {
        sha256_hex(
            &json!({
                "serviceId": self.service_id,
                "date": self.date,
                "time": self.time,
                "expertId": self.expert_id,
                "subServiceIds": self.sub_service_ids,
                "payNow": self.pay_now,
                "notes": self.notes.as_ref().map(Notes::as_str),
                "userId": self.user_id,
                "offerCode": self.offer_code.as_ref().map(OfferCode::as_str),
            })
            .to_string(),
        )
    }
}

/// A booking in the making: its customer, its id, and the request's identity.
struct Order<'r> {
    request: &'r Request,
    caller: Caller,
    customer: UserId,
    id: AppointmentId,
    idempotency: Option<Idempotency>,
    now: Timestamp,
}

impl Order<'_> {
    /// The one who books, as the rules see them.
    fn booker(&self) -> Booker {
        if self.caller.role >= Role::Admin { Booker::Staff(self.caller.user_id) } else { Booker::Customer }
    }
}

pub(crate) async fn create(
    Shared(state): Shared<State>,
    customer: Pending<Customer>,
    key: IdempotencyKey,
    Body(request): Body<Request>,
) -> Result<Located<OneAppointment>, BookError> {
    let now = clock::now();
    let reader = &state.web.reader;
    let for_another = request.user_id.filter(|id| *id != customer.user_id());
    let profile = OptionFuture::from(for_another.map(|id| reader.profile(id))).map(Option::transpose);
    let (customer, (catalog, profile)) =
        customer.admit_with(async { try_join!(reader.catalog(), profile) }).await?;
    let (store, caller) = (customer.store(), customer.caller);
    if for_another.is_some() && caller.role < Role::Admin {
        return Err(BookError::ForAnother);
    }
    let identity = key.identify(&caller.user_id.to_string(), request.sha256());
    let id = match &identity {
        Some(identity) => AppointmentId::derived(identity.id_bytes("appointment")),
        None => AppointmentId::new(now, random::bytes()),
    };
    let idempotency = identity.map(|identity| Idempotency { request_sha256: identity.request_sha256 });
    let customer = for_another.unwrap_or(caller.user_id);
    let order = Order { request: &request, caller, customer, id, idempotency, now };
    let attempt = match profile {
        Some(None) => Err(BookError::UnknownCustomer),
        _ => book(&state, store, &catalog, &order).await,
    };
    let refused = match attempt {
        Ok(reply) => return Ok(reply),
        Err(refused) => refused,
    };
    // A repeat is answered as the first time, even if the rules, or its own appointment, stand in its way by now.
    if let Some(idempotency) = &order.idempotency
        && let Some(outcome) = reader.repeated(id, idempotency).await?
    {
        return answer_repeat(&order, outcome);
    }
    if matches!(refused, BookError::Taken(_)) {
        metrics::TAKEN.record();
    }
    Err(refused)
}

async fn book(
    state: &State,
    store: &Store,
    catalog: &Catalog,
    order: &Order<'_>,
) -> Result<Located<OneAppointment>, BookError> {
    let Order { request, now, .. } = *order;
    let salon = availability::salon(catalog)?;
    let payment = salon.payment(request.pay_now, order.booker(), state.hold)?;
    let quotes = salon
        .quotes(request.service_id, &request.sub_service_ids, request.expert_id)
        .map_err(ChoiceRefused)?;
    let bookings = allowed(&salon, &quotes, request, now).map_err(ChoiceRefused)?;
    let offers = salon
        .offers(request.service_id, request.date, request.offer_code.as_ref(), now)
        .map_err(ChoiceRefused)?;
    let start = bookings.first().map(|booking| booking.blocked.start);
    let candidates = match request.expert_id {
        Some(_) => bookings,
        None => least_busy_first(state, &salon, &quotes, bookings, order).await?,
    };
    let customer = customer_check(&catalog.settings, order);
    for booking in candidates {
        let made = appointment_of(booking.with_best_of(&offers), payment, &salon, order);
        let data = match made.status {
            Status::Confirmed => EventData::AppointmentConfirmed,
            _ => EventData::AppointmentReserved,
        };
        let event = event(data, &made, Actor::User(order.caller.user_id), now);
        let new = NewAppointment {
            appointment: &made,
            idempotency: order.idempotency.as_ref(),
            customer,
            event: &event,
        };
        match store.book(new, now, |held| expiry(held, now), || metrics::EXPIRED.record()).await? {
            BookOutcome::Booked => {
                metrics::BOOKED.record();
                return Ok(answer(order, &made, false)?);
            }
            BookOutcome::Taken => {}
            BookOutcome::TooManyOpen => return Err(too_many_open(&catalog.settings)),
            BookOutcome::NoAccount => return Err(BookError::UnknownCustomer),
            outcome => return answer_repeat(order, outcome),
        }
    }
    let taken = (request.date, start.unwrap_or(now));
    let alternatives = availability::alternatives(store, &salon, &quotes, taken, now).await?;
    Err(TakenError::SlotTaken { details: alternatives.into() }.into())
}

/// The quotes that the rules let begin at the wanted time.
fn allowed<'q, 'c>(
    salon: &Salon<'c>,
    quotes: &'q [Quote<'c>],
    request: &Request,
    now: Timestamp,
) -> Result<Vec<Booking<'q, 'c>>, StartError> {
    let mut bookings = Vec::with_capacity(quotes.len());
    let mut refused = None;
    for quote in quotes {
        match salon.book(quote, request.date, request.time, now) {
            Ok(booking) => bookings.push(booking),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) if bookings.is_empty() => Err(error),
        _ => Ok(bookings),
    }
}

/// The bookings whose experts are free, those with the least to do on that day first.
async fn least_busy_first<'q, 'c>(
    state: &State,
    salon: &Salon<'c>,
    quotes: &[Quote<'c>],
    bookings: Vec<Booking<'q, 'c>>,
    order: &Order<'_>,
) -> Result<Vec<Booking<'q, 'c>>, RequestError> {
    let date = order.request.date;
    let busy = availability::busy_now(&state.web.reader, salon, quotes, date, order.now).await?;
    let mut free: Vec<_> = bookings
        .into_iter()
        .filter_map(|booking| {
            let Some(busy) = busy.get(&booking.quote.expert.id) else { return Some((0, booking)) };
            let taken = salon.day(date).map_or(0, |day| busy.taken_in(&day));
            busy.is_free(&booking.blocked).then_some((taken, booking))
        })
        .collect();
    free.sort_by_key(|(taken, _)| *taken);
    Ok(free.into_iter().map(|(_, booking)| booking).collect())
}

/// The refusal of a customer who has as many open reservations as the salon allows.
fn too_many_open(settings: &Settings) -> BookError {
    let limit = settings.max_open_reservations.unwrap_or_default();
    let appointments = if limit == 1 { "appointment" } else { "appointments" };
    let message = format!(
        "You have {limit} {appointments} that the salon has not been paid for yet, and cannot book more. Please pay for \
         one at the salon, or cancel one, first."
    );
    BookError::TooManyOpen { message }
}

/// The condition on the customer. The front desk may hold as many slots as it needs.
fn customer_check(settings: &Settings, order: &Order<'_>) -> CustomerCheck {
    match (settings.max_open_reservations, order.booker()) {
        _ if order.customer != order.caller.user_id => CustomerCheck::HasAccount,
        // Paid at once or not: their word is no payment.
        (Some(limit), Booker::Customer) => CustomerCheck::MaxOpenReservations(limit),
        _ => CustomerCheck::Nothing,
    }
}

fn appointment_of(
    booking: Booking<'_, '_>,
    payment: Payment,
    salon: &Salon<'_>,
    order: &Order<'_>,
) -> Appointment {
    let notes = order.request.notes.clone();
    booking.into_appointment(salon, order.id, order.customer, payment, notes, order.now)
}

/// The expiry of a reservation, if it has run out.
pub(crate) fn expiry(reserved: Appointment, now: Timestamp) -> Option<Expiry> {
    let expired = appointment::expire(&reserved, now)?;
    let event = event(EventData::AppointmentExpired, &expired, Actor::System, now);
    Some(Expiry { reserved, expired, event })
}

fn answer(
    order: &Order<'_>,
    made: &Appointment,
    is_repeat: bool,
) -> Result<Located<OneAppointment>, RequestError> {
    let is_own = order.customer == order.caller.user_id;
    let message = match made.effective_status(order.now) {
        Status::Confirmed if is_own && made.awaits_verification() => {
            "Your appointment is confirmed. The salon has yet to verify your payment."
        }
        Status::Confirmed if is_own => "Your appointment is confirmed.",
        Status::Confirmed => "The appointment is confirmed.",
        Status::Reserved if is_own => {
            "Your appointment is reserved. Please pay before the reservation expires."
        }
        Status::Reserved => {
            "The appointment is reserved. It is to be paid for before the reservation expires."
        }
        Status::Cancelled => "This appointment was booked before, and is cancelled.",
        Status::Expired => "This appointment was booked before, and its reservation has expired.",
        Status::Completed | Status::NoShow => "This appointment was booked before, and is over.",
    };
    let reply = Created::created(message, OneAppointment::at(made, order.now));
    replayed_if(is_repeat, reply).at(format!("/api/v1/appointments/{}", made.id))
}

fn answer_repeat(order: &Order<'_>, outcome: BookOutcome) -> Result<Located<OneAppointment>, BookError> {
    match outcome {
        BookOutcome::Repeated(made) => Ok(answer(order, &made, true)?),
        _ => Err(RepeatError::KeyReused.into()),
    }
}
