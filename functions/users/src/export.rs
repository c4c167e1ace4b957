//! `GET /profile/export`: all that is kept about the caller, page by page.

use std::fmt;
use std::str::FromStr;

use axum::extract::State;
use chairbook_models::event::EventData;
use chairbook_models::ids::{AppointmentId, EventId, SessionId, TodoId, UserId};
use chairbook_models::todo::Filter;
use chairbook_platform::clock;
use chairbook_store::{ListPage, PageKey, Reader};
use chairbook_web::fields::format::{self, Format};
use chairbook_web::view::{NotificationPreferences, Todo, User};
use chairbook_web::{Access, Customer, Fields, FromFields, Query, Reply, RequestError, Room, Web, cursor};
use futures_util::try_join;
use http::{HeaderValue, header};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::event;
use crate::view::{ExportedAppointment, ExportedEvent, ExportedSession};

/// Rows in one query's page.
const ROWS_AT_ONCE: usize = 100;

/// The most reads for one page. So many small rows do not fill its megabyte, but take as long as a request
/// should.
const READS_PER_PAGE: usize = 20;

/// `cursor`.
pub(crate) struct Request {
    cursor: Option<String>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let cursor = format::text().about("The `nextCursor` of the page before.");
        fields.optional_as("cursor", cursor).map(|cursor| Self { cursor })
    }
}

/// A page of all that is kept about somebody.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Export {
    /// The time (UTC) of the page.
    exported_at: Timestamp,
    /// The person, on the first page only.
    user: Option<User>,
    /// The notifications that the person wants, on the first page only.
    notification_preferences: Option<NotificationPreferences>,
    #[schemars(with = "Vec<ExportedSession>")]
    sessions: Vec<Box<RawValue>>,
    /// The latest booked first.
    #[schemars(with = "Vec<ExportedAppointment>")]
    appointments: Vec<Box<RawValue>>,
    /// The latest created first.
    #[schemars(with = "Vec<Todo>")]
    todos: Vec<Box<RawValue>>,
    /// Events that the person was told of, the latest first.
    #[schemars(with = "Vec<ExportedEvent>")]
    events: Vec<Box<RawValue>>,
    /// The `cursor` of the next page; `null` on the last page.
    next_cursor: Option<String>,
}

/// The place at which an export goes on: the kind of record, and the last one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    Sessions(Option<SessionId>),
    Appointments(Option<PageKey<AppointmentId>>),
    Todos(Option<TodoId>),
    Events(Option<PageKey<EventId>>),
}

impl Position {
    const START: Self = Self::Sessions(None);
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn write(f: &mut fmt::Formatter<'_>, of: &str, after: Option<impl fmt::Display>) -> fmt::Result {
            match after {
                None => f.write_str(of),
                Some(after) => write!(f, "{of} {after}"),
            }
        }
        match self {
            Self::Sessions(after) => write(f, "sessions", *after),
            Self::Appointments(after) => write(f, "appointments", *after),
            Self::Todos(after) => write(f, "todos", *after),
            Self::Events(after) => write(f, "events", *after),
        }
    }
}

/// Reads a position as it is displayed; `None` where it is none.
fn read_position(text: &str) -> Option<Position> {
    fn read<K: FromStr>(after: Option<&str>, position: fn(Option<K>) -> Position) -> Option<Position> {
        after.map(str::parse).transpose().ok().map(position)
    }
    let (of, after) = text.split_once(' ').map_or((text, None), |(of, after)| (of, Some(after)));
    match of {
        "sessions" => read(after, Position::Sessions),
        "appointments" => read(after, Position::Appointments),
        "todos" => read(after, Position::Todos),
        "events" => read(after, Position::Events),
        _ => None,
    }
}

/// Returns the place at which an export goes on after `page`, which had room for the first `shown` items; `None`
/// where nothing of the kind is left. `here` is where the page began, `key` says where one begins after an item.
fn next<T, K>(
    page: ListPage<T, K>,
    shown: usize,
    here: Position,
    key: impl Fn(&T) -> K,
    position: fn(Option<K>) -> Position,
) -> Option<Position> {
    if shown == page.items.len() {
        return page.next.map(|next| position(Some(next)));
    }
    Some(shown.checked_sub(1).map_or(here, |last| position(Some(key(&page.items[last])))))
}

/// A page that is being filled.
struct Filling<'a> {
    reader: &'a Reader,
    user: UserId,
    room: Room,
    page: Export,
}

