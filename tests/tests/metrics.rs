//! Business metrics, as CloudWatch Logs takes them from the lines of the log.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chairbook_tests::appointment::{id, show};
use chairbook_tests::checker::Item;
use chairbook_tests::{Actor, Json, TestStack};
use jiff::Timestamp;
use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

/// The longest time for a line to arrive, and for a reservation to run out.
const PATIENCE: Duration = Duration::from_secs(15);

const CUT: &str = "svc_00000000000000000000000001";

/// The JSON schema of the embedded metric format
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
/// The specification forbids other members in the objects that it defines, but for the line itself.
fn schema() -> Validator {
    let units = "^(Seconds|Microseconds|Milliseconds|Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits|Kilobits|\
                 Megabits|Gigabits|Terabits|Percent|Count|Bytes/Second|Kilobytes/Second|Megabytes/Second|\
                 Gigabytes/Second|Terabytes/Second|Bits/Second|Kilobits/Second|Megabits/Second|Gigabits/Second|\
                 Terabits/Second|Count/Second|None)$";
    let metric = json!({
        "type": "object",
        "required": ["Name"],
        "additionalProperties": false,
        "properties": {
            "Name": {"type": "string", "pattern": "^(.*)$", "minLength": 1, "maxLength": 1024},
            "Unit": {"type": "string", "pattern": units},
            "StorageResolution": {"type": "integer", "enum": [1, 60]},
        },
    });
    let dimension = json!({"type": "string", "pattern": "^(.*)$", "minLength": 1, "maxLength": 250});
    let dimensions = json!({
        "type": "array",
        "minItems": 1,
        "items": {"type": "array", "minItems": 0, "maxItems": 30, "items": dimension},
    });
    let directive = json!({
        "type": "object",
        "required": ["Namespace", "Dimensions", "Metrics"],
        "additionalProperties": false,
        "properties": {
            "Namespace": {"type": "string", "pattern": "^(.*)$", "minLength": 1, "maxLength": 1024},
            "Dimensions": dimensions,
            "Metrics": {"type": "array", "maxItems": 100, "items": metric},
        },
    });
    let metadata = json!({
        "type": "object",
        "required": ["Timestamp", "CloudWatchMetrics"],
        "additionalProperties": false,
        "properties": {
            "Timestamp": {"type": "integer"},
            "CloudWatchMetrics": {"type": "array", "items": directive},
        },
    });
    let line = json!({"type": "object", "required": ["_aws"], "properties": {"_aws": metadata}});
    jsonschema::validator_for(&line).unwrap()
}

/// Checks a line against the specification: its schema, and that every name in a directive is a member of the line.
#[track_caller]
fn check(line: &Value) {
    let errors: Vec<_> = schema().iter_errors(line).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}: {line}");
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        for dimension in
            directive["Dimensions"].as_array().unwrap().iter().flat_map(|set| set.as_array().unwrap())
        {
            assert!(
                line[dimension.as_str().unwrap()].as_str().is_some_and(|value| !value.is_empty()),
                "{line}"
            );
        }
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{line}");
        }
    }
}

#[test]
fn the_schema_refuses_what_cloudwatch_would() {
    let good = json!({
        "_aws": {
            "Timestamp": 1_772_442_000_000_u64,
            "CloudWatchMetrics": [{
                "Namespace": "Chairbook",
                "Dimensions": [["Stack"]],
                "Metrics": [{"Name": "Waited", "Unit": "Milliseconds"}],
            }],
        },
        "Stack": "chairbook",
        "Waited": 5,
    });
    check(&good);
    for (place, wrong) in [
        ("/_aws/Timestamp", json!("2026-03-02T09:00:00Z")),
        ("/_aws/CloudWatchMetrics", json!({})),
        ("/_aws/CloudWatchMetrics/0/Namespace", json!("")),
        ("/_aws/CloudWatchMetrics/0/Dimensions", json!(["Stack"])),
        ("/_aws/CloudWatchMetrics/0/Metrics/0/Unit", json!("Milliseconds per mail")),
        ("/_aws/CloudWatchMetrics/0/Metrics/0", json!({"Unit": "Count"})),
    ] {
        let mut line = good.clone();
        *line.pointer_mut(place).unwrap() = wrong;
        assert!(!schema().is_valid(&line), "{line}");
    }
}

