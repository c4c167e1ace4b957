//! Events: each change of state is recorded in one row, written in the same transaction as the change.
//!
//! A row with a recipient is that user's in-app notification; a row that is to be delivered by e-mail has a
//! [`Delivery`]; all rows together are the audit log.
//!
//! As in `CloudEvents`, an event has a type and data, whose members depend on the type: [`EventData`] is both. Adding
//! an event means adding its line to [`events!`](self) with the name, the members and the notification, its text in
//! [`EventData::text`], the members that [`EventData::anonymised`] clears, its constructor's call beside the change,
//! and, if it is mailed, the template in `chairbook-mail`. The compiler asks for each of them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::appointment::Appointment;
use crate::ids::{AppointmentId, EventId, ExpertId, SessionId, SubServiceId, TodoId, UserId};
use crate::text::{Label, PersonName, TodoTitle};
use crate::todo::{DueAt, Todo};
use crate::user::Role;

/// The groups of notifications that users can turn on and off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "NotificationCategory")]
pub enum Category {
    /// Bookings, payments, moves and cancellations of one's own appointments.
    Appointments,
    /// Reminders of one's own appointments.
    Reminders,
    /// Reviews.
    Reviews,
    /// Courses.
    Courses,
    /// To-dos.
    Todos,
    /// Logins to one's own account.
    Logins,
    /// News of the salon.
    News,
    /// The safety of one's own account; cannot be turned off.
    Security,
}

impl Category {
    /// Every category.
    pub const ALL: [Self; 8] = [
        Self::Appointments,
        Self::Reminders,
        Self::Reviews,
        Self::Courses,
        Self::Todos,
        Self::Logins,
        Self::News,
        Self::Security,
    ];

    /// The name in the API, in the tables and in links.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Appointments => "appointments",
            Self::Reminders => "reminders",
            Self::Reviews => "reviews",
            Self::Courses => "courses",
            Self::Todos => "todos",
            Self::Logins => "logins",
            Self::News => "news",
            Self::Security => "security",
        }
    }

    /// Returns true if users can turn its notifications off.
    #[must_use]
    pub const fn can_be_turned_off(self) -> bool {
        !matches!(self, Self::Security)
    }
}

/// The channels on which an event's recipient is notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Notification {
    /// In the app and by e-mail.
    Mail(Category),
    /// In the app.
    InApp(Category),
    /// None: the event is for the audit log.
    AuditOnly,
}

