//! Parts of responses that several functions show.

use std::borrow::Cow;

use chairbook_models::appointment::payment::{
    Payment as KeptPayment, PaymentMethod, PaymentReference, Refund as KeptRefund,
};
use chairbook_models::appointment::{Appointment, BookedSubService as KeptSubService};
use chairbook_models::ids::{OfferId, SubServiceId, TodoId, UserId};
use chairbook_models::offers::{AppliedOffer as KeptOffer, OfferCode};
use chairbook_models::preferences::{Channels, Preferences};
use chairbook_models::text::{Description, Phone};
use chairbook_models::todo::{DueAt, Priority, Status, Todo as KeptTodo};
use chairbook_models::user::{Profile, Role};
use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// A local time of the day, written `09:30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime(pub Time);

impl Serialize for LocalTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.strftime("%H:%M"))
    }
}

impl JsonSchema for LocalTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "LocalTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        clock_schema()
    }
}

/// The schema of a local time.
pub(crate) fn clock_schema() -> Schema {
    json_schema!({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["09:30"]})
}

/// A local date and time, written `2026-03-02T09:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalDateTime(pub DateTime);

impl Serialize for LocalDateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&local_date_time(self.0))
    }
}

impl JsonSchema for LocalDateTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "LocalDateTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        local_date_time_schema()
    }
}

/// Writes a local date and time: `2026-03-02T09:00`.
pub(crate) fn local_date_time(local: DateTime) -> String {
    local.strftime("%Y-%m-%dT%H:%M").to_string()
}

/// The schema of a local date and time.
pub(crate) fn local_date_time_schema() -> Schema {
    json_schema!({
        "type": "string",
        "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]$",
        "examples": ["2026-03-02T09:00"],
    })
}

/// The data of a response that has nothing to say but its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Empty {}

/// A person, as they see themselves and admins see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    id: UserId,
    name: String,
    email: String,
    phone: Option<String>,
    role: Role,
    email_verified: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<&Profile> for User {
    fn from(profile: &Profile) -> Self {
        Self {
            id: profile.id,
            name: profile.name.to_string(),
            email: profile.email.clone(),
            phone: profile.phone.as_ref().map(Phone::to_string),
            role: profile.role,
            email_verified: profile.email_verified,
            created_at: profile.created_at,
            updated_at: profile.updated_at,
        }
    }
}

/// A response about one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OneUser {
    /// The person.
    pub user: User,
}

impl From<&Profile> for OneUser {
    fn from(profile: &Profile) -> Self {
        Self { user: profile.into() }
    }
}

/// The way in which an appointment was paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ShownPaymentMethod")]
pub enum ShownMethod {
    /// The customer says that they pay; the salon has not verified it.
    Unverified,
    /// In notes and coins.
    Cash,
    /// By card.
    Card,
    /// By bank transfer.
    Transfer,
    /// In any other way, such as a voucher.
    Other,
}

impl From<PaymentMethod> for ShownMethod {
    fn from(method: PaymentMethod) -> Self {
        match method {
            PaymentMethod::Cash => Self::Cash,
            PaymentMethod::Card => Self::Card,
            PaymentMethod::Transfer => Self::Transfer,
            PaymentMethod::Other => Self::Other,
        }
    }
}

/// The payment for an appointment, or the customer's word that they pay: `unverified`, of the whole price. The admin
/// who recorded it stays with the salon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Payment {
    method: ShownMethod,
    /// A text that finds it elsewhere, such as a receipt's number.
    reference: Option<String>,
    /// Minor currency units.
    amount: i64,
    /// The time (UTC) when it was recorded, or claimed.
    at: Timestamp,
}

