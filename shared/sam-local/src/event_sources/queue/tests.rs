//! The mapping with a function that is a closure.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::run;
use crate::event_sources::Invoke;
use crate::runtime::{FunctionError, InvocationOutcome, InvokeError, Trigger};
use crate::sqs::{Counts, Sqs};
use crate::template::model::{Queue, Redrive, SqsSource};

const MAIL: &str = "arn:aws:sqs:us-east-1:000000000000:mail";
const DEAD: &str = "arn:aws:sqs:us-east-1:000000000000:dead";

type Answer = Result<InvocationOutcome, InvokeError>;

fn queue(arn: &str, redrive: Option<Redrive>) -> Queue {
    let name = arn.rsplit(':').next().unwrap().to_owned();
    Queue {
        logical_id: name.clone(),
        name,
        arn: arn.to_owned(),
        visibility_timeout: Duration::from_secs(1),
        delay: Duration::ZERO,
        receive_wait_time: Duration::ZERO,
        message_retention: Duration::from_hours(96),
        redrive,
    }
}

fn source() -> SqsSource {
    SqsSource {
        queue_arn: MAIL.to_owned(),
        batch_size: 10,
        batching_window: Duration::ZERO,
        report_batch_item_failures: true,
        maximum_concurrency: None,
        filters: Vec::new(),
    }
}

fn outcome(payload: &Value, error: Option<FunctionError>) -> InvocationOutcome {
    InvocationOutcome {
        request_id: "request".to_owned(),
        payload: Bytes::from(payload.to_string()),
        error,
        log_tail: String::new(),
    }
}

fn success() -> InvocationOutcome {
    outcome(&Value::Null, None)
}

fn function_error() -> InvocationOutcome {
    let error =
        FunctionError { error_type: "Error".to_owned(), message: "no".to_owned(), payload: Bytes::new() };
    outcome(&json!({ "errorMessage": "no" }), Some(error))
}

fn failures(ids: &[&str]) -> InvocationOutcome {
    let items: Vec<Value> = ids.iter().map(|id| json!({ "itemIdentifier": id })).collect();
    outcome(&json!({ "batchItemFailures": items }), None)
}

/// A running mapping whose function answers what `answer` says, after `work`.
struct Mapping {
    sqs: Sqs,
    events: mpsc::UnboundedReceiver<Value>,
    most_at_once: Arc<Mutex<(usize, usize)>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    _directory: TempDir,
}

impl Mapping {
    fn start(
        source: SqsSource,
        work: Duration,
        answer: impl Fn(&Value) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let redrive = Redrive { dead_letter_target_arn: DEAD.to_owned(), max_receive_count: 2 };
        let queues = [queue(DEAD, None), queue(MAIL, Some(redrive))];
        let sqs = Sqs::open(&directory.path().join("local.sqlite"), &queues, "http://127.0.0.1").unwrap();
        let (sender, events) = mpsc::unbounded_channel();
        let most_at_once = Arc::new(Mutex::new((0, 0)));
        let (running, answer) = (Arc::clone(&most_at_once), Arc::new(answer));
        let invoke: Invoke = Arc::new(move |function: &str, payload: Bytes, trigger: Trigger| {
            assert_eq!(function, "EmailFunction");
            let event: Value = serde_json::from_slice(&payload).unwrap();
            assert_eq!(trigger, Trigger::Queue { messages: event["Records"].as_array().unwrap().len() });
            let (sender, running, answer) = (sender.clone(), Arc::clone(&running), Arc::clone(&answer));
            Box::pin(async move {
                {
                    let mut running = running.lock().unwrap();
                    running.0 += 1;
                    running.1 = running.1.max(running.0);
                }
                let answer = answer(&event);
                sender.send(event).unwrap();
                tokio::time::sleep(work).await;
                running.lock().unwrap().0 -= 1;
                answer
            })
        });
        let (stop, stopped) = oneshot::channel();
        let until = async { stopped.await.unwrap_or(()) };
        let task = tokio::spawn(run(sqs.clone(), "EmailFunction".to_owned(), source, invoke, until));
        Self { sqs, events, most_at_once, stop, task, _directory: directory }
    }

    async fn event(&mut self) -> Value {
        let event = tokio::time::timeout(Duration::from_secs(10), self.events.recv()).await;
        event.expect("an invocation within ten seconds").unwrap()
    }

    async fn wait_for(&self, arn: &str, counts: Counts) {
        for _ in 0..500 {
            if self.sqs.counts(arn).await == Some(counts) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{arn} holds {:?}", self.sqs.counts(arn).await);
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(5), self.task).await.unwrap().unwrap();
    }
}

fn bodies(event: &Value) -> Vec<&str> {
    let records = event["Records"].as_array().unwrap();
    records.iter().map(|record| record["body"].as_str().unwrap()).collect()
}

