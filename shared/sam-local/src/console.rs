//! What a stack in a terminal shows: where things are, and a line for each invocation.

use std::fmt::Write as _;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Style};
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::clock;
use crate::data_directory::Data;
use crate::gateway::Access;
use crate::runtime::{InvocationRecord, LogLine, LoggedMetric, RecordedOutcome, Trigger};
use crate::stack::Stack;
use crate::tool_environment::ToolEnvironment;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const NOTE: Style = AnsiColor::Cyan.on_default();
const WARN: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// What a person needs to know once everything is up: the name of what runs, its own addresses, and where everything is.
#[must_use]
pub fn welcome(name: &str, addresses: &[(&str, String)], stack: &Stack, data: &Data) -> String {
    let url = stack.url();
    let running = styled(BOLD, &format!("{name} is running."));
    let mut text = format!("\n  {running} Ctrl-C stops it.\n\n");
    let kept = match data {
        Data::Kept(path) => path.display().to_string(),
        Data::Temporary => "temporary, gone at the end".to_owned(),
    };
    let everywhere = [
        ("Mailbox", format!("{url}/_local/mail")),
        ("Invoke API", format!("{url}/2015-03-31/functions/<LogicalId>/invocations")),
        ("DynamoDB", stack.dynamodb_url()),
        ("SQS", format!("{url}/_local/sqs")),
        ("Services", services(stack.tool_environment())),
        ("Data", kept),
    ];
    for (name, value) in addresses.iter().chain(&everywhere) {
        let _infallible = writeln!(text, "  {:<12}{}", name, styled(NOTE, value));
    }
    if let Some(faults) = stack.faults().dynamodb() {
        let seed = faults.setting.seed.unwrap_or_default();
        let said = format!("of DynamoDB, with the seed {seed}: {url}/_local/faults/dynamodb");
        let _infallible = writeln!(text, "  {:<12}{}", "Faults", styled(WARN, &said));
    }
    let left_out: Vec<_> = stack.system().left_out.iter().map(left_out).collect();
    if !left_out.is_empty() {
        let mut types = left_out;
        types.sort();
        types.dedup();
        let _infallible = writeln!(text, "  {:<12}{}", "Left out", styled(DIM, &types.join(", ")));
    }
    text
}

/// Where the AWS services are for other programs.
fn services(environment: &ToolEnvironment) -> String {
    match environment.listen {
        None => environment.url(),
        Some(address) => format!("{} and on {address}, for whoever has the access key", environment.url()),
    }
}

fn left_out(left_out: &crate::template::model::LeftOut) -> String {
    match &left_out.property {
        Some(property) => format!("{}.{property}", left_out.logical_id),
        None => left_out.resource_type.clone(),
    }
}

/// The time on the wall of whoever looks at the console.
fn clock_time() -> String {
    styled(DIM, &clock::now().to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string())
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1_000.0)
}

/// One line for an invocation: function, method and route or trigger, status, duration, calls of DynamoDB and
/// capacity units, and the metrics that it logged.
#[must_use]
pub fn invocation(record: &InvocationRecord) -> String {
    // What is invoked without a request has no route: lambda_http makes one up for the access log.
    let access = record.access.as_ref().filter(|_| record.trigger == Trigger::HttpApi);
    let (what, status) = match access {
        Some(access) => {
            let style = match access.status {
                0..=399 => GOOD,
                400..=499 => WARN,
                _ => BAD,
            };
            (format!("{} {}", access.method, access.route), styled(style, &access.status.to_string()))
        }
        None => (record.trigger.to_string(), styled(GOOD, "ok")),
    };
    let status = match &record.outcome {
        RecordedOutcome::Success => status,
        RecordedOutcome::Failed { error_type, .. } => styled(BAD, error_type),
    };
    let mut line = format!(
        "{} {} {what} {status} {}",
        clock_time(),
        styled(NOTE, &format!("{:<26}", record.function)),
        milliseconds(record.duration)
    );
    if let Some(access) = &record.access
        && (record.trigger == Trigger::HttpApi || access.dynamodb_calls > 0)
    {
        let calls = if access.dynamodb_calls == 1 { "call" } else { "calls" };
        let cost = format!(
            " · {} DynamoDB {calls}, {} read and {} write units",
            access.dynamodb_calls, access.read_units, access.write_units
        );
        line.push_str(&styled(DIM, &cost));
    }
    for metric in record.access.iter().flat_map(|access| &access.metrics) {
        line.push_str(&styled(DIM, &format!(" · {}", shown_metric(metric))));
    }
    if record.cold_start {
        line.push_str(&styled(DIM, " · cold start"));
    }
    if let RecordedOutcome::Failed { message, .. } = &record.outcome {
        let _infallible = write!(line, "\n  {message}");
    }
    line
}