/// Declares an enum of names: the enum, `ALL`, `as_str`, and serde by the same names.
macro_rules! names {
    ($(#[$meta:meta])* pub enum $enum:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $enum {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
        }

        impl $enum {
            /// Every one.
            pub const ALL: [Self; [$($enum::$variant),+].len()] = [$(Self::$variant),+];

            /// The name in the tables and in the API.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

/// Declares the events: for each its variant and documentation, its members, its name and its notification.
macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident $members:tt = $name:literal, $notification:expr;)+) => {
        names! {
            /// The type of an event, such as `appointment.confirmed`.
            pub enum EventType { $($(#[$doc])* $variant = $name,)+ }
        }

        impl EventType {
            /// The channels on which a recipient is notified.
            #[must_use]
            pub const fn notification(self) -> Notification {
                match self {
                    $(Self::$variant => $notification,)+
                }
            }
        }

        /// The type and the data of an event. Never holds a secret.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "data", rename_all_fields = "camelCase")]
        pub enum EventData {
            $($(#[$doc])* #[serde(rename = $name)] $variant $members,)+
        }

        impl EventData {
            /// The type.
            #[must_use]
            pub const fn event_type(&self) -> EventType {
                match self {
                    $(Self::$variant { .. } => EventType::$variant,)+
                }
            }
        }
    };
}

events! {
    /// An account was registered, and its address is to be verified; carries the sealed token.
    UserRegistered {} = "user.registered", Notification::Mail(Category::Security);
    /// Another verification mail was asked for; carries the sealed token.
    UserVerificationRequested {} = "user.verification_requested", Notification::Mail(Category::Security);
    /// An e-mail address was verified.
    UserVerified {} = "user.verified", Notification::Mail(Category::Security);
    /// A user logged in.
    UserLoggedIn {
        /// The client that logged in.
        #[serde(flatten)]
        client: ClientInfo,
        /// Set where the device is another than at the logins before, and not at the first login.
        new_device: bool,
    } = "user.logged_in", Notification::Mail(Category::Logins);
    /// A user logged out.
    UserLoggedOut {} = "user.logged_out", Notification::AuditOnly;
    /// A session got a new pair of tokens.
    UserSessionRefreshed {} = "user.session_refreshed", Notification::AuditOnly;
    /// A refresh token was used again after it had been replaced, so it may be stolen, and its session was ended.
    UserSessionRevoked {
        /// The client that used the token again.
        #[serde(flatten)]
        client: ClientInfo,
        /// The session.
        session_id: SessionId,
    } = "user.session_revoked", Notification::Mail(Category::Security);
    /// A user ended one of their sessions, or all of them.
    UserSessionsEnded {
        /// The session; absent where all were ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session_id: Option<SessionId>,
    } = "user.sessions_ended", Notification::InApp(Category::Security);
    /// A new password was asked for; carries the sealed token.
    UserPasswordResetRequested {} = "user.password_reset_requested", Notification::Mail(Category::Security);
    /// A password was changed, or reset by a link in a mail.
    UserPasswordChanged(ClientInfo) = "user.password_changed", Notification::Mail(Category::Security);
    /// A profile was changed.
    UserProfileChanged {} = "user.profile_changed", Notification::AuditOnly;
    /// A user chose other notifications.
    UserPreferencesChanged {} = "user.preferences_changed", Notification::AuditOnly;
    /// A user's role was changed.
    UserRoleChanged {
        /// The new role.
        role: Role,
    } = "user.role_changed", Notification::Mail(Category::Security);
    /// A user exported all that is kept about them.
    UserExported {} = "user.exported", Notification::AuditOnly;
    /// An account was deleted, and the erasure of its personal data began.
    UserDeleted {} = "user.deleted", Notification::AuditOnly;
    /// An appointment was booked and paid for, on its customer's word or at the front desk, or a reservation was paid
    /// for.
    AppointmentConfirmed(AppointmentFacts) = "appointment.confirmed", Notification::Mail(Category::Appointments);
    /// An appointment was booked and awaits payment.
    AppointmentReserved(AppointmentFacts) = "appointment.reserved", Notification::Mail(Category::Appointments);
    /// An appointment was moved.
    AppointmentRescheduled {
        /// The appointment after the move.
        #[serde(flatten)]
        appointment: AppointmentFacts,
        /// The time and the expert before the move.
        previous: PreviousTime,
    } = "appointment.rescheduled", Notification::Mail(Category::Appointments);
    /// The salon verified the payment that an appointment's customer had claimed.
    AppointmentPaymentVerified(AppointmentFacts) = "appointment.payment_verified",
        Notification::InApp(Category::Appointments);
    /// A customer was served.
    AppointmentCompleted(AppointmentFacts) = "appointment.completed", Notification::InApp(Category::Appointments);
    /// A customer did not come.
    AppointmentNoShow(AppointmentFacts) = "appointment.no_show", Notification::InApp(Category::Appointments);
    /// An appointment was cancelled.
    AppointmentCancelled(AppointmentFacts) = "appointment.cancelled", Notification::Mail(Category::Appointments);
    /// A reservation expired unpaid.
    AppointmentExpired(AppointmentFacts) = "appointment.expired", Notification::Mail(Category::Appointments);
    /// A confirmed appointment is coming up, and its customer is reminded of it.
    AppointmentReminder(AppointmentFacts) = "appointment.reminder", Notification::Mail(Category::Reminders);
    /// A to-do was added.
    TodoCreated(TodoFacts) = "todo.created", Notification::Mail(Category::Todos);
    /// A to-do was changed.
    TodoUpdated(TodoFacts) = "todo.updated", Notification::InApp(Category::Todos);
    /// A to-do was completed.
    TodoCompleted(TodoFacts) = "todo.completed", Notification::InApp(Category::Todos);
    /// A to-do was deleted.
    TodoDeleted(TodoFacts) = "todo.deleted", Notification::InApp(Category::Todos);
    /// An open to-do is due today, and its person is reminded of it.
    TodoDue(TodoFacts) = "todo.due", Notification::Mail(Category::Todos);
    /// Something in the catalog changed.
    CatalogChanged {
        /// The kind of thing that changed.
        what: CatalogKind,
        /// The kind of change.
        change: ChangeKind,
        /// The id of the thing.
        id: String,
    } = "catalog.changed", Notification::AuditOnly;
}

names! {
    /// The kinds of things in the catalog.
    pub enum CatalogKind {
        /// The whole catalog at once, as a new stack is filled with the demo salon.
        Catalog = "catalog",
        /// A category of services.
        Category = "category",
        /// A service.
        Service = "service",
        /// An add-on of a service.
        SubService = "subService",
        /// An expert.
        Expert = "expert",
        /// The assignment of a service to an expert, whose id is `<expert>/<service>`.
        ExpertService = "expertService",
        /// The working hours of an expert, whose id it has.
        WorkingHours = "workingHours",
        /// A span of an expert's time off.
        TimeOff = "timeOff",
        /// An offer.
        Offer = "offer",
        /// An image of the gallery.
        GalleryImage = "galleryImage",
        /// The salon's settings.
        Settings = "settings",
    }
}

names! {
    /// The kinds of changes in the catalog.
    pub enum ChangeKind {
        /// It was created.
        Created = "created",
        /// It was changed.
        Updated = "updated",
        /// It can no longer be booked, and stays for the appointments that refer to it.
        Deactivated = "deactivated",
        /// It was deleted.
        Deleted = "deleted",
    }
}

/// The client that sent a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientInfo {
    /// The source address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The client's name for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// The facts by which people recognize an appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppointmentFacts {
    /// The service's name when the appointment was booked.
    pub service_name: Label,
    /// The start (UTC) at the time of the event.
    pub starts_at: Timestamp,
}

impl From<&Appointment> for AppointmentFacts {
    fn from(appointment: &Appointment) -> Self {
        Self { service_name: appointment.service_name.clone(), starts_at: appointment.starts_at }
    }
}

/// The time and the expert of an appointment before it was moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviousTime {
    /// The start (UTC).
    pub starts_at: Timestamp,
    /// The expert.
    pub expert_id: ExpertId,
    /// The expert's name when it was booked.
    pub expert_name: PersonName,
}

impl From<&Appointment> for PreviousTime {
    fn from(appointment: &Appointment) -> Self {
        Self {
            starts_at: appointment.starts_at,
            expert_id: appointment.expert_id,
            expert_name: appointment.expert_name.clone(),
        }
    }
}

/// The facts by which people recognize a to-do, at the time of the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TodoFacts {
    /// The title; absent once its person's account is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<TodoTitle>,
    /// The time at which it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DueAt>,
}

impl From<&Todo> for TodoFacts {
    fn from(todo: &Todo) -> Self {
        Self { title: Some(todo.title.clone()), due_at: todo.due_at }
    }
}

impl TodoFacts {
    /// The same without its person's words.
    fn anonymised(self) -> Self {
        Self { title: None, ..self }
    }
}

impl EventType {
    /// Returns true if recipients get an e-mail.
    #[must_use]
    pub const fn is_mailed(self) -> bool {
        matches!(self.notification(), Notification::Mail(_))
    }

    /// The title of the notification in the app: a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::UserRegistered => "Welcome",
            Self::UserVerificationRequested => "Verification mail sent",
            Self::UserVerified => "E-mail address verified",
            Self::UserLoggedIn => "New login",
            Self::UserLoggedOut => "Logged out",
            Self::UserSessionRefreshed => "Session renewed",
            Self::UserSessionRevoked => "Session ended for your safety",
            Self::UserSessionsEnded => "Sessions ended",
            Self::UserPasswordResetRequested => "Password reset requested",
            Self::UserPasswordChanged => "Password changed",
            Self::UserProfileChanged => "Profile changed",
            Self::UserPreferencesChanged => "Notifications changed",
            Self::UserRoleChanged => "Role changed",
            Self::UserExported => "Data exported",
            Self::UserDeleted => "Account deleted",
            Self::AppointmentConfirmed => "Appointment confirmed",
            Self::AppointmentReserved => "Appointment reserved",
            Self::AppointmentRescheduled => "Appointment moved",
            Self::AppointmentPaymentVerified => "Payment received",
            Self::AppointmentCompleted => "Appointment completed",
            Self::AppointmentNoShow => "Appointment missed",
            Self::AppointmentCancelled => "Appointment cancelled",
            Self::AppointmentExpired => "Reservation expired",
            Self::AppointmentReminder => "Upcoming appointment",
            Self::TodoCreated => "To-do added",
            Self::TodoUpdated => "To-do changed",
            Self::TodoCompleted => "To-do completed",
            Self::TodoDeleted => "To-do deleted",
            Self::TodoDue => "To-do due today",
            Self::CatalogChanged => "Catalog changed",
        }
    }

    /// The category by which recipients turn its notifications on and off; `None` where there are none.
    #[must_use]
    pub const fn category(self) -> Option<Category> {
        match self.notification() {
            Notification::Mail(category) | Notification::InApp(category) => Some(category),
            Notification::AuditOnly => None,
        }
    }
}

