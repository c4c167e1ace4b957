//! Reminders: each customer is told once of each start, before it, and of nothing that is not so any more, whatever
//! happens at the same time.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use chairbook_models::appointment::{Appointment, ChangedBy, cancel};
use chairbook_models::event::{Actor as EventActor, AppointmentFacts, Event, EventData};
use chairbook_models::ids::EventId;
use chairbook_models::user::Role;
use chairbook_platform::{clock, random};
use chairbook_store::StoreError;
use chairbook_tests::appointment::{id, path, show};
use chairbook_tests::checker::Item;
use chairbook_tests::{Actor, Json, TestStack};
use futures_util::future::join_all;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

const REMINDERS: &str = "RemindersFunction";

/// The kind of reminders that these tests are about.
const APPOINTMENTS: &str = "appointments";

const CUT: &str = "svc_00000000000000000000000001";

/// A week, the longest lead: whatever begins within it is due.
const WEEK: u32 = 7 * 24 * 60;

const PATIENCE: Duration = Duration::from_secs(15);

/// A stack whose salon reminds its customers so many minutes before the start.
async fn start(reminder_minutes: u32) -> TestStack {
    let stack = TestStack::start().await;
    remind_before(&stack, reminder_minutes).await;
    stack
}

async fn remind_before(stack: &TestStack, reminder_minutes: u32) {
    let admin = stack.demo_account(Role::Admin).await;
    admin.change_setting("reminderMinutes", json!(reminder_minutes)).await;
}

/// The free starts of a cut from so many days on until so many, as requests to book them.
async fn wishes(customer: &Actor, from: i64, to: i64) -> Vec<Value> {
    let today = clock::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let (from, to) = (today + from.days(), today + to.days());
    let free = customer.availability(&format!("serviceId={CUT}&from={from}&to={to}")).await;
    let wish = |(date, time, experts): (String, String, Vec<String>)| json!({"serviceId": CUT, "date": date, "time": time, "expertId": experts[0], "payNow": true});
    free.into_iter().map(wish).collect()
}

/// Books so many appointments of the coming days, wherever there is room left.
async fn book(customer: &Actor, count: usize) -> Vec<Json> {
    let mut booked = Vec::new();
    for wish in wishes(customer, 1, 6).await {
        if booked.len() == count {
            break;
        }
        let answer = customer.book(wish).await;
        if answer.status == 201 {
            booked.push(answer.data(201)["appointment"].clone());
        }
    }
    assert_eq!(booked.len(), count, "there is no room for so many");
    booked
}

/// The same, as if that had been long ago.
async fn book_long_ago(stack: &TestStack, customer: &Actor, count: usize) -> Vec<Json> {
    let booked = book(customer, count).await;
    for appointment in &booked {
        stack.booked_long_ago(id(appointment)).await;
    }
    booked
}

async fn move_to(actor: &Actor, appointment: &Json, wish: &Value) -> Json {
    let to = json!({"date": wish["date"], "time": wish["time"], "expertId": wish["expertId"]});
    actor.put(&path(appointment, "/reschedule"), to).await.data(200)["appointment"].clone()
}

/// Runs the reminders; the number of customers who were reminded.
async fn run(stack: &TestStack) -> u64 {
    stack.remind(APPOINTMENTS).await["reminded"].as_u64().unwrap()
}

fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

/// What an appointment's calendar file says in a line.
fn calendar_line(file: &str, name: &str) -> String {
    let line = file.split("\r\n").find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.unwrap_or_else(|| panic!("no {name} in {file}")).to_owned()
}

/// The starts that a customer was reminded of by mail, by the appointments' ids.
fn reminded(stack: &TestStack, customer: &Actor) -> BTreeMap<String, Vec<String>> {
    let mut starts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mail in stack.mails(&customer.email).iter().filter(|mail| mail.subject.starts_with("Reminder: ")) {
        let file = String::from_utf8(mail.attachments[0].content.to_vec()).unwrap();
        let uid = calendar_line(&file, "UID");
        let id = uid.strip_suffix("@chairbook").unwrap();
        starts.entry(id.to_owned()).or_default().push(calendar_line(&file, "DTSTART"));
    }
    starts
}

