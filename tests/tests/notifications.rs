//! Notifications in the app, and the choice of what somebody is told there and by e-mail.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chairbook_models::user::Role;
use chairbook_tests::checker::Item;
use chairbook_tests::{Actor, Json, TestStack};
use futures_util::future::join_all;
use serde_json::{Value, json};

const CUT: &str = "svc_00000000000000000000000001";
const PATIENCE: Duration = Duration::from_secs(15);

/// Books the last free slot, so that no mail is about a time that has passed.
async fn book(customer: &Actor) -> String {
    let free = customer.later_availability(&format!("serviceId={CUT}")).await;
    let (date, time, experts) = free.last().unwrap();
    let request =
        json!({"serviceId": CUT, "date": date, "time": time, "expertId": experts[0], "payNow": true});
    customer.book(request).await.data(201)["appointment"]["id"].as_str().unwrap().to_owned()
}

fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

/// Somebody's unread events, counted in the table.
async fn unread_rows(stack: &TestStack, actor: &Actor) -> BTreeSet<String> {
    let events = stack.items("EventsTable").await;
    let unread = events.iter().filter(|event| text(event, "unread") == actor.user_id);
    unread.map(|event| text(event, "id").to_owned()).collect()
}

fn ids(items: &[Json]) -> Vec<String> {
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// All pages of a list, and the number of them.
async fn pages(actor: &Actor, query: &str) -> (Vec<Json>, usize) {
    let (mut items, mut cursor, mut count) = (Vec::new(), String::new(), 0);
    loop {
        let page = actor.get(&format!("/notifications?{query}{cursor}")).await.data(200);
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        count += 1;
        if page["nextCursor"].is_null() {
            return (items, count);
        }
        cursor = format!("&cursor={}", page["nextCursor"].as_str().unwrap());
    }
}

async fn count(actor: &Actor) -> u64 {
    let counted = actor.get("/notifications/unread-count").await.data(200);
    assert_eq!(counted["hasMore"], false);
    counted["count"].as_u64().unwrap()
}

/// Asserts that what is unread is the same by the table, by the list and by the count.
async fn check_unread(stack: &TestStack, actor: &Actor) -> BTreeSet<String> {
    let rows = unread_rows(stack, actor).await;
    let (listed, _) = pages(actor, "unread=true&limit=3").await;
    assert!(listed.iter().all(|notification| notification["readAt"].is_null()));
    assert_eq!(ids(&listed).into_iter().collect::<BTreeSet<_>>(), rows);
    assert_eq!(usize::try_from(count(actor).await).unwrap(), rows.len());
    rows
}

/// The whole of the default choice.
fn everything() -> Value {
    let on = json!({"email": true, "inApp": true});
    json!({
        "appointments": on, "reminders": on, "reviews": on, "courses": on, "todos": on, "logins": on,
        "news": {"email": false, "inApp": false},
    })
}

async fn choose(actor: &Actor, preferences: &Value) {
    let chosen = actor.put("/notifications/preferences", json!({"preferences": preferences})).await.data(200);
    assert_eq!(chosen["preferences"], *preferences);
    assert_eq!(actor.get("/notifications/preferences").await.data(200)["preferences"], *preferences);
}

/// What SES answers next, until the list is used up.
async fn inject(stack: &TestStack, faults: Value) {
    let url = format!("{}/_local/faults", stack.stack.url());
    let answer = reqwest::Client::new().put(url).json(&json!({"sendEmail": faults})).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
}

/// Waits until SES has given every answer that was injected.
async fn used_up(stack: &TestStack) {
    let url = format!("{}/_local/faults", stack.stack.url());
    let begun = Instant::now();
    loop {
        let left: Value = reqwest::get(&url).await.unwrap().json().await.unwrap();
        if left["sendEmail"] == json!([]) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "nobody sent: {left}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_happens_is_listed_until_it_is_read_and_after() {
    let stack = TestStack::start().await;
    let (ada, bob) = (stack.customer().await, stack.customer().await);
    let admin = stack.demo_account(Role::Admin).await;
    let appointment = book(&ada).await;

    let (all, page_count) = pages(&ada, "limit=2").await;
    let types: Vec<_> = all.iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["appointment.confirmed", "user.logged_in", "user.verified", "user.registered"]);
    assert_eq!(page_count, 2);
    let newest = &all[0];
    assert_eq!(newest["title"], "Appointment confirmed");
    assert_eq!(newest["body"], "Your appointment for Cut & finish is confirmed.");
    assert_eq!(newest["readAt"], json!(null));
    let link = newest["link"].as_str().unwrap();
    assert_eq!(link, format!("/api/v1/appointments/{appointment}"));
    for notification in all.iter().filter(|notification| !notification["link"].is_null()) {
        let path = notification["link"].as_str().unwrap().strip_prefix("/api/v1").unwrap();
        ada.get(path).await.data(200);
    }
    check_unread(&stack, &ada).await;

    // Read, once: reading again changes nothing. Nobody else can, whatever their role.
    let id = newest["id"].as_str().unwrap();
    let path = format!("/notifications/{id}/read");
    for stranger in [&bob, &admin] {
        stranger.put(&path, json!({})).await.error(404, "not_found");
    }
    assert_eq!(count(&ada).await, 4);
    let read = ada.put(&path, json!({})).await.data(200)["notification"].clone();
    assert!(read["readAt"].is_string());
    assert_eq!((&read["id"], &read["body"]), (&newest["id"], &newest["body"]));
    assert_eq!(ada.put(&path, json!({})).await.data(200)["notification"], read);
    assert_eq!(pages(&ada, "").await.0[0], read);
    assert_eq!(count(&ada).await, 3);
    check_unread(&stack, &ada).await;
    for nothing in ["evt_01jd3x8m4e5zq0v7k2n9r6t1wb", "x", appointment.as_str()] {
        ada.put(&format!("/notifications/{nothing}/read"), json!({})).await.error(404, "not_found");
    }

    // An event whose mail is announced twice stays as it is.
    stack.settle().await;
    let before = stack.items("EventsTable").await;
    let mails = stack.mails(&ada.email).len();
    let mut sample: Value = serde_json::from_str(include_str!("../../events/email.json")).unwrap();
    for record in sample["Records"].as_array_mut().unwrap() {
        record["body"] = json!(json!({"eventId": id}).to_string());
    }
    let answer = stack.invoke("EmailFunction", sample).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(stack.mails(&ada.email).len(), mails);
    let rows = |items: &[Item]| {
        let rows = items.iter().map(|item| (text(item, "id").to_owned(), text(item, "read_at").to_owned()));
        rows.collect::<BTreeSet<_>>()
    };
    assert_eq!(rows(&stack.items("EventsTable").await), rows(&before));

    // A cursor is good for its list and its owner.
    let cursor = ada.get("/notifications?limit=1").await.data(200)["nextCursor"].clone();
    let cursor = cursor.as_str().unwrap();
    for (actor, query) in [(&bob, "limit=1"), (&ada, "limit=1&unread=true")] {
        let answer = actor.get(&format!("/notifications?{query}&cursor={cursor}")).await;
        assert_eq!(answer.fields(400, "validation_failed"), ["cursor"]);
    }
    stack.finish().await;
}

#[tokio::test]
async fn what_is_unread_does_not_drift_while_much_happens_at_once() {
    let stack = TestStack::builder().without_rate_limit().start().await;
    let ada = stack.customer().await;
    // Every notification is read by three at once, while others come.
    for round in 0..3 {
        let (listed, _) = pages(&ada, "unread=true").await;
        let paths: Vec<_> = ids(&listed).iter().map(|id| format!("/notifications/{id}/read")).collect();
        assert!(!paths.is_empty(), "round {round}");
        let reads = paths.iter().flat_map(|path| [path, path, path]).map(|path| ada.put(path, json!({})));
        let logins = (0..4).map(|_| async {
            ada.elsewhere().log_in().await.data(200);
        });
        let (reads, _) = futures_util::join!(join_all(reads), join_all(logins));
        for three in reads.chunks(3) {
            let at: BTreeSet<_> = three
                .iter()
                .map(|answer| answer.data(200)["notification"]["readAt"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(at.len(), 1, "read at {at:?}");
        }
        assert_eq!(check_unread(&stack, &ada).await.len(), 4);
    }
    stack.finish().await;
}

#[tokio::test]
async fn all_are_read_page_by_page_but_for_those_that_come_meanwhile() {
    let stack = TestStack::builder().without_rate_limit().start().await;
    let ada = stack.customer().await;
    stack.settle().await;
    // As many as take three requests: copies of one event, each with an id and an instant of its own.
    let events = stack.items("EventsTable").await;
    let login = events
        .into_iter()
        .find(|event| text(event, "type") == "user.logged_in" && text(event, "unread") == ada.user_id)
        .unwrap();
    let copies = (0..230_u32).map(|number| {
        let id = chairbook_models::ids::EventId::derived(u128::from(number + 1).to_be_bytes()).to_string();
        let at = format!("2026-01-01T00:{:02}:{:02}.000Z", number / 60, number % 60);
        let key = text(&login, "pk").replace(text(&login, "id"), &id);
        let mut copy = login.clone();
        for (name, value) in [("pk", key), ("id", id), ("at", at), ("delivery", "sent".to_owned())] {
            copy.insert(name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value));
        }
        copy
    });
    stack.put_items("EventsTable", copies).await;
    let counted = ada.get("/notifications/unread-count").await.data(200);
    assert_eq!((counted["count"].as_u64(), counted["hasMore"].as_bool()), (Some(99), Some(true)));

    let first = ada.post("/notifications/read-all", json!({})).await.data(200);
    assert_eq!((first["marked"].as_u64(), first["left"].as_u64()), (Some(100), Some(99)));
    ada.elsewhere().log_in().await.data(200);
    let again = json!({"until": first["until"].as_str().unwrap()});
    let second = ada.post("/notifications/read-all", again.clone()).await.data(200);
    assert_eq!((second["marked"].as_u64(), second["left"].as_u64()), (Some(100), Some(33)));
    let third = ada.post("/notifications/read-all", again.clone()).await.data(200);
    assert_eq!((third["marked"].as_u64(), third["left"].as_u64()), (Some(33), Some(0)));
    let fourth = ada.post("/notifications/read-all", again).await.data(200);
    assert_eq!((fourth["marked"].as_u64(), fourth["left"].as_u64()), (Some(0), Some(0)));
    assert_eq!(fourth["until"], first["until"]);
    assert_eq!(check_unread(&stack, &ada).await.len(), 1, "the login meanwhile");
    let refused = ada.post("/notifications/read-all", json!({"until": "yesterday"})).await;
    assert_eq!(refused.fields(400, "validation_failed"), ["until"]);
    stack.finish().await;
}

#[tokio::test]
async fn a_choice_is_kept_and_hides_what_is_turned_off_in_the_app() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    stack.settle().await;
    let preferences = ada.get("/notifications/preferences").await.data(200)["preferences"].clone();
    assert_eq!(preferences, everything());

    let mut chosen = everything();
    chosen["logins"]["inApp"] = json!(false);
    choose(&ada, &chosen).await;
    let before = stack.rows().await;
    choose(&ada, &chosen).await;
    stack.check_unchanged(&before).await;
    let types = |items: &[Json]| -> Vec<String> {
        items.iter().map(|item| item["type"].as_str().unwrap().to_owned()).collect()
    };
    for query in ["", "unread=true", "limit=1"] {
        assert_eq!(types(&pages(&ada, query).await.0), ["user.verified", "user.registered"], "{query}");
    }
    assert_eq!(count(&ada).await, 2);
    let export = ada.get("/profile/export").await.data(200);
    assert_eq!(export["notificationPreferences"], chosen);
    assert!(types(export["events"].as_array().unwrap()).contains(&"user.logged_in".to_owned()));
    choose(&ada, &everything()).await;
    assert_eq!(count(&ada).await, 3);

    let mut wrong = chosen.clone();
    wrong["news"]["email"] = json!("yes");
    wrong["security"] = json!({"email": false, "inApp": false});
    wrong.as_object_mut().unwrap().remove("todos");
    let answer = ada.put("/notifications/preferences", json!({"preferences": wrong})).await;
    assert_eq!(
        answer.fields(400, "validation_failed"),
        ["preferences.todos", "preferences.news.email", "preferences.security"]
    );
    let answer = ada.put("/notifications/preferences", json!({})).await;
    assert_eq!(answer.fields(400, "validation_failed"), ["preferences"]);
    stack.finish().await;
}

#[tokio::test]
async fn a_mail_that_was_turned_off_before_its_turn_is_not_sent() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    stack.settle().await;
    inject(&stack, json!([{"error": "ServiceUnavailable"}])).await;
    let appointment = book(&ada).await;
    used_up(&stack).await;
    let mut chosen = everything();
    chosen["appointments"]["email"] = json!(false);
    choose(&ada, &chosen).await;
    stack.settle().await;
    let confirmed = async || {
        let events = stack.items("EventsTable").await;
        let event = events.into_iter().find(|event| text(event, "type") == "appointment.confirmed");
        let event = event.unwrap();
        (text(&event, "delivery").to_owned(), text(&event, "delivery_reason").to_owned())
    };
    assert_eq!(confirmed().await, ("skipped".to_owned(), "turned_off".to_owned()));
    assert!(!stack.mails(&ada.email).iter().any(|mail| mail.subject.starts_with("Confirmed: ")));
    assert_eq!(pages(&ada, "").await.0[0]["type"], "appointment.confirmed", "in the app, it is there");

    choose(&ada, &everything()).await;
    ada.delete(&format!("/appointments/{appointment}/cancel")).await.data(200);
    stack.mail(&ada.email, "Cancelled: ").await;
    stack.finish().await;
}

#[tokio::test]
async fn nothing_of_it_is_left_after_an_erasure() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    let mut chosen = everything();
    chosen["news"]["email"] = json!(true);
    choose(&ada, &chosen).await;
    ada.post("/notifications/read-all", json!({})).await.data(200);
    book(&ada).await;
    stack.settle().await;
    let path = format!("/notifications/{}/read", unread_rows(&stack, &ada).await.first().unwrap());
    let leave = ada.request(reqwest::Method::DELETE, "/profile").json(&json!({"password": ada.password}));
    ada.send(leave).await.data(200);
    stack.settle().await;
    ada.put(&path, json!({})).await.error(401, "session_ended");
    for event in stack.items("EventsTable").await {
        for attribute in ["recipient", "unread"] {
            assert_ne!(text(&event, attribute), ada.user_id, "{event:?}");
        }
    }
    for row in stack.items("UsersTable").await {
        assert!(!(text(&row, "pk").contains(&ada.user_id) && row.contains_key("preferences")), "{row:?}");
    }
    stack.finish().await;
}
