//! Schedules: functions that are invoked by the clock, as EventBridge does
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>).

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use crate::clock;
use crate::template::model::{ScheduleExpression, ScheduleSource};
use crate::template::{ACCOUNT, REGION};

/// Starts an invocation (of a function by its logical id) whose outcome nobody waits for.
pub type InvokeAsync = Arc<dyn Fn(&str, Bytes) + Send + Sync>;

/// A machine that sleeps stops the timers, not the clock: how long it may take until that is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Whether [`run`] honours the schedule.
///
/// # Errors
/// What is wrong with its expression.
pub fn check(source: &ScheduleSource) -> Result<(), String> {
    match &source.expression {
        ScheduleExpression::Rate(rate) if rate.is_zero() => {
            Err("a rate must be longer than nothing".to_owned())
        }
        ScheduleExpression::Rate(_) => Ok(()),
        ScheduleExpression::Cron(fields) => parse(fields).map(|_| ()),
    }
}

/// Invokes the function whenever the schedule says, until `until` resolves. A rate counts from now; times that pass
/// while the stack is off are not made up for. A schedule that is switched off waits for `until` only.
pub async fn run(
    function: String,
    source: ScheduleSource,
    invoke_async: InvokeAsync,
    until: impl Future<Output = ()> + Send,
) {
    run_by(clock::now, function, source, invoke_async, until).await;
}

async fn run_by(
    now: impl Fn() -> Timestamp,
    function: String,
    source: ScheduleSource,
    invoke_async: InvokeAsync,
    until: impl Future<Output = ()> + Send,
) {
    let fire = |time: Timestamp| invoke_async(&function, payload(&function, &source, time));
    let work = async {
        if !source.enabled {
            return;
        }
        match &source.expression {
            ScheduleExpression::Rate(rate) => by_rate(*rate, &now, fire).await,
            ScheduleExpression::Cron(fields) => match parse(fields) {
                Ok(cron) => by_cron(&cron, &now, fire).await,
                Err(fault) => tracing::error!(function, schedule = source.name, fault, "never runs"),
            },
        }
    };
    let (mut until, mut work) = (pin!(until), pin!(work));
    tokio::select! {
        biased;
        () = &mut until => {}
        () = &mut work => until.await,
    }
}

async fn by_rate(rate: Duration, now: &impl Fn() -> Timestamp, fire: impl Fn(Timestamp)) {
    let mut next = Instant::now() + rate;
    loop {
        sleep_until(next).await;
        fire(now());
        // Times that were missed are not made up for.
        while next <= Instant::now() {
            next += rate;
        }
    }
}

async fn by_cron(cron: &Cron, now: &impl Fn() -> Timestamp, fire: impl Fn(Timestamp)) {
    let mut last = now();
    while let Some(next) = next_after(cron, last) {
        loop {
            let wait = Duration::try_from(next.duration_since(now())).unwrap_or_default();
            if wait.is_zero() {
                break;
            }
            sleep(wait.min(LONGEST_SLEEP)).await;
        }
        fire(next);
        // A machine that slept wakes up after them.
        last = next.max(now());
    }
}

/// AWS's six fields: minutes, hours, day-of-month, month, day-of-week (1 is Sunday), year.
fn parse(fields: &str) -> Result<Cron, String> {
    let mut fields: Vec<_> = fields.split_whitespace().map(str::to_ascii_uppercase).collect();
    if fields.len() != 6 {
        return Err(format!("a cron expression has 6 fields, not {}", fields.len()));
    }
    // By itself it means the week's last day, which is Saturday; the library knows it with a weekday only.
    let days = fields[4].split(',').map(|day| if day == "L" { "7" } else { day });
    fields[4] = days.collect::<Vec<_>>().join(",");
    let text = fields.join(" ");
    // The library takes a year only where it takes seconds.
    CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Required)
        .alternative_weekdays(true)
        .sloppy_ranges(true)
        .build()
        .parse(&format!("0 {text}"))
        .map_err(|error| format!("cron({text}): {error}"))
}

/// The next time after an instant, in UTC; `None` when its years are over.
fn next_after(cron: &Cron, after: Timestamp) -> Option<Timestamp> {
    cron.find_next_occurrence(&after.to_zoned(TimeZone::UTC), false).ok().map(|next| next.timestamp())
}

