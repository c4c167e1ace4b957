//! Local dates as requests write them, and ranges of them.

use jiff::civil::Date;

use crate::contract::RequestError;
use crate::error::FieldError;
use crate::fields::format::{Format, LocalDate};
use crate::fields::{Fields, FromFields};

/// `from` and `to`: local dates, both of which are asked for; each may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dates {
    /// The first one.
    pub from: Option<Date>,
    /// The last one.
    pub to: Option<Date>,
}

impl FromFields for Dates {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let from = fields.optional_as("from", LocalDate.about("The first local date."));
        let to = fields.optional_as("to", LocalDate.about("The last local date."));
        Some(Self { from: from?, to: to? })
    }
}

/// The range from one date to another, if there is one and it has at most so many days, both counted.
///
/// # Errors
/// 400 `validation_failed`, which names `to`.
pub fn range(from: Date, to: Date, at_most_days: i32) -> Result<(Date, Date), RequestError> {
    let refused = |message: String| Err(RequestError::validation(vec![FieldError::new("to", message)]));
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
    use super::*;

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
            let found = range(from, to, 31).map_err(|error| error.fields()[0].message.clone());
            assert_eq!(found, refusal.map_or(Ok((from, to)), |refusal| Err(refusal.to_owned())));
        }
    }
}
