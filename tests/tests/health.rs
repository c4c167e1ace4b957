//! `GET /health`: every part by name, and 503 that names what is down, whether it fails or hangs.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use chairbook_tests::{Actor, Answer, Json, Permitted, TestStack};
use futures_util::future::join_all;

const FAILURES_ARE_WANTED: Permitted = Permitted { failed_requests: true, failed_deliveries: 0 };

/// The parts of a report, as `(kind, name, status)`.
fn parts(report: &Json) -> BTreeSet<(String, String, String)> {
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    let parts = report["parts"].as_array().unwrap();
    for part in parts {
        assert!(part["latencyMs"].as_f64().is_some_and(|latency| latency >= 0.0), "{part}");
    }
    parts.iter().map(|part| (text(&part["kind"]), text(&part["name"]), text(&part["status"]))).collect()
}

fn names_of(report: &Json, status: &str) -> Vec<String> {
    parts(report).into_iter().filter(|(.., is)| is == status).map(|(_, name, _)| name).collect()
}

/// Asks until everything is up again; how long that took.
async fn until_up(visitor: &Actor, stand: Duration) -> Answer {
    let begun = Instant::now();
    loop {
        let answer = visitor.get("/health").await;
        if answer.status == 200 {
            return answer;
        }
        assert!(begun.elapsed() < stand, "still {}", answer.text);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn every_part_is_named_and_up() {
    let stack = TestStack::start().await;
    let visitor = stack.visitor();
    let first = visitor.get("/health").await;
    let report = first.data(200);
    assert_eq!(report["status"], "up");
    let mut expected = BTreeSet::new();
    let mut expect = |kind: &str, name: &str| {
        expected.insert((kind.to_owned(), name.to_owned(), "up".to_owned()));
    };
    let system = stack.stack.system();
    for table in ["users", "catalog", "appointments", "todos", "events", "limits"] {
        expect("table", table);
    }
    for queue in ["notifications", "notifications-dead-letter", "statistics-dead-letter"] {
        expect("queue", queue);
    }
    for function in system.functions.iter().filter(|function| function.logical_id != "HealthFunction") {
        expect("function", &function.name);
    }
    assert_eq!(system.tables.len(), 6, "a table whose health nobody asks");
    assert_eq!(parts(&report), expected);

    // A report is given out for a while, by each process its own.
    let again = visitor.get("/health").await.data(200);
    assert_eq!(again["checkedAt"], report["checkedAt"]);
    let many = join_all((0..20).map(async |_| visitor.get("/health").await.data(200))).await;
    let made: BTreeSet<_> = many.iter().map(|report| report["checkedAt"].to_string()).collect();
    assert!(made.len() <= 4, "{made:?}");
    stack.finish().await;
}

#[tokio::test]
async fn a_table_that_is_gone() {
    let stack = TestStack::start().await;
    let visitor = stack.visitor();
    let client = stack.dynamodb();
    let limits = stack.table_name("LimitsTable");
    let table = client.describe_table().table_name(limits).send().await.unwrap().table.unwrap();
    // As its protection asks for.
    client.update_table().table_name(limits).deletion_protection_enabled(false).send().await.unwrap();
    client.delete_table().table_name(limits).send().await.unwrap();

    let begun = Instant::now();
    let down = visitor.get("/health").await;
    let error = down.error(503, "unhealthy");
    assert_eq!(names_of(&error, "down"), ["limits"]);
    assert_eq!(down.json()["message"], "Down: limits.");
    assert_eq!((down.header("retry-after"), down.header("cache-control")), ("15", "no-store"));

    client
        .create_table()
        .table_name(limits)
        .set_key_schema(table.key_schema)
        .set_attribute_definitions(table.attribute_definitions)
        .billing_mode(aws_sdk_dynamodb::types::BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap();
    // The report stands for 15 seconds, and not for longer.
    let still = visitor.get("/health").await.error(503, "unhealthy");
    assert_eq!(still["checkedAt"], error["checkedAt"]);
    let up = until_up(&visitor, Duration::from_secs(25)).await.data(200);
    assert!(begun.elapsed() >= Duration::from_secs(14), "{:?}", begun.elapsed());
    assert_eq!((up["status"].as_str(), names_of(&up, "down")), (Some("up"), Vec::new()));
    stack.finish_with(FAILURES_ARE_WANTED).await;
}

/// The processes of a function of a stack: those that run its program against its services.
fn processes(stack: &TestStack, binary: &str) -> Vec<String> {
    let services = format!("AWS_ENDPOINT_URL_LAMBDA={}\0", stack.stack.url());
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let path = entry.path();
        let is_it = std::fs::read_link(path.join("exe"))
            .is_ok_and(|exe| exe.file_name().is_some_and(|name| name == binary));
        if is_it
            && std::fs::read(path.join("environ"))
                .is_ok_and(|environment| String::from_utf8_lossy(&environment).contains(&services))
        {
            found.push(entry.file_name().into_string().unwrap());
        }
    }
    found
}

#[tokio::test]
async fn a_function_that_cannot_start_and_one_that_was_killed() {
    let stack = TestStack::builder()
        .template_with("LOGIN_MAIL: !Ref LoginMail", "LOGIN_MAIL: sometimes")
        .start()
        .await;
    let visitor = stack.visitor();
    visitor.get("/categories").await.data(200);
    let killed = processes(&stack, "catalog");
    assert_eq!(killed.len(), 1, "one environment serves one request after the other");
    assert!(Command::new("kill").arg("-9").args(&killed).status().unwrap().success());

    let error = visitor.get("/health").await.error(503, "unhealthy");
    let system = stack.stack.system();
    let email = system.functions.iter().find(|function| function.logical_id == "EmailFunction").unwrap();
    assert_eq!(names_of(&error, "down"), [email.name.as_str()]);
    assert_eq!(parts(&error).len(), system.tables.len() + system.queues.len() + system.functions.len() - 1);
    // The one that was killed is up: Lambda has started another.
    visitor.get("/categories").await.data(200);
    assert!(!processes(&stack, "catalog").contains(&killed[0]));
    stack.finish_with(FAILURES_ARE_WANTED).await;
}
