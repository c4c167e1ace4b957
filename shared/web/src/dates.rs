//! Local dates as requests write them, and ranges of them.

use jiff::civil::Date;
use serde_json::Value;

use crate::error::{ApiError, FieldError};
use crate::fields::{Fields, FromFields};

/// A local date, `2026-03-03`, and nothing more: what else `jiff` reads (times, zones) is not accepted.
///
/// # Errors
/// What would be right.
pub fn date(value: Value) -> Result<Date, &'static str> {
    let Value::String(text) = value else { return Err("must be a string") };
    let is_date = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    text.parse().ok().filter(|_| is_date).ok_or("must be a date such as 2026-03-03")
}

/// `from` and `to`: local dates, both of which are asked for; each may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dates {
    /// The first one.
    pub from: Option<Date>,
    /// The last one.
    pub to: Option<Date>,
}

impl FromFields for Dates {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let from = fields.optional_with("from", date);
        let to = fields.optional_with("to", date);
        Some(Self { from: from?, to: to? })
    }
}

/// The range from one date to another, if there is one and it has at most so many days, both counted.
///
/// # Errors
/// 400 `validation_failed`, which names `to`.
pub fn range(from: Date, to: Date, at_most_days: i32) -> Result<(Date, Date), ApiError> {
    let refused = |message: String| Err(ApiError::validation(vec![FieldError::new("to", message)]));
    if to < from {
        return refused("must not be before `from`".to_owned());
    }
    let days = from.until(to).map_or(i32::MAX, |span| span.get_days());
    if days >= at_most_days {
        return refused(format!("must be at most {} days after `from`", at_most_days - 1));
    }
    Ok((from, to))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dates_have_one_form() {
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
    }

    #[test]
    fn a_range_is_neither_backwards_nor_too_long() {
        let day = |month, day| jiff::civil::date(2026, month, day);
        for (from, to, refusal) in [
            (day(3, 3), day(3, 3), None),
            (day(3, 1), day(3, 31), None),
            (day(3, 3), day(3, 2), Some("must not be before `from`")),
            (day(3, 1), day(4, 1), Some("must be at most 30 days after `from`")),
            (Date::MIN, Date::MAX, Some("must be at most 30 days after `from`")),
        ] {
            let found = range(from, to, 31).map_err(|error| error.fields[0].message.clone());
            assert_eq!(found, refusal.map_or(Ok((from, to)), |refusal| Err(refusal.to_owned())));
        }
    }
}
