mod fixture;

use std::sync::Mutex;

use serde_json::{Value, json};

use self::fixture::{Fixture, answered, failed, failures, sort_key};
use super::*;
use crate::dynamodb::tests::text;
use crate::runtime::InvokeError;

#[tokio::test]
async fn in_order_and_on_after_a_restart() {
    let mut fixture = Fixture::new();
    fixture.source.batch_size = 2;
    fixture.put_all(&["1", "2", "3"]).await;
    let running = fixture.run_answering([]);
    assert_eq!(fixture.next().await, ["1", "2"]);
    assert_eq!(fixture.next().await, ["3"]);
    fixture.wait_for_checkpoint().await;
    running.stop().await;
    fixture.put("4").await;
    let running = fixture.run_answering([]);
    assert_eq!(fixture.next().await, ["4"]);
    fixture.assert_quiet().await;
    running.stop().await;
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again() {
    let mut fixture = Fixture::new();
    fixture.put_all(&["1", "2"]).await;
    let running = fixture.run_answering([failed()]);
    assert_eq!(fixture.next().await, ["1", "2"]);
    // As a killed process: nothing more is done.
    running.task.abort();
    let running = fixture.run_answering([]);
    assert_eq!(fixture.next().await, ["1", "2"]);
    fixture.assert_quiet().await;
    running.stop().await;
}

#[tokio::test]
async fn latest_begins_after_what_is_there() {
    let mut fixture = Fixture::new();
    fixture.source.from_trim_horizon = false;
    fixture.put("1").await;
    fixture.database.stream("events").unwrap().wait_beyond(SequenceNumber::START).await;
    let running = fixture.run_answering([]);
    fixture.wait_for_checkpoint().await;
    running.stop().await;
    fixture.put("2").await;
    let running = fixture.run_answering([]);
    assert_eq!(fixture.next().await, ["2"]);
    running.stop().await;
}

#[tokio::test]
async fn the_filter_leaves_records_out_and_the_checkpoint_advances() {
    let mut fixture = Fixture::new();
    fixture.source.filters = vec![
        json!({ "eventName": ["INSERT"], "dynamodb": { "NewImage": { "delivery": { "S": ["pending"] } } } }),
    ];
    let delete = fixture.client.delete_item().table_name("events").key("pk", text("E")).key("sk", text("1"));
    fixture.put_all(&["1", "2"]).await;
    delete.send().await.unwrap();
    let running = fixture.run_answering([]);
    assert_eq!(fixture.next().await, ["1", "2"]);
    fixture.wait_for_checkpoint().await;
    let delete = fixture.client.delete_item().table_name("events").key("pk", text("E")).key("sk", text("2"));
    delete.send().await.unwrap();
    fixture.wait_for_checkpoint().await;
    fixture.assert_quiet().await;
    running.stop().await;
}

#[tokio::test]
async fn the_batching_window_gathers() {
    let mut fixture = Fixture::new();
    fixture.source.batching_window = Duration::from_millis(400);
    let running = fixture.run_answering([]);
    fixture.put("1").await;
    sleep(Duration::from_millis(50)).await;
    fixture.put("2").await;
    assert_eq!(fixture.next().await, ["1", "2"]);
    running.stop().await;
}

#[tokio::test]
async fn partial_failures_are_retried_from_the_lowest() {
    let mut fixture = Fixture::new();
    fixture.source.report_batch_item_failures = true;
    fixture.put_all(&["1", "2", "3", "4"]).await;
    let calls = Mutex::new(0);
    fixture.source.maximum_retry_attempts = Some(2);
    let running = fixture.run(Arc::new(move |records| {
        let mut calls = calls.lock().unwrap();
        *calls += 1;
        match *calls {
            1 => answered(&failures(&[&records[3], &records[2]])),
            // Each of these fails all of it.
            2 => answered(&json!({ "batchItemFailures": [{ "itemIdentifier": "" }] })),
            _ => answered(&json!({ "batchItemFailures": [] })),
        }
    }));
    assert_eq!(fixture.next().await, ["1", "2", "3", "4"]);
    assert_eq!(fixture.next().await, ["3", "4"]);
    assert_eq!(fixture.next().await, ["3", "4"]);
    fixture.wait_for_checkpoint().await;
    running.stop().await;
    assert!(fixture.given_up().is_empty());
}

#[tokio::test]
async fn bisecting_isolates_a_bad_record_which_is_given_up() {
    let mut fixture = Fixture::new();
    fixture.source.bisect_batch_on_function_error = true;
    fixture.source.maximum_retry_attempts = Some(1);
    fixture.put_all(&["1", "2", "bad", "4"]).await;
    let running = fixture.run(Arc::new(|records| {
        if records.iter().any(|record| sort_key(record) == "bad") { failed() } else { answered(&json!(null)) }
    }));
    let mut calls = vec![];
    for _ in 0..6 {
        calls.push(fixture.next().await.join(" "));
    }
    assert_eq!(calls, ["1 2 bad 4", "1 2", "bad 4", "bad", "bad", "4"]);
    let last = fixture.wait_for_checkpoint().await;
    running.stop().await;
    let reader = fixture.database.stream("events").unwrap();
    let bad = reader.read(SequenceNumber::START, 10).await.unwrap().swap_remove(2);
    assert!(bad.sequence_number < last);
    let mut message = fixture.given_up().pop().unwrap();
    assert!(message["timestamp"].take().as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert_eq!(
        message,
        json!({
            "requestContext": {
                "requestId": "316aa6d0-8154-4bd1-9af7-85d5f4a6bc81",
                "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:relay",
                "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 4,
            },
            "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
            "version": "1.0", "timestamp": null,
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000001-events",
                "startSequenceNumber": bad.sequence_number.to_string(),
                "endSequenceNumber": bad.sequence_number.to_string(),
                "approximateArrivalOfFirstRecord": bad.created.to_string(),
                "approximateArrivalOfLastRecord": bad.created.to_string(),
                "batchSize": 1,
                "streamArn": "arn:aws:dynamodb:us-east-1:000000000000:table/events/stream/local",
            },
        })
    );
}

#[tokio::test]
async fn throttling_costs_no_retry() {
    let mut fixture = Fixture::new();
    fixture.source.maximum_retry_attempts = Some(0);
    fixture.put("1").await;
    let throttled = || Err(InvokeError::Throttled("RelayFunction".to_owned()));
    let running = fixture.run_answering([throttled(), throttled()]);
    for _ in 0..3 {
        assert_eq!(fixture.next().await, ["1"]);
    }
    fixture.wait_for_checkpoint().await;
    running.stop().await;
    assert!(fixture.given_up().is_empty());
}

#[tokio::test]
async fn records_past_their_age_are_given_up_unseen() {
    let mut fixture = Fixture::new();
    fixture.source.maximum_record_age = Some(Duration::from_mins(1));
    fixture.put("old").await;
    let sqlite = rusqlite::Connection::open(fixture.directory.path().join("dynamodb.sqlite")).unwrap();
    sqlite.busy_timeout(Duration::from_secs(5)).unwrap();
    sqlite.execute("UPDATE _stream_records SET created_at = created_at - 61", []).unwrap();
    fixture.put("new").await;
    let running = fixture.run_answering([]);
    assert_eq!(fixture.next().await, ["new"]);
    fixture.wait_for_checkpoint().await;
    running.stop().await;
    let message = fixture.given_up().pop().unwrap();
    assert_eq!(message["requestContext"]["condition"], "RecordAgeExceeded");
    assert_eq!(message["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(message["DDBStreamBatchInfo"]["batchSize"], 1);
    assert_eq!(message.get("responseContext"), None);
}

#[tokio::test]
async fn an_end_during_the_wait_for_a_retry_is_heeded_at_once() {
    let mut fixture = Fixture::new();
    fixture.source.maximum_retry_attempts = None;
    fixture.put("1").await;
    let running = fixture.run(Arc::new(|_| failed()));
    for _ in 0..3 {
        fixture.next().await;
    }
    let before = std::time::Instant::now();
    running.stop().await;
    assert!(before.elapsed() < Duration::from_millis(300));
}

#[tokio::test]
async fn a_payload_stays_within_lambdas_limit() {
    let mut fixture = Fixture::new();
    let large = "x".repeat(390_000);
    for index in 0..20 {
        let put = fixture.client.put_item().table_name("events").item("pk", text("E"));
        put.item("sk", text(&format!("{index:02}"))).item("data", text(&large)).send().await.unwrap();
    }
    let running = fixture.run_answering([]);
    let (first, second) = (fixture.next().await, fixture.next().await);
    assert_eq!((first.len(), second.len()), (16, 4));
    assert_eq!(second[0], "16");
    running.stop().await;
}

#[test]
fn answers_are_judged_as_documented() {
    use super::records::Entry;
    use super::response::{Verdict, judge};
    let numbers = ["100000000000000000001", "100000000000000000002"];
    let entries: Vec<_> = numbers
        .iter()
        .map(|number| Entry {
            sequence_number: number.parse().unwrap(),
            created: jiff::Timestamp::UNIX_EPOCH,
            json: String::new(),
        })
        .collect();
    let verdict = |payload: Value| judge(&answered(&payload).unwrap(), &entries, true);
    for whole_success in [
        json!(null),
        json!({}),
        json!({ "batchItemFailures": [] }),
        json!({ "batchItemFailures": null }),
        json!({ "other": 1 }),
    ] {
        assert_eq!(verdict(whole_success.clone()), Verdict::Succeeded, "{whole_success}");
    }
    let item = |identifier: Value| json!({ "batchItemFailures": [{ "itemIdentifier": identifier }] });
    for whole_failure in [
        json!("ok"),
        json!([]),
        json!({ "batchItemFailures": "x" }),
        item(json!("")),
        item(json!(null)),
        item(json!(7)),
        json!({ "batchItemFailures": [{ "bad": numbers[1] }] }),
        item(json!("100000000000000000003")),
    ] {
        assert_eq!(verdict(whole_failure.clone()), Verdict::FailedFrom(0), "{whole_failure}");
    }
    assert_eq!(verdict(item(json!(numbers[1]))), Verdict::FailedFrom(1));
    assert_eq!(judge(&failed().unwrap(), &entries, true), Verdict::FunctionError);
    assert_eq!(judge(&answered(&item(json!(numbers[1]))).unwrap(), &entries, false), Verdict::Succeeded);
}
