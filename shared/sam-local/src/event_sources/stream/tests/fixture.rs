//! A mapping of a real stream to a function that a test makes up.

use std::collections::VecDeque;
use std::sync::Mutex;

use aws_sdk_dynamodb::Client;
use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::super::*;
use crate::dynamodb::DynamoDb;
use crate::dynamodb::tests::{client, events_table, text};
use crate::runtime::{FunctionError, InvocationOutcome, InvokeError, Trigger};

pub(super) type Outcome = Result<InvocationOutcome, InvokeError>;

#[expect(clippy::unnecessary_wraps, reason = "an invocation may also be refused")]
pub(super) fn answered(payload: &Value) -> Outcome {
    Ok(InvocationOutcome {
        request_id: "316aa6d0-8154-4bd1-9af7-85d5f4a6bc81".to_owned(),
        payload: Bytes::from(payload.to_string()),
        error: None,
        log_tail: String::new(),
    })
}

pub(super) fn failed() -> Outcome {
    let payload = Bytes::from_static(br#"{"errorType":"Boom","errorMessage":"boom"}"#);
    let error =
        FunctionError { error_type: "Boom".to_owned(), message: "boom".to_owned(), payload: payload.clone() };
    answered(&json!(null)).map(|outcome| InvocationOutcome { payload, error: Some(error), ..outcome })
}

pub(super) fn failures(records: &[&Value]) -> Value {
    let failures: Vec<_> = records
        .iter()
        .map(|record| json!({ "itemIdentifier": record["dynamodb"]["SequenceNumber"] }))
        .collect();
    json!({ "batchItemFailures": failures })
}

/// Decides an invocation's outcome from its records.
pub(super) type Function = Arc<dyn Fn(&[Value]) -> Outcome + Send + Sync>;

pub(super) struct Fixture {
    pub(super) directory: TempDir,
    pub(super) database: DynamoDb,
    pub(super) client: Client,
    pub(super) source: StreamSource,
    pub(super) batches: mpsc::UnboundedReceiver<Vec<Value>>,
    seen: mpsc::UnboundedSender<Vec<Value>>,
    given_up: Arc<Mutex<Vec<Value>>>,
}

pub(super) struct Running {
    stop: oneshot::Sender<()>,
    pub(super) task: JoinHandle<()>,
}

impl Running {
    pub(super) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

impl Fixture {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database =
            DynamoDb::start(&directory.path().join("dynamodb.sqlite"), &[events_table("NEW_IMAGE")]).unwrap();
        let client = client(&database);
        let source = StreamSource {
            table: "EventsTable".to_owned(),
            from_trim_horizon: true,
            batch_size: 100,
            batching_window: Duration::ZERO,
            maximum_retry_attempts: Some(1),
            maximum_record_age: None,
            bisect_batch_on_function_error: false,
            report_batch_item_failures: false,
            on_failure_queue_arn: Some("arn:aws:sqs:us-east-1:000000000000:dead".to_owned()),
            filters: vec![],
        };
        let (seen, batches) = mpsc::unbounded_channel();
        Self { directory, database, client, source, batches, seen, given_up: Arc::default() }
    }

    pub(super) async fn put(&self, sk: &str) {
        let put = self.client.put_item().table_name("events").item("pk", text("E"));
        put.item("sk", text(sk)).item("delivery", text("pending")).send().await.unwrap();
    }

    pub(super) async fn put_all(&self, sks: &[&str]) {
        for sk in sks {
            self.put(sk).await;
        }
    }

    pub(super) fn run(&self, function: Function) -> Running {
        let seen = self.seen.clone();
        let invoke: Invoke = Arc::new(move |name, payload, trigger| {
            assert_eq!(name, "RelayFunction");
            let payload: Value = serde_json::from_slice(&payload).unwrap();
            let records = payload["Records"].as_array().unwrap().clone();
            assert_eq!(trigger, Trigger::Stream { records: records.len() });
            let outcome = function(&records);
            seen.send(records).unwrap();
            Box::pin(async move { outcome })
        });
        let given_up = Arc::clone(&self.given_up);
        let on_failure: OnFailure = Arc::new(move |queue, body| {
            assert_eq!(queue, "arn:aws:sqs:us-east-1:000000000000:dead");
            given_up.lock().unwrap().push(serde_json::from_str(&body).unwrap());
            Box::pin(async { Ok(()) })
        });
        let mapping = Mapping {
            reader: self.database.stream("events").unwrap(),
            function: "RelayFunction".to_owned(),
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:relay".to_owned(),
            source: self.source.clone(),
            invoke,
            on_failure: Some(on_failure),
            checkpoints: Checkpoints::open(&self.directory.path().join("local.sqlite")).unwrap(),
        };
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(mapping.run(async {
            let _ = stopped.await;
        }));
        Running { stop, task }
    }

    pub(super) fn run_answering(&self, outcomes: impl IntoIterator<Item = Outcome>) -> Running {
        let outcomes = Mutex::new(outcomes.into_iter().collect::<VecDeque<_>>());
        self.run(Arc::new(move |_| {
            outcomes.lock().unwrap().pop_front().unwrap_or_else(|| answered(&json!(null)))
        }))
    }

    /// The sort keys of the next invocation's records.
    pub(super) async fn next(&mut self) -> Vec<String> {
        let batch =
            tokio::time::timeout(Duration::from_secs(20), self.batches.recv()).await.unwrap().unwrap();
        batch.iter().map(sort_key).collect()
    }

    pub(super) async fn assert_quiet(&mut self) {
        let more = tokio::time::timeout(Duration::from_millis(300), self.batches.recv()).await;
        assert!(more.is_err(), "invoked again: {more:?}");
    }

    pub(super) async fn wait_for_checkpoint(&self) -> SequenceNumber {
        let checkpoints = Checkpoints::open(&self.directory.path().join("local.sqlite")).unwrap();
        let reader = self.database.stream("events").unwrap();
        let last = reader.read(SequenceNumber::START, 1_000).await.unwrap().last().unwrap().sequence_number;
        for _ in 0..1_000 {
            if checkpoints.load("RelayFunction/EventsTable").await.unwrap() == Some(last) {
                return last;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("the checkpoint did not reach {last}");
    }

    pub(super) fn given_up(&self) -> Vec<Value> {
        self.given_up.lock().unwrap().clone()
    }
}

pub(super) fn sort_key(record: &Value) -> String {
    record["dynamodb"]["Keys"]["sk"]["S"].as_str().unwrap().to_owned()
}