/// EventBridge's event, or the template's `Input`.
fn payload(function: &str, source: &ScheduleSource, time: Timestamp) -> Bytes {
    let event: Value = source.input.clone().unwrap_or_else(|| {
        json!({
            "version": "0",
            "id": Uuid::new_v4().to_string(),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT,
            "time": time.round(Unit::Second).unwrap_or(time).to_string(),
            "region": REGION,
            // SAM names the rule after the function and the event.
            "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{function}{}", source.name)],
            "detail": {},
        })
    });
    event.to_string().into()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const START: &str = "2026-03-10T11:58:30Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn source(expression: ScheduleExpression) -> ScheduleSource {
        ScheduleSource { name: "Tick".to_owned(), expression, input: None, enabled: true }
    }

    /// The payloads of all invocations within a time that passes at once.
    async fn payloads(source: ScheduleSource, duration: Duration) -> Vec<Value> {
        let began = Instant::now();
        let now = move || at(START) + began.elapsed();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let fired = Arc::clone(&seen);
        let invoke: InvokeAsync = Arc::new(move |function, payload| {
            assert_eq!(function, "ExpireFunction");
            fired.lock().unwrap().push(serde_json::from_slice(&payload).unwrap());
        });
        run_by(now, "ExpireFunction".to_owned(), source, invoke, sleep(duration)).await;
        let seen = seen.lock().unwrap();
        seen.clone()
    }

    fn times(payloads: &[Value]) -> Vec<&str> {
        payloads.iter().map(|payload| payload["time"].as_str().unwrap()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_counts_from_the_start() {
        let rate = source(ScheduleExpression::Rate(Duration::from_mins(1)));
        let seen = payloads(rate, Duration::from_secs(150)).await;
        assert_eq!(times(&seen), ["2026-03-10T11:59:30Z", "2026-03-10T12:00:30Z"]);
        let mut event = seen[0].clone();
        assert_eq!(event["id"].as_str().unwrap().len(), 36);
        assert_ne!(seen[0]["id"], seen[1]["id"]);
        event["id"] = json!(null);
        assert_eq!(
            event,
            json!({
                "version": "0", "id": null, "detail-type": "Scheduled Event", "source": "aws.events",
                "account": "000000000000", "time": "2026-03-10T11:59:30Z", "region": "us-east-1",
                "resources": ["arn:aws:events:us-east-1:000000000000:rule/ExpireFunctionTick"], "detail": {},
            })
        );
    }

    #[tokio::test(start_paused = true)]
    async fn cron_fires_on_the_minute_and_input_replaces_the_event() {
        let cron = || source(ScheduleExpression::Cron("* * * * ? *".to_owned()));
        let seen = payloads(cron(), Duration::from_secs(155)).await;
        assert_eq!(times(&seen), ["2026-03-10T11:59:00Z", "2026-03-10T12:00:00Z", "2026-03-10T12:01:00Z"]);
        let with_input = ScheduleSource { input: Some(json!({ "task": "expire" })), ..cron() };
        assert_eq!(payloads(with_input, Duration::from_mins(1)).await, [json!({ "task": "expire" })]);
    }

    #[tokio::test(start_paused = true)]
    async fn switched_off_or_over_it_waits_for_the_end() {
        let off =
            ScheduleSource { enabled: false, ..source(ScheduleExpression::Rate(Duration::from_mins(1))) };
        assert!(payloads(off, Duration::from_mins(10)).await.is_empty());
        let over = source(ScheduleExpression::Cron("0 0 1 1 ? 2020".to_owned()));
        assert!(payloads(over, Duration::from_mins(10)).await.is_empty());
    }

    #[test]
    fn cron_means_what_aws_says() {
        // 10 March 2026 is a Tuesday; 1 August 2026 a Saturday.
        for (fields, after, expected) in [
            ("0 10 * * ? *", START, "2026-03-11T10:00:00Z"),
            ("15 12 * * ? *", START, "2026-03-10T12:15:00Z"),
            ("0 18 ? * MON-FRI *", "2026-03-13T18:00:00Z", "2026-03-16T18:00:00Z"),
            ("0 8 1 * ? *", START, "2026-04-01T08:00:00Z"),
            ("0/10 * ? * MON-FRI *", START, "2026-03-10T12:00:00Z"),
            ("0/5 8-17 ? * 2-6 *", "2026-03-13T17:55:00Z", "2026-03-16T08:00:00Z"),
            ("*/15 * * * ? *", START, "2026-03-10T12:00:00Z"),
            ("0 0 ? * 1 *", START, "2026-03-15T00:00:00Z"),
            ("0 0 ? * SUN *", START, "2026-03-15T00:00:00Z"),
            ("0 0 ? * 7 *", START, "2026-03-14T00:00:00Z"),
            ("0 0 ? * L *", START, "2026-03-14T00:00:00Z"),
            ("0 0 ? * 6L *", START, "2026-03-27T00:00:00Z"),
            ("0 0 ? * FRIL *", START, "2026-03-27T00:00:00Z"),
            ("0 0 ? * 2#1 *", START, "2026-04-06T00:00:00Z"),
            ("0 0 ? * TUE#5 *", START, "2026-03-31T00:00:00Z"),
            ("0 0 L * ? *", START, "2026-03-31T00:00:00Z"),
            ("0 0 LW * ? *", "2026-05-01T00:00:00Z", "2026-05-29T00:00:00Z"),
            ("0 0 15W * ? *", START, "2026-03-16T00:00:00Z"),
            ("0 0 1W * ? *", "2026-07-31T00:00:00Z", "2026-08-03T00:00:00Z"),
            ("0 0 1,15 * ? *", START, "2026-03-15T00:00:00Z"),
            ("0 0 ? jan,Feb 2#1 *", START, "2027-01-04T00:00:00Z"),
            ("0 0 1 1/6 ? *", START, "2026-07-01T00:00:00Z"),
            ("0 0 1 1 ? 2028-2030", START, "2028-01-01T00:00:00Z"),
            ("0 0 29 2 ? *", START, "2028-02-29T00:00:00Z"),
        ] {
            let cron = parse(fields).unwrap();
            assert_eq!(next_after(&cron, at(after)), Some(at(expected)), "{fields}");
        }
        assert_eq!(next_after(&parse("0 0 1 1 ? 2020").unwrap(), at(START)), None);
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        for fields in ["0 8 ? * MON-FRI", "0 0 0 * ? *", "99 0 1 * ? *", "0 0 ? * 8 *", "0 0 ? * 2#6 *"] {
            let fault = check(&source(ScheduleExpression::Cron(fields.to_owned()))).unwrap_err();
            assert!(fault.contains("cron"), "{fields}: {fault}");
        }
        assert_eq!(check(&source(ScheduleExpression::Cron("0 8 ? * MON-FRI *".to_owned()))), Ok(()));
        assert_eq!(check(&source(ScheduleExpression::Rate(Duration::from_mins(1)))), Ok(()));
        assert!(check(&source(ScheduleExpression::Rate(Duration::ZERO))).is_err());
    }
}
