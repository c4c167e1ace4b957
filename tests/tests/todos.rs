//! To-dos: each person's own, which nobody else sees, in two orders, never more open than there can be, and told of by
//! mail when they are added and when they are due.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_models::ids::TodoId;
use chairbook_models::todo::MAX_OPEN;
use chairbook_models::user::Role;
use chairbook_platform::clock;
use chairbook_tests::checker::Item;
use chairbook_tests::{Actor, Json, TestStack};
use futures_util::future::join_all;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use reqwest::Method;
use serde_json::{Value, json};

async fn add(actor: &Actor, todo: Value) -> Json {
    actor.post("/todos", todo).await.data(201)["todo"].clone()
}

fn path(todo: &Json) -> String {
    format!("/todos/{}", id(todo))
}

fn id(todo: &Json) -> &str {
    todo["id"].as_str().unwrap()
}

async fn set_status(actor: &Actor, todo: &Json, status: &str) -> Json {
    let answer = actor.put(&format!("{}/status", path(todo)), json!({"status": status})).await;
    answer.data(200)["todo"].clone()
}

fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

/// The titles of a list, read to its last page.
async fn titles(actor: &Actor, query: &str) -> Vec<String> {
    let (mut titles, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = actor.get(&format!("/todos?limit=2&{query}{cursor}")).await.data(200);
        let items = page["items"].as_array().unwrap();
        titles.extend(items.iter().map(|item| item["title"].as_str().unwrap().to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return titles,
        }
    }
}

/// The number of open to-dos, as it is kept, and as they are.
async fn open(stack: &TestStack, actor: &Actor) -> (u32, u32) {
    let rows = stack.items("TodosTable").await;
    let is_open = |row: &&Item| matches!(text(row, "status"), "pending" | "in_progress");
    let theirs = rows.iter().filter(|row| text(row, "user_id") == actor.user_id);
    let kept = theirs.clone().find_map(|row| row.get("open")?.as_n().ok()?.parse().ok());
    (kept.unwrap_or_default(), u32::try_from(theirs.filter(is_open).count()).unwrap())
}

/// The events about somebody's to-dos, by type.
async fn events(stack: &TestStack, actor: &Actor) -> Vec<Item> {
    let mut events = stack.items("EventsTable").await;
    events.retain(|event| {
        text(event, "recipient") == actor.user_id && text(event, "type").starts_with("todo.")
    });
    events.sort_by_key(|event| text(event, "at").to_owned());
    events
}

#[tokio::test]
async fn a_to_do_is_added_changed_completed_opened_again_and_deleted() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    let bare = add(&ada, json!({"title": "  Call the plumber "})).await;
    for (name, value) in [("title", "Call the plumber"), ("priority", "medium"), ("status", "pending")] {
        assert_eq!(bare[name], value);
    }
    assert!(bare["description"].is_null() && bare["dueAt"].is_null());
    let whole = json!({
        "title": "Order towels", "description": "White.\nTwo dozen.", "priority": "high",
        "dueAt": "2030-03-04T10:00:00.1239+01:00", "status": "in_progress",
    });
    let answer = ada.post("/todos", whole.clone()).await;
    let todo = answer.data(201)["todo"].clone();
    assert_eq!(answer.header("location"), format!("/api/v1{}", path(&todo)));
    for (name, value) in whole.as_object().unwrap() {
        let expected = if name == "dueAt" { json!("2030-03-04T09:00:00.123Z") } else { value.clone() };
        assert_eq!(todo[name.as_str()], expected, "{name}");
    }
    assert_eq!(ada.get(&path(&todo)).await.data(200)["todo"], todo);
    assert_eq!(open(&stack, &ada).await, (2, 2));

    // The whole is given: what is absent is removed, but for the status.
    let changed = ada.put(&path(&todo), json!({"title": "Order gowns"})).await.data(200)["todo"].clone();
    assert_eq!((&changed["status"], changed["title"].as_str()), (&todo["status"], Some("Order gowns")));
    assert!(changed["description"].is_null() && changed["dueAt"].is_null());
    assert_eq!(changed["priority"], "medium");
    // Nothing changes, and nothing is told.
    stack.settle().await;
    let before = stack.rows().await;
    assert_eq!(ada.put(&path(&todo), json!({"title": "Order gowns"})).await.data(200)["todo"], changed);
    assert_eq!(set_status(&ada, &todo, "in_progress").await, changed);
    stack.check_unchanged(&before).await;

    for (status, expected) in [
        ("completed", (1, 1)),
        ("cancelled", (1, 1)),
        ("pending", (2, 2)),
        ("cancelled", (1, 1)),
        ("in_progress", (2, 2)),
        ("completed", (1, 1)),
    ] {
        assert_eq!(set_status(&ada, &todo, status).await["status"], status);
        assert_eq!(open(&stack, &ada).await, expected, "{status}");
    }
    ada.put(&path(&todo), json!({"title": "Order gowns", "status": "pending"})).await.data(200);
    assert_eq!(open(&stack, &ada).await, (2, 2));
    ada.delete(&path(&todo)).await.data(200);
    assert_eq!(open(&stack, &ada).await, (1, 1));
    for gone in [ada.get(&path(&todo)).await, ada.delete(&path(&todo)).await] {
        gone.error(404, "not_found");
    }
    ada.put(&path(&todo), json!({"title": "x"})).await.error(404, "not_found");
    ada.put(&format!("{}/status", path(&todo)), json!({"status": "pending"})).await.error(404, "not_found");

    // All of it is told in the app, and by mail what was added.
    stack.settle().await;
    let told: Vec<_> = events(&stack, &ada).await;
    let types: Vec<_> = told.iter().map(|event| text(event, "type").trim_start_matches("todo.")).collect();
    let updated = ["updated"; 3];
    assert_eq!(types[..4], ["created", "created", "updated", "completed"]);
    assert_eq!(
        (&types[4..7], &types[7..]),
        (&updated[..], &["updated", "completed", "updated", "deleted"][..])
    );
    let notifications = ada.get("/notifications?limit=100").await.data(200);
    let of_todo = notifications["items"].as_array().unwrap();
    let shown = |kind: &str| of_todo.iter().find(|item| item["type"] == kind).unwrap();
    assert_eq!(shown("todo.deleted")["body"], "Your to-do “Order gowns” was deleted.");
    assert_eq!(shown("todo.deleted")["title"], "To-do deleted");
    assert!(shown("todo.deleted")["link"].is_null());
    assert_eq!(shown("todo.completed")["link"], format!("/api/v1{}", path(&todo)));
    let mails = stack.mails(&ada.email);
    let subjects: BTreeSet<_> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    assert!(subjects.contains("New to-do: Call the plumber"), "{subjects:?}");
    assert_eq!(subjects.iter().filter(|subject| subject.contains("o-do")).count(), 2, "{subjects:?}");
    stack.finish().await;
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    let todo = add(&ada, json!({"title": "Order towels"})).await;
    stack.settle().await;
    let before = stack.rows().await;
    for (body, fields) in [
        (json!({}), vec!["title"]),
        (json!({"title": " "}), vec!["title"]),
        (json!({"title": "two\nlines"}), vec!["title"]),
        (json!({"title": "x".repeat(201)}), vec!["title"]),
        (json!({"title": 1, "description": "x".repeat(2_001)}), vec!["title", "description"]),
        (json!({"title": "x", "priority": "urgent", "status": "done"}), vec!["priority", "status"]),
        (json!({"title": "x", "dueAt": "2030-03-04"}), vec!["dueAt"]),
        (json!({"title": "x", "dueAt": "2100-01-01T00:00:00Z"}), vec!["dueAt"]),
        (json!({"title": "x", "dueAt": 1_900_000_000}), vec!["dueAt"]),
        (json!({"title": "x", "userId": ada.user_id}), vec!["userId"]),
    ] {
        for answer in [ada.post("/todos", body.clone()).await, ada.put(&path(&todo), body.clone()).await] {
            assert_eq!(answer.fields(400, "validation_failed"), fields, "{body}");
        }
    }
    let status = format!("{}/status", path(&todo));
    for body in [json!({}), json!({"status": "open"}), json!({"status": null})] {
        assert_eq!(ada.put(&status, body).await.fields(400, "validation_failed"), ["status"]);
    }
    for (query, fields) in [
        ("status=open", vec!["status[0]"]),
        ("status=pending,done&priority=urgent", vec!["status[1]", "priority[0]"]),
        ("order=title&limit=0", vec!["order", "limit"]),
        ("dueFrom=today&dueTo=2030-03-04", vec!["dueFrom", "dueTo"]),
        ("dueFrom=2030-03-04T09:00:01Z&dueTo=2030-03-04T09:00:00Z", vec!["dueTo"]),
        ("cursor=x", vec!["cursor"]),
        ("user=somebody", vec!["user"]),
    ] {
        let answer = ada.get(&format!("/todos?{query}")).await;
        assert_eq!(answer.fields(400, "validation_failed"), fields, "{query}");
    }
    for nothing in ["tdo_01jd3x8m4e5zq0v7k2n9r6t1wb", "x", ada.user_id.as_str()] {
        ada.get(&format!("/todos/{nothing}")).await.error(404, "not_found");
        ada.delete(&format!("/todos/{nothing}")).await.error(404, "not_found");
    }
    stack.visitor().get("/todos").await.error(401, "unauthorized");
    stack.check_unchanged(&before).await;
    stack.finish().await;
}