impl EventData {
    /// The data's members by name, as JSON.
    #[must_use]
    pub fn members(&self) -> Map<String, Value> {
        let mut event = serde_json::to_value(self).unwrap_or_default();
        match event.get_mut("data").map(Value::take) {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        }
    }

    /// The text of the notification in the app: one or two short sentences to the recipient.
    #[must_use]
    pub fn text(&self) -> String {
        let appointment = |facts: &AppointmentFacts, rest: &str| {
            format!("Your appointment for {} {rest}", facts.service_name)
        };
        let todo = |facts: &TodoFacts, rest: &str| match &facts.title {
            Some(title) => format!("Your to-do “{title}” {rest}"),
            None => format!("Your to-do {rest}"),
        };
        match self {
            Self::UserRegistered {} => {
                "Welcome! Please verify your e-mail address by the link in the mail that we sent you.".to_owned()
            }
            Self::UserVerificationRequested {} => "We sent you another verification mail.".to_owned(),
            Self::UserVerified {} => "Your e-mail address is verified.".to_owned(),
            Self::UserLoggedIn { new_device: true, .. } => {
                "You logged in from a new device. If this was not you, change your password.".to_owned()
            }
            Self::UserLoggedIn { new_device: false, .. } => "You logged in.".to_owned(),
            Self::UserLoggedOut {} => "You logged out.".to_owned(),
            Self::UserSessionRefreshed {} => "Your session was renewed.".to_owned(),
            Self::UserSessionRevoked { .. } => {
                "One of your sessions was ended, because its token was used twice and may be stolen. If this was not \
                 you, change your password."
                    .to_owned()
            }
            Self::UserSessionsEnded { session_id: Some(_) } => "You ended one of your sessions.".to_owned(),
            Self::UserSessionsEnded { session_id: None } => "You logged out everywhere.".to_owned(),
            Self::UserPasswordResetRequested {} => {
                "A link to reset your password was requested. If this was not you, ignore the mail.".to_owned()
            }
            Self::UserPasswordChanged(_) => {
                "Your password was changed. If this was not you, reset it and call us.".to_owned()
            }
            Self::UserProfileChanged {} => "Your profile was changed.".to_owned(),
            Self::UserPreferencesChanged {} => "You changed your notifications.".to_owned(),
            Self::UserRoleChanged { role: Role::User } => "You are a customer now.".to_owned(),
            Self::UserRoleChanged { role: Role::Admin } => "You belong to the front desk now.".to_owned(),
            Self::UserRoleChanged { role: Role::Owner } => "You are an owner now.".to_owned(),
            Self::UserExported {} => "You exported your data.".to_owned(),
            Self::UserDeleted {} => "Your account was deleted.".to_owned(),
            Self::AppointmentConfirmed(facts) => appointment(facts, "is confirmed."),
            Self::AppointmentReserved(facts) => {
                appointment(facts, "is reserved. Please pay before the reservation expires.")
            }
            Self::AppointmentRescheduled { appointment: facts, .. } => appointment(facts, "was moved."),
            Self::AppointmentPaymentVerified(facts) => {
                format!("We received your payment for {}.", facts.service_name)
            }
            Self::AppointmentCompleted(facts) => appointment(facts, "is completed. Thank you for your visit!"),
            Self::AppointmentNoShow(facts) => {
                appointment(facts, "was missed. If this is a mistake, please call us.")
            }
            Self::AppointmentCancelled(facts) => appointment(facts, "was cancelled."),
            Self::AppointmentExpired(facts) => {
                format!("Your reservation for {} expired, because it was not paid for.", facts.service_name)
            }
            Self::AppointmentReminder(facts) => appointment(facts, "is coming up."),
            Self::TodoCreated(facts) => todo(facts, "was added."),
            Self::TodoUpdated(facts) => todo(facts, "was changed."),
            Self::TodoCompleted(facts) => todo(facts, "is completed."),
            Self::TodoDeleted(facts) => todo(facts, "was deleted."),
            Self::TodoDue(facts) => todo(facts, "is due today."),
            Self::CatalogChanged { what, change, .. } => {
                format!("The catalog changed: {} {}.", what.as_str(), change.as_str())
            }
        }
    }

