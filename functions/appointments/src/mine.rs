//! `GET /appointments/my`.

use axum::extract::State as Shared;
use chairbook_models::appointment::{Appointment, Status};
use chairbook_models::ids::AppointmentId;
use chairbook_platform::clock;
use chairbook_store::PageKey;
use chairbook_web::{ApiError, Customer, Fields, FromFields, Page, Paging, Pending, Query, Reply, cursor};

use crate::{State, fields, render};

/// `status`, `limit`, `cursor`.
pub(crate) struct Filter {
    status: Option<Status>,
    paging: Paging,
}

impl FromFields for Filter {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let status = fields.optional_with("status", fields::status);
        let paging = Paging::from_fields(fields);
        Some(Self { status: status?, paging: paging? })
    }
}

pub(crate) async fn list(
    Shared(state): Shared<State>,
    customer: Pending<Customer>,
    Query(filter): Query<Filter>,
) -> Result<Reply<Page>, ApiError> {
    let now = clock::now();
    let user = customer.user_id();
    let list = format!("my appointments {user} {:?}", filter.status);
    let after = filter.paging.start(&list, |position| position.parse().ok())?;
    let keep = |appointment: &Appointment| {
        filter.status.is_none_or(|status| appointment.effective_status(now) == status)
    };
    let (_, page) = customer
        .admit_with(state.web.reader.appointments_of(user, keep, filter.paging.limit(), after))
        .await?;
    let cursor = |key: PageKey<AppointmentId>| cursor::encode(&list, &key.to_string());
    let next = page.next.map(cursor);
    let show = |appointment: &Appointment| render::appointment(appointment, now);
    let after = |last: &Appointment| cursor(PageKey::from(last));
    Ok(Reply::ok("Your appointments.", Page::bounded(&page.items, next, show, after)?))
}