#[tokio::test]
async fn nobody_sees_somebody_else_s_whatever_their_role() {
    let stack = TestStack::start().await;
    let (ada, bob) = (stack.customer().await, stack.customer().await);
    let (admin, owner) = (stack.demo_account(Role::Admin).await, stack.demo_account(Role::Owner).await);
    let todo = add(&ada, json!({"title": "For Ada's eyes", "dueAt": "2030-03-04T09:00:00Z"})).await;
    let of_admin = admin.get("/todos").await.data(200)["items"][0].clone();
    stack.settle().await;
    let before = stack.rows().await;
    for (todo, strangers) in [(&todo, [&bob, &admin, &owner]), (&of_admin, [&ada, &bob, &owner])] {
        for stranger in strangers {
            let path = path(todo);
            stranger.get(&path).await.error(404, "not_found");
            stranger.put(&path, json!({"title": "Mine"})).await.error(404, "not_found");
            stranger
                .put(&format!("{path}/status"), json!({"status": "completed"}))
                .await
                .error(404, "not_found");
            stranger.delete(&path).await.error(404, "not_found");
            for list in ["/todos?limit=100", "/todos?limit=100&order=created"] {
                let listed = stranger.get(list).await;
                listed.data(200);
                assert!(!listed.text.contains(id(todo)), "{}", listed.text);
            }
        }
    }
    stack.check_unchanged(&before).await;
    stack.finish().await;
}

