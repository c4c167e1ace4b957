//! The log, as alarms and people read it: every line says which request and which event it is about, and a function that
//! cannot start says in one line what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use chairbook_local::binaries::path_of;
use chairbook_local::stack::read_template;
use chairbook_local::template::model::{Function, System};
use chairbook_tests::{Actor, TestStack, built};
use serde_json::{Value, json};

/// How long a line may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

const CUT: &str = "svc_00000000000000000000000001";

/// Lines of a function's log, by its logical id.
fn lines(stack: &TestStack, function: &str) -> Vec<Value> {
    let path = stack.stack.data_directory().join("logs").join(format!("{function}.log"));
    let log = std::fs::read_to_string(path).unwrap();
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

async fn book(customer: &Actor) {
    let free = customer.later_availability(&format!("serviceId={CUT}")).await;
    let (date, time, experts) = free.last().unwrap();
    let request =
        json!({"serviceId": CUT, "date": date, "time": time, "expertId": experts[0], "payNow": true});
    customer.book(request).await.data(201);
}

fn texts<'l>(lines: &'l [Value], field: &str) -> BTreeSet<&'l str> {
    lines.iter().filter_map(|line| line[field].as_str()).collect()
}

#[tokio::test]
async fn every_line_says_which_request_and_which_event_it_is_about() {
    let stack = TestStack::builder().without_rate_limit().parameter("LogLevel", "debug").start().await;
    let faults = json!({"sendEmail": [{"error": "ServiceUnavailable"}]});
    let url = format!("{}/_local/faults", stack.stack.url());
    let answer = reqwest::Client::new().put(url).json(&faults).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let ada = stack.customer().await;
    book(&ada).await;
    ada.get("/profile").await.data(200);
    ada.get("/services").await.data(200);
    ada.get("/notifications").await.data(200);
    ada.get("/todos").await.data(200);
    stack.settle().await;
    stack.invoke("ExpireReservationsFunction", json!({})).await;
    stack.invoke("RemindersFunction", json!({})).await;

    let events: BTreeSet<String> = stack
        .items("EventsTable")
        .await
        .into_iter()
        .filter(|event| event.get("recipient").is_some_and(|to| to.as_s() == Ok(&ada.user_id)))
        .map(|event| event["id"].as_s().unwrap().clone())
        .collect();
    for function in stack.stack.system().functions.iter().map(|function| function.logical_id.as_str()) {
        let is_called = !matches!(function, "HealthFunction" | "DocsFunction" | "DashboardFunction");
        let lines = if is_called { lines(&stack, function) } else { Vec::new() };
        assert_eq!(lines.is_empty(), !is_called, "{function}");
        for line in &lines {
            assert!(line["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{function}: {line}");
        }
        let requests = lines.iter().filter(|line| line["access_log"] == true).count();
        let has_routes = stack
            .stack
            .system()
            .functions
            .iter()
            .any(|known| known.logical_id == function && known.routes().next().is_some());
        assert_eq!(requests > 0, is_called && has_routes, "{function}");
        // What it cost, in the same form.
        let invocations: Vec<_> = lines.iter().filter(|line| line["invocation_log"] == true).collect();
        assert_eq!(!invocations.is_empty(), is_called && !has_routes, "{function}");
        for line in invocations {
            let calls = line["dynamodb_calls"].as_u64().unwrap();
            assert_eq!(calls > 0, function != "RelayFunction", "{function}: {line}");
            let units = line["read_units"].as_f64().unwrap() + line["write_units"].as_f64().unwrap();
            assert!((units > 0.0) == (calls > 0), "{function}: {line}");
            assert!(line["dynamodb_round_trips"].as_u64().unwrap() <= calls, "{function}: {line}");
            assert!(line["duration_ms"].as_f64().unwrap() > 0.0, "{function}: {line}");
        }
    }

    let email = lines(&stack, "EmailFunction");
    for message in ["mail not sent yet", "mail sent"] {
        assert!(texts(&email, "message").contains(message), "{email:?}");
    }
    for line in email.iter().filter(|line| line["invocation_log"] != true) {
        let about = line["event_id"].as_str().unwrap_or_default();
        assert!(about.starts_with("evt_") && line["sqs_message_id"].is_string(), "{line}");
    }
    let told: BTreeSet<_> = texts(&email, "event_id").into_iter().map(str::to_owned).collect();
    assert!(events.is_subset(&told), "{events:?} {told:?}");
    stack.finish().await;
}

/// What the alarms on what is silent count: a line for each run, at any level, and none for a probe.
#[tokio::test]
async fn runs_are_counted_and_probes_are_not() {
    let stack = TestStack::builder()
        .without_rate_limit()
        .parameter("LogLevel", "error")
        .template_with("Schedule: rate(1 minute)", "Schedule: rate(1 day)")
        .template_with("Schedule: rate(15 minutes)", "Schedule: rate(1 day)")
        .start()
        .await;
    let ada = stack.customer().await;
    stack.settle().await;
    let counted = |function: &str, message: &str| {
        let path = stack.stack.data_directory().join(format!("logs/{function}.log"));
        let log = std::fs::read_to_string(path).unwrap_or_default();
        log.lines().filter(|line| line.contains(&format!("\"message\":\"{message}\""))).count()
    };
    let runs = [
        ("ExpireReservationsFunction", "reservations swept"),
        ("RemindersFunction", "customers reminded"),
        ("UsersFunction", "erasures finished"),
    ];
    for (function, message) in runs {
        let before = counted(function, message);
        let probe = json!({"source": "chairbook.health"});
        assert_eq!(stack.invoke(function, probe).await, json!({"ok": true}));
        assert_eq!(counted(function, message), before, "{function}");
        let scheduled = json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}});
        stack.invoke(function, scheduled).await;
        let begun = Instant::now();
        while counted(function, message) == before {
            assert!(begun.elapsed() < PATIENCE, "{function} has not said {message}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(counted(function, message), before + 1, "{function}");
    }
    let streams = [("RelayFunction", "events relayed"), ("StatsFunction", "events counted")];
    let before = streams.map(|(function, message)| counted(function, message));
    book(&ada).await;
    stack.settle().await;
    for ((function, message), before) in streams.into_iter().zip(before) {
        assert!(counted(function, message) > before, "{function}");
        let counted_before_probe = counted(function, message);
        stack.invoke(function, json!({"source": "chairbook.health"})).await;
        assert_eq!(counted(function, message), counted_before_probe, "{function}");
    }
    stack.finish().await;
}

