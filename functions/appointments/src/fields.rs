//! Dates, times and states as requests write them.

use chairbook_models::appointment::Status;
use chairbook_web::{ApiError, FieldError, Fields, FromFields};
use jiff::ToSpan;
use jiff::civil::{Date, Time};
use serde_json::Value;

/// How many days one answer may have.
const MAX_DAYS: i32 = 31;

/// How many days it has when the request does not say.
const DEFAULT_DAYS: i32 = 7;

/// A local date, `2026-03-03`, and nothing more: what else `jiff` reads (times, zones) is not accepted.
pub(crate) fn date(value: Value) -> Result<Date, &'static str> {
    let Value::String(text) = value else { return Err("must be a string") };
    let is_date = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    text.parse().ok().filter(|_| is_date).ok_or("must be a date such as 2026-03-03")
}

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

/// `from` and `to`: local dates, both of which are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dates {
    from: Option<Date>,
    to: Option<Date>,
}

impl FromFields for Dates {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let from = fields.optional_with("from", date);
        let to = fields.optional_with("to", date);
        Some(Self { from: from?, to: to? })
    }
}

impl Dates {
    /// The first and the last date that are asked for: a week from today, if the request does not say.
    pub(crate) fn resolve(self, today: Date) -> Result<(Date, Date), ApiError> {
        let refused = |message: String| ApiError::validation(vec![FieldError::new("to", message)]);
        let from = self.from.unwrap_or(today);
        let to = self.to.unwrap_or_else(|| from.saturating_add((DEFAULT_DAYS - 1).days()));
        if to < from {
            return Err(refused("must not be before `from`".to_owned()));
        }
        let days = from.until(to).map_or(i32::MAX, |span| span.get_days());
        if days >= MAX_DAYS {
            return Err(refused(format!("must be at most {} days after `from`", MAX_DAYS - 1)));
        }
        Ok((from, to))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dates_and_times_have_one_form() {
        assert_eq!(date(json!("2026-03-03")), Ok(jiff::civil::date(2026, 3, 3)));
        for bad in [
            json!("2026-3-3"),
            json!("20260303"),
            json!("2026-02-30"),
            json!("2026-03-03T09:00"),
            json!("03.03.2026"),
            json!(5),
        ] {
            assert!(date(bad.clone()).is_err(), "{bad}");
        }
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
    fn a_range_is_a_week_resolve_or_at_most_a_month() {
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
            let found = Dates { from, to }.resolve(day(3)).map_err(|error| error.fields[0].message.clone());
            assert_eq!(found, expected.map_err(str::to_owned), "{from:?} {to:?}");
        }
    }
}