/// The ids of the messages with this body.
fn ids<'e>(event: &'e Value, body: &str) -> Vec<&'e str> {
    let records = event["Records"].as_array().unwrap().iter();
    records
        .filter(|record| record["body"] == body)
        .map(|record| record["messageId"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_message_reaches_the_function_at_once_and_is_gone_when_it_succeeds() {
    let mut mapping = Mapping::start(source(), Duration::ZERO, |_| Ok(success()));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let sent = Instant::now();
    mapping.sqs.send(MAIL, "hello".to_owned()).await;
    let event = mapping.event().await;
    assert!(sent.elapsed() < Duration::from_millis(500), "took {:?}", sent.elapsed());
    let record = &event["Records"][0];
    assert_eq!(record["body"], "hello");
    assert_eq!(record["md5OfBody"], "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(record["eventSourceARN"], MAIL);
    assert_eq!(record["awsRegion"], "us-east-1");
    assert_eq!(record["messageAttributes"], json!({}));
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
    for name in ["SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"] {
        assert!(record["attributes"][name].is_string(), "{name}");
    }
    assert!(record["messageId"].is_string() && record["receiptHandle"].is_string());
    let typed: aws_lambda_events::sqs::SqsEvent = serde_json::from_value(event).unwrap();
    assert_eq!(typed.records[0].body.as_deref(), Some("hello"));
    mapping.wait_for(MAIL, Counts::default()).await;
    mapping.stop().await;
}

#[tokio::test]
async fn only_reported_messages_come_again_and_then_are_dead_letters() {
    let mut mapping = Mapping::start(
        SqsSource { batching_window: Duration::from_millis(300), ..source() },
        Duration::ZERO,
        |event| Ok(failures(&ids(event, "bad"))),
    );
    for body in ["good", "bad", "fine"] {
        mapping.sqs.send(MAIL, body.to_owned()).await;
    }
    let event = mapping.event().await;
    assert_eq!(bodies(&event), ["good", "bad", "fine"], "the window gathers a batch");
    mapping.wait_for(MAIL, Counts { in_flight: 1, ..Counts::default() }).await;
    let again = mapping.event().await;
    assert_eq!(bodies(&again), ["bad"]);
    assert_eq!(again["Records"][0]["attributes"]["ApproximateReceiveCount"], "2");
    mapping.wait_for(DEAD, Counts { visible: 1, ..Counts::default() }).await;
    mapping.wait_for(MAIL, Counts::default()).await;
    let dead = mapping.sqs.receive(DEAD, 10, Duration::ZERO).await;
    assert_eq!(dead[0].message_id, ids(&event, "bad")[0]);
    mapping.stop().await;
}

#[tokio::test]
async fn a_function_error_fails_the_whole_batch() {
    let mut mapping = Mapping::start(source(), Duration::ZERO, |_| Ok(function_error()));
    mapping.sqs.send(MAIL, "x".to_owned()).await;
    let begun = Instant::now();
    mapping.event().await;
    mapping.event().await;
    assert!(begun.elapsed() >= Duration::from_millis(900), "came after {:?}", begun.elapsed());
    mapping.wait_for(DEAD, Counts { visible: 1, ..Counts::default() }).await;
    mapping.stop().await;
}

#[tokio::test]
async fn an_unknown_item_fails_the_whole_batch() {
    let mut mapping = Mapping::start(source(), Duration::ZERO, |_| Ok(failures(&["someone-else"])));
    mapping.sqs.send(MAIL, "x".to_owned()).await;
    mapping.event().await;
    mapping.event().await;
    mapping.wait_for(DEAD, Counts { visible: 1, ..Counts::default() }).await;
    mapping.stop().await;
}

#[tokio::test]
async fn a_report_means_nothing_unless_it_was_asked_for() {
    let unasked = SqsSource { report_batch_item_failures: false, ..source() };
    let mut mapping = Mapping::start(unasked, Duration::ZERO, |event| Ok(failures(&ids(event, "x"))));
    mapping.sqs.send(MAIL, "x".to_owned()).await;
    mapping.event().await;
    mapping.wait_for(MAIL, Counts::default()).await;
    assert_eq!(mapping.sqs.counts(DEAD).await, Some(Counts::default()));
    mapping.stop().await;
}

#[tokio::test]
async fn a_throttled_message_stays_however_often() {
    let mut mapping =
        Mapping::start(source(), Duration::ZERO, |_| Err(InvokeError::Throttled("EmailFunction".to_owned())));
    mapping.sqs.send(MAIL, "x".to_owned()).await;
    for _ in 0..3 {
        let event = mapping.event().await;
        assert!(!event["Records"].as_array().unwrap().is_empty());
    }
    assert_eq!(mapping.sqs.counts(DEAD).await, Some(Counts::default()));
    mapping.stop().await;
}

#[tokio::test]
async fn batches_run_side_by_side_up_to_the_maximum() {
    let narrow = SqsSource { batch_size: 1, maximum_concurrency: Some(2), ..source() };
    let mut mapping = Mapping::start(narrow, Duration::from_millis(150), |_| Ok(success()));
    for index in 0..6 {
        mapping.sqs.send(MAIL, index.to_string()).await;
    }
    for _ in 0..6 {
        assert_eq!(bodies(&mapping.event().await).len(), 1);
    }
    mapping.wait_for(MAIL, Counts::default()).await;
    assert_eq!(mapping.most_at_once.lock().unwrap().1, 2);
    mapping.stop().await;
}

#[tokio::test]
async fn what_the_filters_leave_out_is_deleted() {
    let filtered = SqsSource { filters: vec![json!({ "body": { "kind": ["mail"] } })], ..source() };
    let mut mapping = Mapping::start(filtered, Duration::ZERO, |_| Ok(success()));
    mapping.sqs.send(MAIL, r#"{"kind":"other"}"#.to_owned()).await;
    mapping.wait_for(MAIL, Counts::default()).await;
    mapping.sqs.send(MAIL, r#"{"kind":"mail"}"#.to_owned()).await;
    assert_eq!(bodies(&mapping.event().await), [r#"{"kind":"mail"}"#]);
    mapping.stop().await;
}

#[tokio::test]
async fn stopping_waits_for_what_is_under_way() {
    let mut mapping = Mapping::start(source(), Duration::from_millis(300), |_| Ok(success()));
    mapping.sqs.send(MAIL, "x".to_owned()).await;
    mapping.event().await;
    let sqs = mapping.sqs.clone();
    mapping.stop().await;
    assert_eq!(sqs.counts(MAIL).await, Some(Counts::default()));
}
