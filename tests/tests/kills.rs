//! Power failures: functions and the whole stack are killed in the middle of their work. Whatever was acknowledged is
//! there afterwards, once, and every event reaches its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chairbook_local::demo;
use chairbook_models::user::Role;
use chairbook_platform::clock;
use chairbook_tests::checker::{self, Item};
use chairbook_tests::stack_process::StackProcess;
use chairbook_tests::turnstile::{TRANSACTION, Turnstile};
use chairbook_tests::{Actor, Answer, Permitted, TestStack, processes};
use futures_util::future::join_all;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use reqwest::Method;
use serde_json::{Value, json};

const CUT: &str = "svc_00000000000000000000000001";
const SHORT_CUT: &str = "svc_00000000000000000000000002";
const BACK_MASSAGE: &str = "svc_0000000000000000000000000d";

/// A lease outlasts its invocation, and a message comes again after that.
const LEASE: Duration = Duration::from_mins(1);

/// The requests that are to be made, none of them for soon: many more than there is room for, each with its own idempotency
/// key.
async fn orders(customer: &Actor, count: usize) -> Vec<Value> {
    let today = clock::now().to_zoned(TimeZone::UTC).date();
    let (from, to) = (today + 2.days(), today + 8.days());
    let mut orders = Vec::new();
    for service in [CUT, SHORT_CUT, BACK_MASSAGE] {
        for (date, time, experts) in
            customer.availability(&format!("serviceId={service}&from={from}&to={to}")).await
        {
            orders.extend(experts.into_iter().map(|expert| {
                json!({
                    "serviceId": service, "expertId": expert, "date": date, "time": time, "payNow": true
                })
            }));
        }
    }
    let step = orders.len() / count;
    assert!(step > 0, "{} slots", orders.len());
    orders.into_iter().step_by(step).take(count).collect()
}

/// Books with a key that only this order has.
async fn book(customer: &Actor, place: usize, order: &Value) -> Result<Answer, reqwest::Error> {
    let request = customer.request(Method::POST, "/appointments").json(order);
    customer.try_send(request.header("Idempotency-Key", format!("order {place}"))).await
}

fn booked_id(answer: &Answer) -> String {
    answer.data(201)["appointment"]["id"].as_str().unwrap().to_owned()
}

fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

/// The ids of the appointments that there are.
fn appointment_ids(items: &[Item]) -> BTreeSet<String> {
    items.iter().filter(|item| text(item, "sk") == "APT").map(|item| text(item, "id").to_owned()).collect()
}

/// How many mails there are for each appointment, by the `UID` of their calendar entries.
fn mails_per_appointment(calendars: impl Iterator<Item = Vec<u8>>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for calendar in calendars {
        let calendar = String::from_utf8(calendar).unwrap();
        let (_, rest) = calendar.split_once("UID:").unwrap();
        let (id, _) = rest.split_once('@').unwrap();
        *counts.entry(id.to_owned()).or_insert(0) += 1;
    }
    counts
}

/// Every appointment has its mail; a crash between sending and marking it may have sent it once more.
fn assert_mails(counts: &BTreeMap<String, usize>, ids: &BTreeSet<String>) {
    assert_eq!(&counts.keys().cloned().collect::<BTreeSet<_>>(), ids);
    let twice = counts.values().filter(|count| **count == 2).count();
    assert!(counts.values().all(|count| (1..=2).contains(count)), "{counts:?}");
    println!(
        "{} mails for {} appointments, {twice} of them twice",
        counts.values().sum::<usize>(),
        ids.len()
    );
}

