//! `GET /availability`.

use std::collections::BTreeMap;

use axum::extract::State as Shared;
use chairbook_models::availability::{DaySlots, Slot};
use chairbook_models::booking::{Quote, Salon};
use chairbook_models::catalog::Catalog;
use chairbook_models::day::Busy;
use chairbook_models::ids::{ExpertId, ServiceId, SubServiceId};
use chairbook_platform::clock;
use chairbook_store::{Reader, StoreError};
use chairbook_web::dates::Dates;
use chairbook_web::{Fields, FromFields, Pending, Query, Reply, RequestError, Visitor};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use crate::error::{AvailabilityError, ChoiceRefused};
use crate::view::Availability;
use crate::{MAX_SUB_SERVICES, State, fields};

/// The days after a taken slot in which alternatives are looked for.
const ALTERNATIVE_DAYS: i32 = 7;

/// The alternatives that a refusal names at most.
const ALTERNATIVES: usize = 5;

/// The free starts of experts that one response may have. Each takes 35 bytes, and each time of the day 80 more, of the
/// 6 MB that Lambda answers with (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const MAX_STARTS: usize = 120_000;

/// `serviceId`, `expertId`, `subServiceIds`, `from`, `to`.
pub(crate) struct Question {
    service_id: ServiceId,
    expert_id: Option<ExpertId>,
    sub_service_ids: Vec<SubServiceId>,
    dates: Dates,
}

impl FromFields for Question {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let service_id = fields.required("serviceId");
        let expert_id = fields.optional("expertId");
        let sub_service_ids = fields.list("subServiceIds", MAX_SUB_SERVICES);
        let dates = Dates::from_fields(fields);
        Some(Self {
            service_id: service_id?,
            expert_id: expert_id?,
            sub_service_ids: sub_service_ids?,
            dates: dates?,
        })
    }
}

pub(crate) fn salon(catalog: &Catalog) -> Result<Salon<'_>, RequestError> {
    Salon::new(catalog).map_err(|error| RequestError::bug(&error))
}

/// Reads what is taken of the time of each quote's expert, from one local date to another.
async fn busy(
    reader: &Reader,
    salon: &Salon<'_>,
    quotes: &[Quote<'_>],
    (from, to): (Date, Date),
    consistent_read: bool,
    now: Timestamp,
) -> Result<BTreeMap<ExpertId, Busy>, StoreError> {
    let experts = quotes.iter().map(|quote| quote.expert.id).collect();
    reader.busy(&experts, salon.experts(), salon.utc_days(from, to), now, consistent_read).await
}

/// Reads the taken time of a local date, for a booking: whatever was freed a moment ago is free.
pub(crate) async fn busy_now(
    reader: &Reader,
    salon: &Salon<'_>,
    quotes: &[Quote<'_>],
    date: Date,
    now: Timestamp,
) -> Result<BTreeMap<ExpertId, Busy>, StoreError> {
    busy(reader, salon, quotes, (date, date), true, now).await
}

/// The next free starts after a slot that is taken.
pub(crate) async fn alternatives(
    reader: &Reader,
    salon: &Salon<'_>,
    quotes: &[Quote<'_>],
    taken: (Date, Timestamp),
    now: Timestamp,
) -> Result<Vec<Slot>, StoreError> {
    let dates = (taken.0, taken.0.saturating_add(ALTERNATIVE_DAYS.days()));
    let busy = busy(reader, salon, quotes, dates, false, now).await?;
    let days = salon.availability(quotes, &busy, dates.0, dates.1, now);
    let slots = days.flat_map(|day| day.slots);
    Ok(slots.filter(|slot| slot.starts_at > taken.1).take(ALTERNATIVES).collect())
}

pub(crate) async fn availability(
    Shared(state): Shared<State>,
    visitor: Pending<Visitor>,
    Query(question): Query<Question>,
) -> Result<Reply<Availability>, AvailabilityError> {
    let now = clock::now();
    let reader = &state.web.reader;
    let (_, catalog) = visitor.admit_with(reader.catalog()).await?;
    let salon = salon(&catalog)?;
    let dates = fields::resolve(question.dates, salon.today(now))?;
    let quotes = salon
        .quotes(question.service_id, &question.sub_service_ids, question.expert_id)
        .map_err(ChoiceRefused)?;
    let busy = busy(reader, &salon, &quotes, dates, false, now).await?;
    let days: Vec<DaySlots> = salon.availability(&quotes, &busy, dates.0, dates.1, now).collect();
    let starts: usize = days.iter().flat_map(|day| &day.slots).map(|slot| slot.expert_ids.len()).sum();
    if starts > MAX_STARTS {
        return Err(AvailabilityError::TooManyFreeTimes);
    }
    let time_zone = catalog.settings.time_zone.clone();
    Ok(Reply::ok("The free times.", Availability::new(days, time_zone)).compressed())
}
