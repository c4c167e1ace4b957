//! Durations: as configuration writes them (`4h`, `15m`, `5s`, `7d`, `1h30m`), and in words.

use std::time::Duration;

use jiff::fmt::friendly::{Designator, Spacing, SpanPrinter};
use jiff::{SignedDuration, ToSpan};

const IN_WORDS: SpanPrinter =
    SpanPrinter::new().designator(Designator::Verbose).spacing(Spacing::BetweenUnitsAndDesignators);

/// A text that is not a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a duration such as 4h, 15m, 5s, 7d or 1h30m, and not zero")]
pub struct DurationError;

/// Reads a duration.
///
/// # Errors
/// [`DurationError`] when the text is none, or is zero.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let mut seconds = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(DurationError)?;
        let number: u64 = rest[..digits].parse().map_err(|_| DurationError)?;
        let mut after = rest[digits..].chars();
        let unit = match after.next() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => return Err(DurationError),
        };
        let part = number.checked_mul(unit).ok_or(DurationError)?;
        seconds = seconds.checked_add(part).ok_or(DurationError)?;
        rest = after.as_str();
    }
    if seconds == 0 { Err(DurationError) } else { Ok(Duration::from_secs(seconds)) }
}

/// So many minutes.
#[must_use]
pub fn minutes(minutes: u32) -> SignedDuration {
    SignedDuration::from_mins(i64::from(minutes))
}

/// A duration in its largest units: `24 hours`, `1 hour`, `1 hour 30 minutes`.
#[must_use]
pub fn in_words(duration: SignedDuration) -> String {
    IN_WORDS.duration_to_string(&duration)
}

/// A number of minutes, in hours where they are whole: `1 hour`, `2 hours`, `90 minutes`, `1 minute`.
#[must_use]
pub fn minutes_in_words(minutes: u32) -> String {
    let minutes = i64::from(minutes);
    let span = if minutes > 0 && minutes % 60 == 0 { (minutes / 60).hours() } else { minutes.minutes() };
    IN_WORDS.span_to_string(&span)
}

/// A number of days: `1 day`, `90 days`.
#[must_use]
pub fn days_in_words(days: u32) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_written_in_its_largest_units() {
        for (minutes, text) in
            [(24 * 60, "24 hours"), (60, "1 hour"), (90, "1 hour 30 minutes"), (45, "45 minutes")]
        {
            assert_eq!(in_words(SignedDuration::from_mins(minutes)), text);
        }
    }

    #[test]
    fn one_of_a_unit_is_singular() {
        for (minutes, text) in [
            (1, "1 minute"),
            (45, "45 minutes"),
            (60, "1 hour"),
            (90, "90 minutes"),
            (120, "2 hours"),
            (1_440, "24 hours"),
            (u32::MAX, "4294967295 minutes"),
        ] {
            assert_eq!(minutes_in_words(minutes), text);
        }
        assert_eq!((days_in_words(1), days_in_words(90)), ("1 day".to_owned(), "90 days".to_owned()));
    }

    #[test]
    fn durations_are_read_as_they_are_written() {
        for (text, seconds) in [("5s", 5), ("15m", 900), ("4h", 14_400), ("7d", 604_800), ("1h30m", 5_400)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in
            ["", "0s", "5", "s", "5x", "-5s", "5 s", "1.5h", "99999999999999999999s", "18446744073709551615d"]
        {
            assert_eq!(parse(bad), Err(DurationError), "{bad}");
        }
    }
}
