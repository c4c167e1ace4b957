//! `GET /appointments/my`.

use axum::extract::State as Shared;
use chairbook_models::appointment::{Appointment, Status};
use chairbook_models::ids::AppointmentId;
use chairbook_platform::clock;
use chairbook_store::PageKey;
use chairbook_web::fields::format::{Format, one_of};
use chairbook_web::{
    Customer, Fields, FromFields, Page, Paging, Pending, Query, Reply, RequestError, cursor,
};

use crate::{State, view};

/// `status`, `limit`, `cursor`.
pub(crate) struct Filter {
    status: Option<Status>,
    paging: Paging,
}

impl FromFields for Filter {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let status = fields
            .optional_as("status", one_of(&Status::ALL).about("The status that appointments are to have."));
        let paging = Paging::from_fields(fields);
        Some(Self { status: status?, paging: paging? })
    }
}

pub(crate) async fn list(
    Shared(state): Shared<State>,
    customer: Pending<Customer>,
    Query(filter): Query<Filter>,
) -> Result<Reply<Page<view::Appointment>>, RequestError> {
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
    let show = |appointment: &Appointment| view::Appointment::at(appointment, now);
    let after = |last: &Appointment| cursor(PageKey::from(last));
    Ok(Reply::ok("Your appointments.", Page::bounded(&page.items, next, show, after)?))
}