/// The functions' lines with metrics, with the logical id of each.
fn lines(stack: &TestStack) -> Vec<(String, Value)> {
    let logs = std::fs::read_dir(stack.stack.data_directory().join("logs")).unwrap();
    let mut lines = Vec::new();
    for path in logs.map(|file| file.unwrap().path()) {
        let function = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let log = std::fs::read_to_string(&path).unwrap();
        // The last line may be on its way.
        let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let read = whole.lines().map(|line| serde_json::from_str(line).unwrap());
        lines
            .extend(read.filter(|line: &Value| !line["_aws"].is_null()).map(|line| (function.clone(), line)));
    }
    lines
}

/// The lines with a metric, once there are so many; no more come.
async fn of_metric(stack: &TestStack, name: &str, count: usize) -> Vec<(String, Value)> {
    let begun = Instant::now();
    loop {
        let found: Vec<_> = lines(stack).into_iter().filter(|(_, line)| !line[name].is_null()).collect();
        if found.len() >= count {
            assert_eq!(found.len(), count, "{found:#?}");
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{} of {count} lines of {name}", found.len());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Checks a line, whole but for its instant.
#[track_caller]
fn is_line(line: &Value, (name, unit, value): (&str, &str, &Value), about: &[(&str, &str)]) {
    check(line);
    let at: Timestamp = line["timestamp"].as_str().unwrap().parse().unwrap();
    let directive = json!({
        "Namespace": "Chairbook",
        "Dimensions": [["Stack"]],
        "Metrics": [{"Name": name, "Unit": unit}],
    });
    let mut expected = json!({
        "_aws": {"Timestamp": at.as_millisecond(), "CloudWatchMetrics": [directive]},
        "timestamp": line["timestamp"],
        "level": "INFO",
        "message": "metric",
        "target": "chairbook::metric",
        "Stack": "chairbook",
        name: value,
    });
    for (field, text) in about {
        expected[*field] = json!(text);
    }
    assert_eq!(line, &expected);
}

async fn book(customer: &Actor, wish: &Value, key: Option<&str>) -> (Json, String) {
    let mut request = customer.request(Method::POST, "/appointments").json(wish);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let answer = customer.send(request).await;
    (answer.data(201)["appointment"].clone(), answer.header("x-request-id").to_owned())
}

async fn run_out(customer: &Actor, reservation: &Json) {
    let begun = Instant::now();
    while show(customer, reservation).await["status"] != "expired" {
        assert!(begun.elapsed() < PATIENCE, "it does not run out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A stack that logs as little as it can, and whose schedules wait for the test.
async fn start() -> TestStack {
    TestStack::builder()
        .without_rate_limit()
        .parameter("LogLevel", "error")
        .parameter("ReservationHold", "2s")
        .template_with("Schedule: rate(1 minute)", "Schedule: rate(1 day)")
        .max_concurrency(1)
        .start()
        .await
}

/// Wishes for times on different days, so that none is in another's way.
async fn wishes(visitor: &Actor) -> impl Iterator<Item = Value> + use<> {
    let free = visitor.later_availability(&format!("serviceId={CUT}")).await;
    let by_date: BTreeMap<_, _> =
        free.into_iter().map(|(date, time, experts)| (date, (time, experts))).collect();
    assert!(by_date.len() >= 5, "{by_date:?}");
    by_date.into_iter().map(|(date, (time, experts))| {
        json!({"serviceId": CUT, "date": date, "time": time, "expertId": experts[0], "payNow": true})
    })
}

fn unpaid(mut wish: Value) -> Value {
    wish["payNow"] = json!(false);
    wish
}

#[tokio::test]
async fn bookings_refusals_and_expiries_are_counted_once() {
    let stack = start().await;
    let (ada, grace) = futures_util::join!(stack.customer(), stack.customer());
    let mut wishes = wishes(&ada).await;
    let mut wish = || wishes.next().unwrap();
    let (appointments, one) = ("AppointmentsFunction", json!(1));

    let first = wish();
    let (made, request) = book(&ada, &first, Some("a-key")).await;
    let booked = of_metric(&stack, "BookingsMade", 1).await;
    assert_eq!(booked[0].0, appointments);
    is_line(&booked[0].1, ("BookingsMade", "Count", &one), &[("request_id", &request)]);
    // The answer to a repeat is no booking, even when its time is taken: by itself.
    assert_eq!(id(&book(&ada, &first, Some("a-key")).await.0), id(&made));

    let refused = grace.book(first.clone()).await;
    refused.error(409, "slot_taken");
    let taken = of_metric(&stack, "SlotsTaken", 1).await;
    assert_eq!(taken[0].0, appointments);
    is_line(&taken[0].1, ("SlotsTaken", "Count", &one), &[("request_id", refused.header("x-request-id"))]);
    let (other, _) = book(&grace, &wish(), None).await;
    let reschedule = format!("/appointments/{}/reschedule", id(&other));
    let to = json!({"date": first["date"], "time": first["time"], "expertId": first["expertId"]});
    let refused = grace.put(&reschedule, to).await;
    refused.error(409, "slot_taken");
    let taken = of_metric(&stack, "SlotsTaken", 2).await;
    is_line(&taken[1].1, ("SlotsTaken", "Count", &one), &[("request_id", refused.header("x-request-id"))]);

    // A reservation that has run out, and ends because somebody else books its time.
    let second = wish();
    let (reserved, _) = book(&ada, &unpaid(second.clone()), None).await;
    run_out(&ada, &reserved).await;
    let (_, request) = book(&grace, &second, None).await;
    let expired = of_metric(&stack, "ReservationsExpired", 1).await;
    assert_eq!(expired[0].0, appointments);
    is_line(&expired[0].1, ("ReservationsExpired", "Count", &one), &[("request_id", &request)]);
    of_metric(&stack, "BookingsMade", 4).await;

    // The same by the sweep; a run that finds nothing says nothing.
    let (reserved, _) = book(&ada, &unpaid(wish()), None).await;
    run_out(&ada, &reserved).await;
    for expired in [1, 0] {
        let counts = json!({"expired": expired, "skipped": 0, "failed": 0});
        assert_eq!(stack.invoke("ExpireReservationsFunction", json!({})).await, counts);
    }
    stack.settle().await;
    let expired = of_metric(&stack, "ReservationsExpired", 2).await;
    let (function, line) = expired.iter().find(|(function, _)| function != appointments).unwrap();
    assert_eq!(function, "ExpireReservationsFunction");
    let said = |name: &str| line[name].as_str().unwrap();
    let about = ["request_id", "event_id"].map(|name| (name, said(name)));
    let about = [about[0], about[1], ("appointment_id", id(&reserved))];
    is_line(line, ("ReservationsExpired", "Count", &one), &about);
    stack.finish().await;
}

fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

#[tokio::test]
async fn mails_are_timed_and_their_repeats_counted() {
    let stack = start().await;
    let ada = stack.customer().await;
    stack.settle().await;
    let faults = json!({"sendEmail": [{"error": "ServiceUnavailable"}]});
    let url = format!("{}/_local/faults", stack.stack.url());
    let answer = reqwest::Client::new().put(url).json(&faults).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    book(&ada, &wishes(&ada).await.next().unwrap(), None).await;
    stack.settle().await;

    let mails: BTreeMap<_, _> =
        stack.stack.mailbox().mails().into_iter().map(|mail| (mail.id, mail.sent_at)).collect();
    let events = stack.items("EventsTable").await;
    let events = events.iter().filter(|event| !text(event, "delivery").is_empty()).collect::<Vec<_>>();
    let latencies = of_metric(&stack, "MailLatency", mails.len()).await;
    let mut repeats = 0;
    for event in &events {
        let event_id = text(event, "id");
        let of_event = |(function, line): &(String, Value)| {
            assert_eq!(function, "EmailFunction");
            line["event_id"] == event_id
        };
        let attempts: usize = event["delivery_attempts"].as_n().unwrap().parse().unwrap();
        repeats += attempts - 1;
        assert!(attempts > 1 || text(event, "type") != "appointment.confirmed", "{event:?}");

        let of_this: Vec<_> = latencies.iter().filter(|line| of_event(line)).collect();
        assert_eq!(of_this.len(), usize::from(text(event, "delivery") == "sent"), "{of_this:?}");
        let Some((_, line)) = of_this.first() else { continue };
        let instant = |name: &str| text(event, name).parse::<Timestamp>().unwrap();
        let after = |end: Timestamp| end.duration_since(instant("at")).as_millis();
        let latency = i128::from(line["MailLatency"].as_u64().unwrap());
        let bounds = after(mails[text(event, "message_id")])..=after(instant("delivered_at"));
        assert!(bounds.contains(&latency), "{latency} {bounds:?}");
        let said = |name| (name, line[name].as_str().unwrap());
        let about = ["request_id", "sqs_message_id", "event_id"].map(said);
        is_line(line, ("MailLatency", "Milliseconds", &line["MailLatency"]), &about);
    }
    for (function, line) in of_metric(&stack, "MailRedeliveries", repeats).await {
        assert_eq!(function, "EmailFunction");
        let said = |name| (name, line[name].as_str().unwrap());
        let about = ["request_id", "sqs_message_id", "event_id"].map(said);
        is_line(&line, ("MailRedeliveries", "Count", &json!(1)), &about);
    }
    stack.finish().await;
}
