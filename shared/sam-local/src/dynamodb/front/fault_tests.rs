use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, Put, PutRequest, TransactWriteItem, WriteRequest,
};
use tempfile::TempDir;

use crate::dynamodb::DynamoDb;
use crate::dynamodb::tests::{client, client_of, events_table, text};
use crate::faults::{DynamoDbError, DynamoDbFault, DynamoDbOperation, DynamoDbSetting, FaultPlan, Faults};

/// A database, with a client of those that functions have, who tries nothing again, and one that has no faults.
struct Disturbed {
    _directory: TempDir,
    _database: DynamoDb,
    faults: Faults,
    function: Client,
    other: Client,
}

impl Disturbed {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let faults = Faults::default();
        let file = directory.path().join("dynamodb.sqlite");
        let database = DynamoDb::start_with(&file, &[events_table("NEW_IMAGE")], faults.clone()).unwrap();
        let config = client_of(&database.functions_url()).config().to_builder();
        let function = Client::from_conf(config.retry_config(RetryConfig::disabled()).build());
        let other = client(&database);
        Self { _directory: directory, _database: database, faults, function, other }
    }

    fn set(&self, setting: DynamoDbSetting) {
        self.faults.set_dynamodb(Some(setting));
    }
}

async fn put(client: &Client, sk: &str) -> Result<(), String> {
    let put = client.put_item().table_name("events").item("pk", text("E")).item("sk", text(sk));
    let put = put.item("recipient", text("R")).send().await;
    put.map(drop).map_err(|error| error.code().unwrap_or("no code").to_owned())
}

/// A transaction of some puts: what cancelled it, item by item.
async fn transact(client: &Client, sks: &[&str], token: Option<&str>) -> Result<(), Vec<String>> {
    let puts = sks.iter().map(|sk| {
        let put = Put::builder().table_name("events").item("pk", text("E")).item("sk", text(sk));
        TransactWriteItem::builder().put(put.build().unwrap()).build()
    });
    let transaction = client.transact_write_items().set_transact_items(Some(puts.collect()));
    let Err(error) = transaction.set_client_request_token(token.map(str::to_owned)).send().await else {
        return Ok(());
    };
    let error = error.into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
        cancelled,
    ) = &error
    else {
        return Err(vec![error.code().unwrap_or("no code").to_owned()]);
    };
    let reasons = cancelled.cancellation_reasons().iter();
    Err(reasons.map(|reason| reason.code.clone().unwrap_or_default()).collect())
}

async fn get(client: &Client, sk: &str, consistent: bool) -> bool {
    let get = client.get_item().table_name("events").key("pk", text("E")).key("sk", text(sk));
    get.consistent_read(consistent).send().await.unwrap().item.is_some()
}