#[tokio::test]
async fn lists_are_in_order_and_have_what_was_asked_for() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    let due = |day: u8| format!("2030-03-{day:02}T09:00:00Z");
    for (title, priority, status, day) in [
        ("a", "low", "pending", Some(5)),
        ("b", "high", "in_progress", Some(3)),
        ("c", "medium", "completed", Some(4)),
        ("d", "high", "pending", None),
        ("e", "high", "pending", Some(3)),
        ("f", "low", "cancelled", Some(1)),
        ("g", "medium", "pending", Some(6)),
        ("h", "medium", "completed", None),
    ] {
        let todo = json!({"title": title, "priority": priority, "status": status, "dueAt": day.map(due)});
        add(&ada, todo).await;
    }
    for (query, expected) in [
        ("", "fbecagdh"),
        ("order=due", "fbecagdh"),
        ("order=created", "hgfedcba"),
        ("status=pending", "eagd"),
        ("status=pending,in_progress", "beagd"),
        ("status=pending&priority=high", "ed"),
        ("priority=high,low", "fbead"),
        ("dueFrom=2030-03-03T09:00:00Z", "becag"),
        ("dueFrom=2030-03-03T09:00:00Z&dueTo=2030-03-05T09:00:00Z", "beca"),
        ("dueTo=2030-03-03T08:59:59.999Z", "f"),
        ("dueTo=2030-03-03T09:00:00Z&status=pending", "e"),
        ("dueFrom=2031-01-01T00:00:00Z", ""),
        ("order=created&status=pending", "geda"),
        ("order=created&priority=medium&status=completed", "hc"),
        ("order=created&dueFrom=2030-03-04T00:00:00Z", "gca"),
    ] {
        assert_eq!(titles(&ada, query).await.concat(), expected, "{query}");
    }
    // It stands where it is put.
    let todos = ada.get("/todos?status=cancelled").await.data(200);
    let moved = json!({"title": "f", "dueAt": due(7), "status": "pending"});
    ada.put(&path(&todos["items"][0]), moved).await.data(200);
    assert_eq!(titles(&ada, "status=pending").await.concat(), "eagfd");
    // A cursor is good for its list.
    let cursor = ada.get("/todos?limit=1").await.data(200)["nextCursor"].clone();
    for other in ["order=created", "status=pending"] {
        let answer = ada.get(&format!("/todos?limit=1&{other}&cursor={}", cursor.as_str().unwrap())).await;
        assert_eq!(answer.fields(400, "validation_failed"), ["cursor"]);
    }
    stack.finish().await;
}

