//! Durations as configuration writes them: `4h`, `15m`, `5s`, `7d`, `1h30m`.

use std::time::Duration;

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

#[cfg(test)]
mod tests {
    use super::*;

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
