//! Reservations that nobody pays: they run out, their slots are offered again, and their customers are told.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_platform::clock;
use chairbook_store::CatalogRow;
use chairbook_tests::appointment::{id, show};
use chairbook_tests::{Actor, Json, TestStack, open_salon};
use futures_util::future::join_all;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

const SWEEP: &str = "ExpireReservationsFunction";

/// Jonas, who has 40 minutes and 10 after it for a back massage, and 90 and 15 for a full-body massage.
const JONAS: &str = "exp_00000000000000000000000006";
const BACK_MASSAGE: &str = "svc_0000000000000000000000000d";
const FULL_BODY_MASSAGE: &str = "svc_0000000000000000000000000e";

async fn start(hold: &str) -> TestStack {
    TestStack::builder().parameter("ReservationHold", hold).without_rate_limit().start().await
}

/// A date on which Jonas works from 09:00 to 12:30 and from 13:15 to 18:00, not today.
async fn full_day(visitor: &Actor) -> String {
    let free = visitor.later_availability(&format!("serviceId={BACK_MASSAGE}&expertId={JONAS}")).await;
    let mut days: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (date, time, _) in free {
        days.entry(date).or_default().push(time);
    }
    let is_full = |times: &Vec<String>| {
        times.first().is_some_and(|time| time == "09:00") && times.last().is_some_and(|time| time == "17:00")
    };
    days.into_iter().rev().find(|(_, times)| is_full(times)).unwrap().0
}

fn wish(service: &str, date: &str, time: &str, pay_now: bool) -> Value {
    json!({"serviceId": service, "expertId": JONAS, "date": date, "time": time, "payNow": pay_now})
}

async fn reserve(customer: &Actor, service: &str, date: &str, time: &str) -> Json {
    let made = customer.book(wish(service, date, time, false)).await.data(201)["appointment"].clone();
    assert_eq!(
        (made["status"].value(), made["paymentStatus"].value()),
        (&json!("reserved"), &json!("unpaid"))
    );
    made
}

