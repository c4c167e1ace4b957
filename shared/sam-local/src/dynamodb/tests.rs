use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use jiff::{SignedDuration, Timestamp};
use rusqlite::params;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

/// A table with keys `pk` and `sk`, an index, TTL and a stream.
pub(crate) fn events_table(view: &str) -> Table {
    let attribute = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
    Table {
        logical_id: "EventsTable".to_owned(),
        name: "events".to_owned(),
        create_table: json!({
            "TableName": "events",
            "AttributeDefinitions": [attribute("pk"), attribute("sk"), attribute("recipient")],
            "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
            "BillingMode": "PAY_PER_REQUEST",
            "GlobalSecondaryIndexes": [{
                "IndexName": "by_recipient",
                "KeySchema": [key("recipient", "HASH"), key("sk", "RANGE")],
                "Projection": { "ProjectionType": "INCLUDE", "NonKeyAttributes": ["n", "at"] },
            }],
            "StreamSpecification": { "StreamEnabled": true, "StreamViewType": view },
        }),
        ttl_attribute: Some("ttl".to_owned()),
        has_stream: true,
    }
}

pub(crate) fn plain_table() -> Table {
    Table {
        logical_id: "PlainTable".to_owned(),
        name: "plain".to_owned(),
        create_table: json!({
            "TableName": "plain",
            "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
            "BillingMode": "PAY_PER_REQUEST",
        }),
        ttl_attribute: None,
        has_stream: false,
    }
}

pub(crate) fn client(database: &DynamoDb) -> Client {
    client_of(&database.url())
}

pub(crate) fn client_of(url: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::from_keys("local", "local", None))
        .build();
    Client::from_conf(config)
}

pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn file(directory: &TempDir) -> PathBuf {
    directory.path().join("dynamodb.sqlite")
}

async fn put(client: &Client, sk: &str) {
    client.put_item().table_name("events").item("pk", text("E")).item("sk", text(sk)).send().await.unwrap();
}

#[tokio::test]
async fn a_second_start_keeps_items_and_a_new_table_is_added() {
    let directory = tempfile::tempdir().unwrap();
    let database = DynamoDb::start(&file(&directory), &[events_table("NEW_IMAGE")]).unwrap();
    put(&client(&database), "1").await;
    database.stop();

    let database = DynamoDb::start(&file(&directory), &[events_table("NEW_IMAGE"), plain_table()]).unwrap();
    let client = client(&database);
    let item = client
        .get_item()
        .table_name("events")
        .key("pk", text("E"))
        .key("sk", text("1"))
        .send()
        .await
        .unwrap();
    assert!(item.item.is_some());
    assert_eq!(client.list_tables().send().await.unwrap().table_names(), ["events", "plain"]);
    let ttl = client.describe_time_to_live().table_name("events").send().await.unwrap();
    assert_eq!(ttl.time_to_live_description.unwrap().attribute_name.unwrap(), "ttl");
    assert!(database.stream("events").is_some());
    assert!(database.stream("plain").is_none());
}

#[test]
fn another_shape_is_refused_and_another_ttl_is_not() {
    let directory = tempfile::tempdir().unwrap();
    DynamoDb::start(&file(&directory), &[events_table("NEW_IMAGE")]).unwrap().stop();
    let fault = |change: &dyn Fn(&mut Table)| {
        let mut table = events_table("NEW_IMAGE");
        change(&mut table);
        DynamoDb::start(&file(&directory), &[table]).map(DynamoDb::stop).unwrap_err().to_string()
    };
    let message = fault(&|table| {
        table.create_table["KeySchema"] = json!([{ "AttributeName": "pk", "KeyType": "HASH" }]);
    });
    assert!(message.starts_with("EventsTable: the table events in "), "{message}");
    assert!(
        message.contains("differs from the template in its keys; name another data directory"),
        "{message}"
    );
    let message = fault(&|table| table.create_table["AttributeDefinitions"][0]["AttributeType"] = json!("N"));
    assert!(message.contains("in its keys;"), "{message}");
    let projection = "/GlobalSecondaryIndexes/0/Projection";
    let message = fault(&|table| {
        *table.create_table.pointer_mut(projection).unwrap() = json!({ "ProjectionType": "ALL" });
    });
    assert!(message.contains("in its index by_recipient;"), "{message}");
    let message = fault(&|table| {
        table.create_table.as_object_mut().unwrap().remove("GlobalSecondaryIndexes");
        table.create_table["StreamSpecification"]["StreamViewType"] = json!("KEYS_ONLY");
    });
    assert!(message.contains("in its index by_recipient and its stream;"), "{message}");

    let mut table = events_table("NEW_IMAGE");
    table.ttl_attribute = Some("expires".to_owned());
    DynamoDb::start(&file(&directory), &[table.clone()]).unwrap().stop();
    table.ttl_attribute = None;
    DynamoDb::start(&file(&directory), &[table]).unwrap().stop();
}

