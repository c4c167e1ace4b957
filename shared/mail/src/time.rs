//! Instants written for people, by the salon's wall clock with its zone.

use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, Zoned};

use crate::rendered::MailError;

/// An instant in a zone.
///
/// # Errors
/// [`MailError::UnknownTimeZone`] when the zone is not in the IANA time zone database.
pub fn local(instant: Timestamp, time_zone: &str) -> Result<Zoned, MailError> {
    let zone = TimeZone::get(time_zone).map_err(|_| MailError::UnknownTimeZone(time_zone.to_owned()))?;
    Ok(instant.to_zoned(zone))
}

/// Date and time: `Tuesday, 3 March 2026, 10:00`.
#[must_use]
pub fn date_and_time(local: &Zoned) -> String {
    local.strftime("%A, %-d %B %Y, %H:%M").to_string()
}

/// Time of day: `10:00`.
#[must_use]
pub fn time_of_day(local: &Zoned) -> String {
    local.strftime("%H:%M").to_string()
}

/// The zone's name, and the offset in the one hour of the year in which a clock shows every time twice:
/// `Europe/Paris`, `Europe/Paris, UTC+02:00`.
#[must_use]
pub fn zone(local: &Zoned) -> String {
    let name = local.time_zone().iana_name().unwrap_or("UTC");
    match local.time_zone().to_ambiguous_timestamp(local.datetime()).offset() {
        AmbiguousOffset::Fold { .. } => format!("{name}, UTC{}", local.strftime("%:z")),
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => name.to_owned(),
    }
}

/// All of it: `Tuesday, 3 March 2026, 10:00 (Europe/Paris)`.
#[must_use]
pub fn in_full(local: &Zoned) -> String {
    format!("{} ({})", date_and_time(local), zone(local))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(instant: &str, time_zone: &str) -> String {
        in_full(&local(instant.parse().unwrap(), time_zone).unwrap())
    }

    #[test]
    fn an_instant_is_written_as_the_salon_s_clock_shows_it() {
        for (instant, time_zone, text) in [
            ("2026-03-03T09:00:00Z", "Europe/Paris", "Tuesday, 3 March 2026, 10:00 (Europe/Paris)"),
            ("2026-07-03T09:00:00Z", "Europe/Paris", "Friday, 3 July 2026, 11:00 (Europe/Paris)"),
            ("2026-12-31T18:15:00Z", "Asia/Kathmandu", "Friday, 1 January 2027, 00:00 (Asia/Kathmandu)"),
            ("2026-03-03T09:00:00Z", "UTC", "Tuesday, 3 March 2026, 09:00 (UTC)"),
        ] {
            assert_eq!(written(instant, time_zone), text);
        }
    }

    #[test]
    fn a_time_that_comes_twice_says_which_of_the_two_it_is() {
        assert_eq!(
            written("2026-10-25T00:30:00Z", "Europe/Paris"),
            "Sunday, 25 October 2026, 02:30 (Europe/Paris, UTC+02:00)"
        );
        assert_eq!(
            written("2026-10-25T01:30:00Z", "Europe/Paris"),
            "Sunday, 25 October 2026, 02:30 (Europe/Paris, UTC+01:00)"
        );
    }

    #[test]
    fn an_unknown_zone_is_an_error_that_names_it() {
        let error = local(Timestamp::UNIX_EPOCH, "Europe/Nowhere").unwrap_err();
        assert_eq!(error.to_string(), "time zone \"Europe/Nowhere\" is not in the time zone database");
    }
}