/// Adds so many to-dos to somebody's, each a copy of one, in the tables alone.
async fn copy(stack: &TestStack, actor: &Actor, todo: &Json, count: u32) {
    let rows = stack.items("TodosTable").await;
    let added = rows.iter().find(|row| text(row, "sk") == id(todo)).unwrap();
    let copies = (1..=count).map(|number| {
        let of_copy = TodoId::derived(u128::from(number).to_be_bytes()).to_string();
        let mut copy = added.clone();
        for name in ["sk", "id", "due_order"] {
            let value = text(added, name).replace(id(todo), &of_copy);
            copy.insert(name.to_owned(), AttributeValue::S(value));
        }
        copy
    });
    let mut kept = rows.iter().find(|row| text(row, "user_id") == actor.user_id && row.contains_key("open"));
    let mut number = kept.take().unwrap().clone();
    number.insert("open".to_owned(), AttributeValue::N((count + 1).to_string()));
    stack.put_items("TodosTable", copies.chain([number])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_has_more_open_than_there_can_be_however_many_come_at_once() {
    const ROOM: u32 = 3;
    let stack = TestStack::builder().without_rate_limit().start().await;
    let ada = stack.customer().await;
    let first = add(&ada, json!({"title": "Order towels"})).await;
    let done = add(&ada, json!({"title": "Done", "status": "completed"})).await;
    copy(&stack, &ada, &first, MAX_OPEN - ROOM - 1).await;
    assert_eq!(open(&stack, &ada).await, (MAX_OPEN - ROOM, MAX_OPEN - ROOM));

    let added =
        join_all((0..8).map(|number| ada.post("/todos", json!({"title": format!("{number}")})))).await;
    let made: Vec<_> = added.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), usize::try_from(ROOM).unwrap());
    for refused in added.iter().filter(|answer| answer.status != 201) {
        refused.error(409, "too_many_todos");
    }
    assert_eq!(open(&stack, &ada).await, (MAX_OPEN, MAX_OPEN));
    // Opened again, it would be one too many; what is done at once is none.
    let again = format!("{}/status", path(&done));
    ada.put(&again, json!({"status": "pending"})).await.error(409, "too_many_todos");
    ada.put(&path(&done), json!({"title": "Done", "status": "in_progress"}))
        .await
        .error(409, "too_many_todos");
    add(&ada, json!({"title": "Done at once", "status": "cancelled"})).await;
    set_status(&ada, &first, "in_progress").await;
    assert_eq!(open(&stack, &ada).await, (MAX_OPEN, MAX_OPEN));

    // A repeat adds nothing, and is answered as before.
    let key = |title: &str| {
        let request = ada.request(Method::POST, "/todos").header("Idempotency-Key", "one");
        ada.send(request.json(&json!({"title": title})))
    };
    key("With a key").await.error(409, "too_many_todos");
    set_status(&ada, &first, "completed").await;
    let made = key("With a key").await.data(201)["todo"].clone();
    let repeat = key("With a key").await;
    assert_eq!((repeat.header("idempotency-replayed"), &repeat.data(201)["todo"]), ("true", &made));
    key("Otherwise").await.error(422, "idempotency_key_reused");

    // Whoever completes, opens and deletes at once moves the number by what has come of it.
    let listed = ada.get("/todos?status=pending&limit=6").await.data(200)["items"].clone();
    let listed = listed.as_array().unwrap();
    let changes = listed.iter().flat_map(|todo| {
        let status = format!("{}/status", path(todo));
        ["completed", "pending", "cancelled"].map(|to| (todo, status.clone(), to))
    });
    join_all(changes.map(async |(todo, status, to)| {
        let answer = ada.put(&status, json!({"status": to})).await;
        assert!(matches!(answer.status.as_u16(), 200 | 404 | 409), "{}", answer.text);
        if to == "cancelled" {
            let answer = ada.delete(&path(todo)).await;
            assert!(matches!(answer.status.as_u16(), 200 | 409), "{}", answer.text);
        }
    }))
    .await;
    let (kept, counted) = open(&stack, &ada).await;
    assert_eq!(kept, counted);
    stack.finish().await;
}

