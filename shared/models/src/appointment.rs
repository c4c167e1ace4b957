//! An appointment and its lifecycle.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};

use crate::ids::{AppointmentId, ExpertId, ServiceId, SubServiceId, UserId};
use crate::money::Currency;

/// Where an appointment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Held, unpaid, until `expires_at`.
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

/// Whether an appointment is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Nothing was paid.
    Unpaid,
    /// All was paid.
    Paid,
    /// What was paid was given back.
    Refunded,
}

/// An add-on as it was booked: later changes of the catalog do not change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BookedSubService {
    /// The add-on.
    pub id: SubServiceId,
    /// Its name.
    pub name: String,
    /// What it added to the price, minor currency units.
    pub price: i64,
    /// What it added to the duration, minutes.
    pub duration_minutes: u32,
}

/// One appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointment {
    /// The id.
    pub id: AppointmentId,
    /// The customer.
    pub user_id: UserId,
    /// The service.
    pub service_id: ServiceId,
    /// Its name when it was booked.
    pub service_name: String,
    /// The add-ons.
    #[serde(default)]
    pub sub_services: Vec<BookedSubService>,
    /// The expert.
    pub expert_id: ExpertId,
    /// Their name when it was booked.
    pub expert_name: String,
    /// The local date of the start.
    pub date: Date,
    /// The local time of the start.
    pub time: Time,
    /// The zone in which `date` and `time` are local.
    pub time_zone: String,
    /// The start (UTC).
    pub starts_at: Timestamp,
    /// When the customer is done (UTC).
    pub ends_at: Timestamp,
    /// When the expert is free again: `ends_at` and the service's buffer (UTC).
    pub blocked_until: Timestamp,
    /// From start to end, minutes.
    pub duration_minutes: u32,
    /// Where it stands.
    pub status: Status,
    /// Whether it is paid for.
    pub payment_status: PaymentStatus,
    /// The price with all add-ons, minor currency units.
    pub total_price: i64,
    /// The currency of the price.
    pub currency: Currency,
    /// Until when an unpaid reservation is held (UTC); absent on others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What the customer wants the expert to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// Raised by each change; also the calendar's `SEQUENCE`.
    pub version: u32,
    /// When it was booked (UTC).
    pub created_at: Timestamp,
    /// When it last changed (UTC).
    pub updated_at: Timestamp,
}