/// An appointment's start as its calendar file writes it.
fn start_of(appointment: &Json) -> String {
    let at: Timestamp = appointment["startsAt"].as_str().unwrap().parse().unwrap();
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The events of reminders of an appointment.
async fn reminder_events(stack: &TestStack, appointment: &Json) -> Vec<Item> {
    let mut events = stack.items("EventsTable").await;
    events.retain(|event| {
        let subjects = event.get("subjects").and_then(|subjects| subjects.as_m().ok());
        text(event, "type") == "appointment.reminder"
            && subjects.is_some_and(|subjects| text(subjects, "appointmentId") == id(appointment))
    });
    events
}

#[tokio::test]
async fn a_customer_is_reminded_once() {
    let stack = start(WEEK).await;
    let (ada, grace) = futures_util::join!(stack.customer(), stack.customer());
    let due = book_long_ago(&stack, &ada, 1).await.remove(0);
    // Whoever has booked within the lead has just heard of it; and what is further ahead than that has time.
    book(&grace, 1).await;
    let further = wishes(&grace, 9, 15).await.remove(0);
    let further = grace.book(further).await.data(201)["appointment"].clone();
    stack.booked_long_ago(id(&further)).await;
    let before = show(&ada, &due).await;

    let runs = join_all((0..4).map(|_| stack.remind(APPOINTMENTS))).await;
    let sum = |name: &str| runs.iter().map(|counts| counts[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("reminded"), sum("failed")), (1, 0), "{runs:?}");
    assert_eq!(stack.remind(APPOINTMENTS).await, json!({"reminded": 0, "skipped": 0, "failed": 0}));

    stack.settle().await;
    assert_eq!(reminded(&stack, &ada), [(id(&due).to_owned(), vec![start_of(&due)])].into());
    assert_eq!(reminded(&stack, &grace), BTreeMap::new());
    let events = reminder_events(&stack, &due).await;
    assert_eq!(events.len(), 1);
    let data = events[0]["data"].as_m().unwrap();
    assert_eq!((text(&events[0], "recipient"), text(&events[0], "actor")), (ada.user_id.as_str(), "system"));
    assert_eq!(
        (json!(text(data, "startsAt")), json!(text(data, "serviceName"))),
        (due["startsAt"].to_value(), due["serviceName"].to_value())
    );

    // For its customer and their calendar, nothing has changed.
    assert_eq!(show(&ada, &due).await, before);
    let mail = stack.mail(&ada.email, "Reminder: ").await;
    let words = mail.text.as_ref().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [&due["time"], &due["expertName"], &due["timeZone"]] {
        assert!(words.contains(part.as_str().unwrap()), "{part} in {words}");
    }
    let file = ada.get(&path(&due, "/calendar.ics")).await.text;
    assert_eq!(mail.attachments[0].content, file.as_bytes());
    assert_eq!(
        (calendar_line(&file, "SEQUENCE"), calendar_line(&file, "METHOD")),
        ("1".to_owned(), "REQUEST".to_owned())
    );
    ada.delete(&path(&due, "/cancel")).await.data(200);
    let file = ada.get(&path(&due, "/calendar.ics")).await.text;
    assert_eq!(calendar_line(&file, "SEQUENCE"), "2");
    assert_eq!(run(&stack).await, 0);
    stack.finish().await;
}

#[tokio::test]
async fn a_payment_that_is_verified_is_no_news_and_stands_in_no_reminder_s_way() {
    let stack = start(WEEK).await;
    let (ada, admin) = (stack.customer().await, stack.demo_account(Role::Admin).await);
    let booked = book_long_ago(&stack, &ada, 2).await;
    for due in &booked {
        admin.put(&path(due, "/pay"), json!({"method": "transfer"})).await.data(200);
    }
    // Whoever is told that they were moved has heard of it.
    let to = wishes(&ada, 2, 6).await.pop().unwrap();
    move_to(&admin, &booked[1], &to).await;
    assert_eq!((run(&stack).await, run(&stack).await), (1, 0));
    stack.settle().await;
    assert_eq!(reminded(&stack, &ada), [(id(&booked[0]).to_owned(), vec![start_of(&booked[0])])].into());
    let mail = stack.mail(&ada.email, "Reminder: ").await.text.unwrap();
    assert!(mail.contains(", paid\n") && !mail.contains("verified"), "{mail}");
    stack.finish().await;
}

#[tokio::test]
async fn nobody_is_reminded_of_what_is_not_so() {
    let stack = start(0).await;
    let admin = stack.demo_account(Role::Admin).await;
    let ada = stack.customer().await;
    let booked = book_long_ago(&stack, &ada, 4).await;
    let [cancelled, moved_before, moved_after, kept] = &booked[..] else { panic!("four") };
    let mut unpaid = wishes(&ada, 1, 6).await.remove(0);
    unpaid["payNow"] = json!(false);
    let unpaid = ada.book(unpaid).await.data(201)["appointment"].clone();
    stack.booked_long_ago(id(&unpaid)).await;
    assert_eq!(run(&stack).await, 0, "a salon that does not remind");

    remind_before(&stack, WEEK).await;
    ada.delete(&path(cancelled, "/cancel")).await.data(200);
    let later = wishes(&ada, 9, 15).await;
    let far = move_to(&ada, moved_before, &later[0]).await;
    stack.booked_long_ago(id(&far)).await;
    assert_eq!(run(&stack).await, 2, "the two that are left");
    assert_eq!(run(&stack).await, 0);

    // Moved after the reminder: its mail says when it is; long before the new start there is another reminder.
    let to = wishes(&ada, 1, 6).await.pop().unwrap();
    let moved = move_to(&ada, moved_after, &to).await;
    assert_ne!(moved["startsAt"], moved_after["startsAt"]);
    assert_eq!(run(&stack).await, 0, "who moves it now has heard of it");
    stack.booked_long_ago(id(&moved)).await;
    assert_eq!(run(&stack).await, 1);
    assert_eq!(run(&stack).await, 0);
    stack.settle().await;
    let expected = [
        (id(kept).to_owned(), vec![start_of(kept)]),
        (id(&moved).to_owned(), vec![start_of(&moved), start_of(moved_after)]),
    ];
    assert_eq!(reminded(&stack, &ada), expected.into());

    // Paid for late: the mail of the payment says it all. Then, long after, there is something to remind of.
    admin.put(&path(&unpaid, "/pay"), json!({"method": "cash"})).await.data(200);
    assert_eq!(run(&stack).await, 0);
    stack.booked_long_ago(id(&unpaid)).await;
    assert_eq!(run(&stack).await, 1);
    stack.settle().await;

    // Nobody's.
    let grace = stack.customer().await;
    book_long_ago(&stack, &grace, 1).await;
    let erasure =
        grace.request(reqwest::Method::DELETE, "/profile").json(&json!({"password": grace.password}));
    grace.send(erasure).await.data(200);
    assert_eq!(run(&stack).await, 0);
    stack.settle().await;
    assert_eq!(reminded(&stack, &grace), BTreeMap::new());
    stack.finish().await;
}

/// What SES answers next.
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
async fn a_reminder_that_is_not_true_any_more_when_its_turn_comes_is_not_sent() {
    let stack = start(WEEK).await;
    let ada = stack.customer().await;
    for reason in ["appointment_changed", "moved_meanwhile"] {
        let appointment = book_long_ago(&stack, &ada, 1).await.remove(0);
        let elsewhere = wishes(&ada, 9, 15).await.remove(0);
        stack.settle().await;
        // The mail waits for another try meanwhile.
        inject(&stack, json!([{"error": "ServiceUnavailable"}])).await;
        assert_eq!(run(&stack).await, 1);
        used_up(&stack).await;
        if reason == "moved_meanwhile" {
            move_to(&ada, &appointment, &elsewhere).await;
        } else {
            ada.delete(&path(&appointment, "/cancel")).await.data(200);
        }
        stack.settle().await;
        let event = reminder_events(&stack, &appointment).await.remove(0);
        assert_eq!((text(&event, "delivery"), text(&event, "delivery_reason")), ("skipped", reason));
    }
    assert_eq!(reminded(&stack, &ada), BTreeMap::new());
    stack.finish().await;
}

/// One reads the appointment, the other writes it, and then the first one writes.
#[tokio::test]
async fn neither_a_reminder_nor_a_change_takes_the_other_back() {
    let stack = start(WEEK).await;
    let ada = stack.customer().await;
    let booked = book_long_ago(&stack, &ada, 2).await;
    let store = stack.stack.store();
    let read = async |appointment: &Json| {
        store.appointment(id(appointment).parse().unwrap()).await.unwrap().unwrap()
    };
    let event = |data: fn(AppointmentFacts) -> EventData, appointment: &Appointment| {
        let (now, actor) = (clock::now(), EventActor::System);
        Event::about_appointment(EventId::new(now, random::bytes()), data, now, actor, appointment)
    };
    let (before, stale) = (read(&booked[0]).await, read(&booked[1]).await);
    ada.delete(&path(&booked[1], "/cancel")).await.data(200);
    assert_eq!(run(&stack).await, 1);

    let after = cancel(&before, ChangedBy::Staff, clock::now()).unwrap();
    let told = event(EventData::AppointmentCancelled, &after);
    store.end_appointment(&before, &after, &told).await.unwrap();
    assert_eq!(read(&booked[0]).await, Appointment { reminded_for: Some(before.starts_at), ..after });

    let told = event(EventData::AppointmentReminder, &stale);
    assert_eq!(store.remind(&stale, &told).await, Err(StoreError::Changed));
    assert_eq!(read(&booked[1]).await.reminded_for, None);
    let twice = book_long_ago(&stack, &ada, 1).await.remove(0);
    let found = read(&twice).await;
    for expected in [Ok(()), Err(StoreError::Changed)] {
        let told = event(EventData::AppointmentReminder, &found);
        assert_eq!(store.remind(&found, &told).await, expected);
    }
    assert_eq!(reminder_events(&stack, &twice).await.len(), 1);
    stack.finish().await;
}

/// Whoever cancels or moves at the same moment does so as ever, in one change; what was reminded of is known after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reminders_and_changes_at_the_same_moment() {
    let stack = start(WEEK).await;
    let admin = stack.demo_account(Role::Admin).await;
    let ada = stack.customer().await;
    let mut elsewhere = wishes(&ada, 1, 6).await.into_iter().rev();
    for round in 0..6 {
        let booked = book_long_ago(&stack, &ada, 3).await;
        let [cancelled, moved, closed] = &booked[..] else { panic!("three") };
        let to = elsewhere.by_ref().nth(4).unwrap();
        // Sooner or later than the reminders' transactions.
        let pause = Duration::from_millis(4 * round);
        let cancel = async {
            tokio::time::sleep(pause).await;
            ada.delete(&path(cancelled, "/cancel")).await.data(200)
        };
        let reschedule = async {
            tokio::time::sleep(pause).await;
            move_to(&ada, moved, &to).await
        };
        let call_off = async {
            tokio::time::sleep(pause).await;
            admin.put(&path(closed, "/status"), json!({"status": "cancelled"})).await.data(200)
        };
        let runs = join_all([run(&stack), run(&stack)]);
        let (_, after, _, runs) = futures_util::join!(cancel, reschedule, call_off, runs);
        assert!(runs.iter().sum::<u64>() <= 3, "{runs:?}");
        for (appointment, status) in [(cancelled, "cancelled"), (moved, "confirmed"), (closed, "cancelled")] {
            assert_eq!(show(&ada, appointment).await["status"], status);
            let file = ada.get(&path(appointment, "/calendar.ics")).await.text;
            assert_eq!(calendar_line(&file, "SEQUENCE"), "2", "one change");
            assert!(reminder_events(&stack, appointment).await.len() <= 1);
        }
        // Whatever was reminded of before it moved, the new start is yet to come.
        let earlier = reminder_events(&stack, moved).await.len();
        stack.booked_long_ago(id(moved)).await;
        assert_eq!((run(&stack).await, run(&stack).await), (1, 0));
        stack.settle().await;
        assert_eq!(reminder_events(&stack, moved).await.len(), earlier + 1);
        let reminded = reminded(&stack, &ada);
        let of_moved = &reminded[id(moved)];
        assert_eq!(of_moved.iter().filter(|start| **start == start_of(&after)).count(), 1, "{of_moved:?}");
        ada.delete(&path(moved, "/cancel")).await.data(200);
    }
    stack.finish().await;
}

