//! Every key of every table, in one place. `docs/data-model.md` describes the rows.

use chairbook_models::ids::{
    AppointmentId, CategoryId, EventId, ExpertId, ImageId, OfferId, ServiceId, SessionId, SubServiceId,
    TodoId, UserId,
};
use chairbook_models::week::Week;
use jiff::civil::Date;

/// The number of partitions over which the people who have to-dos are spread.
pub(crate) const TODO_PEOPLE_SHARDS: u8 = 4;

/// A primary key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

fn key(pk: impl Into<String>, sk: impl Into<String>) -> Key {
    Key { pk: pk.into(), sk: sk.into() }
}

pub(crate) fn profile(id: UserId) -> Key {
    key(format!("USER#{id}"), "PROFILE")
}

pub(crate) fn session(user: UserId, session: SessionId) -> Key {
    key(format!("USER#{user}"), format!("SESSION#{session}"))
}

/// The partition of a user's sessions, and what their sort keys begin with.
pub(crate) fn sessions(user: UserId) -> (String, &'static str) {
    (format!("USER#{user}"), "SESSION#")
}

/// `email` is the address's canonical form: two spellings of one address are one key.
pub(crate) fn credentials(email: &str) -> Key {
    key(format!("EMAIL#{email}"), "CREDENTIALS")
}

pub(crate) fn token(sha256: &str) -> Key {
    key(format!("TOKEN#{sha256}"), "TOKEN")
}

pub(crate) fn verification_key(kid: &str) -> Key {
    key(format!("KEY#{kid}"), "KEY")
}

pub(crate) const META: &str = "META";
pub(crate) const CATEGORIES: &str = "CATEGORY";
pub(crate) const SERVICES: &str = "SERVICE";
pub(crate) const EXPERTS: &str = "EXPERT";
pub(crate) const OFFERS: &str = "OFFER";
pub(crate) const GALLERY: &str = "GALLERY";

pub(crate) fn catalog_version() -> Key {
    key(META, "VERSION")
}

pub(crate) fn settings() -> Key {
    key(META, "SETTINGS")
}

pub(crate) fn category(id: CategoryId) -> Key {
    key(CATEGORIES, id.to_string())
}

pub(crate) fn service(id: ServiceId) -> Key {
    key(SERVICES, id.to_string())
}

/// Add-ons stand beside their service, so that one query reads both.
pub(crate) fn sub_service(service: ServiceId, id: SubServiceId) -> Key {
    key(SERVICES, format!("{service}#{id}"))
}

pub(crate) fn expert(id: ExpertId) -> Key {
    key(EXPERTS, id.to_string())
}

pub(crate) fn offer(id: OfferId) -> Key {
    key(OFFERS, id.to_string())
}

pub(crate) fn gallery_image(id: ImageId) -> Key {
    key(GALLERY, id.to_string())
}

pub(crate) fn appointment(id: AppointmentId) -> Key {
    key(format!("APT#{id}"), "APT")
}

/// The row with the unpaid reservations that a customer has open.
pub(crate) fn open_reservations(user: UserId) -> Key {
    key(format!("USER#{user}"), "OPEN")
}

/// `date` is a UTC date.
pub(crate) fn expert_day(expert: ExpertId, date: Date) -> Key {
    key(format!("EXPERT#{expert}"), format!("DAY#{date}"))
}

/// The partition of the busy weeks that begin in a month.
pub(crate) fn busy_month(week: Week) -> String {
    week.monday().strftime("BUSY#%Y-%m").to_string()
}

/// The sort keys of a week's experts lie between this one's beginning and its end.
pub(crate) fn busy_experts(week: Week) -> (String, String) {
    // No id has a tilde, which sorts behind all that they have.
    (format!("{}#", week.monday()), format!("{}#~", week.monday()))
}

/// An expert's busy times of a week.
pub(crate) fn busy_week(expert: ExpertId, week: Week) -> Key {
    key(busy_month(week), format!("{}#{expert}", week.monday()))
}

/// The partition of somebody's to-dos.
pub(crate) fn todos(user: UserId) -> String {
    format!("USER#{user}")
}

pub(crate) fn todo(user: UserId, id: TodoId) -> Key {
    key(todos(user), id.to_string())
}

/// The partition of a shard of the people who have to-dos.
pub(crate) fn todo_people(shard: u8) -> String {
    format!("OPEN#{shard}")
}

/// The row with the number of to-dos that somebody has open.
pub(crate) fn open_todos(user: UserId) -> Key {
    key(todo_people(user.to_bytes()[15] % TODO_PEOPLE_SHARDS), format!("USER#{user}"))
}

pub(crate) fn event(id: EventId) -> Key {
    key(format!("EVT#{id}"), "EVT")
}

/// One client's requests in one window of one rate limit.
pub(crate) fn rate_limit(policy: &str, client: &str, window_start: i64) -> Key {
    key(format!("RATE#{policy}#{client}"), format!("WINDOW#{window_start}"))
}

/// The mails of one kind to one address on one UTC day.
pub(crate) fn mails(kind: &str, address_sha256: &str, day: Date) -> Key {
    key(format!("MAIL#{kind}#{address_sha256}"), format!("DAY#{day}"))
}

/// The row with the owners, of whom the last stays one.
pub(crate) fn owners() -> Key {
    key("OWNERS", "OWNERS")
}

/// The partition of a month's days of statistics; `date` is a local date.
pub(crate) fn statistics_month(date: Date) -> String {
    date.strftime("STATS#%Y-%m").to_string()
}

/// The statistics of a local day.
pub(crate) fn statistics_day(date: Date) -> Key {
    key(statistics_month(date), format!("DAY#{date}"))
}

/// The row with the contribution that has been counted for an appointment.
pub(crate) fn counted(id: AppointmentId) -> Key {
    key(format!("STATS#{id}"), "COUNTED")
}

/// The partition that says which appointments have been counted for a local day.
pub(crate) fn counted_on(date: Date) -> String {
    format!("STATS#{date}")
}

/// Says that an appointment has been counted for a local day.
pub(crate) fn counted_there(date: Date, id: AppointmentId) -> Key {
    key(counted_on(date), id.to_string())
}

/// The partition of the new customers of a UTC day.
pub(crate) fn new_customers(date: Date) -> String {
    format!("STATS#NEW#{date}")
}

/// A customer who was new on a UTC day, by the event that says so.
pub(crate) fn new_customer(date: Date, event: EventId) -> Key {
    key(new_customers(date), event.to_string())
}

/// A key that no row has, for health checks.
pub(crate) fn health() -> Key {
    key("HEALTH", "HEALTH")
}
