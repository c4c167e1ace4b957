//! Schedule expressions, as EventBridge takes them: `rate(5 minutes)` and `cron(0 8 ? * MON-FRI *)`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::model::ScheduleExpression;

/// Parses an expression; `Err` says what would be right.
pub(super) fn parse(text: &str) -> Result<ScheduleExpression, String> {
    let inner = |kind: &str| text.strip_prefix(kind)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(rate) = inner("rate") {
        return parse_rate(rate).ok_or_else(|| {
            format!(
                "'{text}' must be rate(1 minute|hour|day), or rate(n minutes|hours|days) with a whole n greater than 1"
            )
        });
    }
    if let Some(fields) = inner("cron") {
        check_cron(fields).map_err(|fault| format!("'{text}': {fault}"))?;
        return Ok(ScheduleExpression::Cron(fields.to_owned()));
    }
    Err(format!("'{text}' must be rate(…) or cron(…)"))
}

fn parse_rate(rate: &str) -> Option<ScheduleExpression> {
    let (number, unit) = rate.split_once(' ')?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u32 = number.parse().ok()?;
    // EventBridge refuses `rate(1 minutes)` and `rate(5 minute)` alike.
    let seconds = match (number, unit) {
        (1, "minute") | (2.., "minutes") => 60,
        (1, "hour") | (2.., "hours") => 3_600,
        (1, "day") | (2.., "days") => 86_400,
        _ => return None,
    };
    Some(ScheduleExpression::Rate(Duration::from_secs(u64::from(number) * seconds)))
}

/// One of the six fields.
struct Field {
    name: &'static str,
    range: RangeInclusive<u32>,
    /// Names that stand for the numbers from the range's start on.
    names: &'static [&'static str],
}

const FIELDS: [Field; 6] = [
    Field { name: "minutes", range: 0..=59, names: &[] },
    Field { name: "hours", range: 0..=23, names: &[] },
    Field { name: "day-of-month", range: 1..=31, names: &[] },
    Field {
        name: "month",
        range: 1..=12,
        names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    },
    Field { name: "day-of-week", range: 1..=7, names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] },
    Field { name: "year", range: 1970..=2199, names: &[] },
];

fn check_cron(text: &str) -> Result<(), String> {
    let fields: Vec<_> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Err(format!(
            "a cron expression has 6 fields (minutes hours day-of-month month day-of-week year), not {}",
            fields.len()
        ));
    }
    for (field, text) in FIELDS.iter().zip(&fields) {
        let is_day = field.name.starts_with("day");
        if *text == "*" || (*text == "?" && is_day) {
            continue;
        }
        if !text.split(',').all(|item| field.accepts(item)) {
            let (first, last) = (field.range.start(), field.range.end());
            return Err(format!("'{text}' is no value of {}, which goes from {first} to {last}", field.name));
        }
    }
    if (fields[2] == "?") == (fields[4] == "?") {
        return Err("exactly one of day-of-month and day-of-week must be ?".to_owned());
    }
    Ok(())
}

impl Field {
    /// `n`, `n-m`, each also with `/step`; for days also `L`, `LW`, `nW`, `nL` and `n#k`.
    fn accepts(&self, item: &str) -> bool {
        let (base, step) = match item.split_once('/') {
            Some((base, step)) => (base, Some(step)),
            None => (item, None),
        };
        if step.is_some_and(|step| step.parse::<u32>().map_or(true, |step| step == 0)) {
            return false;
        }
        let plain = match base.split_once('-') {
            Some((first, last)) => {
                self.number(first).zip(self.number(last)).is_some_and(|(first, last)| first <= last)
            }
            None => self.number(base).is_some() || (base == "*" && step.is_some()),
        };
        plain || (step.is_none() && self.is_special_day(base))
    }

    fn is_special_day(&self, text: &str) -> bool {
        match self.name {
            "day-of-month" => {
                text == "L"
                    || text == "LW"
                    || text.strip_suffix('W').is_some_and(|day| self.number(day).is_some())
            }
            "day-of-week" => {
                text == "L"
                    || text.strip_suffix('L').is_some_and(|day| self.number(day).is_some())
                    || text.split_once('#').is_some_and(|(day, week)| {
                        self.number(day).is_some() && matches!(week, "1" | "2" | "3" | "4" | "5")
                    })
            }
            _ => false,
        }
    }

    fn number(&self, text: &str) -> Option<u32> {
        if let Some(index) = self.names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return u32::try_from(index).ok().map(|index| index + self.range.start());
        }
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| digits && self.range.contains(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        let rate = |seconds| Ok(ScheduleExpression::Rate(Duration::from_secs(seconds)));
        assert_eq!(parse("rate(1 minute)"), rate(60));
        assert_eq!(parse("rate(5 minutes)"), rate(300));
        assert_eq!(parse("rate(2 hours)"), rate(7_200));
        assert_eq!(parse("rate(1 day)"), rate(86_400));
        for bad in [
            "rate(5 minute)",
            "rate(1 minutes)",
            "rate(0 minutes)",
            "rate(-1 minutes)",
            "rate(+5 minutes)",
            "rate(1.5 hours)",
            "rate(5 seconds)",
            "rate(5  minutes)",
            "rate(minute)",
            "rate 5 minutes",
            "every minute",
        ] {
            assert!(parse(bad).unwrap_err().contains("must be rate("), "{bad}");
        }
    }

    #[test]
    fn cron_expressions() {
        for good in [
            "cron(0 8 ? * MON-FRI *)",
            "cron(*/15 * * * ? *)",
            "cron(0 10 1,15 * ? 2026-2030)",
            "cron(0 0 L * ? *)",
            "cron(0 0 LW * ? *)",
            "cron(0 0 15W * ? *)",
            "cron(0 0 ? JAN,feb 2#1 *)",
            "cron(0 0 ? * 6L *)",
            "cron(0/5 8-17 ? * 2-6 *)",
        ] {
            assert!(matches!(parse(good), Ok(ScheduleExpression::Cron(_))), "{good}: {:?}", parse(good));
        }
        for (bad, expected) in [
            ("cron(0 8 * * *)", "has 6 fields"),
            ("cron(0 8 * * * *)", "exactly one of day-of-month and day-of-week must be ?"),
            ("cron(0 8 ? * ? *)", "exactly one"),
            ("cron(60 8 ? * * *)", "'60' is no value of minutes, which goes from 0 to 59"),
            ("cron(0 8 ? * MON-XXX *)", "no value of day-of-week"),
            ("cron(0 8 ? * 0 *)", "no value of day-of-week"),
            ("cron(0 8 ? * FRI-MON *)", "no value of day-of-week"),
            ("cron(? 8 ? * * *)", "no value of minutes"),
            ("cron(*/0 8 ? * * *)", "no value of minutes"),
            ("cron(0 8 ? * 2#6 *)", "no value of day-of-week"),
        ] {
            let error = parse(bad).unwrap_err();
            assert!(error.contains(expected), "{bad}: {error}");
        }
    }
}