#[test]
fn what_dynamodb_refuses_and_files_that_are_none_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let mut table = plain_table();
    table.create_table["KeySchema"] = json!([{ "AttributeName": "other", "KeyType": "HASH" }]);
    let message = DynamoDb::start(&file(&directory), &[table]).unwrap_err().to_string();
    assert!(message.starts_with("PlainTable: DynamoDB refuses it: "), "{message}");
    assert!(!message.contains("VALIDATION:"), "{message}");

    std::fs::write(directory.path().join("text"), "no database, but long enough to be looked at".repeat(9))
        .unwrap();
    let message = DynamoDb::start(&directory.path().join("text"), &[]).unwrap_err().to_string();
    assert!(message.contains("text cannot be opened: "), "{message}");
    let message = DynamoDb::start(&directory.path().join("no/such/folder"), &[]).unwrap_err().to_string();
    assert!(message.contains("no/such/folder cannot be opened: "), "{message}");
}

#[tokio::test]
async fn transactions_reach_the_stream_whole_and_in_order_and_soon() {
    let directory = tempfile::tempdir().unwrap();
    let database = DynamoDb::start(&file(&directory), &[events_table("NEW_AND_OLD_IMAGES")]).unwrap();
    let client = client(&database);
    let mut reader = database.stream("events").unwrap();
    assert_eq!(reader.latest(), SequenceNumber::START);
    put(&client, "1").await;
    let before = std::time::Instant::now();
    reader.wait_beyond(SequenceNumber::START).await;
    let waited = before.elapsed();
    assert!(waited < Duration::from_millis(100), "noticed after {waited:?}");

    let binary = AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new([0_u8, 255]));
    let set = AttributeValue::Ns(vec!["10".to_owned(), "2".to_owned()]);
    let put = Put::builder().table_name("events").item("pk", text("E")).item("sk", text("2"));
    let put = put
        .item("data", binary)
        .item("set", set)
        .item("n", AttributeValue::N("5".to_owned()))
        .build()
        .unwrap();
    let delete =
        Delete::builder().table_name("events").key("pk", text("E")).key("sk", text("1")).build().unwrap();
    let transaction = client
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().put(put.clone()).build())
        .transact_items(TransactWriteItem::builder().delete(delete).build());
    transaction.send().await.unwrap();
    let refused = Put::builder().table_name("events").item("pk", text("E")).item("sk", text("3"));
    let conditional = Put::builder()
        .table_name("events")
        .item("pk", text("E"))
        .item("sk", text("2"))
        .condition_expression("attribute_not_exists(pk)");
    let transaction = client
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().put(refused.build().unwrap()).build())
        .transact_items(TransactWriteItem::builder().put(conditional.build().unwrap()).build());
    let error = transaction.send().await.unwrap_err();
    assert_eq!(error.code(), Some("TransactionCanceledException"));

    let records = reader.read(SequenceNumber::START, 10).await.unwrap();
    let names: Vec<_> = records.iter().map(|record| record.body["eventName"].as_str().unwrap()).collect();
    assert_eq!(names, ["INSERT", "INSERT", "REMOVE"]);
    assert!(records.is_sorted_by_key(|record| record.sequence_number));

    let record = &records[1];
    let mut body = record.body.clone();
    assert_eq!(body["eventID"].take().as_str().unwrap().len(), 32);
    assert!(body["dynamodb"]["SizeBytes"].take().as_i64().unwrap() > 0);
    assert_eq!(
        body,
        json!({
            "eventID": null, "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1", "eventSourceARN": reader.arn(),
            "dynamodb": {
                "ApproximateCreationDateTime": record.created.as_second(),
                "Keys": { "pk": { "S": "E" }, "sk": { "S": "2" } },
                "NewImage": {
                    "pk": { "S": "E" }, "sk": { "S": "2" }, "data": { "B": "AP8=" }, "n": { "N": "5" },
                    "set": { "NS": records[1].body["dynamodb"]["NewImage"]["set"]["NS"] },
                },
                "SequenceNumber": record.sequence_number.to_string(), "SizeBytes": null,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        })
    );
    assert_eq!(record.sequence_number.to_string().parse(), Ok(record.sequence_number));
    assert_eq!(reader.read(records[0].sequence_number, 1).await.unwrap()[0], records[1]);
    assert!(reader.read(records[2].sequence_number, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn expired_items_are_removed_by_the_service() {
    let directory = tempfile::tempdir().unwrap();
    let database = DynamoDb::start(&file(&directory), &[events_table("OLD_IMAGE")]).unwrap();
    let client = client(&database);
    for (sk, ttl) in [("past", "1000000000"), ("future", "9000000000")] {
        let put = client.put_item().table_name("events").item("pk", text("E")).item("sk", text(sk));
        put.item("ttl", AttributeValue::N(ttl.to_owned())).send().await.unwrap();
    }
    maintenance::sweep(&database.streams.database());
    let items = client.scan().table_name("events").send().await.unwrap();
    assert_eq!(items.items()[0]["sk"], text("future"));
    assert_eq!(items.count(), 1);
    let reader = database.stream("events").unwrap();
    let record = reader.read(SequenceNumber::START, 10).await.unwrap().pop().unwrap().body;
    assert_eq!(record["eventName"], "REMOVE");
    assert_eq!(record["userIdentity"], json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" }));
    assert_eq!(record["dynamodb"]["OldImage"]["sk"]["S"], "past");
    assert_eq!(record["dynamodb"]["NewImage"], Value::Null);
}

#[tokio::test]
async fn only_handled_records_are_trimmed_after_a_day() {
    let directory = tempfile::tempdir().unwrap();
    let database = DynamoDb::start(&file(&directory), &[events_table("NEW_IMAGE")]).unwrap();
    let client = client(&database);
    for sk in ["1", "2", "3"] {
        put(&client, sk).await;
    }
    let reader = database.stream("events").unwrap();
    let records = reader.read(SequenceNumber::START, 10).await.unwrap();
    reader.set_handled("A", records[2].sequence_number);
    reader.set_handled("B", records[1].sequence_number);
    let now = crate::clock::now();
    let left = |now: Timestamp| database.streams.trim(now).unwrap();
    assert_eq!(left(now + SignedDuration::from_hours(23)), 0);
    assert_eq!(left(now + SignedDuration::from_hours(25)), 2);
    assert_eq!(reader.read(SequenceNumber::START, 10).await.unwrap(), records[2..]);
    // Positions go on after what was trimmed.
    reader.set_handled("B", records[2].sequence_number);
    assert_eq!(left(now + SignedDuration::from_hours(25)), 1);
    put(&client, "4").await;
    assert!(
        reader.read(SequenceNumber::START, 10).await.unwrap()[0].sequence_number > records[2].sequence_number
    );
}

#[test]
fn numbering_a_record_uses_the_index() {
    let directory = tempfile::tempdir().unwrap();
    let database = DynamoDb::start(&file(&directory), &[events_table("NEW_IMAGE")]).unwrap();
    let sqlite = watch::connect(&file(&directory)).unwrap();
    let plan: String = sqlite
        .query_row(
            "EXPLAIN QUERY PLAN SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records \
             WHERE table_name = ?1",
            params!["events"],
            |row| row.get(3),
        )
        .unwrap();
    assert!(plan.contains("stream_records_by_number"), "{plan}");
    drop(database);
}

#[tokio::test]
async fn it_ends_in_spite_of_a_client_that_never_finishes_its_request() {
    use std::io::Write as _;
    let directory = tempfile::tempdir().unwrap();
    let database = DynamoDb::start(&file(&directory), &[plain_table()]).unwrap();
    let address = database.address;
    let mut stuck = std::net::TcpStream::connect(address).unwrap();
    stuck.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n").unwrap();
    let (ended, end) = channel();
    std::thread::spawn(move || {
        drop(database);
        ended.send(()).unwrap();
    });
    end.recv_timeout(GRACE * 3).unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn sequence_numbers_have_21_digits() {
    assert_eq!(SequenceNumber::START.to_string(), "100000000000000000000");
    for wrong in ["", "5", "abc", "999999999999999999999999999999999999999", "1e20"] {
        assert!(wrong.parse::<SequenceNumber>().is_err(), "{wrong}");
    }
}