    /// An example of each type, for documentation and tests.
    #[must_use]
    pub fn example(event_type: EventType) -> Self {
        let client =
            || ClientInfo { ip: Some("192.0.2.7".to_owned()), user_agent: Some("Lynx/2.9".to_owned()) };
        let facts = || AppointmentFacts {
            service_name: Label::given("Cut & finish"),
            starts_at: Timestamp::constant(1_772_532_000, 0),
        };
        let session_id = SessionId::derived([1; 16]);
        let todo = || TodoFacts {
            title: Some(TodoTitle::given("Order towels")),
            due_at: DueAt::new(Timestamp::constant(1_772_532_000, 0)),
        };
        match event_type {
            EventType::UserRegistered => Self::UserRegistered {},
            EventType::UserVerificationRequested => Self::UserVerificationRequested {},
            EventType::UserVerified => Self::UserVerified {},
            EventType::UserLoggedIn => Self::UserLoggedIn { client: client(), new_device: true },
            EventType::UserLoggedOut => Self::UserLoggedOut {},
            EventType::UserSessionRefreshed => Self::UserSessionRefreshed {},
            EventType::UserSessionRevoked => Self::UserSessionRevoked { client: client(), session_id },
            EventType::UserSessionsEnded => Self::UserSessionsEnded { session_id: Some(session_id) },
            EventType::UserPasswordResetRequested => Self::UserPasswordResetRequested {},
            EventType::UserPasswordChanged => Self::UserPasswordChanged(client()),
            EventType::UserProfileChanged => Self::UserProfileChanged {},
            EventType::UserPreferencesChanged => Self::UserPreferencesChanged {},
            EventType::UserRoleChanged => Self::UserRoleChanged { role: Role::Admin },
            EventType::UserExported => Self::UserExported {},
            EventType::UserDeleted => Self::UserDeleted {},
            EventType::AppointmentConfirmed => Self::AppointmentConfirmed(facts()),
            EventType::AppointmentReserved => Self::AppointmentReserved(facts()),
            EventType::AppointmentRescheduled => {
                let previous = PreviousTime {
                    starts_at: Timestamp::constant(1_772_442_000, 0),
                    expert_id: ExpertId::derived([1; 16]),
                    expert_name: PersonName::given("Camille"),
                };
                Self::AppointmentRescheduled { appointment: facts(), previous }
            }
            EventType::AppointmentPaymentVerified => Self::AppointmentPaymentVerified(facts()),
            EventType::AppointmentCompleted => Self::AppointmentCompleted(facts()),
            EventType::AppointmentNoShow => Self::AppointmentNoShow(facts()),
            EventType::AppointmentCancelled => Self::AppointmentCancelled(facts()),
            EventType::AppointmentExpired => Self::AppointmentExpired(facts()),
            EventType::AppointmentReminder => Self::AppointmentReminder(facts()),
            EventType::TodoCreated => Self::TodoCreated(todo()),
            EventType::TodoUpdated => Self::TodoUpdated(todo()),
            EventType::TodoCompleted => Self::TodoCompleted(todo()),
            EventType::TodoDeleted => Self::TodoDeleted(todo()),
            EventType::TodoDue => Self::TodoDue(todo()),
            EventType::CatalogChanged => {
                let (what, change) = (CatalogKind::SubService, ChangeKind::Deactivated);
                Self::CatalogChanged { what, change, id: SubServiceId::derived([1; 16]).to_string() }
            }
        }
    }

