use std::time::Instant;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{Put, ReturnConsumedCapacity, TransactWriteItem, Update};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::call::Call;
use crate::dynamodb::DynamoDb;
use crate::dynamodb::tests::{client, client_of, events_table, plain_table, text};

/// A database behind its front, and one like it without.
struct Pair {
    _directory: tempfile::TempDir,
    fronted: DynamoDb,
    bare: DynamoDb,
    client: reqwest::Client,
}

impl Pair {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let start = |name: &str| {
            DynamoDb::start(&directory.path().join(name), &[events_table("NEW_IMAGE"), plain_table()])
                .unwrap()
        };
        let (fronted, bare) = (start("fronted.sqlite"), start("bare.sqlite"));
        Self { _directory: directory, fronted, bare, client: reqwest::Client::new() }
    }

    /// The address of dynoxide's own server.
    fn bare_url(&self) -> String {
        format!("http://{}", self.bare.service.front.inner.dynoxide)
    }

    /// Sends one request to both, and compares the responses; returns the status and the body.
    async fn ask(&self, operation: &str, body: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
        let mut responses = Vec::new();
        for url in [self.fronted.url(), self.bare_url()] {
            let mut request = self.client.post(url).body(body.to_owned());
            let target = format!("DynamoDB_20120810.{operation}");
            let usual = [
                ("content-type", "application/x-amz-json-1.0"),
                ("x-amz-target", target.as_str()),
                ("x-amz-date", "20260302T090000Z"),
                (
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=local/20260302/eu-central-1/dynamodb/aws4_request, \
                     SignedHeaders=host, Signature=00",
                ),
            ];
            let is_given = |name: &str| headers.iter().any(|(given, _)| *given == name);
            for (name, value) in usual.iter().filter(|(name, _)| !is_given(name)).chain(headers) {
                if !value.is_empty() {
                    request = request.header(*name, *value);
                }
            }
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status(), response.headers().clone());
            responses.push((status, headers, response.text().await.unwrap()));
        }
        let (bare, fronted) = (responses.pop().unwrap(), responses.pop().unwrap());
        assert_eq!(fronted.0, bare.0, "{operation} {body}: {} {}", fronted.2, bare.2);
        assert_eq!(comparable(&fronted.1, &fronted.2), comparable(&bare.1, &bare.2), "{operation} {body}");
        // The order of a map's members is another each time, in either.
        assert_eq!(fronted.2.len(), bare.2.len(), "{operation} {body}: {} {}", fronted.2, bare.2);
        match (serde_json::from_str::<Value>(&fronted.2), serde_json::from_str::<Value>(&bare.2)) {
            (Ok(fronted), Ok(bare)) => assert_eq!(fronted, bare, "{operation} {body}"),
            _ => assert_eq!(fronted.2, bare.2, "{operation} {body}"),
        }
        (fronted.0, fronted.2)
    }
}

/// The headers but for what is each response's own, which is checked.
fn comparable(headers: &HeaderMap, body: &str) -> Vec<(String, String)> {
    let id = headers["x-amzn-requestid"].to_str().unwrap();
    assert!(
        id.len() == 52 && id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()),
        "{id}"
    );
    assert_eq!(headers["x-amz-crc32"], crc32fast::hash(body.as_bytes()).to_string());
    let own = ["date", "x-amz-crc32", "x-amzn-requestid"];
    let mut headers: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    headers
}

fn key(sk: &str) -> Value {
    json!({ "pk": { "S": "E" }, "sk": { "S": sk } })
}

