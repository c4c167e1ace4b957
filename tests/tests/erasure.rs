//! Erasure: after somebody has left, no attribute of any row of any table has their name, their address, their telephone
//! number, their device or their words.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_models::user::Role;
use chairbook_tests::checker::Item;
use chairbook_tests::{Actor, TestStack};
use reqwest::Method;
use serde_json::json;

const CUT: &str = "svc_00000000000000000000000001";

const NAME: &str = "Hedwig Quittenmus";
const DEVICE: &str = "Zebrafish/7.3 (Hedwig's)";

/// Words of hers, and what is known of her, as they could stand anywhere.
const WORDS: [&str; 6] = ["hedwig", "quittenmus", "zebrafish", "marmalade", "5550167", "umbrella"];

/// Books one of the last free times, each an hour or more from the others; returns the appointment's path.
async fn book(actor: &Actor, place: usize, pay_now: bool) -> String {
    let free = actor.later_availability(&format!("serviceId={CUT}")).await;
    let (date, time, _) = free[free.len() - 1 - 8 * place].clone();
    let order = json!({
        "serviceId": CUT, "date": date, "time": time, "payNow": pay_now, "notes": "No marmalade, please",
    });
    let booked = actor.book(order).await.data(201)["appointment"].clone();
    format!("/appointments/{}", booked["id"].as_str().unwrap())
}

/// Everything that somebody can say, and that others can do with it.
async fn live(stack: &TestStack, hedwig: &Actor) {
    let admin = stack.demo_account(Role::Admin).await;
    let owner = stack.demo_account(Role::Owner).await;
    hedwig.put("/profile", json!({"name": NAME, "phone": "+1 202 555 0167"})).await.data(200);
    let elsewhere = hedwig.elsewhere();
    let credentials = json!({"email": hedwig.email, "password": hedwig.password});
    let log_in = elsewhere.request(Method::POST, "/auth/login").header("user-agent", DEVICE);
    elsewhere.send(log_in.json(&credentials)).await.data(200);
    let wrong = json!({"email": hedwig.email, "password": "umbrella"});
    elsewhere.post("/auth/login", wrong).await.error(401, "invalid_credentials");
    elsewhere.post("/auth/forgot-password", json!({"email": hedwig.email})).await.data(200);

    for (place, status) in ["completed", "no_show"].into_iter().enumerate() {
        let path = book(hedwig, place, true).await;
        let booked = hedwig.get(&path).await.data(200)["appointment"].clone();
        stack.let_time_pass(&booked).await;
        admin.put(&format!("{path}/status"), json!({"status": status})).await.data(200);
    }
    let cancelled = book(hedwig, 3, true).await;
    hedwig.delete(&format!("{cancelled}/cancel")).await.data(200);
    let paid = book(hedwig, 4, false).await;
    let card = json!({"method": "card", "reference": "receipt 12"});
    admin.put(&format!("{paid}/pay"), card).await.data(200);
    book(hedwig, 5, false).await;

    for (title, status) in
        [("Umbrella", "pending"), ("Umbrella stand", "completed"), ("Umbrella of yore", "pending")]
    {
        let todo = json!({"title": title, "description": "For Hedwig", "status": status});
        let added = hedwig.post("/todos", todo).await.data(201)["todo"].clone();
        let path = format!("/todos/{}", added["id"].as_str().unwrap());
        if title == "Umbrella of yore" {
            hedwig.delete(&path).await.data(200);
        } else {
            hedwig.put(&path, json!({"title": format!("{title}, large")})).await.data(200);
        }
    }
    let on = json!({"email": true, "inApp": true});
    let preferences = json!({
        "appointments": on, "reminders": on, "reviews": on, "courses": on, "todos": on, "logins": on, "news": on,
    });
    hedwig.put("/notifications/preferences", json!({"preferences": preferences})).await.data(200);
    hedwig.post("/notifications/read-all", json!({})).await.data(200);
    let role = format!("/users/{}/role", hedwig.user_id);
    for name in ["admin", "user"] {
        owner.put(&role, json!({"role": name})).await.data(200);
    }
    hedwig.get("/profile/export").await.data(200);
}

