//! Appointments and free times as responses show them.

use chairbook_models::appointment::{Appointment as Kept, PaymentStatus, Status};
use chairbook_models::availability::{DaySlots, Slot as FreeSlot};
use chairbook_models::ids::{AppointmentId, ExpertId, ServiceId, UserId};
use chairbook_models::money::Currency;
use chairbook_models::text::Notes;
use chairbook_web::view::{AppliedOffer, BookedSubService, LocalTime, Payment, Refund};
use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;

/// An appointment.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Appointment {
    id: AppointmentId,
    /// The customer.
    user_id: UserId,
    service_id: ServiceId,
    /// The service's name when it was booked.
    service_name: String,
    sub_services: Vec<BookedSubService>,
    expert_id: ExpertId,
    /// The expert's name when it was booked.
    expert_name: String,
    /// The local date of the start.
    date: Date,
    /// The local time of the start.
    time: LocalTime,
    /// The start (UTC).
    starts_at: Timestamp,
    /// The end (UTC).
    ends_at: Timestamp,
    /// The IANA time zone of `date` and `time`.
    time_zone: String,
    duration_minutes: u32,
    status: Status,
    payment_status: PaymentStatus,
    /// The price with all add-ons, after the offer's discount, minor currency units.
    total_price: i64,
    offer: Option<AppliedOffer>,
    currency: Currency,
    /// The end (UTC) of the hold of an unpaid reservation.
    expires_at: Option<Timestamp>,
    payment: Option<Payment>,
    refund: Option<Refund>,
    /// The customer's words to the expert.
    notes: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Appointment {
    /// The appointment at `now`, by which a reservation that has not been swept yet has expired or not.
    pub(crate) fn at(kept: &Kept, now: Timestamp) -> Self {
        Self {
            id: kept.id,
            user_id: kept.user_id,
            service_id: kept.service_id,
            service_name: kept.service_name.to_string(),
            sub_services: kept.sub_services.iter().map(BookedSubService::from).collect(),
            expert_id: kept.expert_id,
            expert_name: kept.expert_name.to_string(),
            date: kept.date,
            time: LocalTime(kept.time),
            starts_at: kept.starts_at,
            ends_at: kept.ends_at,
            time_zone: kept.time_zone.clone(),
            duration_minutes: kept.duration_minutes,
            status: kept.effective_status(now),
            payment_status: kept.payment_status(),
            total_price: kept.total_price,
            offer: kept.offer.as_ref().map(AppliedOffer::from),
            currency: kept.currency,
            expires_at: kept.expires_at,
            payment: Payment::of(kept),
            refund: kept.refund.map(Refund::from),
            notes: kept.notes.as_ref().map(Notes::to_string),
            created_at: kept.created_at,
            updated_at: kept.updated_at,
        }
    }
}

/// A response about one appointment.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OneAppointment {
    appointment: Appointment,
}

impl OneAppointment {
    /// The appointment at `now`.
    pub(crate) fn at(kept: &Kept, now: Timestamp) -> Self {
        Self { appointment: Appointment::at(kept, now) }
    }
}

/// The free times of some local dates.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Availability {
    days: Vec<Day>,
    /// The IANA time zone of all dates and times.
    time_zone: String,
}

impl Availability {
    pub(crate) fn new(days: Vec<DaySlots>, time_zone: String) -> Self {
        Self { days: days.into_iter().map(Day::from).collect(), time_zone }
    }
}

/// The free times of one local date, in their order.
#[derive(Serialize, JsonSchema)]
struct Day {
    date: Date,
    slots: Vec<Slot>,
}

impl From<DaySlots> for Day {
    fn from(day: DaySlots) -> Self {
        Self { date: day.date, slots: day.slots.into_iter().map(Slot::from).collect() }
    }
}

/// A start that can be booked.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Slot {
    /// The experts who are free.
    expert_ids: Vec<ExpertId>,
    /// The start (UTC).
    starts_at: Timestamp,
    /// The local time of the start.
    time: LocalTime,
}

impl From<FreeSlot> for Slot {
    fn from(slot: FreeSlot) -> Self {
        Self { expert_ids: slot.expert_ids, starts_at: slot.starts_at, time: LocalTime(slot.time) }
    }
}

/// A start that can be booked instead.
#[derive(Debug, Serialize, JsonSchema)]
struct Alternative {
    /// The local date of the start.
    date: Date,
    #[serde(flatten)]
    slot: Slot,
}

/// The next free starts after one that is taken.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Alternatives {
    alternatives: Vec<Alternative>,
}

impl From<Vec<FreeSlot>> for Alternatives {
    fn from(slots: Vec<FreeSlot>) -> Self {
        let alternatives = slots.into_iter().map(|slot| Alternative { date: slot.date, slot: slot.into() });
        Self { alternatives: alternatives.collect() }
    }
}