/// Waits until every event has reached its end.
async fn events_end(process: &StackProcess) {
    let begun = Instant::now();
    loop {
        let events = process.items("EventsTable").await;
        let is_open = |event: &&Item| matches!(text(event, "delivery"), "pending" | "sending");
        let open: Vec<_> = events.iter().filter(is_open).map(|event| text(event, "type")).collect();
        if open.is_empty() {
            assert!(events.iter().all(|event| text(event, "delivery") != "failed"));
            return;
        }
        assert!(begun.elapsed() < LEASE, "{open:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_the_stack() {
    const CLIENTS: usize = 32;
    const KILLS: usize = 2;
    let directory = tempfile::tempdir().unwrap();
    let start = || {
        let arguments = ["--parameter", "RateLimitRequests=100000"];
        StackProcess::start(directory.path(), &arguments)
    };

    let mut process = start();
    let account = demo::ACCOUNTS.iter().find(|account| account.name.starts_with("Camille")).unwrap();
    let mut camille = process.visitor(account.email);
    demo::PASSWORD.clone_into(&mut camille.password);
    camille.log_in().await.data(200);
    let orders = orders(&camille, 160).await;
    // How each order was answered: the appointment's id, or nothing where its slot was taken.
    let answered: Mutex<BTreeMap<usize, Option<String>>> = Mutex::default();

    for round in 0..=KILLS {
        let customer = camille.at(&process.url);
        let (next, acknowledged) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let client = async || {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(order) = orders.get(place) else { return };
                if answered.lock().unwrap().contains_key(&place) {
                    continue;
                }
                let Ok(answer) = book(&customer, place, order).await else { return };
                let id = if answer.status == 201 {
                    Some(booked_id(&answer))
                } else {
                    answer.error(409, "slot_taken");
                    None
                };
                acknowledged.fetch_add(usize::from(id.is_some()), Ordering::Relaxed);
                answered.lock().unwrap().insert(place, id);
            }
        };
        let clients = join_all((0..CLIENTS).map(|_| client()));
        if round == KILLS {
            clients.await;
            break;
        }
        let power_failure = async {
            while acknowledged.load(Ordering::Relaxed) < 12 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            process.kill();
        };
        futures_util::join!(clients, power_failure);
        process = start();
    }

    let answered = answered.into_inner().unwrap();
    assert_eq!(answered.len(), orders.len());
    let ids: BTreeSet<String> = answered.values().flatten().cloned().collect();
    assert_eq!(ids.len(), answered.values().flatten().count(), "two orders have one appointment");
    assert!(ids.len() >= 12 * KILLS, "{}", ids.len());

    // The token is from before the first power failure: the session and the keys are kept.
    let customer = camille.at(&process.url);
    for (place, id) in answered.iter().filter_map(|(place, id)| Some((place, id.as_ref()?))) {
        let repeated = book(&customer, *place, &orders[*place]).await.unwrap();
        assert_eq!((booked_id(&repeated), repeated.header("idempotency-replayed")), (id.clone(), "true"));
    }
    let items = process.items("AppointmentsTable").await;
    checker::check_appointments(&items);
    assert_eq!(appointment_ids(&items), ids);

    events_end(&process).await;
    let mails = customer.get("/_local/mail.json").await.json();
    let calendars = mails.as_array().unwrap().iter().flat_map(|mail| mail["attachments"].as_array().unwrap());
    let calendars = calendars.map(|file| STANDARD.decode(file["content"].as_str().unwrap()).unwrap());
    assert_mails(&mails_per_appointment(calendars), &ids);
    process.kill();
}

/// Kills every process of a function; says how many there were.
fn kill(stack: &TestStack, function: &str) -> usize {
    let ids = stack.stack.runtime().process_ids(function);
    for id in &ids {
        processes::kill(*id);
    }
    ids.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_the_functions() {
    const CLIENTS: usize = 16;
    // As deployed, a message waits for three minutes after its function has crashed.
    let stack = TestStack::builder()
        .parameter("RateLimitRequests", "100000")
        .template_with("Timeout: 30\n", "Timeout: 20\n")
        .template_with("VisibilityTimeout: 180\n", "VisibilityTimeout: 20\n")
        .start()
        .await;
    let ada = stack.customer().await;
    let orders = orders(&ada, 96).await;

    let (next, done, lost) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let client = async || {
        let mut ids = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(order) = orders.get(place) else { return ids };
            let answer = loop {
                let answer = book(&ada, place, order).await.unwrap();
                if !answer.status.is_server_error() {
                    break answer;
                }
                lost.fetch_add(1, Ordering::Relaxed);
            };
            done.fetch_add(1, Ordering::Relaxed);
            if answer.status == 201 {
                ids.push(booked_id(&answer));
            } else {
                answer.error(409, "slot_taken");
            }
        }
    };
    let killer = async {
        let mut killed = 0;
        for (progress, function) in [
            (8, "AppointmentsFunction"),
            (16, "EmailFunction"),
            (24, "RelayFunction"),
            (32, "AppointmentsFunction"),
            (48, "AppointmentsFunction"),
            (64, "EmailFunction"),
            (72, "RelayFunction"),
            (80, "AppointmentsFunction"),
        ] {
            while done.load(Ordering::Relaxed) < progress {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            killed += kill(&stack, function);
        }
        killed
    };
    let (ids, killed) = futures_util::join!(join_all((0..CLIENTS).map(|_| client())), killer);
    assert!(killed >= 8 && lost.load(Ordering::Relaxed) > 0, "{killed} killed, {lost:?} answers lost");
    let ids: Vec<String> = ids.into_iter().flatten().collect();
    let distinct: BTreeSet<String> = ids.iter().cloned().collect();
    assert_eq!(distinct.len(), ids.len(), "two orders have one appointment");

    stack.settle_within(LEASE).await;
    assert_eq!(appointment_ids(&stack.items("AppointmentsTable").await), distinct);
    let mails = stack.mails(&ada.email);
    let calendars = mails.iter().flat_map(|mail| &mail.attachments).map(|file| file.content.to_vec());
    assert_mails(&mails_per_appointment(calendars), &distinct);

    // Nothing of it is left: the next one is booked as ever.
    let (date, time, experts) = ada.later_availability(&format!("serviceId={CUT}")).await.pop().unwrap();
    let order = json!({"serviceId": CUT, "expertId": experts[0], "date": date, "time": time, "payNow": true});
    ada.book(order).await.data(201);
    stack.finish_with(Permitted { failed_requests: true, ..Permitted::default() }).await;
}

/// Lets a minute pass since an account has ended, after which its erasure is the schedule's.
async fn let_a_minute_pass(stack: &TestStack, actor: &Actor) {
    let then = clock::now() - SignedDuration::from_secs(61);
    stack
        .dynamodb()
        .update_item()
        .table_name(stack.table_name("UsersTable"))
        .key("pk", AttributeValue::S(format!("USER#{}", actor.user_id)))
        .key("sk", AttributeValue::S("PROFILE".to_owned()))
        .update_expression("SET leaving_since = :then")
        .condition_expression("attribute_exists(leaving_since)")
        .expression_attribute_values(":then", AttributeValue::S(then.to_string()))
        .send()
        .await
        .unwrap();
}

/// Rows that know somebody: by name, by what they wrote, or as the one who is told of an event.
async fn rows_about(stack: &TestStack, actor: &Actor) -> Vec<String> {
    let mut rows = Vec::new();
    for table in ["UsersTable", "AppointmentsTable", "TodosTable", "EventsTable"] {
        for row in stack.items(table).await {
            let shown = format!("{row:?}");
            // The day's failures of an address that nobody has any more are forgotten tomorrow.
            let is_failures = text(&row, "pk").starts_with("EMAIL#") && !row.contains_key("user_id");
            let is_theirs =
                text(&row, "user_id") == actor.user_id || text(&row, "recipient") == actor.user_id;
            if is_theirs || shown.contains(WISH) || (shown.contains(&actor.email) && !is_failures) {
                rows.push(shown);
            }
        }
    }
    rows
}

const WISH: &str = "A wish that nobody else has";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_ends_whatever_stops_it() {
    let turnstile = Turnstile::serve().await;
    let stack = TestStack::builder().without_rate_limit().max_concurrency(1);
    let stack = turnstile.before(stack).start().await;
    turnstile.lead_to(&stack.stack.dynamodb_url());
    let admin = stack.demo_account(Role::Admin).await;
    let sweep = async || stack.invoke("UsersFunction", json!({"source": "aws.events"})).await;

    // The last write before which the function is killed, as each comes by.
    for (place, (operation, text)) in [
        (TRANSACTION, "leaving_email"),
        ("DeleteItem", "tdo_"),
        (TRANSACTION, "appointment.cancelled"),
        (TRANSACTION, "usr_00000000000000000000000000"),
        ("UpdateItem", "REMOVE recipient"),
        (TRANSACTION, "attribute_exists(leaving_since)"),
    ]
    .into_iter()
    .enumerate()
    {
        let ada = stack.customer().await;
        let free = ada.availability(&format!("serviceId={CUT}")).await;
        let mut booked = Vec::new();
        for (date, time, experts) in free.iter().rev().step_by(8).take(3) {
            let order =
                json!({"serviceId": CUT, "expertId": experts[0], "date": date, "time": time, "notes": WISH});
            booked.push(booked_id(&ada.book(order).await));
        }
        ada.post("/todos", json!({"title": WISH})).await.data(201);
        stack.settle().await;
        let mut held = turnstile.hold(operation, text);
        let request = ada.request(Method::DELETE, "/profile").json(&json!({"password": ada.password}));
        let power_failure = async {
            held.arrived().await;
            assert_eq!(kill(&stack, "UsersFunction"), 1);
            // What was on its way is lost.
            drop(held);
        };
        let (answer, ()) = futures_util::join!(ada.send(request), power_failure);
        assert!(answer.status.is_server_error(), "{text}: {}", answer.text);

        if place == 0 {
            // Before it was decided nothing is lost, and the same request does it.
            for id in &booked {
                let kept = ada.get(&format!("/appointments/{id}")).await.data(200)["appointment"].clone();
                assert_eq!((kept["status"].as_str(), kept["notes"].as_str()), (Some("reserved"), Some(WISH)));
            }
            let request = ada.request(Method::DELETE, "/profile").json(&json!({"password": ada.password}));
            ada.send(request).await.data(200);
        } else {
            ada.get("/profile").await.error(401, "session_ended");
            ada.elsewhere().log_in().await.error(401, "invalid_credentials");
            assert_eq!(ada.elsewhere().register("Ada").await.fields(400, "email_taken"), ["email"], "{text}");
            // A request's work is left alone for a minute.
            assert_eq!(sweep().await, json!({"finished": 0, "failed": 0}), "{text}");
            if place % 2 == 0 {
                admin.delete(&format!("/users/{}", ada.user_id)).await.data(200);
            } else {
                let_a_minute_pass(&stack, &ada).await;
                assert_eq!(sweep().await, json!({"finished": 1, "failed": 0}), "{text}");
            }
        }
        assert_eq!(sweep().await, json!({"finished": 0, "failed": 0}), "{text}");
        admin.delete(&format!("/users/{}", ada.user_id)).await.error(404, "not_found");
        for id in &booked {
            let kept = admin.get(&format!("/appointments/{id}")).await.data(200)["appointment"].clone();
            assert_eq!(
                (kept["status"].as_str(), kept["notes"].is_null()),
                (Some("cancelled"), true),
                "{text}"
            );
        }
        stack.settle().await;
        assert_eq!(rows_about(&stack, &ada).await, Vec::<String>::new(), "{text}");
        let deleted = stack.items("EventsTable").await;
        let is_hers = |event: &&Item| {
            event["type"].as_s().unwrap() == "user.deleted" && format!("{event:?}").contains(&ada.user_id)
        };
        assert_eq!(deleted.iter().filter(is_hers).count(), 1, "{text}");
        ada.elsewhere().register("Ada again").await.data(201);
    }
    stack.finish_with(Permitted { failed_requests: true, ..Permitted::default() }).await;
}