/// Waits until the API says that a reservation has expired.
async fn run_out(customer: &Actor, reservation: &Json) {
    let begun = Instant::now();
    while show(customer, reservation).await["status"] != "expired" {
        assert!(begun.elapsed() < Duration::from_secs(15), "it does not run out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whether a start of a back massage is offered.
async fn is_offered(customer: &Actor, date: &str, time: &str) -> bool {
    let query = format!("serviceId={BACK_MASSAGE}&expertId={JONAS}&from={date}&to={date}");
    customer.availability(&query).await.iter().any(|(_, offered, _)| offered == time)
}

/// The status that an appointment's row has, whatever time it is.
async fn stored_status(stack: &TestStack, appointment: &Json) -> String {
    let key = AttributeValue::S(format!("APT#{}", id(appointment)));
    let items = stack.items("AppointmentsTable").await;
    let row = items.iter().find(|item| item["pk"] == key).unwrap();
    row["status"].as_s().unwrap().clone()
}

fn expired_mails(stack: &TestStack, customer: &Actor) -> usize {
    stack.mails(&customer.email).iter().filter(|mail| mail.subject.starts_with("Expired: ")).count()
}

fn sum(counts: &[Value], name: &str) -> u64 {
    counts.iter().map(|counts| counts[name].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn the_sweep_ends_what_has_run_out_once() {
    let stack = start("2s").await;
    let (ada, grace) = futures_util::join!(stack.customer(), stack.customer());
    let date = full_day(&ada).await;

    let first = reserve(&ada, BACK_MASSAGE, &date, "09:00").await;
    let (created, until): (Timestamp, Timestamp) = (
        first["createdAt"].as_str().unwrap().parse().unwrap(),
        first["expiresAt"].as_str().unwrap().parse().unwrap(),
    );
    assert!((2_000..=3_000).contains(&until.duration_since(created).as_millis()), "{created} to {until}");
    let mut reservations = vec![first];
    for time in ["10:00", "11:00", "13:15", "14:15", "15:15"] {
        reservations.push(reserve(&ada, BACK_MASSAGE, &date, time).await);
    }
    let paid = grace.book(wish(BACK_MASSAGE, &date, "16:15", true)).await.data(201)["appointment"].clone();
    for reservation in &reservations {
        run_out(&ada, reservation).await;
    }

    // Before the sweep: everybody sees that it is over, though the row does not say so yet.
    assert_eq!(stored_status(&stack, &reservations[0]).await, "reserved");
    assert!(is_offered(&grace, &date, "09:00").await);
    let cancel = format!("/appointments/{}/cancel", id(&reservations[0]));
    ada.delete(&cancel).await.error(409, "invalid_transition");
    assert_eq!(expired_mails(&stack, &ada), 0);

    let sweeps = join_all([stack.invoke(SWEEP, json!({})), stack.invoke(SWEEP, json!({}))]).await;
    assert_eq!((sum(&sweeps, "expired"), sum(&sweeps, "failed")), (6, 0), "{sweeps:?}");
    let again = stack.invoke(SWEEP, json!({})).await;
    assert_eq!(again, json!({"expired": 0, "skipped": 0, "failed": 0}));

    stack.settle().await;
    assert_eq!((expired_mails(&stack, &ada), expired_mails(&stack, &grace)), (6, 0));
    for reservation in &reservations {
        assert_eq!(stored_status(&stack, reservation).await, "expired");
    }
    let list = ada.get("/appointments/my?status=expired").await.data(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 6);
    ada.delete(&cancel).await.error(409, "invalid_transition");
    assert_eq!(show(&grace, &paid).await, paid, "what is paid never expires");
    assert!(!is_offered(&ada, &date, "16:15").await);
    assert!(is_offered(&ada, &date, "09:00").await);
    grace.book(wish(BACK_MASSAGE, &date, "09:00", true)).await.data(201);
    stack.finish().await;
}

#[tokio::test]
async fn a_run_out_hold_is_taken_over_before_the_sweep() {
    let stack = start("2s").await;
    let (ada, grace) = futures_util::join!(stack.customer(), stack.customer());
    let date = full_day(&ada).await;

    // Both reach into Grace's 10:00 to 11:45: the one until 10:05, the other from 11:30.
    let before = reserve(&ada, BACK_MASSAGE, &date, "09:15").await;
    let after = reserve(&ada, BACK_MASSAGE, &date, "11:30").await;
    let apart = reserve(&ada, BACK_MASSAGE, &date, "14:00").await;
    let refused = grace.book(wish(FULL_BODY_MASSAGE, &date, "10:00", true)).await;
    refused.error(409, "slot_taken");
    for reservation in [&before, &after, &apart] {
        run_out(&ada, reservation).await;
    }

    let made = grace.book(wish(FULL_BODY_MASSAGE, &date, "10:00", true)).await.data(201);
    assert_eq!(made["appointment"]["status"], "confirmed");
    for (reservation, status) in [(&before, "expired"), (&after, "expired"), (&apart, "reserved")] {
        assert_eq!(stored_status(&stack, reservation).await, status);
        assert_eq!(show(&ada, reservation).await["status"], "expired");
    }
    stack.settle().await;
    assert_eq!(expired_mails(&stack, &ada), 2);
    // What the two held beyond Grace's time is free again.
    grace.book(wish(BACK_MASSAGE, &date, "09:00", true)).await.data(201);
    grace.book(wish(BACK_MASSAGE, &date, "11:45", true)).await.error(400, "closed");
    assert!(!is_offered(&ada, &date, "11:30").await);

    assert_eq!(stack.invoke(SWEEP, json!({})).await, json!({"expired": 1, "skipped": 0, "failed": 0}));
    stack.mail(&ada.email, "Expired: ").await;
    stack.settle().await;
    assert_eq!(expired_mails(&stack, &ada), 3);
    stack.finish().await;
}

/// More of them than one transaction ends.
#[tokio::test]
async fn a_long_appointment_takes_over_a_day_of_short_holds() {
    let stack = TestStack::builder()
        .parameter("ReservationHold", "2s")
        .without_rate_limit()
        .without_demo()
        .start()
        .await;
    let (short, long) = (open_salon::service(open_salon::SHORTEST), open_salon::service(0));
    let mut rows = open_salon::rows(1, "UTC", clock::now());
    for row in &mut rows {
        match row {
            CatalogRow::Service(service) if service.id == short => service.duration_minutes = 5,
            CatalogRow::Service(service) if service.id == long => service.duration_minutes = 300,
            _ => {}
        }
    }
    stack.write_catalog(&rows).await;
    let (ada, grace) = futures_util::join!(stack.customer(), stack.customer());
    let date = clock::now().to_zoned(TimeZone::UTC).date() + 2.days();
    let wish = |service, minute, pay_now| {
        let time = open_salon::clock_time(minute);
        json!({"serviceId": service, "date": date, "time": time, "payNow": pay_now})
    };

    let reservations = join_all((0..60).map(|place| ada.book(wish(short, 480 + 5 * place, false)))).await;
    let reservations: Vec<Json> =
        reservations.into_iter().map(|made| made.data(201)["appointment"].clone()).collect();
    for reservation in &reservations {
        run_out(&ada, reservation).await;
    }
    grace.book(wish(long, 480, true)).await.data(201);
    for reservation in &reservations {
        assert_eq!(stored_status(&stack, reservation).await, "expired");
    }
    stack.settle().await;
    assert_eq!(expired_mails(&stack, &ada), 60);
    stack.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_a_run_out_slot_one_gets_it() {
    let stack = start("2s").await;
    let (ada, grace) = futures_util::join!(stack.customer(), stack.customer());
    let date = full_day(&ada).await;

    // The sweep takes part from the second round on.
    for (round, time) in ["09:00", "13:15", "16:00"].into_iter().enumerate() {
        let reservation = reserve(&ada, BACK_MASSAGE, &date, time).await;
        run_out(&ada, &reservation).await;
        let request = wish(FULL_BODY_MASSAGE, &date, time, true);
        let racers = join_all((0..24).map(|_| grace.book(request.clone())));
        let sweeps = join_all((0..2 * round).map(|_| stack.invoke(SWEEP, json!({}))));
        let (answers, sweeps) = futures_util::join!(racers, sweeps);
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
        assert_eq!(won.len(), 1, "at {time}");
        for answer in lost {
            answer.error(409, "slot_taken");
        }
        assert!(sum(&sweeps, "expired") <= 1 && sum(&sweeps, "failed") == 0, "{sweeps:?}");
        assert_eq!(stored_status(&stack, &reservation).await, "expired");
        stack.settle().await;
        assert_eq!(expired_mails(&stack, &ada), round + 1);
    }

    // One alone against the sweep: whichever is first, the slot is theirs.
    for time in ["10:45", "15:00"] {
        let reservation = reserve(&ada, BACK_MASSAGE, &date, time).await;
        run_out(&ada, &reservation).await;
        let sweeps = join_all((0..3).map(|_| stack.invoke(SWEEP, json!({}))));
        let (answer, _) = futures_util::join!(grace.book(wish(BACK_MASSAGE, &date, time, true)), sweeps);
        answer.data(201);
    }
    stack.finish().await;
}
