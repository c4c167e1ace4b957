//! Ranges of dates as requests write them.

use chairbook_web::RequestError;
use chairbook_web::dates::{self, Dates};
use jiff::ToSpan;
use jiff::civil::Date;

/// The most days of one response.
const MAX_DAYS: i32 = 31;

/// The days of a response to a request that does not say.
const DEFAULT_DAYS: i32 = 7;

/// The first and the last date that are asked for: a week from today, if the request does not say.
pub(crate) fn resolve(dates: Dates, today: Date) -> Result<(Date, Date), RequestError> {
    let from = dates.from.unwrap_or(today);
    let to = dates.to.unwrap_or_else(|| from.saturating_add((DEFAULT_DAYS - 1).days()));
    dates::range(from, to, MAX_DAYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_week_or_at_most_a_month() {
        let day = |number| jiff::civil::date(2026, 3, number);
        for (from, to, expected) in [
            (None, None, Ok((day(3), day(9)))),
            (Some(day(1)), None, Ok((day(1), day(7)))),
            (None, Some(day(4)), Ok((day(3), day(4)))),
            (Some(day(1)), Some(day(31)), Ok((day(1), day(31)))),
            (Some(day(1)), Some(day(1)), Ok((day(1), day(1)))),
            (None, Some(day(2)), Err("must not be before `from`")),
            (Some(day(1)), Some(jiff::civil::date(2026, 4, 1)), Err("must be at most 30 days after `from`")),
        ] {
            let found =
                resolve(Dates { from, to }, day(3)).map_err(|error| error.fields()[0].message.clone());
            assert_eq!(found, expected.map_err(str::to_owned), "{from:?} {to:?}");
        }
    }
}
