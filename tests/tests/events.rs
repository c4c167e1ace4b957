//! The sample events in events/: each function has one, and does with it what events/README.md says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chairbook_local::stack::read_template;
use chairbook_local::template::model::EventSource;
use chairbook_tests::{TestStack, statistics};
use serde_json::{Value, json};

const CUT: &str = "svc_00000000000000000000000001";

/// What Lambda's retries and the queue's may take until a message is given up.
const PATIENCE: Duration = Duration::from_secs(20);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../events")
}

/// Every sample by its function's name.
fn samples() -> BTreeMap<String, Value> {
    std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let sample = serde_json::from_str(&std::fs::read_to_string(&path).unwrap());
            (name, sample.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        })
        .collect()
}

/// The functions without a sample and the samples without a function.
fn unmatched<'n>(functions: &BTreeSet<&'n str>, samples: &BTreeSet<&'n str>) -> Vec<&'n str> {
    functions.symmetric_difference(samples).copied().collect()
}

#[test]
fn a_sample_without_its_function_is_noticed() {
    assert_eq!(unmatched(&["auth", "relay"].into(), &["auth", "relay"].into()), [""; 0]);
    assert_eq!(unmatched(&["auth", "relay"].into(), &["auth"].into()), ["relay"]);
    assert_eq!(unmatched(&["auth"].into(), &["auth", "gone"].into()), ["gone"]);
}

/// The body of a function's HTTP answer, which must have this status.
fn body(answer: &Value, status: u16) -> Value {
    assert_eq!(answer["statusCode"], status, "{answer}");
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["success"], true, "{body}");
    body["data"].clone()
}

#[test]
fn every_function_has_a_sample_of_what_invokes_it() {
    let template = folder().join("../template.yaml");
    let system = read_template(&template, &BTreeMap::new()).unwrap();
    let samples = samples();
    let functions = system.functions.iter().map(|function| function.binary.as_str()).collect();
    assert_eq!(unmatched(&functions, &samples.keys().map(String::as_str).collect()), [""; 0]);

    for function in &system.functions {
        let sample = &samples[&function.binary];
        let invoked_so = function.event_sources.iter().any(|source| match source {
            EventSource::HttpApi(route) => sample["version"] == "2.0" && sample["routeKey"] == route.key(),
            EventSource::Sqs(_) => sample["Records"][0]["eventSource"] == "aws:sqs",
            EventSource::Stream(_) => sample["Records"][0]["eventSource"] == "aws:dynamodb",
            EventSource::Schedule(_) => sample["detail-type"] == "Scheduled Event",
        });
        assert!(invoked_so, "events/{}.json is not what invokes {}", function.binary, function.logical_id);
    }
}

#[tokio::test]
async fn requests_are_answered() {
    let stack = TestStack::start().await;
    let samples = samples();

    let session = body(&stack.invoke("AuthFunction", samples["auth"].clone()).await, 200);
    assert_eq!(session["user"]["email"], "customer@aurora.example");
    stack.keep_secret(["accessToken", "refreshToken"].map(|name| session[name].as_str().unwrap().to_owned()));
    stack.mail("customer@aurora.example", "Welcome back").await;

    let services = body(&stack.invoke("CatalogFunction", samples["catalog"].clone()).await, 200);
    let services = services["items"].as_array().unwrap();
    assert!(services.iter().any(|service| service["id"] == CUT), "{services:?}");
    let category = &samples["catalog"]["queryStringParameters"]["categoryId"];
    assert!(services.iter().all(|service| service["categoryId"] == *category), "{services:?}");

    let free = body(&stack.invoke("AppointmentsFunction", samples["appointments"].clone()).await, 200);
    let slots = free["days"].as_array().unwrap().iter().flat_map(|day| day["slots"].as_array().unwrap());
    assert!(slots.count() > 0, "{free}");

    let refused = stack.invoke("DashboardFunction", samples["dashboard"].clone()).await;
    assert_eq!(refused["statusCode"], 401, "{refused}");

    let reference = stack.invoke("DocsFunction", samples["docs"].clone()).await;
    assert_eq!(reference["statusCode"], 200, "{reference}");
    let reference: Value = serde_json::from_str(reference["body"].as_str().unwrap()).unwrap();
    assert_eq!(reference["openapi"], "3.1.0");

    let health = body(&stack.invoke("HealthFunction", samples["health"].clone()).await, 200);
    assert_eq!(health["status"], "up");
    stack.finish().await;
}

#[tokio::test]
async fn the_schedules_do_what_is_due() {
    let stack = TestStack::builder().without_rate_limit().parameter("ReservationHold", "1s").start().await;
    let nobody = stack.invoke("RemindersFunction", samples()["reminders"].clone()).await;
    assert_eq!(nobody["appointments"], json!({"reminded": 0, "skipped": 0, "failed": 0}));
    let sample = &samples()["expire-reservations"];
    let nothing = stack.invoke("ExpireReservationsFunction", sample.clone()).await;
    assert_eq!(nothing, json!({"expired": 0, "skipped": 0, "failed": 0}));

    let customer = stack.customer().await;
    let (date, time, _) = customer.later_availability(&format!("serviceId={CUT}")).await.pop().unwrap();
    let reserved = customer.book(json!({"serviceId": CUT, "date": date, "time": time})).await.data(201);
    let begun = Instant::now();
    // The stack's own schedule may come first.
    while stack.mails(&customer.email).iter().all(|mail| !mail.subject.starts_with("Expired: ")) {
        let counts = stack.invoke("ExpireReservationsFunction", sample.clone()).await;
        assert_eq!(counts["failed"], 0, "{counts}");
        assert!(begun.elapsed() < PATIENCE, "a hold of a second has not ended");
    }
    let path = format!("/appointments/{}", reserved["appointment"]["id"].as_str().unwrap());
    assert_eq!(customer.get(&path).await.data(200)["appointment"]["status"], "expired");
    stack.finish().await;
}

#[tokio::test]
async fn events_that_do_not_exist_end_among_the_dead_letters() {
    let stack = TestStack::start().await;
    let samples = samples();
    let ids = |list: &Value, name: &str| -> BTreeSet<String> {
        list.as_array().unwrap().iter().map(|item| item[name].as_str().unwrap().to_owned()).collect()
    };

    let answer = stack.invoke("EmailFunction", samples["email"].clone()).await;
    let again = ids(&answer["batchItemFailures"], "itemIdentifier");
    assert_eq!(again, ids(&samples["email"]["Records"], "messageId"));

    let answer = stack.invoke("RelayFunction", samples["relay"].clone()).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    let announced = samples["relay"]["Records"].as_array().unwrap().len() as u64;
    let begun = Instant::now();
    while stack.queue_counts("NotificationsDeadLetterQueue").await != (announced, 0, 0) {
        assert!(begun.elapsed() < PATIENCE, "they have not been given up");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(stack.queue_counts("NotificationsQueue").await, (0, 0, 0));

    // Of what does not exist nothing is counted but the customer whom the record itself makes known; once.
    for _ in 0..2 {
        let answer = stack.invoke("StatsFunction", samples["stats"].clone()).await;
        assert_eq!(answer, json!({"batchItemFailures": []}));
    }
    let kept = statistics::kept(&stack.items("AppointmentsTable").await);
    let counted = BTreeMap::from([("new_customers".to_owned(), 1)]);
    assert_eq!(kept, BTreeMap::from([("2026-06-15".to_owned(), counted)]));
    stack.stack.shutdown().await;
}