impl Payment {
    /// The payment for an appointment; `None` where nobody says that it is paid for.
    #[must_use]
    pub fn of(appointment: &Appointment) -> Option<Self> {
        Some(match appointment.payment.as_ref()? {
            KeptPayment::Unverified { at } => Self {
                method: ShownMethod::Unverified,
                reference: None,
                amount: appointment.total_price,
                at: *at,
            },
            KeptPayment::Verified(payment) => Self {
                method: payment.method.into(),
                reference: payment.reference.as_ref().map(PaymentReference::to_string),
                amount: payment.amount,
                at: payment.at,
            },
        })
    }
}

/// An add-on as it was booked: later changes of the catalog do not change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BookedSubService {
    id: SubServiceId,
    name: String,
    /// Its part of the price, minor currency units.
    price: i64,
    /// Its part of the duration, minutes.
    duration_minutes: u32,
}

impl From<&KeptSubService> for BookedSubService {
    fn from(booked: &KeptSubService) -> Self {
        Self {
            id: booked.id,
            name: booked.name.to_string(),
            price: booked.price,
            duration_minutes: booked.duration_minutes,
        }
    }
}

/// The offer that made an appointment cheaper, as it was when it was booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AppliedOffer {
    id: OfferId,
    name: String,
    code: Option<String>,
    /// The amount that it took off, minor currency units.
    discount: i64,
}

impl From<&KeptOffer> for AppliedOffer {
    fn from(offer: &KeptOffer) -> Self {
        Self {
            id: offer.id,
            name: offer.name.to_string(),
            code: offer.code.as_ref().map(OfferCode::to_string),
            discount: offer.discount,
        }
    }
}

/// The channels on which somebody is notified of a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationChannels {
    /// Set where the category's events are sent by e-mail.
    email: bool,
    /// Set where the category's events are listed among the notifications, and counted while they are unread.
    in_app: bool,
}

impl From<Channels> for NotificationChannels {
    fn from(Channels { email, in_app }: Channels) -> Self {
        Self { email, in_app }
    }
}

/// The notifications that somebody wants, by category. All are on until they are turned off, but for news. What concerns the
/// safety of the account cannot be turned off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NotificationPreferences {
    /// Bookings, payments, moves and cancellations of one's own appointments.
    appointments: NotificationChannels,
    /// Reminders of one's own appointments.
    reminders: NotificationChannels,
    /// Reviews; there are no such notifications yet.
    reviews: NotificationChannels,
    /// Courses; there are no such notifications yet.
    courses: NotificationChannels,
    /// One's own to-dos.
    todos: NotificationChannels,
    /// Logins to one's own account.
    logins: NotificationChannels,
    /// News of the salon; there are no such notifications yet.
    news: NotificationChannels,
}

impl From<&Preferences> for NotificationPreferences {
    fn from(preferences: &Preferences) -> Self {
        Self {
            appointments: preferences.appointments.into(),
            reminders: preferences.reminders.into(),
            reviews: preferences.reviews.into(),
            courses: preferences.courses.into(),
            todos: preferences.todos.into(),
            logins: preferences.logins.into(),
            news: preferences.news.into(),
        }
    }
}

/// A to-do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Todo {
    id: TodoId,
    title: String,
    description: Option<String>,
    priority: Priority,
    /// The time (UTC) at which it is due; `null` where it is never.
    due_at: Option<Timestamp>,
    status: Status,
    created_at: Timestamp,
    /// The time (UTC) of the last change by its person.
    updated_at: Timestamp,
}

impl From<&KeptTodo> for Todo {
    fn from(todo: &KeptTodo) -> Self {
        Self {
            id: todo.id,
            title: todo.title.to_string(),
            description: todo.description.as_ref().map(Description::to_string),
            priority: todo.priority,
            due_at: todo.due_at.map(DueAt::instant),
            status: todo.status,
            created_at: todo.created_at,
            updated_at: todo.updated_at,
        }
    }
}

/// Money that was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Refund {
    /// Minor currency units.
    amount: i64,
    /// The time (UTC) of the refund.
    at: Timestamp,
}

impl From<KeptRefund> for Refund {
    fn from(KeptRefund { amount, at }: KeptRefund) -> Self {
        Self { amount, at }
    }
}
