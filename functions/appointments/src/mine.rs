//! `GET /appointments/my`.

use axum::extract::State as Shared;
use chairbook_models::appointment::{Appointment, Status};
use chairbook_platform::clock;
use chairbook_store::PageKey;
use chairbook_web::{ApiError, Customer, Fields, FromFields, Page, Pending, Query, Reply, cursor};

use crate::{State, fields, render};

/// `status`, `limit`, `cursor`.
pub(crate) struct Filter {
    status: Option<Status>,
    limit: usize,
    cursor: Option<String>,
}

impl FromFields for Filter {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let status = fields.optional_with("status", fields::status);
        let limit = fields.limit();
        let cursor = fields.optional("cursor");
        Some(Self { status: status?, limit: limit?, cursor: cursor? })
    }
}

/// A page's position in a cursor: when the last appointment was booked, and its id.
fn position(key: &PageKey) -> String {
    format!("{} {}", key.created_at.as_millisecond(), key.id)
}

fn read_position(text: &str) -> Option<PageKey> {
    let (millisecond, id) = text.split_once(' ')?;
    Some(PageKey {
        created_at: jiff::Timestamp::from_millisecond(millisecond.parse().ok()?).ok()?,
        id: id.parse().ok()?,
    })
}

pub(crate) async fn list(
    Shared(state): Shared<State>,
    customer: Pending<Customer>,
    Query(filter): Query<Filter>,
) -> Result<Reply<Page>, ApiError> {
    let now = clock::now();
    let user = customer.user_id();
    let list = format!("my appointments {user} {:?}", filter.status);
    let after = match &filter.cursor {
        None => None,
        Some(cursor) => read_position(&cursor::decode(&list, cursor)?),
    };
    let keep = |appointment: &Appointment| {
        filter.status.is_none_or(|status| appointment.effective_status(now) == status)
    };
    let (_, page) =
        customer.admit_with(state.web.reader.appointments_of(user, keep, filter.limit, after)).await?;
    let cursor = |key: &PageKey| cursor::encode(&list, &position(key));
    let next = page.next.as_ref().map(cursor);
    let show = |appointment: &Appointment| render::appointment(appointment, now);
    let after = |last: &Appointment| cursor(&PageKey::after(last));
    Ok(Reply::ok("Your appointments.", Page::bounded(&page.items, next, show, after)?))
}
