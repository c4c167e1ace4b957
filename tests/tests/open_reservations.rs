//! At most so many open reservations per customer, where the salon says so: exactly so many, however they are asked
//! for, and a place again as soon as one has ended.

use std::time::{Duration, Instant};

use chairbook_models::user::Role;
use chairbook_tests::appointment::{path, wishes};
use chairbook_tests::{Actor, Answer, Json, TestStack};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

/// Half an hour and five minutes after it.
const SHORT_CUT: &str = "svc_00000000000000000000000002";
const MAREK: &str = "exp_00000000000000000000000002";

async fn stack_with_limit(hold: &str, limit: Option<u32>) -> (TestStack, Actor) {
    let stack = TestStack::builder()
        .parameter("ReservationHold", hold)
        .without_rate_limit()
        .max_concurrency(8)
        .start()
        .await;
    let admin = stack.demo_account(Role::Admin).await;
    set_limit(&admin, limit).await;
    (stack, admin)
}

async fn set_limit(admin: &Actor, limit: Option<u32>) {
    admin.change_setting("maxOpenReservations", json!(limit)).await;
}

/// Short cuts of Marek: 35 minutes on a grid of 15.
async fn short_cuts(actor: &Actor) -> Vec<Value> {
    wishes(actor, SHORT_CUT, MAREK, 3, false).await
}

fn paid(wish: &Value) -> Value {
    let mut wish = wish.clone();
    wish["payNow"] = json!(true);
    wish
}

async fn keyed(actor: &Actor, wish: &Value, key: &str) -> Answer {
    actor.send(actor.request(Method::POST, "/appointments").header("Idempotency-Key", key).json(wish)).await
}

fn appointment(answer: &Answer) -> Json {
    answer.data(201)["appointment"].clone()
}

#[track_caller]
fn refused(answer: &Answer, limit: u32) {
    let error = answer.error(409, "too_many_open_reservations");
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with(&format!("You have {limit} appointment")), "{error}");
}

#[tokio::test]
async fn exactly_as_many_as_the_salon_allows_however_many_are_asked_for_at_once() {
    let (stack, admin) = stack_with_limit("4h", Some(3)).await;
    let (ada, grace) = futures_util::join!(stack.customer(), stack.customer());
    let wishes = short_cuts(&ada).await;

    let answers = join_all(wishes[..20].iter().map(|wish| ada.book(wish.clone()))).await;
    let (made, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), 3);
    for answer in others {
        refused(answer, 3);
    }
    let made: Vec<Json> = made.into_iter().map(appointment).collect();
    let mine = ada.get("/appointments/my?status=reserved").await.data(200);
    assert_eq!(mine["items"].as_array().unwrap().len(), 3, "and nothing of the others is left behind");

    // Her word that she pays at once is no payment; other customers, and the front desk, have their own.
    refused(&ada.book(paid(&wishes[20])).await, 3);
    appointment(&grace.book(wishes[21].clone()).await);
    for wish in &wishes[22..27] {
        appointment(&admin.book(wish.clone()).await);
    }

    // A reservation that is paid for, cancelled by its customer or by the front desk makes room for one more; one
    // that is moved does not.
    let to = json!({"date": wishes[27]["date"], "time": wishes[27]["time"]});
    ada.put(&path(&made[0], "/reschedule"), to).await.data(200);
    refused(&ada.book(wishes[28].clone()).await, 3);
    admin.put(&path(&made[0], "/pay"), json!({"method": "cash"})).await.data(200);
    let fourth = appointment(&ada.book(wishes[28].clone()).await);
    refused(&ada.book(wishes[29].clone()).await, 3);
    ada.delete(&path(&made[1], "/cancel")).await.data(200);
    appointment(&ada.book(wishes[29].clone()).await);
    refused(&ada.book(wishes[30].clone()).await, 3);
    admin.delete(&path(&made[2], "/cancel")).await.data(200);
    admin.delete(&path(&fourth, "/cancel")).await.data(200);
    let answers = join_all(wishes[30..40].iter().map(|wish| ada.book(wish.clone()))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 2);

    // More, as soon as the salon allows more; and any number without a limit.
    set_limit(&admin, Some(4)).await;
    appointment(&ada.book(wishes[40].clone()).await);
    refused(&ada.book(wishes[41].clone()).await, 4);
    set_limit(&admin, None).await;
    appointment(&ada.book(wishes[41].clone()).await);

    // Of somebody who leaves, nothing stays.
    ada.send(ada.request(Method::DELETE, "/profile").json(&json!({"password": ada.password})))
        .await
        .data(200);
    let items = stack.items("AppointmentsTable").await;
    let knows_ada = items.iter().filter(|item| format!("{item:?}").contains(&ada.user_id)).count();
    assert_eq!(knows_ada, 0);
    stack.finish().await;
}

#[tokio::test]
async fn a_repeat_is_answered_as_before_and_counts_once() {
    let (stack, _) = stack_with_limit("4h", Some(2)).await;
    let ada = stack.customer().await;
    let wishes = short_cuts(&ada).await;
    let answers = join_all((0..10).map(|_| keyed(&ada, &wishes[0], "once"))).await;
    let ids: std::collections::BTreeSet<_> =
        answers.iter().map(|answer| appointment(answer)["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
    appointment(&ada.book(wishes[1].clone()).await);
    refused(&keyed(&ada, &wishes[2], "twice").await, 2);
    let again = keyed(&ada, &wishes[0], "once").await;
    assert_eq!(
        (appointment(&again)["id"].to_string(), again.header("idempotency-replayed")),
        (ids.first().unwrap().clone(), "true")
    );

    // The key of a refused request has not been used up.
    ada.delete(&path(&appointment(&again), "/cancel")).await.data(200);
    assert!(keyed(&ada, &wishes[2], "twice").await.headers.get("idempotency-replayed").is_none());
    stack.finish().await;
}

#[tokio::test]
async fn a_reservation_that_has_run_out_is_open_no_more_whether_or_not_it_has_been_swept() {
    let (stack, _) = stack_with_limit("2s", Some(1)).await;
    let ada = stack.customer().await;
    let wishes = short_cuts(&ada).await;
    // Its own slot again, which takes the run-out hold over, and another's.
    for wish in [&wishes[0], &wishes[0], &wishes[1]] {
        let begun = Instant::now();
        let answer = loop {
            let answer = ada.book(wish.clone()).await;
            if answer.status == 201 {
                break answer;
            }
            refused(&answer, 1);
            assert!(begun.elapsed() < Duration::from_secs(15), "it does not run out");
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert_eq!(appointment(&answer)["status"], "reserved");
    }
    stack.invoke("ExpireReservationsFunction", json!({})).await;
    stack.finish().await;
}
