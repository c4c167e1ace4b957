//! Times, states and ranges of dates as requests write them.

use chairbook_models::appointment::Status;
use chairbook_web::ApiError;
use chairbook_web::dates::{self, Dates};
use jiff::ToSpan;
use jiff::civil::{Date, Time};
use serde_json::Value;

/// How many days one answer may have.
const MAX_DAYS: i32 = 31;

/// How many days it has when the request does not say.
const DEFAULT_DAYS: i32 = 7;

/// A local time, `09:30`.
pub(crate) fn time(value: Value) -> Result<Time, &'static str> {
    let Value::String(text) = value else { return Err("must be a string") };
    let is_time = text.len() == 5 && text.bytes().enumerate().all(|(place, b)| (place == 2) == (b == b':'));
    Time::strptime("%H:%M", &text).ok().filter(|_| is_time).ok_or("must be a time such as 09:30")
}

/// Where an appointment stands, by its name in the API.
pub(crate) fn status(value: Value) -> Result<Status, &'static str> {
    serde_json::from_value(value)
        .map_err(|_| "must be reserved, confirmed, cancelled, expired, completed or no_show")
}

/// The first and the last date that are asked for: a week from today, if the request does not say.
pub(crate) fn resolve(dates: Dates, today: Date) -> Result<(Date, Date), ApiError> {
    let from = dates.from.unwrap_or(today);
    let to = dates.to.unwrap_or_else(|| from.saturating_add((DEFAULT_DAYS - 1).days()));
    dates::range(from, to, MAX_DAYS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_have_one_form() {
        assert_eq!(time(json!("09:30")), Ok(jiff::civil::time(9, 30, 0, 0)));
        for bad in [
            json!("9:30"),
            json!("24:00"),
            json!("09:60"),
            json!("09:30:00"),
            json!("0930"),
            json!("+9:30"),
            json!(930),
        ] {
            assert!(time(bad.clone()).is_err(), "{bad}");
        }
    }

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
            let found = resolve(Dates { from, to }, day(3)).map_err(|error| error.fields[0].message.clone());
            assert_eq!(found, expected.map_err(str::to_owned), "{from:?} {to:?}");
        }
    }
}