/// The salon's zone in which it is between nine and ten in the morning now.
fn zone_with_morning() -> String {
    let ahead = 9 - i32::from(clock::now().to_zoned(TimeZone::UTC).hour());
    let ahead = if ahead < -12 { ahead + 24 } else { ahead };
    // Their names have the other sign.
    if ahead == 0 { "Etc/UTC".to_owned() } else { format!("Etc/GMT{:+}", -ahead) }
}

/// A stack on whose salon's clock it is morning.
async fn start_in_the_morning() -> TestStack {
    let stack = TestStack::start().await;
    let admin = stack.demo_account(Role::Admin).await;
    admin.change_setting("timeZone", json!(zone_with_morning())).await;
    stack
}

/// Lets a to-do have been written two days ago.
async fn written_long_ago(stack: &TestStack, actor: &Actor, todo: &Json) {
    let at = (clock::now() - 48.hours()).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let update = stack.dynamodb().update_item().table_name(stack.table_name("TodosTable"));
    update
        .key("pk", AttributeValue::S(format!("USER#{}", actor.user_id)))
        .key("sk", AttributeValue::S(id(todo).to_owned()))
        .update_expression("SET created_at = :at, updated_at = :at")
        .expression_attribute_values(":at", AttributeValue::S(at))
        .send()
        .await
        .unwrap();
}

/// A to-do that is due in an hour, written two days ago.
async fn add_due(stack: &TestStack, actor: &Actor, title: &str) -> Json {
    let due_at = (clock::now() + 1.hour()).to_string();
    let todo = add(actor, json!({"title": title, "dueAt": due_at})).await;
    written_long_ago(stack, actor, &todo).await;
    todo
}