    /// The same without the members that are personal once the recipient's account is erased. The facts of an
    /// appointment stay, as they do in the appointment itself.
    #[must_use]
    pub fn anonymised(self) -> Self {
        match self {
            Self::UserLoggedIn { client: _, new_device } => {
                Self::UserLoggedIn { client: ClientInfo::default(), new_device }
            }
            Self::UserSessionRevoked { client: _, session_id } => {
                Self::UserSessionRevoked { client: ClientInfo::default(), session_id }
            }
            Self::UserPasswordChanged(_) => Self::UserPasswordChanged(ClientInfo::default()),
            Self::TodoCreated(facts) => Self::TodoCreated(facts.anonymised()),
            Self::TodoUpdated(facts) => Self::TodoUpdated(facts.anonymised()),
            Self::TodoCompleted(facts) => Self::TodoCompleted(facts.anonymised()),
            Self::TodoDeleted(facts) => Self::TodoDeleted(facts.anonymised()),
            Self::TodoDue(facts) => Self::TodoDue(facts.anonymised()),
            Self::UserRegistered {}
            | Self::UserVerificationRequested {}
            | Self::UserVerified {}
            | Self::UserLoggedOut {}
            | Self::UserSessionRefreshed {}
            | Self::UserSessionsEnded { .. }
            | Self::UserPasswordResetRequested {}
            | Self::UserProfileChanged {}
            | Self::UserPreferencesChanged {}
            | Self::UserRoleChanged { .. }
            | Self::UserExported {}
            | Self::UserDeleted {}
            | Self::AppointmentConfirmed(_)
            | Self::AppointmentReserved(_)
            | Self::AppointmentRescheduled { .. }
            | Self::AppointmentPaymentVerified(_)
            | Self::AppointmentCompleted(_)
            | Self::AppointmentNoShow(_)
            | Self::AppointmentCancelled(_)
            | Self::AppointmentExpired(_)
            | Self::AppointmentReminder(_)
            | Self::CatalogChanged { .. } => self,
        }
    }
}

