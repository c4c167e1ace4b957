//! DynamoDB as it is on AWS: transactions that meet on one item, throttling, errors before and after the deed, late
//! answers, batches that are left half done, indexes that lag behind, reads that show what was there before. Each test has
//! one of them happen to the real functions, exactly when it says; the walk of the target `faults` has all of them at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chairbook_local::faults::DynamoDbSetting;
use chairbook_models::user::Role;
use chairbook_platform::clock;
use chairbook_tests::appointment::{id, path, show};
use chairbook_tests::checker::Item;
use chairbook_tests::open_salon::{self, Wish, expert};
use chairbook_tests::{Actor, Answer, Json, TestStack, TestStackBuilder};
use futures_util::future::join_all;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use reqwest::Method;
use serde_json::{Value, json};

const SWEEP: &str = "ExpireReservationsFunction";
const CUT: &str = "svc_00000000000000000000000001";

/// Longer than any of these tests.
const FOR_EVER: u64 = 600_000;

const NOTHING: DynamoDbSetting = DynamoDbSetting {
    seed: Some(1),
    transaction_millis: 0,
    conflict: 0.0,
    throttling: 0.0,
    error_before: 0.0,
    error_after: 0.0,
    slow: 0.0,
    slow_millis: 0,
    unprocessed: 0.0,
    index_lag_millis: 0,
    stale_reads: 0.0,
    stale_read_millis: 0,
};

/// A stack whose DynamoDB has no faults but those of its test.
fn stack() -> TestStackBuilder {
    TestStack::builder().without_rate_limit().dynamodb_faults(None)
}

/// Plans faults of DynamoDB.
fn plan(stack: &TestStack, faults: &Value) {
    stack.plan_faults(&json!({ "dynamoDb": faults }));
}

/// A fault of the transaction that writes a change and its event; counting it for the statistics is another one.
fn of_booking(error: &str, times: u32, after: bool) -> Value {
    json!({"operation": "TransactWriteItems", "key": "EVT#", "error": error, "times": times, "after": after})
}

/// Requests for the free starts of a cut, none of them soon.
async fn wishes(actor: &Actor) -> Vec<Value> {
    let free = actor.later_availability(&format!("serviceId={CUT}")).await;
    let wish = |(date, time, experts): (String, String, Vec<String>)| json!({"serviceId": CUT, "date": date, "time": time, "expertId": experts[0], "payNow": true});
    free.into_iter().step_by(9).map(wish).collect()
}

async fn book_with_key(actor: &Actor, wish: &Value, key: &str) -> Answer {
    actor.send(actor.request(Method::POST, "/appointments").header("Idempotency-Key", key).json(wish)).await
}

/// Says that a request was refused for now: 503, with when to come again.
fn check_later(answer: &Answer) {
    answer.error(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "1");
}

async fn appointments(stack: &TestStack) -> Vec<Item> {
    let mut items = stack.items("AppointmentsTable").await;
    items.retain(|item| item["sk"].as_s().is_ok_and(|sk| sk == "APT"));
    items
}

/// The ids of an actor's appointments, as their list shows them.
async fn listed(actor: &Actor) -> BTreeSet<String> {
    let page = actor.get("/appointments/my?limit=100").await.data(200);
    page["items"].as_array().unwrap().iter().map(|item| id(item).to_owned()).collect()
}

#[tokio::test]
async fn a_booking_outwaits_other_transactions_on_its_items() {
    let stack = stack().start().await;
    let ada = stack.customer().await;
    let wishes = wishes(&ada).await;
    plan(&stack, &json!([of_booking("TransactionConflict", 11, false)]));
    ada.book(wishes[0].clone()).await.data(201);
    stack.check_faults_happened();
    assert_eq!(appointments(&stack).await.len(), 1);

    // There is an end to its patience; then it is told to come again, and nothing is booked.
    plan(&stack, &json!([of_booking("TransactionConflict", 12, false)]));
    check_later(&ada.book(wishes[1].clone()).await);
    stack.check_faults_happened();
    assert_eq!(appointments(&stack).await.len(), 1);
    ada.book(wishes[1].clone()).await.data(201);

    // Throttled transactions are tried again likewise.
    plan(
        &stack,
        &json!([
            of_booking("ThrottlingException", 3, false),
            of_booking("ProvisionedThroughputExceededException", 3, false)
        ]),
    );
    ada.book(wishes[2].clone()).await.data(201);
    stack.check_faults_happened();
    stack.finish_with_refused_requests().await;
}