fn shown_metric(LoggedMetric { name, value, unit }: &LoggedMetric) -> String {
    match unit.as_deref() {
        None | Some("Count" | "None") => format!("{name} {value}"),
        Some("Milliseconds") => format!("{name} {value} ms"),
        Some(unit) => format!("{name} {value} {unit}"),
    }
}

/// A line for a request that no function saw: an unknown route, or one that was refused before.
#[must_use]
pub fn unrouted(access: &Access) -> Option<String> {
    (access.function.is_none() && access.method != "OPTIONS").then(|| {
        format!(
            "{} {} {} {} {}",
            clock_time(),
            styled(NOTE, &format!("{:<26}", "API")),
            access.method,
            styled(WARN, &access.status.to_string()),
            styled(DIM, "no such route")
        )
    })
}

/// What a function logged as a warning or an error, with its fields; other lines are in its log file.
#[must_use]
pub fn log_line(line: &LogLine) -> Option<String> {
    let mut logged: Map<String, Value> = serde_json::from_str(&line.text).ok()?;
    let (level, style) = match logged.get("level")?.as_str()? {
        "ERROR" => ("error", BAD),
        "WARN" => ("warning", WARN),
        _ => return None,
    };
    let message = logged.remove("message").unwrap_or_default();
    let mut text = format!(
        "{} {} {} {}",
        clock_time(),
        styled(NOTE, &format!("{:<26}", line.function)),
        styled(style, level),
        message.as_str().unwrap_or("(no message)")
    );
    for (name, value) in
        logged.iter().filter(|(name, _)| !["level", "target", "timestamp"].contains(&name.as_str()))
    {
        text.push_str(&styled(DIM, &format!(" {name}={value}")));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::AccessLog;

    fn shown(text: &str) -> Option<String> {
        let line =
            LogLine { function: "WorkFunction".to_owned(), text: text.to_owned(), is_standard_error: false };
        log_line(&line).map(|line| anstream::adapter::strip_str(&line).to_string())
    }

    #[test]
    fn a_warning_is_shown_for_people() {
        let line = r#"{"timestamp":"2026-03-02T09:00:00Z","level":"WARN","message":"SES throttles","attempt":2,"event_id":"evt_1","target":"email"}"#;
        let shown = shown(line).unwrap();
        let (_time, rest) = shown.split_once(' ').unwrap();
        assert_eq!(rest, r#"WorkFunction               warning SES throttles attempt=2 event_id="evt_1""#);
    }

    #[test]
    fn an_invocation_is_shown_with_its_cost_and_its_metrics() {
        let mut access: AccessLog = serde_json::from_str(
            r#"{"invocation_log":true,"dynamodb_calls":5,"read_units":2.5,"write_units":3}"#,
        )
        .unwrap();
        access.metrics =
            [("MailLatency", 9.0, "Milliseconds"), ("Repeats", 1.0, "Count"), ("Load", 0.5, "Percent")]
                .map(|(name, value, unit)| LoggedMetric {
                    name: name.to_owned(),
                    value,
                    unit: Some(unit.to_owned()),
                })
                .to_vec();
        let mut record = InvocationRecord {
            function: "WorkFunction".to_owned(),
            request_id: "r1".to_owned(),
            trigger: Trigger::Queue { messages: 1 },
            cold_start: false,
            duration: Duration::from_micros(9_340),
            peak_memory_mb: None,
            outcome: RecordedOutcome::Success,
            access: Some(access),
        };
        let shown = |record: &InvocationRecord| {
            let line = anstream::adapter::strip_str(&invocation(record)).to_string();
            line.split_once("WorkFunction").unwrap().1.trim_start().to_owned()
        };
        let cost = "5 DynamoDB calls, 2.5 read and 3 write units";
        let metrics = "MailLatency 9 ms · Repeats 1 · Load 0.5 Percent";
        assert_eq!(shown(&record), format!("1 message ok 9.3 ms · {cost} · {metrics}"));
        let access = record.access.as_mut().unwrap();
        (access.dynamodb_calls, access.metrics) = (0, Vec::new());
        assert_eq!(shown(&record), "1 message ok 9.3 ms");
        record.access = None;
        assert_eq!(shown(&record), "1 message ok 9.3 ms");
    }

    #[test]
    fn what_is_no_warning_is_not_shown() {
        assert_eq!(shown(r#"{"level":"INFO","message":"request"}"#), None);
        assert_eq!(shown(r#"{"level":"INFO","message":"metric","_aws":{},"Stack":"s","Made":1}"#), None);
        assert_eq!(shown("thread 'main' panicked"), None);
        assert_eq!(shown("17"), None);
    }
}
