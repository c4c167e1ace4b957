//! Profiles, roles, export and erasure.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_models::ids::{AppointmentId, EventId, SessionId, SubServiceId, TodoId};
use chairbook_models::user::Role;
use chairbook_platform::clock;
use chairbook_tests::checker::Item;
use chairbook_tests::{Actor, TestStack};
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::json;

const CUT: &str = "svc_00000000000000000000000001";

async fn book(actor: &Actor, pay_now: bool) -> String {
    let free = actor.later_availability(&format!("serviceId={CUT}")).await;
    let (date, time, _) = free.last().unwrap().clone();
    let body =
        json!({"serviceId": CUT, "date": date, "time": time, "payNow": pay_now, "notes": "My secret wish"});
    actor.book(body).await.data(201)["appointment"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn people_keep_their_own_profile() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    let before = ada.get("/profile").await.data(200)["user"].clone();
    assert_eq!((before["email"].as_str(), before["role"].as_str()), (Some(ada.email.as_str()), Some("user")));
    let changed =
        ada.put("/profile", json!({"name": "Ada King", "phone": "+44 20 7946 0958"})).await.data(200);
    assert_eq!(changed["user"]["phone"], "+442079460958");
    assert_eq!(ada.get("/profile").await.data(200)["user"], changed["user"]);
    let without = ada.put("/profile", json!({"name": "Ada"})).await.data(200);
    assert_eq!(without["user"]["phone"], json!(null));
    assert_eq!(
        ada.put("/profile", json!({"phone": "x", "role": "owner"})).await.fields(400, "validation_failed"),
        ["name", "phone", "role"]
    );
    stack.finish().await;
}

#[tokio::test]
async fn admins_find_people() {
    let stack = TestStack::start().await;
    let admin = stack.demo_account(Role::Admin).await;
    let guests = join_all((0..5).map(|_| stack.customer())).await;

    let mut found = Vec::new();
    let mut path = "/users?limit=3".to_owned();
    loop {
        let page = admin.get(&path).await.data(200);
        found.extend(
            page["items"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/users?limit=3&cursor={cursor}");
    }
    let mut unique = found.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((found.len(), unique.len()), (8, 8), "everybody once");

    let page = admin.get("/users?limit=3").await.data(200);
    let cursor = page["nextCursor"].as_str().unwrap();
    let next = format!("/users?limit=3&cursor={cursor}");
    admin.get(&next).await.data(200);
    let owner = stack.demo_account(Role::Owner).await;
    assert_eq!(owner.get(&next).await.fields(400, "validation_failed"), ["cursor"], "another's cursor");
    assert_eq!(admin.get(&format!("{next}&role=user")).await.fields(400, "validation_failed"), ["cursor"]);

    let owners = admin.get("/users?role=owner").await.data(200);
    assert_eq!(owners["items"].as_array().unwrap().len(), 1);
    let by_email = admin.get(&format!("/users?email={}", guests[0].email.to_uppercase())).await.data(200);
    assert_eq!(by_email["items"][0]["id"], guests[0].user_id.as_str());
    assert_eq!(admin.get("/users?email=nobody@guests.example").await.data(200)["items"], json!([]));
    let one = admin.get(&format!("/users/{}", guests[1].user_id)).await.data(200);
    assert_eq!(one["user"]["email"], guests[1].email.as_str());
    admin.get("/users/usr_01jd3x8m4e5zq0v7k2n9r6t1wb").await.error(404, "not_found");
    guests[0].get("/users").await.error(403, "forbidden");
    guests[0].get(&format!("/users/{}", guests[0].user_id)).await.error(403, "forbidden");
    stack.finish().await;
}

#[tokio::test]
async fn a_role_is_in_force_at_once_and_the_last_owner_stays() {
    let stack = TestStack::start().await;
    let owner = stack.demo_account(Role::Owner).await;
    let admin = stack.demo_account(Role::Admin).await;
    let ada = stack.customer().await;
    let role = |role: &str| json!({"role": role});
    let of_ada = format!("/users/{}/role", ada.user_id);

    ada.get("/users").await.error(403, "forbidden");
    admin.put(&of_ada, role("admin")).await.error(403, "forbidden");
    assert_eq!(owner.put(&of_ada, role("admin")).await.data(200)["user"]["role"], "admin");
    ada.get("/users").await.data(200);
    stack.mail(&ada.email, "Your role at Salon Aurora has changed").await;
    owner.put(&of_ada, role("user")).await.data(200);
    ada.get("/users").await.error(403, "forbidden");
    assert_eq!(owner.put(&of_ada, role("king")).await.fields(400, "validation_failed"), ["role"]);

    let of_owner = format!("/users/{}/role", owner.user_id);
    owner.put(&of_owner, role("admin")).await.error(409, "last_owner");
    owner
        .send(owner.request(reqwest::Method::DELETE, "/profile").json(&json!({"password": owner.password})))
        .await
        .error(409, "last_owner");
    owner.put(&of_ada, role("owner")).await.data(200);
    // Two owners who step down at the same moment: one stays.
    let (one, other) =
        futures_util::join!(owner.put(&of_owner, role("user")), ada.put(&of_ada, role("user")));
    let down = [&one, &other].iter().filter(|answer| answer.status == 200).count();
    assert_eq!(down, 1, "{} and {}", one.text, other.text);
    stack.finish().await;
}

#[tokio::test]
async fn whoever_leaves_takes_what_is_known_of_them_along() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    let id = book(&ada, true).await;
    stack.mail(&ada.email, "Confirmed").await;
    stack.settle().await;

    let export = ada.get("/profile/export").await;
    assert!(export.header("content-disposition").starts_with("attachment"));
    let export = export.data(200);
    assert_eq!(export["user"]["email"], ada.email.as_str());
    assert_eq!(export["appointments"][0]["id"], id.as_str());
    assert_eq!(export["appointments"][0]["notes"], "My secret wish");
    assert_eq!(export["sessions"].as_array().unwrap().len(), 1);
    let types: Vec<_> =
        export["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert!(types.contains(&"appointment.confirmed") && types.contains(&"user.logged_in"), "{types:?}");
    assert!(!export.to_string().contains("argon2"));

    let delete = |password: &str| {
        ada.request(reqwest::Method::DELETE, "/profile").json(&json!({"password": password}))
    };
    ada.send(delete("not mine")).await.error(400, "wrong_password");
    ada.send(delete(&ada.password)).await.data(200);
    ada.get("/profile").await.error(401, "session_ended");
    ada.elsewhere().log_in().await.error(401, "invalid_credentials");

    let admin = stack.demo_account(Role::Admin).await;
    admin.get(&format!("/users/{}", ada.user_id)).await.error(404, "not_found");
    let kept = admin.get(&format!("/appointments/{id}")).await.data(200)["appointment"].clone();
    assert_eq!((kept["status"].as_str(), kept["notes"].is_null()), (Some("cancelled"), true));
    assert_ne!(kept["userId"], ada.user_id.as_str());
    stack.settle().await;
    for table in ["UsersTable", "AppointmentsTable", "EventsTable"] {
        for row in stack.items(table).await {
            let row = format!("{row:?}");
            assert!(!row.contains("My secret wish"), "{table}: {row}");
            // The day's failures of an address that nobody has any more are forgotten tomorrow.
            let is_failures = row.contains("EMAIL#") && !row.contains("password_hash");
            assert!(is_failures || !row.contains(&ada.email), "{table}: {row}");
            let is_told = row.contains("recipient") && row.contains(&ada.user_id);
            assert!(!is_told, "{table}: {row}");
        }
    }
    // The address is free again.
    ada.elsewhere().register("Ada again").await.data(201);
    stack.finish().await;
}

/// The longest page of an export, bytes of its body: the documented megabyte of records, and what is around them.
const LONGEST_PAGE: usize = 1024 * 1024 + 4 * 1024;

/// Read units of one page, at most: of its megabyte, eventually consistent, and of rows that there was no room for, or, if
/// they are sessions, strongly consistent.
const MOST_READ_UNITS: f64 = 400.0;

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A text of so many characters that is as long in bytes, too.
fn longest(characters: usize) -> AttributeValue {
    text("\u{1d11e}".repeat(characters))
}

/// The row that `is_it` knows, so many times over: each with an id of its own from `id`, and what `change` makes of it.
fn copies(
    rows: &[Item],
    is_it: impl Fn(&Item) -> bool,
    count: usize,
    change: impl Fn([u8; 16], AttributeValue, &mut Item),
) -> Vec<Item> {
    let original = rows.iter().find(|row| is_it(row)).unwrap();
    let copy = |number: usize| {
        let mut copy = original.clone();
        // Three have the same instant.
        let at = clock::now() - SignedDuration::from_secs(i64::try_from(number / 3).unwrap());
        let at = text(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
        change(u128::try_from(number).unwrap().to_be_bytes(), at, &mut copy);
        copy
    };
    (1..=count).map(copy).collect()
}

/// More of everything that is somebody's than a page of their export has, as long as it can be.
async fn keep_much_about(ada: &Actor, appointment: &str, stack: &TestStack) {
    let set = |row: &mut Item, attributes: Vec<(&str, AttributeValue)>| {
        row.extend(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)));
    };
    let is_session = |row: &Item| {
        row["pk"] == text(format!("USER#{}", ada.user_id))
            && row["sk"].as_s().unwrap().starts_with("SESSION#")
    };
    let rows = stack.items("UsersTable").await;
    let sessions = copies(&rows, is_session, 130, |bytes, _, row| {
        let id = SessionId::derived(bytes);
        let key = text(format!("SESSION#{id}"));
        set(row, vec![("sk", key), ("id", text(id.to_string())), ("user_agent", longest(256))]);
    });
    stack.put_items("UsersTable", sessions).await;

    let add_on = AttributeValue::M(HashMap::from([
        ("id".to_owned(), text(SubServiceId::derived([1; 16]).to_string())),
        ("name".to_owned(), longest(100)),
        ("price".to_owned(), AttributeValue::N("100000000".to_owned())),
        ("durationMinutes".to_owned(), AttributeValue::N("600".to_owned())),
    ]));
    let is_appointment = |row: &Item| row["pk"] == text(format!("APT#{appointment}"));
    let rows = stack.items("AppointmentsTable").await;
    let appointments = copies(&rows, is_appointment, 450, |bytes, at, row| {
        let id = AppointmentId::derived(bytes).to_string();
        let add_ons = AttributeValue::L(vec![add_on.clone(); 20]);
        let (key, id) = (text(format!("APT#{id}")), text(id));
        set(row, vec![("pk", key), ("id", id), ("created_at", at), ("sub_services", add_ons)]);
        set(
            row,
            vec![("service_name", longest(100)), ("expert_name", longest(100)), ("notes", longest(500))],
        );
    });
    stack.put_items("AppointmentsTable", appointments).await;

    let is_todo = |row: &Item| row["pk"] == text(format!("USER#{}", ada.user_id));
    let rows = stack.items("TodosTable").await;
    let todos = copies(&rows, is_todo, 250, |bytes, _, row| {
        let id = text(TodoId::derived(bytes).to_string());
        set(
            row,
            vec![("sk", id.clone()), ("id", id), ("title", longest(200)), ("description", longest(2_000))],
        );
    });
    stack.put_items("TodosTable", todos).await;

    let is_event = |row: &Item| {
        row["type"] == text("user.logged_in") && row.get("recipient") == Some(&text(&ada.user_id))
    };
    let rows = stack.items("EventsTable").await;
    let events = copies(&rows, is_event, 2_500, |bytes, at, row| {
        let id = EventId::derived(bytes).to_string();
        set(row, vec![("pk", text(format!("EVT#{id}"))), ("id", text(id)), ("at", at)]);
    });
    stack.put_items("EventsTable", events).await;
}

/// The ids of a table's rows, by its logical id, in which an attribute begins with a text, and which have one.
async fn ids(stack: &TestStack, table: &str, attribute: &str, value: &str) -> BTreeSet<String> {
    let rows = stack.items(table).await;
    let is_one = |row: &&Item| row.get(attribute) == Some(&text(value)) && row["sk"] != text("PROFILE");
    rows.iter().filter(is_one).map(|row| row["id"].as_s().unwrap().clone()).collect()
}

#[tokio::test]
async fn an_export_of_any_size_has_everything_once_on_pages_of_a_megabyte() {
    let stack = TestStack::start().await;
    let (ada, grace) = (stack.customer().await, stack.customer().await);
    let id = book(&ada, true).await;
    ada.post("/todos", json!({"title": "Umbrella"})).await.data(201);
    stack.settle().await;
    keep_much_about(&ada, &id, &stack).await;

    let kinds = ["sessions", "appointments", "todos", "events"];
    let mut found = kinds.map(|_| BTreeSet::new());
    let (mut cursor, mut pages) = (String::new(), 0);
    loop {
        let answer = ada.get(&format!("/profile/export{cursor}")).await;
        assert!(answer.text.len() <= LONGEST_PAGE, "page {pages}: {} bytes", answer.text.len());
        assert!(answer.header("content-disposition").starts_with("attachment"));
        let page = answer.data(200);
        assert_eq!(page["user"].is_object(), pages == 0, "page {pages}");
        for (kind, found) in kinds.iter().zip(&mut found) {
            for record in page[*kind].as_array().unwrap() {
                assert!(found.insert(record["id"].as_str().unwrap().to_owned()), "{record} comes again");
            }
        }
        pages += 1;
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("?cursor={next}"),
            None => break,
        }
        let next = format!("/profile/export{cursor}");
        assert_eq!(grace.get(&next).await.fields(400, "validation_failed"), ["cursor"], "another's cursor");
    }
    let [sessions, appointments, todos, events] = found;
    assert_eq!(sessions, ids(&stack, "UsersTable", "pk", &format!("USER#{}", ada.user_id)).await);
    assert_eq!(appointments, ids(&stack, "AppointmentsTable", "user_id", &ada.user_id).await);
    assert_eq!(todos, ids(&stack, "TodosTable", "pk", &format!("USER#{}", ada.user_id)).await);
    assert_eq!(events, ids(&stack, "EventsTable", "recipient", &ada.user_id).await);
    assert_eq!(ids(&stack, "EventsTable", "type", "user.exported").await.len(), 1);

    let lines = stack.access_logs("GET", "/api/v1/profile/export", pages).await;
    for line in lines.iter().filter(|line| line.status == 200) {
        assert!(line.read_units <= MOST_READ_UNITS, "{line:?}");
    }
    assert_eq!(ada.get("/profile/export?page=2").await.fields(400, "validation_failed"), ["page"]);
    // No cells, statistics and mails belong to the copies.
    stack.stack.shutdown().await;
}

#[tokio::test]
async fn what_an_index_shows_late_is_forgotten_too() {
    let stack = TestStack::start().await;
    let (ada, bob) = (stack.customer().await, stack.customer().await);
    let id = book(&bob, true).await;
    stack.settle().await;
    let client = stack.dynamodb();
    let appear = async || {
        let profile = client.get_item().table_name(stack.table_name("UsersTable")).consistent_read(true);
        let profile = profile.key("pk", text(format!("USER#{}", ada.user_id))).key("sk", text("PROFILE"));
        let is_leaving =
            async || profile.clone().send().await.unwrap().item.unwrap().contains_key("leaving_since");
        while !is_leaving().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // For want of an index that lags, the row itself comes after the first look.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let row = client.update_item().table_name(stack.table_name("AppointmentsTable"));
        row.key("pk", text(format!("APT#{id}")))
            .key("sk", text("APT"))
            .update_expression("SET user_id = :ada")
            .expression_attribute_values(":ada", text(&ada.user_id))
            .send()
            .await
            .unwrap();
    };
    let delete = ada.request(reqwest::Method::DELETE, "/profile").json(&json!({"password": ada.password}));
    let (answer, ()) = futures_util::join!(ada.send(delete), appear());
    answer.data(200);
    let admin = stack.demo_account(Role::Admin).await;
    let kept = admin.get(&format!("/appointments/{id}")).await.data(200)["appointment"].clone();
    assert_eq!((kept["status"].as_str(), kept["notes"].is_null()), (Some("cancelled"), true));
    assert_ne!(kept["userId"], ada.user_id.as_str());
    stack.finish().await;
}

#[tokio::test]
async fn admins_delete_customers_and_owners_delete_admins() {
    let stack = TestStack::start().await;
    let owner = stack.demo_account(Role::Owner).await;
    let admin = stack.demo_account(Role::Admin).await;
    let ada = stack.customer().await;
    let path = |actor: &Actor| format!("/users/{}", actor.user_id);
    ada.delete(&path(&admin)).await.error(403, "forbidden");
    admin.delete(&path(&owner)).await.error(403, "forbidden");
    admin.delete(&path(&ada)).await.data(200);
    ada.get("/profile").await.error(401, "session_ended");
    admin.delete(&path(&ada)).await.error(404, "not_found");
    owner.delete(&path(&admin)).await.data(200);
    admin.get("/users").await.error(401, "session_ended");
    stack.finish().await;
}

#[tokio::test]
async fn the_first_owner_is_who_the_template_names() {
    let stack =
        TestStack::builder().without_demo().parameter("OwnerEmail", "Guest1@Guests.example").start().await;
    let (mut other, mut boss) = (stack.visitor(), stack.visitor());
    assert_eq!(boss.email, "guest1@guests.example");
    for guest in [&mut other, &mut boss] {
        guest.register("A Guest").await.data(201);
    }
    let token = stack.verification_token(&other).await;
    other.verify_email(&token).await.data(200);
    let token = stack.verification_token(&boss).await;
    boss.verify_owner(&token).await.data(200);
    for guest in [&mut other, &mut boss] {
        guest.log_in().await.data(200);
    }
    assert_eq!(other.get("/profile").await.data(200)["user"]["role"], "user");
    assert_eq!(boss.get("/profile").await.data(200)["user"]["role"], "owner");
    boss.put(&format!("/users/{}/role", boss.user_id), json!({"role": "user"}))
        .await
        .error(409, "last_owner");
    boss.put(&format!("/users/{}/role", other.user_id), json!({"role": "admin"})).await.data(200);
    stack.finish().await;
}