#[tokio::test]
async fn a_write_of_one_item_outwaits_transactions_on_it() {
    let stack = stack().start().await;
    let mut ada = stack.customer().await;
    let conflict = |key: &str, times: u32| json!({"operation": "UpdateItem", "key": key, "error": "TransactionConflict", "times": times});
    plan(&stack, &json!([conflict("EMAIL#", 5)]));
    ada.log_in().await.data(200);
    stack.check_faults_happened();
    // A mail is claimed, and marked as sent.
    plan(&stack, &json!([conflict("EVT#", 5)]));
    let wishes = wishes(&ada).await;
    ada.book(wishes[0].clone()).await.data(201);
    stack.settle().await;
    stack.check_faults_happened();
    assert_eq!(mails(&stack, &ada, "Confirmed: "), 1);
    stack.finish().await;
}

fn mails(stack: &TestStack, actor: &Actor, subject: &str) -> usize {
    stack.mails(&actor.email).iter().filter(|mail| mail.subject.starts_with(subject)).count()
}

#[tokio::test]
async fn throttled_reads_are_tried_again_and_then_given_up() {
    let stack = stack().start().await;
    let ada = stack.customer().await;
    let throttled = |operation: &str, times: u32| json!({"operation": operation, "error": "ThrottlingException", "times": times});
    for (operation, path) in [
        ("GetItem", "/profile"),
        ("Query", "/appointments/my"),
        ("Query", &*format!("/availability?serviceId={CUT}")),
    ] {
        plan(&stack, &json!([throttled(operation, 2)]));
        ada.get(path).await.data(200);
        stack.check_faults_happened();
        // The access check and what is read beside it may be throttled both.
        plan(&stack, &json!([throttled(operation, 9)]));
        check_later(&ada.get(path).await);
    }
    plan(&stack, &json!([]));
    ada.get("/profile").await.data(200);
    stack.finish_with_refused_requests().await;
}