impl Filling<'_> {
    /// Adds the records after a position, as far as there is room; returns where the export goes on, if it does.
    async fn add(&mut self, here: Position) -> Result<Option<Position>, RequestError> {
        let (reader, user, now) = (self.reader, self.user, self.page.exported_at);
        match here {
            Position::Sessions(after) => {
                let found = reader.sessions_page(user, |_| true, ROWS_AT_ONCE, after).await?;
                let shown = self.room.fill(found.items.iter().map(ExportedSession::from))?;
                let next = next(found, shown.len(), here, |last| last.id, Position::Sessions);
                self.page.sessions.extend(shown);
                Ok(next.or(Some(Position::Appointments(None))))
            }
            Position::Appointments(after) => {
                let found = reader.appointments_of(user, |_| true, ROWS_AT_ONCE, after).await?;
                let shown =
                    self.room.fill(found.items.iter().map(|found| ExportedAppointment::at(found, now)))?;
                let next = next(found, shown.len(), here, |last| PageKey::from(last), Position::Appointments);
                self.page.appointments.extend(shown);
                Ok(next.or(Some(Position::Todos(None))))
            }
            Position::Todos(after) => {
                let found = reader.todos_by_creation(user, &Filter::default(), ROWS_AT_ONCE, after).await?;
                let shown = self.room.fill(found.items.iter().map(Todo::from))?;
                let next = next(found, shown.len(), here, |last| last.id, Position::Todos);
                self.page.todos.extend(shown);
                Ok(next.or(Some(Position::Events(None))))
            }
            Position::Events(after) => {
                let found = reader.events_of(user, ROWS_AT_ONCE, after).await?;
                let shown = self.room.fill(found.items.iter().map(ExportedEvent::from))?;
                let next = next(found, shown.len(), here, |last| PageKey::from(last), Position::Events);
                self.page.events.extend(shown);
                Ok(next)
            }
        }
    }

    /// The page from a position on; returns where the next one begins, if there is one.
    async fn fill(&mut self, from: Position) -> Result<Option<Position>, RequestError> {
        let mut position = from;
        for _ in 0..READS_PER_PAGE {
            match self.add(position).await? {
                Some(next) if !self.room.is_full() => position = next,
                end => return Ok(end),
            }
        }
        Ok(Some(position))
    }
}

pub(crate) async fn export(
    State(web): State<Web>,
    customer: Customer,
    Query(request): Query<Request>,
) -> Result<Reply<Export>, RequestError> {
    let (reader, user) = (&web.reader, customer.caller.user_id);
    let list = format!("export {user}");
    let start = cursor::decode(&list, request.cursor.as_deref(), read_position)?;
    let page = Export {
        exported_at: clock::now(),
        user: None,
        notification_preferences: None,
        sessions: Vec::new(),
        appointments: Vec::new(),
        todos: Vec::new(),
        events: Vec::new(),
        next_cursor: None,
    };
    let mut filling = Filling { reader, user, room: Room::default(), page };
    let next = if let Some(start) = start {
        Box::pin(filling.fill(start)).await?
    } else {
        let profile = async { reader.profile(user).await.map_err(RequestError::from) };
        let reads = async { try_join!(filling.fill(Position::START), profile) };
        let (next, profile) = Box::pin(reads).await?;
        let profile = profile.ok_or_else(RequestError::session_ended)?;
        filling.page.user = Some(User::from(&profile));
        filling.page.notification_preferences = Some(NotificationPreferences::from(&profile.preferences));
        next
    };
    let mut page = filling.page;
    page.next_cursor = next.map(|next| cursor::encode(&list, &next.to_string()));
    if start.is_none() {
        // One export is one event, however many pages it has.
        let caller = customer.caller;
        let exported = event(EventData::UserExported {}, user, caller.into(), None, page.exported_at);
        customer.store().add_event(&exported).await?;
    }
    let message = match page.next_cursor {
        None => "All that we keep about you.",
        Some(_) => "A part of all that we keep about you. The next page has more.",
    };
    let disposition = HeaderValue::from_static("attachment; filename=\"chairbook-export.json\"");
    Ok(Reply::ok(message, page).with_header(header::CONTENT_DISPOSITION, disposition))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_what_its_text_says() {
        let at = Timestamp::from_millisecond(1_772_528_400_123).unwrap();
        for position in [
            Position::START,
            Position::Sessions(Some(SessionId::derived([1; 16]))),
            Position::Appointments(None),
            Position::Appointments(Some(PageKey { id: AppointmentId::derived([2; 16]), at })),
            Position::Todos(None),
            Position::Todos(Some(TodoId::derived([4; 16]))),
            Position::Events(None),
            Position::Events(Some(PageKey { id: EventId::derived([3; 16]), at })),
        ] {
            assert_eq!(read_position(&position.to_string()), Some(position), "{position}");
        }
        for text in ["", "users", "sessions ", "sessions evt_01jd3x8m4e5zq0v7k2n9r6t1wb", "events soon"] {
            assert_eq!(read_position(text), None, "{text}");
        }
    }
}
