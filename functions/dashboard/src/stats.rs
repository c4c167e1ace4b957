//! `GET /dashboard/stats`.

use axum::extract::State;
use chairbook_models::booking::Salon;
use chairbook_platform::clock;
use chairbook_store::StoreError;
use chairbook_web::dates::{self, Dates};
use chairbook_web::{Admin, Fields, FromFields, Pending, Query, Reply, RequestError, Web, errors};
use jiff::civil::Date;

use crate::report::Report;

/// The most days of one response: a leap year.
const MAX_DAYS: i32 = 366;

/// The most services and experts of one response. Each is at most 500 bytes of it, and Lambda answers with at most
/// 6 MB (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const MAX_RANKED: usize = 8_000;

/// `from`, `to`.
pub(crate) struct Question(Dates);

impl FromFields for Question {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        Dates::from_fields(fields).map(Self)
    }
}

impl Question {
    /// The first and the last date that are asked for. If the request does not say: until today, or one day if it
    /// begins later; and from the first of the month in which it ends.
    fn resolve(&self, today: Date) -> Result<(Date, Date), RequestError> {
        let Dates { from, to } = self.0;
        let to = to.unwrap_or_else(|| from.map_or(today, |from| from.max(today)));
        let from = from.unwrap_or_else(|| to.first_of_month());
        dates::range(from, to, MAX_DAYS)
    }
}

pub(crate) async fn stats(
    State(web): State<Web>,
    admin: Pending<Admin>,
    Query(question): Query<Question>,
) -> Result<Reply<Report>, ReportError> {
    let (_, catalog) = admin.admit_with(web.reader.catalog()).await?;
    let salon = Salon::new(&catalog).map_err(|error| RequestError::bug(&error))?;
    let (from, to) = question.resolve(salon.today(clock::now()))?;
    let days = web.reader.statistics(from, to).await?.ok_or(ReportError::TooManyStatistics)?;
    let report = Report::new(&catalog, (from, to), &days);
    if report.ranked() > MAX_RANKED {
        return Err(ReportError::TooManyStatistics);
    }
    Ok(Reply::ok("The salon's statistics.", report))
}

errors! {
    /// Refusals of a report.
    pub(crate) enum ReportError {
        /// So many services and experts were booked on these days that one report cannot have all of them.
        TooManyStatistics => BAD_REQUEST("to") "too_many_statistics"
            "must be earlier: so many services and experts were booked that one report cannot have all of these days";
        ..Request(RequestError: StoreError);
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn what_is_not_said_is_this_month_until_today() {
        let today = date(2026, 3, 18);
        for (from, to, expected) in [
            (None, None, Ok((date(2026, 3, 1), today))),
            (Some(date(2026, 1, 15)), None, Ok((date(2026, 1, 15), today))),
            (Some(date(2026, 4, 2)), None, Ok((date(2026, 4, 2), date(2026, 4, 2)))),
            (None, Some(date(2026, 2, 10)), Ok((date(2026, 2, 1), date(2026, 2, 10)))),
            (Some(date(2024, 1, 1)), Some(date(2024, 12, 31)), Ok((date(2024, 1, 1), date(2024, 12, 31)))),
            (Some(date(2025, 1, 1)), Some(date(2026, 1, 2)), Err("must be at most 365 days after `from`")),
            (Some(date(2026, 3, 2)), Some(date(2026, 3, 1)), Err("must not be before `from`")),
        ] {
            let found = Question(Dates { from, to })
                .resolve(today)
                .map_err(|error| error.fields()[0].message.clone());
            assert_eq!(found, expected.map_err(str::to_owned), "{from:?} {to:?}");
        }
    }
}