#[tokio::test]
async fn a_booking_whose_answer_is_lost_is_one_booking() {
    let stack = stack().start().await;
    let ada = stack.customer().await;
    let wishes = wishes(&ada).await;
    let one_more = async |wish: usize, made: usize| {
        ada.book(wishes[wish].clone()).await.data(201);
        stack.check_faults_happened();
        assert_eq!(appointments(&stack).await.len(), made);
    };
    plan(&stack, &json!([of_booking("InternalServerError", 1, true)]));
    one_more(0, 1).await;
    // The repeat meets other troubles, none of which may make it believe that somebody else was faster.
    plan(
        &stack,
        &json!([of_booking("InternalServerError", 1, true), of_booking("ThrottlingException", 2, false)]),
    );
    one_more(1, 2).await;
    plan(&stack, &json!([of_booking("InternalServerError", 2, false)]));
    one_more(2, 3).await;
    // The answer comes when nobody waits for it any more.
    let late = json!({"operation": "TransactWriteItems", "key": "EVT#", "delaySeconds": 6});
    plan(&stack, &json!([late]));
    let begun = Instant::now();
    one_more(3, 4).await;
    assert!(begun.elapsed().as_secs() >= 5, "it was waited for");

    // The function never learns of it: by a key it finds out, without one it cannot say.
    plan(&stack, &json!([of_booking("InternalServerError", 3, true)]));
    let found = book_with_key(&ada, &wishes[4], "key").await;
    assert_eq!((found.status.as_u16(), found.header("idempotency-replayed")), (201, "true"));
    stack.check_faults_happened();
    plan(&stack, &json!([of_booking("InternalServerError", 3, true)]));
    check_later(&ada.book(wishes[5].clone()).await);
    stack.check_faults_happened();
    assert_eq!(appointments(&stack).await.len(), 6);
    ada.book(wishes[5].clone()).await.error(409, "slot_taken");
    stack.settle().await;
    assert_eq!(mails(&stack, &ada, "Confirmed: "), 6);
    stack.finish_with_refused_requests().await;
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_made_once() {
    let stack = stack().start().await;
    let (ada, desk) = (stack.customer().await, stack.demo_account(Role::Admin).await);
    let wishes = wishes(&ada).await;
    let lost = || plan(&stack, &json!([of_booking("InternalServerError", 1, true)]));
    let made = ada.book(wishes[0].clone()).await.data(201)["appointment"].clone();
    lost();
    let to = json!({"date": wishes[1]["date"], "time": wishes[1]["time"], "expertId": wishes[1]["expertId"]});
    ada.put(&path(&made, "/reschedule"), to).await.data(200);
    stack.check_faults_happened();
    lost();
    desk.put(&path(&made, "/pay"), json!({"method": "card"})).await.data(200);
    stack.check_faults_happened();
    lost();
    ada.delete(&path(&made, "/cancel")).await.data(200);
    stack.check_faults_happened();

    // The same of accounts and the catalog.
    let lost = |key: &str| json!([{"operation": "TransactWriteItems", "key": key, "error": "InternalServerError", "after": true}]);
    let grace = stack.visitor();
    plan(&stack, &lost("EMAIL#"));
    grace.register("Grace").await.data(201);
    stack.check_faults_happened();
    plan(&stack, &lost("META"));
    desk.change_setting("leadTimeMinutes", json!(45)).await;
    stack.check_faults_happened();
    stack.finish().await;
}

#[tokio::test]
async fn a_mail_whose_claim_or_mark_is_lost_is_sent_once_and_soon() {
    let stack = stack().start().await;
    let ada = stack.customer().await;
    let wishes = wishes(&ada).await;
    stack.settle().await;
    let lost = json!({"operation": "UpdateItem", "key": "EVT#", "error": "InternalServerError", "times": 2, "after": true});
    plan(&stack, &json!([lost]));
    ada.book(wishes[0].clone()).await.data(201);
    // Sooner than a lease ends.
    stack.settle().await;
    stack.check_faults_happened();
    assert_eq!(mails(&stack, &ada, "Confirmed: "), 1);

    // It was sent, and DynamoDB does not let that be noted for a while.
    plan(
        &stack,
        &json!([{"operation": "UpdateItem", "key": "EVT#", "error": "ThrottlingException", "times": 2},
        {"operation": "UpdateItem", "key": "EVT#", "delaySeconds": 0.01},
        {"operation": "UpdateItem", "key": "EVT#", "error": "ThrottlingException", "times": 8}]),
    );
    ada.book(wishes[1].clone()).await.data(201);
    stack.settle().await;
    stack.check_faults_happened();
    assert_eq!(mails(&stack, &ada, "Confirmed: "), 2);
    stack.finish().await;
}

#[tokio::test]
async fn what_a_batch_leaves_out_is_asked_for_again() {
    let stack = stack().without_demo().start().await;
    let now = clock::now();
    stack.write_catalog(&open_salon::rows(12, "UTC", now)).await;
    let ada = stack.customer().await;
    let date = now.to_zoned(TimeZone::UTC).date() + 8.days();
    let wish = Wish { service: 0, add_ons: vec![], start: 600 };
    ada.book(wish.request(date, Some(expert(3)))).await.data(201);
    // Three weeks of one expert, in one batch.
    let query = format!(
        "serviceId={}&expertId={}&from={}&to={}",
        open_salon::service(0),
        expert(3),
        date - 7.days(),
        date + 6.days()
    );
    let all = ada.availability(&query).await;
    assert!(!all.iter().any(|(day, time, _)| *day == date.to_string() && time == "10:00"));
    plan(&stack, &json!([{"operation": "BatchGetItem", "error": "Unprocessed", "times": 2}]));
    assert_eq!(ada.availability(&query).await, all);
    stack.check_faults_happened();
    stack.finish().await;
}

/// Waits until the API says that a reservation has expired.
async fn run_out(actor: &Actor, reservation: &Json) {
    let begun = Instant::now();
    while show(actor, reservation).await["status"] != "expired" {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not run out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_index_that_lags_behind_makes_nothing_wrong() {
    let stack = stack().parameter("ReservationHold", "1s").start().await;
    let (ada, grace, desk) =
        (stack.customer().await, stack.customer().await, stack.demo_account(Role::Admin).await);
    let wishes = wishes(&ada).await;
    let before = ada.book(wishes[0].clone()).await.data(201)["appointment"].clone();
    // So that its customer is due to be reminded of it.
    stack.booked_long_ago(id(&before)).await;
    let lag = |setting: Option<DynamoDbSetting>| stack.stack.faults().set_dynamodb(setting);
    lag(Some(DynamoDbSetting { index_lag_millis: FOR_EVER, ..NOTHING }));

    // Lists are behind, and say nothing that is wrong; everything else is not.
    let mut reservation = wishes[1].clone();
    reservation["payNow"] = json!(false);
    let made = ada.book(reservation).await.data(201)["appointment"].clone();
    assert_eq!(listed(&ada).await, BTreeSet::from([id(&before).to_owned()]));
    assert_eq!(show(&ada, &made).await["status"], "reserved");
    grace.book(wishes[1].clone()).await.error(409, "slot_taken");
    assert!(stack.stack.faults().dynamodb().unwrap().happened["laggingIndex"] > 0);

    // Of a reservation that has run out, the expiry has not heard; its time is free all the same, once.
    run_out(&ada, &made).await;
    assert_eq!(stack.invoke(SWEEP, json!({})).await, json!({"expired": 0, "skipped": 0, "failed": 0}));
    grace.book(wishes[1].clone()).await.data(201);

    // An appointment that was cancelled still stands in the index of reminders, and nobody is reminded of it.
    ada.delete(&path(&before, "/cancel")).await.data(200);
    desk.change_setting("reminderMinutes", json!(7 * 24 * 60)).await;
    let reminded = stack.remind("appointments").await;
    assert_eq!(reminded, json!({"reminded": 0, "skipped": 1, "failed": 0}));

    // What ended is in the expiry's index once more, when the index is as it was before the end.
    lag(None);
    let mut reservation = wishes[2].clone();
    reservation["payNow"] = json!(false);
    let late = ada.book(reservation).await.data(201)["appointment"].clone();
    lag(Some(DynamoDbSetting { index_lag_millis: FOR_EVER, ..NOTHING }));
    run_out(&ada, &late).await;
    // It may be the schedule that ends it.
    assert_eq!(stack.invoke(SWEEP, json!({})).await["failed"], 0);
    assert_eq!(stack.invoke(SWEEP, json!({})).await, json!({"expired": 0, "skipped": 1, "failed": 0}));
    lag(None);
    assert_eq!(listed(&ada).await, [&before, &made, &late].map(|it| id(it).to_owned()).into());
    stack.settle().await;
    assert_eq!(mails(&stack, &ada, "Expired: "), 2);
    assert_eq!(mails(&stack, &ada, "Reminder: "), 0);
    // Its checks include the statistics, which are made of the stream and of what the rows say.
    stack.finish().await;
}

#[tokio::test]
async fn who_leaves_is_forgotten_though_an_index_lags_behind() {
    let stack = stack().start().await;
    let ada = stack.customer().await;
    let wishes = wishes(&ada).await;
    stack.settle().await;
    // Less than the second that an erasure waits for its indexes.
    stack.stack.faults().set_dynamodb(Some(DynamoDbSetting { index_lag_millis: 700, ..NOTHING }));
    let made = ada.book(wishes[0].clone()).await.data(201)["appointment"].clone();
    let leave = ada.request(Method::DELETE, "/profile").json(&json!({"password": ada.password}));
    ada.send(leave).await.data(200);
    let row = appointments(&stack).await.remove(0);
    assert_eq!(row["pk"].as_s().unwrap(), &format!("APT#{}", id(&made)));
    assert_eq!(row["status"].as_s().unwrap(), "cancelled");
    assert_ne!(row["user_id"].as_s().unwrap(), &ada.user_id);
    stack.settle().await;
    stack.finish().await;
}

#[tokio::test]
async fn what_was_just_written_is_in_force_though_reads_are_stale() {
    let stack = stack().start().await;
    let owner = stack.demo_account(Role::Owner).await;
    let stale = DynamoDbSetting { stale_reads: 1.0, stale_read_millis: FOR_EVER, ..NOTHING };
    stack.stack.faults().set_dynamodb(Some(stale));

    // Somebody whom no read that need not be consistent knows: registration, verification, login, profile.
    let mut ada = stack.customer().await;
    assert_eq!(ada.get("/profile").await.data(200)["user"]["emailVerified"], true);
    ada.put("/profile", json!({"name": "Ada King"})).await.data(200);
    assert_eq!(ada.get("/profile").await.data(200)["user"]["name"], "Ada King");

    // A session that has ended, however it ended.
    let old = ada.with_token_of(&ada);
    ada.post("/auth/logout-all", json!({})).await.data(200);
    old.get("/profile").await.error(401, "session_ended");
    ada.log_in().await.data(200);
    let refresh = json!({"refreshToken": ada.refresh_token});
    ada.post("/auth/refresh", refresh).await.data(200);

    // A role that was given and taken, with the same token.
    let role = async |role: &str| {
        owner.put(&format!("/users/{}/role", ada.user_id), json!({"role": role})).await.data(200);
    };
    ada.get("/users").await.error(403, "forbidden");
    role("admin").await;
    ada.get("/users").await.data(200);
    role("user").await;
    ada.get("/users").await.error(403, "forbidden");

    // The catalog as it was just changed.
    owner.change_setting("leadTimeMinutes", json!(75)).await;
    let category = owner.post("/categories", json!({"name": "Brows"})).await.data(201)["category"].clone();
    let shown = ada.get("/categories").await.data(200);
    assert!(shown["items"].as_array().unwrap().iter().any(|it| it["id"] == category["id"]));

    // Free times may be those of before: who wants one that is taken is told so, with those that are free.
    let wishes = wishes(&ada).await;
    let made = ada.book(wishes[0].clone()).await.data(201)["appointment"].clone();
    assert!(is_offered(&ada, &wishes[0]).await, "the read was stale");
    let refused = owner.book(wishes[0].clone()).await;
    let alternatives = refused.error(409, "slot_taken")["alternatives"].clone();
    assert!(
        alternatives
            .as_array()
            .unwrap()
            .iter()
            .all(|slot| slot["time"] != wishes[0]["time"] || slot["date"] != wishes[0]["date"])
    );
    ada.delete(&path(&made, "/cancel")).await.data(200);
    assert_eq!(show(&ada, &made).await["status"], "cancelled");
    assert!(stack.stack.faults().dynamodb().unwrap().happened["staleRead"] > 0);
    stack.settle().await;
    stack.finish().await;
}

/// Returns true if a start is offered.
async fn is_offered(actor: &Actor, wish: &Value) -> bool {
    let text = |name: &str| wish[name].as_str().unwrap();
    let query =
        format!("serviceId={CUT}&expertId={}&from={date}&to={date}", text("expertId"), date = text("date"));
    actor.availability(&query).await.iter().any(|(_, time, _)| time == text("time"))
}

/// One expert's week, and everybody wants to be in it at once. Prints what the conflicts cost:
/// `cargo test --workspace --test dynamodb_faults -- --ignored --nocapture everybody`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn everybody_books_one_experts_week_at_once() {
    const CLIENTS: usize = 64;
    let stack = stack().without_demo().max_concurrency(CLIENTS).start().await;
    let now = clock::now();
    stack.write_catalog(&open_salon::rows(1, "UTC", now)).await;
    let customers = join_all((0..8).map(|_| stack.customer())).await;
    stack.settle().await;
    // A Monday's week, so that it is one row.
    let monday = chairbook_models::week::Week::of(now.to_zoned(TimeZone::UTC).date() + 14.days()).monday();
    // About as long as a transaction takes on AWS.
    stack.stack.faults().set_dynamodb(Some(DynamoDbSetting { transaction_millis: 10, ..NOTHING }));
    let begun = Instant::now();
    let bookings = (0..CLIENTS).map(|place| {
        let (day, slot) = (i64::try_from(place % 7).unwrap(), u32::try_from(place / 7).unwrap());
        let wish = Wish { service: 0, add_ons: vec![], start: 480 + slot * 30 };
        let actor =
            customers[place % customers.len()].elsewhere().with_token_of(&customers[place % customers.len()]);
        async move { actor.book(wish.request(monday + day.days(), Some(expert(0)))).await }
    });
    let answers = join_all(bookings).await;
    let lasted = begun.elapsed();
    let booked = answers.iter().filter(|answer| answer.status == 201).count();
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        check_later(answer);
    }
    let happened = stack.stack.faults().dynamodb().unwrap().happened;
    let conflicts = happened.get("conflictMet").copied().unwrap_or_default();
    println!(
        "Of {CLIENTS} clients who book one expert's week at once, {booked} booked and {} were told to come again, within \
         {lasted:.1?}; transactions met {conflicts} conflicts.",
        CLIENTS - booked
    );
    assert_eq!(appointments(&stack).await.len(), booked);
    assert!(conflicts > 0, "transactions did not meet");
    stack.stack.faults().set_dynamodb(None);
    stack.finish_with_refused_requests().await;
}