/// Each operation with a body, and whether the front answers it by itself.
#[expect(clippy::too_many_lines, reason = "it is a list")]
fn requests() -> Vec<(&'static str, Value, bool)> {
    let item = |sk: &str| {
        json!({
            "pk": { "S": "E" }, "sk": { "S": sk }, "recipient": { "S": "R" }, "n": { "N": "5" },
            "at": { "N": "1.50" }, "flag": { "BOOL": true }, "nothing": { "NULL": true }, "data": { "B": "AP8=" },
            "set": { "NS": ["10", "2"] }, "names": { "SS": ["b", "a"] }, "list": { "L": [{ "S": "é\"\n" }] },
            "map": { "M": { "x": { "N": "1" } } },
        })
    };
    let put = |sk: &str| json!({ "TableName": "events", "Item": item(sk) });
    let with = |mut body: Value, more: Value| {
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let absent = json!({ "ConditionExpression": "attribute_not_exists(pk)" });
    let all_old = json!({ "ReturnValuesOnConditionCheckFailure": "ALL_OLD" });
    let get = |sk: &str| json!({ "TableName": "events", "Key": key(sk) });
    let query = json!({
        "TableName": "events", "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": { ":pk": { "S": "E" } }, "ReturnConsumedCapacity": "INDEXES",
    });
    let by_recipient = json!({
        "TableName": "events", "IndexName": "by_recipient", "KeyConditionExpression": "recipient = :r",
        "ExpressionAttributeValues": { ":r": { "S": "R" } }, "Limit": 1, "ScanIndexForward": false,
    });
    let update = json!({
        "TableName": "events", "Key": key("1"), "UpdateExpression": "SET n = n + :one",
        "ExpressionAttributeValues": { ":one": { "N": "1" } }, "ReturnValues": "ALL_NEW",
    });
    let transact = |items: Value| json!({ "TransactItems": items, "ReturnConsumedCapacity": "TOTAL" });
    let conditional = with(with(put("1"), absent.clone()), all_old.clone());
    vec![
        ("PutItem", with(put("1"), json!({ "ReturnConsumedCapacity": "TOTAL" })), true),
        ("PutItem", with(put("2"), absent.clone()), true),
        ("PutItem", with(put("1"), json!({ "ReturnValues": "ALL_OLD" })), true),
        ("PutItem", with(put("1"), absent.clone()), true),
        ("PutItem", conditional.clone(), true),
        ("PutItem", with(put("1"), json!({ "TableName": "nowhere" })), true),
        ("PutItem", json!({ "TableName": "events", "Item": { "pk": { "S": "E" } } }), true),
        (
            "PutItem",
            json!({ "TableName": "events", "Item": { "pk": { "S": "" }, "sk": { "S": "1" } } }),
            true,
        ),
        (
            "PutItem",
            json!({ "TableName": "events", "Item": { "pk": { "S": 1 }, "sk": { "S": "1" } } }),
            false,
        ),
        ("PutItem", with(put("1"), json!({ "Expected": { "n": { "Exists": false } } })), false),
        ("PutItem", with(put("1"), json!({ "AttributeUpdates": [] })), false),
        ("PutItem", with(put("3"), json!({ "Nonsense": 1 })), false),
        ("PutItem", with(put("1"), json!({ "ReturnValues": "SOMETHING" })), false),
        ("PutItem", with(put("1"), json!({ "ConditionExpression": "attribute_not_exists(" })), true),
        (
            "PutItem",
            with(put("4"), json!({ "Item": with(item("4"), json!({ "flag": { "BOOL": "true" } })) })),
            true,
        ),
        ("PutItem", with(put("4"), json!({ "Item": with(item("4"), json!({ "n": { "N": "x" } })) })), false),
        (
            "PutItem",
            with(put("4"), json!({ "Item": with(item("4"), json!({ "n": { "N": "1", "S": "1" } })) })),
            false,
        ),
        ("GetItem", get("1"), true),
        (
            "GetItem",
            with(get("1"), json!({ "ConsistentRead": true, "ReturnConsumedCapacity": "TOTAL" })),
            true,
        ),
        (
            "GetItem",
            with(
                get("1"),
                json!({ "ProjectionExpression": "#n", "ExpressionAttributeNames": { "#n": "n" } }),
            ),
            true,
        ),
        ("GetItem", get("none"), true),
        ("GetItem", json!({ "TableName": "events", "Key": { "pk": { "S": "E" } } }), true),
        ("GetItem", json!({ "TableName": "events" }), false),
        ("GetItem", json!({ "TableName": "nowhere", "Key": key("1") }), true),
        ("GetItem", json!({ "TableName": "x", "Key": key("1") }), false),
        ("GetItem", json!({ "TableName": "events", "Key": [] }), false),
        ("GetItem", json!(["events", key("1")]), true),
        ("GetItem", with(get("1"), json!({ "ConsistentRead": "true" })), true),
        ("GetItem", with(get("1"), json!({ "ConsistentRead": 1 })), false),
        ("Query", query.clone(), true),
        ("Query", with(query.clone(), json!({ "FilterExpression": "n > :pk" })), true),
        ("Query", with(query.clone(), json!({ "Select": "COUNT", "Limit": 1 })), true),
        ("Query", with(query.clone(), json!({ "Limit": 0 })), false),
        ("Query", with(query.clone(), json!({ "ExclusiveStartKey": key("1") })), true),
        ("Query", with(query.clone(), json!({ "ExclusiveStartKey": { "pk": { "S": "E" } } })), true),
        ("Query", with(query.clone(), json!({ "ExclusiveStartKey": 5 })), false),
        ("Query", with(query, json!({ "Key": 5 })), false),
        ("Query", by_recipient.clone(), true),
        ("Query", with(by_recipient.clone(), json!({ "ConsistentRead": true })), true),
        ("Query", with(by_recipient, json!({ "IndexName": "nowhere" })), true),
        (
            "Query",
            json!({ "TableName": "events", "KeyConditions": {
                "pk": { "ComparisonOperator": "EQ", "AttributeValueList": [{ "S": "E" }] },
            } }),
            false,
        ),
        ("UpdateItem", update.clone(), true),
        ("UpdateItem", with(update.clone(), json!({ "ConditionExpression": "n = :one" })), true),
        (
            "UpdateItem",
            with(with(update.clone(), json!({ "ConditionExpression": "n = :one" })), all_old.clone()),
            true,
        ),
        ("UpdateItem", with(update.clone(), json!({ "UpdateExpression": "SET pk = :one" })), true),
        ("UpdateItem", with(update.clone(), json!({ "UpdateExpression": "SET recipient = :one" })), true),
        ("UpdateItem", with(update, json!({ "UpdateExpression": "ADD names :one" })), true),
        (
            "TransactWriteItems",
            transact(json!([
                { "Put": put("5") },
                { "Delete": { "TableName": "events", "Key": key("2") } },
                { "ConditionCheck": {
                    "TableName": "events", "Key": key("1"), "ConditionExpression": "attribute_exists(pk)",
                } },
            ])),
            true,
        ),
        ("TransactWriteItems", transact(json!([{ "Put": put("6") }, { "Put": conditional }])), true),
        ("TransactWriteItems", transact(json!([{ "Put": put("6") }, { "Put": put("6") }])), true),
        (
            "TransactWriteItems",
            transact(json!([{ "Put": with(put("6"), json!({ "TableName": "nowhere" })) }])),
            true,
        ),
        (
            "TransactWriteItems",
            transact(json!([{ "Update": {
                "TableName": "events", "Key": key("1"), "UpdateExpression": "ADD names :v",
                "ExpressionAttributeValues": { ":v": { "N": "1" } },
            } }])),
            true,
        ),
        ("TransactWriteItems", transact(json!([])), true),
        ("TransactWriteItems", transact(json!([{}])), true),
        ("TransactWriteItems", json!({ "TransactItems": {} }), false),
        (
            "TransactWriteItems",
            with(transact(json!([{ "Put": put("7") }])), json!({ "ClientRequestToken": "once" })),
            true,
        ),
        (
            "TransactWriteItems",
            with(transact(json!([{ "Put": put("7") }])), json!({ "ClientRequestToken": "once" })),
            true,
        ),
        (
            "TransactWriteItems",
            with(transact(json!([{ "Put": put("8") }])), json!({ "ClientRequestToken": "once" })),
            true,
        ),
        ("TransactGetItems", transact(json!([{ "Get": get("1") }, { "Get": get("none") }])), true),
        ("TransactGetItems", transact(json!([{ "Get": get("1") }, { "Get": get("1") }])), true),
        ("TransactGetItems", transact(json!([{}])), false),
        (
            "BatchGetItem",
            json!({ "RequestItems": { "events": { "Keys": [key("1"), key("none")], "ConsistentRead": true } } }),
            true,
        ),
        ("BatchGetItem", json!({ "RequestItems": { "events": { "Keys": [key("1"), key("1")] } } }), true),
        ("BatchGetItem", json!({ "RequestItems": { "events": [] } }), false),
        ("BatchGetItem", json!({ "RequestItems": {} }), true),
        (
            "BatchWriteItem",
            json!({ "RequestItems": { "events": [
                { "PutRequest": { "Item": item("9") } }, { "DeleteRequest": { "Key": key("5") } },
            ] } }),
            true,
        ),
        ("BatchWriteItem", json!({ "RequestItems": { "events": [{ "PutRequest": [item("9")] }] } }), false),
        ("BatchWriteItem", json!({ "RequestItems": { "events": [{}] } }), true),
        ("DeleteItem", with(get("9"), json!({ "ReturnValues": "ALL_OLD" })), true),
        ("DeleteItem", with(get("1"), json!({ "ConditionExpression": "attribute_not_exists(pk)" })), true),
        ("DeleteItem", get("9"), true),
        ("Scan", json!({ "TableName": "events", "ReturnConsumedCapacity": "TOTAL" }), false),
        ("DescribeTimeToLive", json!({ "TableName": "events" }), false),
        ("ListTables", json!({}), false),
        ("NoOperation", json!({}), false),
    ]
}

#[tokio::test]
async fn every_answer_is_dynoxides_own() {
    let pair = Pair::start();
    let mut statuses = std::collections::BTreeMap::<u16, u32>::new();
    for (operation, body, is_read) in requests() {
        let body = body.to_string();
        assert_eq!(Call::read(operation, body.as_bytes()).is_some(), is_read, "{operation} {body}");
        let (status, _) = pair.ask(operation, &body, &[]).await;
        *statuses.entry(status.as_u16()).or_default() += 1;
    }
    assert!(statuses[&200] > 20 && statuses[&400] > 20, "{statuses:?}");
    let deep = format!(r#"{{"TableName":"plain","Item":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
    for malformed in
        ["", "{", "null", "[]", "\"\"", r#"{"TableName":"events","TableName":"events"}"#, &deep, "{} {}"]
    {
        pair.ask("GetItem", malformed, &[]).await;
    }
}

#[tokio::test]
async fn what_is_said_of_the_rest_of_a_request_is_dynoxides_own() {
    let pair = Pair::start();
    let get = json!({ "TableName": "events", "Key": key("1") }).to_string();
    for headers in [
        &[("content-type", "application/json")][..],
        &[("content-type", "Application/JSON ; charset=utf-8")],
        &[("content-type", "text/plain")],
        &[("content-type", "")],
        &[("authorization", "")],
        &[("authorization", "AWS4-HMAC-SHA256 Credential=local")],
        &[("x-amz-date", "")],
        &[("x-amz-target", "")],
        &[("x-amz-target", "DynamoDB_20111205.GetItem")],
        &[("x-amz-target", "DynamoDBStreams_20120810.DescribeStream")],
    ] {
        pair.ask("GetItem", &get, headers).await;
    }
    let ask = |method: http::Method, headers: &'static [(&str, &str)]| {
        let mut request = pair.client.request(method, pair.fronted.url());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        async { request.send().await.unwrap() }
    };
    let healthy = ask(http::Method::GET, &[]).await;
    assert_eq!(healthy.status(), 200);
    assert!(healthy.text().await.unwrap().starts_with("healthy"), "the health check of dynoxide's server");
    for foreign in
        [&[("origin", "http://evil.example")][..], &[("origin", "null")], &[("sec-fetch-site", "cross-site")]]
    {
        for method in [http::Method::POST, http::Method::OPTIONS, http::Method::GET] {
            let response = ask(method, foreign).await;
            assert_eq!(response.status(), 403, "{foreign:?}");
            assert_eq!(response.headers().get("access-control-allow-origin"), None);
        }
    }
    assert_eq!(ask(http::Method::POST, &[("host", "evil.example")]).await.status(), 421);
}

/// The processor time of the database's threads so far, in nanoseconds.
fn database_time() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten().filter_map(|task| {
        let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
        let time = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        name.starts_with("dynamodb").then(|| time.split(' ').next()?.parse::<u64>().ok())?
    });
    tasks.sum()
}

/// Prints the processor time of a request: `cargo test --workspace --lib -- --ignored --nocapture costs_of_a_request`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn costs_of_a_request() {
    const ROUNDS: usize = 4;
    let pair = Pair::start();
    let clients = [("dynoxide's server", client_of(&pair.bare_url())), ("the front", client(&pair.fronted))];
    for (_, client) in &clients {
        write(client, 0).await;
    }
    let mut spent = [[0_u64; 2]; 2];
    // By turns, since the machine is not equally fast all the time.
    for round in 0..ROUNDS {
        for (index, (_, client)) in clients.iter().enumerate() {
            let before = database_time();
            for _ in 0..20_000 / ROUNDS {
                let read = client.get_item().table_name("events").key("pk", text("E")).key("sk", text("0"));
                read.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
            }
            let between = database_time();
            for number in 0..5_000 / ROUNDS {
                write(client, round * 5_000 + number).await;
            }
            spent[index][0] += between - before;
            spent[index][1] += database_time() - between;
        }
    }
    println!("processor time of the database's threads per request, in microseconds");
    for ((name, _), [reads, writes]) in clients.iter().zip(spent) {
        println!("{name}: GetItem {}, TransactWriteItems of 4 {}", reads / 20_000_000, writes / 5_000_000);
    }
    let started = Instant::now();
    drop(pair);
    println!("ended in {:?}", started.elapsed());
}

/// A transaction such as a booking's.
async fn write(client: &Client, number: usize) {
    let put = |sk: String| {
        let put = Put::builder().table_name("events").item("pk", text("E")).item("sk", text(&sk));
        let put =
            ["a", "b", "c", "d", "e", "f"].into_iter().fold(put, |put, name| put.item(name, text("a value")));
        TransactWriteItem::builder().put(put.build().unwrap()).build()
    };
    let update = Update::builder()
        .table_name("events")
        .key("pk", text("E"))
        .key("sk", text("day"))
        .update_expression("SET #cell = :cell")
        .condition_expression("attribute_not_exists(nobody)")
        .expression_attribute_names("#cell", format!("c{}", number % 100))
        .expression_attribute_values(":cell", text("taken"));
    let transaction = client
        .transact_write_items()
        .transact_items(put(number.to_string()))
        .transact_items(put(format!("{number} event")))
        .transact_items(put(format!("{number} day")))
        .transact_items(TransactWriteItem::builder().update(update.build().unwrap()).build());
    transaction.send().await.unwrap();
}