/// The cause of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Actor {
    /// A person.
    User(UserId),
    /// A schedule or an operator.
    System,
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        match actor {
            Actor::User(id) => id.to_string(),
            Actor::System => "system".to_owned(),
        }
    }
}

impl TryFrom<String> for Actor {
    type Error = crate::ids::IdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "system" { Ok(Self::System) } else { text.parse().map(Self::User) }
    }
}

/// The subjects of an event: the ids that readers look things up by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subjects {
    /// The person that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The appointment that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appointment_id: Option<AppointmentId>,
    /// The to-do that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub todo_id: Option<TodoId>,
}

/// The progress of an event's e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// To be sent.
    Pending,
    /// Claimed by a sender, until its lease ends.
    Sending,
    /// Accepted by SES.
    Sent,
    /// Obsolete before it was sent, such as a booking mail for an appointment that is cancelled by now.
    Skipped,
    /// Impossible to send.
    Failed,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The id, `evt_…`: derived from the idempotency key of the request, if it had one, so that a repeat finds it.
    pub id: EventId,
    /// The type and its data: the members `type` and `data`.
    #[serde(flatten)]
    pub data: EventData,
    /// The time (UTC).
    pub at: Timestamp,
    /// The cause.
    pub actor: Actor,
    /// The user whose notification it is, if anybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<UserId>,
    /// The person and the thing that it is about.
    #[serde(default)]
    pub subjects: Subjects,
    /// A one-time token, sealed so that only the e-mail function can read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_secret: Option<String>,
    /// The progress of its e-mail; absent where nobody gets one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// The SHA-256 of the request that caused it, where that had an `Idempotency-Key`, from which the event's id is
    /// derived then: it tells a repeat from another request with the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_sha256: Option<String>,
}