/// The subjects of somebody's mails of what is due.
fn due_mails(stack: &TestStack, actor: &Actor) -> Vec<String> {
    let mails = stack.mails(&actor.email);
    let mut due: Vec<_> = mails
        .iter()
        .map(|mail| mail.subject.clone())
        .filter(|subject| subject.starts_with("Due: "))
        .collect();
    due.sort();
    due
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_reminded_of_once_on_the_morning_of_its_day_while_it_is_open() {
    let stack = start_in_the_morning().await;
    let (ada, bob) = (stack.customer().await, stack.customer().await);
    let due = add_due(&stack, &ada, "Order towels").await;
    let begun = add_due(&stack, &ada, "Order gowns").await;
    set_status(&ada, &begun, "in_progress").await;
    written_long_ago(&stack, &ada, &begun).await;
    for status in ["completed", "cancelled"] {
        let closed = add_due(&stack, &ada, status).await;
        set_status(&ada, &closed, status).await;
        written_long_ago(&stack, &ada, &closed).await;
    }
    // Written this morning, due on another day, and never due.
    add(&ada, json!({"title": "Just written", "dueAt": (clock::now() + 1.hour()).to_string()})).await;
    for due_at in [json!((clock::now() + 48.hours()).to_string()), json!(null)] {
        let later = add(&ada, json!({"title": "Later", "dueAt": due_at})).await;
        written_long_ago(&stack, &ada, &later).await;
    }
    add_due(&stack, &bob, "Sharpen the scissors").await;
    stack.settle().await;

    let runs = join_all((0..4).map(|_| stack.remind("todos"))).await;
    let sum = |name: &str| runs.iter().map(|counts| counts[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("reminded"), sum("failed")), (3, 0), "{runs:?}");
    assert_eq!(stack.remind("todos").await, json!({"reminded": 0, "skipped": 0, "failed": 0}));
    stack.settle().await;
    let mails = due_mails(&stack, &ada);
    assert_eq!(mails.len(), 2, "{mails:?}");
    assert!(
        mails[0].starts_with("Due: Order gowns, ") && mails[1].starts_with("Due: Order towels, "),
        "{mails:?}"
    );
    assert_eq!(due_mails(&stack, &bob).len(), 1);
    let told = events(&stack, &ada).await;
    let of_reminders: Vec<_> = told.iter().filter(|event| text(event, "type") == "todo.due").collect();
    assert!(of_reminders.iter().all(|event| text(event, "actor") == "system"));
    assert_eq!(of_reminders.len(), 2);
    // To its person, nothing has changed by it.
    assert_eq!(ada.get(&path(&due)).await.data(200)["todo"]["status"], "pending");
    let notifications = ada.get("/notifications?limit=2").await.data(200);
    assert_eq!(notifications["items"][0]["title"], "To-do due today");

    // An event that is delivered once more changes nothing.
    let before = stack.rows().await;
    let mut sample: Value = serde_json::from_str(include_str!("../../events/email.json")).unwrap();
    for record in sample["Records"].as_array_mut().unwrap() {
        record["body"] = json!(json!({"eventId": text(of_reminders[0], "id")}).to_string());
    }
    assert_eq!(stack.invoke("EmailFunction", sample).await, json!({"batchItemFailures": []}));
    stack.check_unchanged(&before).await;
    assert_eq!(due_mails(&stack, &ada), mails);

    // Due at another time of the day, it is another matter.
    let other = json!({"title": "Order towels", "dueAt": (clock::now() + 90.minutes()).to_string()});
    ada.put(&path(&due), other).await.data(200);
    assert_eq!(stack.remind("todos").await["reminded"], 0, "its person has just written it");
    written_long_ago(&stack, &ada, &due).await;
    assert_eq!(stack.remind("todos").await["reminded"], 1);
    stack.finish().await;
}

#[tokio::test]
async fn what_is_turned_off_or_not_so_any_more_is_not_mailed() {
    let stack = start_in_the_morning().await;
    let ada = stack.customer().await;
    let on = json!({"email": true, "inApp": true});
    let preferences = json!({"preferences": {
        "appointments": on, "reminders": on, "reviews": on, "courses": on, "logins": on,
        "todos": {"email": false, "inApp": true}, "news": {"email": false, "inApp": false},
    }});
    ada.put("/notifications/preferences", preferences).await.data(200);
    add_due(&stack, &ada, "Order towels").await;
    assert_eq!(stack.remind("todos").await["reminded"], 1);
    stack.settle().await;
    let reasons = async |actor: &Actor| -> BTreeSet<(String, String)> {
        let events = events(&stack, actor).await;
        let skipped = events.iter().filter(|event| text(event, "delivery") == "skipped");
        skipped
            .map(|event| (text(event, "type").to_owned(), text(event, "delivery_reason").to_owned()))
            .collect()
    };
    let reason = |kind: &str, reason: &str| (kind.to_owned(), reason.to_owned());
    let expected = [reason("todo.created", "turned_off"), reason("todo.due", "turned_off")];
    assert_eq!(reasons(&ada).await, BTreeSet::from(expected));
    assert_eq!(
        ada.get("/notifications").await.data(200)["items"][0]["type"],
        "todo.due",
        "in the app, it is there"
    );
    assert!(!stack.mails(&ada.email).iter().any(|mail| mail.subject.contains("towels")));

    // What was done at once is not news.
    let bob = stack.customer().await;
    add(&bob, json!({"title": "Done at once", "status": "completed"})).await;
    stack.settle().await;
    assert_eq!(reasons(&bob).await, BTreeSet::from([reason("todo.created", "todo_closed")]));
    stack.finish().await;
}

#[tokio::test]
async fn all_of_it_is_exported_and_nothing_is_left_after_an_erasure() {
    let stack = TestStack::start().await;
    let (ada, bob) = (stack.customer().await, stack.customer().await);
    let of_bob = add(&bob, json!({"title": "Of somebody else"})).await;
    let mut made = Vec::new();
    for title in ["Quince jam for Hedwig", "Umbrella for Hedwig"] {
        made.push(add(&ada, json!({"title": title, "description": "The zebra one."})).await);
    }
    set_status(&ada, &made[0], "completed").await;
    ada.delete(&path(&made[1])).await.data(200);
    let kept = ada.get(&path(&made[0])).await.data(200)["todo"].clone();
    stack.settle().await;
    let export = ada.get("/profile/export").await.data(200);
    assert_eq!(export["todos"].as_array().unwrap(), &[kept]);
    let told = export["events"].as_array().unwrap();
    assert!(told.iter().any(|event| event["data"]["title"] == "Umbrella for Hedwig"), "{export:?}");

    let leave = ada.request(Method::DELETE, "/profile").json(&json!({"password": ada.password}));
    ada.send(leave).await.data(200);
    stack.settle().await;
    for table in ["TodosTable", "EventsTable"] {
        for row in stack.items(table).await {
            let shown = format!("{row:?}");
            for word in ["Hedwig", "zebra"] {
                assert!(!shown.contains(word), "{table}: {shown}");
            }
            assert!(table != "TodosTable" || !shown.contains(&ada.user_id), "{shown}");
        }
    }
    assert_eq!(bob.get(&path(&of_bob)).await.data(200)["todo"], of_bob);
    stack.finish().await;
}
