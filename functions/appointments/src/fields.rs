//! Dates and times as requests write them.

use jiff::civil::{Date, Time};
use serde_json::Value;

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
}