// --- A function that cannot start ---------------------------------------------------------------------------------

/// Variables that may be absent: switches that are off, the log's, and what only some functions are given.
const OPTIONAL: [&str; 8] = [
    "AWS_ENDPOINT_URL",
    "CHAIRBOOK_LOG",
    "CHAIRBOOK_STACK",
    "CLOUDFRONT_SECRET",
    "DOMAIN_NAME",
    "OWNER_EMAIL",
    "PUBLIC_URL",
    "STRICT_TRANSPORT_SECURITY",
];

/// Starts a function's binary with an environment and without a Runtime API; the lines of its log, and whether it has
/// failed.
fn start(function: &Function, environment: &BTreeMap<String, String>) -> (Vec<String>, bool) {
    let ended = Command::new(path_of(&built(), function))
        .env_clear()
        .envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x")])
        // Nobody listens there, so that one that does start ends, too.
        .envs([("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9"), ("AWS_LAMBDA_FUNCTION_NAME", "x")])
        .envs([("AWS_LAMBDA_FUNCTION_VERSION", "1"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")])
        .envs([("AWS_LAMBDA_LOG_GROUP_NAME", "x"), ("AWS_LAMBDA_LOG_STREAM_NAME", "x")])
        .envs(environment)
        .output()
        .unwrap();
    let printed = [ended.stdout, ended.stderr].concat();
    let lines = String::from_utf8(printed).unwrap().lines().map(str::to_owned).collect();
    (lines, !ended.status.success())
}

/// The one line of a function that cannot start, by its variable.
fn refused(function: &Function, environment: &BTreeMap<String, String>, variable: &str) -> Value {
    let (lines, has_failed) = start(function, environment);
    let [line] = lines.as_slice() else { panic!("{} without {variable}: {lines:?}", function.logical_id) };
    assert!(has_failed, "{line}");
    // What the metric filters of ErrorsLogged look for.
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["level"], &line["variable"]), (&json!("ERROR"), &json!(variable)), "{line}");
    assert!(line["alarm"].is_null() && line["timestamp"].is_string(), "{line}");
    line
}

fn system() -> System {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let owner = BTreeMap::from([("OwnerEmail".to_owned(), "owner@chairbook.example".to_owned())]);
    read_template(&template, &owner).unwrap()
}

#[test]
fn a_function_that_cannot_start_names_the_variable() {
    for function in &system().functions {
        let (lines, _) = start(function, &function.environment);
        assert!(lines.iter().all(|line| !line.contains("variable")), "{lines:?}");
        for variable in function.environment.keys().filter(|name| !OPTIONAL.contains(&name.as_str())) {
            if variable == "AUTH_RATE_LIMIT_REQUESTS" {
                continue;
            }
            let mut environment = function.environment.clone();
            environment.remove(variable);
            let line = refused(function, &environment, variable);
            assert!(line["problem"].as_str().unwrap().starts_with("is not set"), "{line}");
            // As an empty parameter arrives.
            environment.insert(variable.clone(), String::new());
            refused(function, &environment, variable);
        }
    }
}

#[test]
fn a_function_that_cannot_start_says_what_would_be_right_and_not_what_is_wrong() {
    let system = system();
    for (function, variable, wrong, problem) in [
        ("AuthFunction", "RATE_LIMIT_REQUESTS", "plenty", "must be a whole number, such as 100"),
        ("AuthFunction", "AUTH_RATE_LIMIT_REQUESTS", "-12345678", "must be a whole number, such as 100"),
        ("UsersFunction", "RATE_LIMIT_WINDOW", "15 minutes", "must be a duration such as 4h"),
        ("AppointmentsFunction", "RESERVATION_HOLD", "long", "must be a duration such as 4h"),
        ("AppointmentsFunction", "MAIL_FROM", "sekrit", "address"),
        ("DocsFunction", "CLOUDFRONT_SECRET", "sekrit", "must be a secret of 32 characters or more"),
        ("EmailFunction", "MAIL_FROM", "sekrit", "address"),
        ("EmailFunction", "PUBLIC_URL", "sekrit", "must be a URL such as https://api.chairbook.example"),
        ("EmailFunction", "LOGIN_MAIL", "sometimes", "must be always, new-device or never"),
        ("EmailFunction", "MAILS_PER_DAY", "many", "must be a whole number, such as 100"),
    ] {
        let function = system.functions.iter().find(|known| known.logical_id == function).unwrap();
        let mut environment = function.environment.clone();
        environment.insert(variable.to_owned(), wrong.to_owned());
        let line = refused(function, &environment, variable);
        assert!(line["problem"].as_str().unwrap().contains(problem), "{line}");
        assert!(!line.to_string().contains(wrong), "{line}");
    }
}