impl Event {
    /// A new event, to be delivered by e-mail where its type is mailed and there is a recipient.
    #[must_use]
    pub fn new(
        id: EventId,
        data: EventData,
        at: Timestamp,
        actor: Actor,
        recipient: Option<UserId>,
        subjects: Subjects,
    ) -> Self {
        let delivery = (data.event_type().is_mailed() && recipient.is_some()).then_some(Delivery::Pending);
        Self { id, data, at, actor, recipient, subjects, sealed_secret: None, delivery, request_sha256: None }
    }

    /// A new event about a user's account, of which they are notified where `recipient` is set.
    #[must_use]
    pub fn about_user(
        id: EventId,
        data: EventData,
        at: Timestamp,
        actor: Actor,
        user_id: UserId,
        recipient: Option<UserId>,
    ) -> Self {
        let subjects = Subjects { user_id: Some(user_id), ..Subjects::default() };
        Self::new(id, data, at, actor, recipient, subjects)
    }

    /// A new event about an appointment, of which its customer is notified; `data` is made from the appointment's
    /// facts, such as by [`EventData::AppointmentConfirmed`].
    #[must_use]
    pub fn about_appointment(
        id: EventId,
        data: impl FnOnce(AppointmentFacts) -> EventData,
        at: Timestamp,
        actor: Actor,
        appointment: &Appointment,
    ) -> Self {
        let customer = Some(appointment.user_id);
        let subjects =
            Subjects { user_id: customer, appointment_id: Some(appointment.id), ..Subjects::default() };
        Self::new(id, data(appointment.into()), at, actor, customer, subjects)
    }

    /// A new event about a to-do, of which its person is notified; `data` is made from the to-do's facts, such as by
    /// [`EventData::TodoCreated`].
    #[must_use]
    pub fn about_todo(
        id: EventId,
        data: impl FnOnce(TodoFacts) -> EventData,
        at: Timestamp,
        actor: Actor,
        todo: &Todo,
    ) -> Self {
        let person = Some(todo.user_id);
        let subjects = Subjects { user_id: person, todo_id: Some(todo.id), ..Subjects::default() };
        Self::new(id, data(todo.into()), at, actor, person, subjects)
    }

    /// The type.
    #[must_use]
    pub const fn event_type(&self) -> EventType {
        self.data.event_type()
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