/// The sort keys of what a query finds, in a table or its index.
async fn query(client: &Client, index: Option<&str>) -> Vec<String> {
    let (condition, value) = if index.is_some() { ("recipient = :v", "R") } else { ("pk = :v", "E") };
    let query = client.query().table_name("events").set_index_name(index.map(str::to_owned));
    let query = query.key_condition_expression(condition).expression_attribute_values(":v", text(value));
    let items = query.send().await.unwrap().items.unwrap_or_default();
    items.iter().map(|item| item["sk"].as_s().unwrap().clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_meets_a_transaction_under_way_conflicts_with_it() {
    let database = Disturbed::start();
    database.set(DynamoDbSetting { transaction_millis: 1_000, ..DynamoDbSetting::default() });
    let function = &database.function;
    let meeting = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(transact(function, &["c", "b"], None).await.unwrap_err(), ["None", "TransactionConflict"]);
        assert_eq!(put(function, "a").await.unwrap_err(), "TransactionConflictException");
        // Whoever is no function, or wants another item, or only reads, does not notice.
        put(&database.other, "d").await.unwrap();
        put(function, "e").await.unwrap();
        assert!(!get(function, "a", true).await, "it is not carried out yet");
    };
    let (first, ()) = tokio::join!(transact(function, &["a", "b"], None), meeting);
    first.unwrap();
    assert!(
        get(function, "a", true).await && get(function, "b", true).await && !get(function, "c", true).await
    );
    put(function, "a").await.unwrap();
    assert_eq!(database.faults.dynamodb().unwrap().happened["conflictMet"], 2);
}

#[tokio::test]
async fn an_index_shows_what_was_there_so_long_ago() {
    let database = Disturbed::start();
    put(&database.other, "1").await.unwrap();
    let lag = Duration::from_millis(700);
    database.set(DynamoDbSetting { index_lag_millis: 700, ..DynamoDbSetting::default() });
    assert_eq!(query(&database.function, Some("by_recipient")).await, ["1"]);
    let begun = Instant::now();
    put(&database.other, "2").await.unwrap();
    put(&database.function, "3").await.unwrap();
    let delete =
        database.function.delete_item().table_name("events").key("pk", text("E")).key("sk", text("1"));
    delete.send().await.unwrap();
    assert_eq!(query(&database.other, Some("by_recipient")).await, ["2", "3"]);
    assert_eq!(query(&database.function, None).await, ["2", "3"], "the table itself is not behind");
    loop {
        let shown = query(&database.function, Some("by_recipient")).await;
        if shown == ["2", "3"] {
            break;
        }
        assert!(
            ["1", "1 2", "1 2 3"].contains(&&*shown.join(" ")),
            "not in the order of the writes: {shown:?}"
        );
        assert!(begun.elapsed() < Duration::from_secs(30), "it stays behind");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(begun.elapsed() >= lag);
    database.faults.set_dynamodb(None);
    put(&database.function, "4").await.unwrap();
    assert_eq!(query(&database.function, Some("by_recipient")).await, ["2", "3", "4"]);
}

#[tokio::test]
async fn only_a_consistent_read_shows_what_was_just_written() {
    let database = Disturbed::start();
    put(&database.other, "1").await.unwrap();
    database.set(DynamoDbSetting {
        stale_reads: 1.0,
        stale_read_millis: 600_000,
        ..DynamoDbSetting::default()
    });
    let function = &database.function;
    assert!(get(function, "1", false).await);
    transact(function, &["2"], None).await.unwrap();
    assert_eq!((get(function, "2", false).await, get(function, "2", true).await), (false, true));
    assert_eq!(query(function, None).await, ["1"]);
    assert_eq!(query(function, Some("by_recipient")).await, ["1"], "no index is behind");
    assert!(get(&database.other, "2", false).await);
    // What goes past the front is not known, so that the copy is made anew.
    let statement = "INSERT INTO events VALUE {'pk': 'E', 'sk': '3'}";
    database.other.execute_statement().statement(statement).send().await.unwrap();
    assert_eq!(query(function, None).await, ["1", "2", "3"]);
}

#[tokio::test]
async fn a_plan_happens_before_or_after_the_deed() {
    let database = Disturbed::start();
    let fault = DynamoDbFault::new;
    let (put_item, transaction) = (DynamoDbOperation::PutItem, DynamoDbOperation::TransactWriteItems);
    database.faults.set(FaultPlan {
        dynamo_db: vec![
            fault(put_item, DynamoDbError::ThrottlingException),
            fault(put_item, DynamoDbError::ProvisionedThroughputExceededException),
            fault(put_item, DynamoDbError::TransactionConflict),
            fault(put_item, DynamoDbError::InternalServerError),
            DynamoDbFault { after: true, ..fault(put_item, DynamoDbError::InternalServerError) },
            fault(transaction, DynamoDbError::ThrottlingException),
            DynamoDbFault { after: true, ..fault(transaction, DynamoDbError::InternalServerError) },
        ],
        ..FaultPlan::default()
    });
    let function = &database.function;
    for error in [
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "TransactionConflictException",
        "InternalServerError",
    ] {
        assert_eq!(put(function, "1").await.unwrap_err(), error);
        assert!(!get(function, "1", true).await, "{error}");
    }
    assert_eq!(put(function, "1").await.unwrap_err(), "InternalServerError");
    assert!(get(function, "1", true).await);
    put(function, "1").await.unwrap();
    assert_eq!(transact(function, &["2", "3"], None).await.unwrap_err(), ["ThrottlingError", "None"]);
    assert!(!get(function, "2", true).await);
    assert_eq!(transact(function, &["2"], Some("token")).await.unwrap_err(), ["InternalServerError"]);
    assert!(get(function, "2", true).await);
    transact(function, &["2"], Some("token")).await.unwrap();
    assert!(database.faults.dynamodb_is_quiet());
}

#[tokio::test]
async fn batches_are_left_half_done_and_can_be_completed() {
    let database = Disturbed::start();
    database.set(DynamoDbSetting { unprocessed: 1.0, ..DynamoDbSetting::default() });
    let write = |sk: &str| {
        let put = PutRequest::builder().item("pk", text("E")).item("sk", text(sk)).build().unwrap();
        WriteRequest::builder().put_request(put).build()
    };
    let mut left = vec![write("1"), write("2"), write("3")];
    for processed in 1..=3 {
        let batch = database.function.batch_write_item().request_items("events", left);
        left = batch
            .send()
            .await
            .unwrap()
            .unprocessed_items
            .unwrap_or_default()
            .remove("events")
            .unwrap_or_default();
        assert_eq!((left.len(), query(&database.other, None).await.len()), (3 - processed, processed));
    }
    let key = |sk: &str| {
        std::collections::HashMap::from([("pk".to_owned(), text("E")), ("sk".to_owned(), text(sk))])
    };
    let keys = KeysAndAttributes::builder()
        .keys(key("1"))
        .keys(key("2"))
        .consistent_read(true)
        .projection_expression("sk");
    let batch = database.function.batch_get_item().request_items("events", keys.build().unwrap());
    let found = batch.send().await.unwrap();
    assert_eq!(found.responses.unwrap()["events"].len(), 1);
    let left = found.unprocessed_keys.unwrap();
    let expected =
        KeysAndAttributes::builder().keys(key("2")).consistent_read(true).projection_expression("sk");
    assert_eq!(left["events"], expected.build().unwrap());
    let found = database.function.batch_get_item().set_request_items(Some(left)).send().await.unwrap();
    assert_eq!(found.responses.unwrap()["events"][0]["sk"], AttributeValue::S("2".to_owned()));
    assert!(found.unprocessed_keys.unwrap_or_default().is_empty());
}
