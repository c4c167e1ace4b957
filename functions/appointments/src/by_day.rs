//! `GET /appointments`: everybody's, for the front desk.

use axum::extract::State as Shared;
use chairbook_models::appointment::{Appointment, Status};
use chairbook_models::ids::{ExpertId, UserId};
use chairbook_platform::clock;
use chairbook_store::DayPageKey;
use chairbook_web::dates::Dates;
use chairbook_web::fields::format::{Format, one_of};
use chairbook_web::{Admin, Fields, FromFields, Page, Paging, Pending, Query, Reply, RequestError, cursor};
use jiff::Timestamp;

use crate::fields;
use crate::{State, availability, view};

/// `from`, `to`, `status`, `expertId`, `userId`, `limit`, `cursor`.
pub(crate) struct Filter {
    dates: Dates,
    status: Option<Status>,
    expert_id: Option<ExpertId>,
    user_id: Option<UserId>,
    paging: Paging,
}

impl FromFields for Filter {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let dates = Dates::from_fields(fields);
        let status = fields
            .optional_as("status", one_of(&Status::ALL).about("The status that appointments are to have."));
        let expert_id = fields.optional("expertId");
        let user_id = fields.optional("userId");
        let paging = Paging::from_fields(fields);
        Some(Self {
            dates: dates?,
            status: status?,
            expert_id: expert_id?,
            user_id: user_id?,
            paging: paging?,
        })
    }
}

impl Filter {
    /// The list's name, to which its cursors are bound.
    fn list(&self, caller: UserId) -> String {
        let Self { dates, status, expert_id, user_id, .. } = self;
        format!("appointments {caller} {dates:?} {status:?} {expert_id:?} {user_id:?}")
    }

    fn keeps(&self, appointment: &Appointment, now: Timestamp) -> bool {
        self.status.is_none_or(|status| appointment.effective_status(now) == status)
            && self.expert_id.is_none_or(|expert| appointment.expert_id == expert)
            && self.user_id.is_none_or(|user| appointment.user_id == user)
    }
}

/// A page's position in a cursor: the last appointment's date, start and id.
fn position(key: &DayPageKey) -> String {
    format!("{} {} {}", key.date, key.starts_at.as_millisecond(), key.id)
}

fn read_position(text: &str) -> Option<DayPageKey> {
    let mut parts = text.split(' ');
    let date = parts.next()?.parse().ok()?;
    let starts_at = Timestamp::from_millisecond(parts.next()?.parse().ok()?).ok()?;
    Some(DayPageKey { date, starts_at, id: parts.next()?.parse().ok()? })
}

pub(crate) async fn list(
    Shared(state): Shared<State>,
    admin: Pending<Admin>,
    Query(filter): Query<Filter>,
) -> Result<Reply<Page<view::Appointment>>, RequestError> {
    let now = clock::now();
    let list = filter.list(admin.user_id());
    let after = filter.paging.start(&list, read_position)?;
    let reader = &state.web.reader;
    let (_, catalog) = admin.admit_with(reader.catalog()).await?;
    let dates = fields::resolve(filter.dates, availability::salon(&catalog)?.today(now))?;
    let keep = |appointment: &Appointment| filter.keeps(appointment, now);
    let page = reader.appointments_by_day(dates, keep, filter.paging.limit(), after).await?;
    let cursor = |key: &DayPageKey| cursor::encode(&list, &position(key));
    let next = page.next.as_ref().map(cursor);
    let show = |appointment: &Appointment| view::Appointment::at(appointment, now);
    let after = |last: &Appointment| cursor(&DayPageKey::after(last));
    Ok(Reply::ok("The salon's appointments.", Page::bounded(&page.items, next, show, after)?))
}