/// Kills every process of the function.
fn kill(stack: &TestStack) {
    for process in stack.stack.runtime().process_ids(REMINDERS) {
        // It may have ended by itself.
        let _status = Command::new("sh").args(["-c", &format!("kill -9 {process}")]).status().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_reminded_before_a_power_failure_is_not_reminded_after_it() {
    const CUSTOMERS: usize = 16;
    let stack = start(WEEK).await;
    let ada = stack.customer().await;
    let booked = book_long_ago(&stack, &ada, CUSTOMERS).await;
    stack.settle().await;
    // The function waits for this answer when it is killed.
    let faults = json!({"dynamoDb": [{"operation": "TransactWriteItems", "table": "AppointmentsTable", "delaySeconds": 10}]});
    let http = reqwest::Client::new();
    let planned =
        http.put(format!("{}/_local/faults", stack.stack.url())).json(&faults).send().await.unwrap();
    assert_eq!(planned.status(), 200);
    let run_and_kill = async {
        let begun = Instant::now();
        while reminded_rows(&stack).await == 0 {
            assert!(begun.elapsed() < PATIENCE, "nobody is reminded");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        kill(&stack);
    };
    let url = format!("{}/2015-03-31/functions/{REMINDERS}/invocations", stack.stack.url());
    let (answer, ()) = futures_util::join!(http.post(&url).json(&json!({})).send(), run_and_kill);
    assert!(answer.unwrap().headers().contains_key("x-amz-function-error"), "it was killed while it ran");

    // Another run does what is left, and nothing twice.
    run(&stack).await;
    assert_eq!(reminded_rows(&stack).await, CUSTOMERS);
    assert_eq!(run(&stack).await, 0);
    stack.settle().await;
    let reminded = reminded(&stack, &ada);
    assert_eq!(reminded.len(), CUSTOMERS);
    for appointment in &booked {
        assert_eq!(reminded[id(appointment)], [start_of(appointment)]);
    }
    stack.finish().await;
}

/// How many appointments' rows say that their customer was reminded.
async fn reminded_rows(stack: &TestStack) -> usize {
    let items = stack.items("AppointmentsTable").await;
    items.iter().filter(|item| item.contains_key("reminded_for")).count()
}