/// The texts of an attribute, at whatever depth, and the names of its members.
fn texts(value: &AttributeValue, found: &mut Vec<String>) {
    match value {
        AttributeValue::S(text) => found.push(text.to_lowercase()),
        AttributeValue::Ss(several) => found.extend(several.iter().map(|text| text.to_lowercase())),
        AttributeValue::B(bytes) => found.push(String::from_utf8_lossy(bytes.as_ref()).to_lowercase()),
        AttributeValue::L(values) => values.iter().for_each(|value| texts(value, found)),
        AttributeValue::M(members) => {
            for (name, value) in members {
                found.push(name.to_lowercase());
                texts(value, found);
            }
        }
        _ => {}
    }
}

/// The places in all tables that have any of the words: `Table pk attribute: word`.
async fn places(stack: &TestStack, words: &BTreeSet<String>) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    let tables = stack.stack.system().tables.iter().map(|table| table.logical_id.clone());
    for table in tables.collect::<Vec<_>>() {
        for row in stack.items(&table).await {
            places.extend(places_in(&row, words).into_iter().map(|place| format!("{table} {place}")));
        }
    }
    places
}

fn places_in(row: &Item, words: &BTreeSet<String>) -> Vec<String> {
    let mut places = Vec::new();
    for (name, value) in row {
        let mut found = vec![name.to_lowercase()];
        texts(value, &mut found);
        for word in words.iter().filter(|word| found.iter().any(|text| text.contains(word.as_str()))) {
            places.push(format!("{:?} {name}: {word}", row["pk"]));
        }
    }
    places
}

#[tokio::test]
async fn no_row_of_any_table_knows_who_it_was() {
    let stack = TestStack::start().await;
    stack.keep_secret(["Umbrella", "No marmalade"].map(str::to_owned));
    let hedwig = stack.customer().await;
    live(&stack, &hedwig).await;
    stack.settle().await;
    let words: BTreeSet<String> =
        WORDS.into_iter().map(str::to_owned).chain([hedwig.email.to_lowercase()]).collect();
    let before = places(&stack, &words).await;
    // What is looked for was there, in every table that keeps it.
    for word in &words {
        assert!(before.iter().any(|place| place.ends_with(&format!(": {word}"))), "{word} in {before:#?}");
    }
    for table in ["UsersTable", "AppointmentsTable", "TodosTable", "EventsTable"] {
        assert!(before.iter().any(|place| place.starts_with(table)), "{table} in {before:#?}");
    }

    let leave = hedwig.request(Method::DELETE, "/profile").json(&json!({"password": hedwig.password}));
    hedwig.send(leave).await.data(200);
    stack.settle().await;
    let after = places(&stack, &words).await;
    assert!(after.is_empty(), "{after:#?}");
    // Nor is anything hers by its id.
    for table in ["UsersTable", "TodosTable"] {
        for row in stack.items(table).await {
            let mut found = Vec::new();
            for value in row.values() {
                texts(value, &mut found);
            }
            let is_hers = found.iter().any(|text| text.contains(&hedwig.user_id));
            assert!(!is_hers, "{table}: {row:?}");
        }
    }
    stack.finish().await;
}

#[test]
fn a_word_is_found_at_any_depth() {
    let words = BTreeSet::from(["zebra".to_owned()]);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let map = |name: &str, value| AttributeValue::M([(name.to_owned(), value)].into());
    let row = |value| Item::from([("pk".to_owned(), text("A")), ("data".to_owned(), value)]);
    for value in [
        text("a ZEBRA"),
        AttributeValue::Ss(vec!["zebras".to_owned()]),
        map("a", AttributeValue::L(vec![map("b", text("Zebra"))])),
        map("zebra", AttributeValue::Bool(true)),
    ] {
        assert_eq!(places_in(&row(value.clone()), &words).len(), 1, "{value:?}");
    }
    assert!(places_in(&row(map("a", text("horse"))), &words).is_empty());
}
