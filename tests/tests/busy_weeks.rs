//! Experts' busy weeks: whatever happens to appointments, they say what the days say; and what makes them wrong is
//! repaired by a rebuild, while bookings go on.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_models::week::Week;
use chairbook_platform::clock;
use chairbook_tests::checker::{Item, check_appointments};
use chairbook_tests::{Actor, TestStack};
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

const CUT: &str = "svc_00000000000000000000000001";

/// The function that rebuilds.
const REBUILDS: &str = "ExpireReservationsFunction";

fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

fn is_busy_week(item: &Item) -> bool {
    text(item, "pk").starts_with("BUSY#")
}

fn today() -> Date {
    clock::now().to_zoned(TimeZone::UTC).date()
}

async fn rebuild(stack: &TestStack) -> Value {
    let (from, to) = (today() - 7.days(), today() + 40.days());
    let rebuilt = stack.invoke(REBUILDS, json!({"rebuildBusyWeeks": {"from": from, "to": to}})).await;
    assert_eq!(rebuilt["weeks"], json!(Week::through((from, to)).count()), "{rebuilt}");
    assert_eq!(rebuilt["next"], Value::Null, "{rebuilt}");
    rebuilt
}

/// Books some times, moves one and cancels another: all sets of the rows are in use afterwards.
async fn live(actor: &Actor, rounds: usize) {
    for round in 0..rounds {
        let free = actor.later_availability(&format!("serviceId={CUT}")).await;
        let at = |place: usize| free[place % free.len()].clone();
        let book = async |place: usize, pay_now: bool| {
            let (date, time, experts) = at(place);
            let expert = &experts[place % experts.len()];
            let request =
                json!({"serviceId": CUT, "expertId": expert, "date": date, "time": time, "payNow": pay_now});
            let answer = actor.book(request).await;
            (answer.status == 201).then(|| answer.data(201)["appointment"]["id"].as_str().unwrap().to_owned())
        };
        let made =
            [book(round * 7, true).await, book(round * 7 + 3, false).await, book(round * 7 + 50, true).await];
        if let Some(id) = &made[0] {
            let (date, time, _) = at(round * 7 + 20);
            actor.put(&format!("/appointments/{id}/reschedule"), json!({"date": date, "time": time})).await;
        }
        if let Some(id) = &made[2] {
            actor.delete(&format!("/appointments/{id}/cancel")).await;
        }
    }
}

async fn busy_weeks(stack: &TestStack) -> Vec<Item> {
    let mut rows = stack.items("AppointmentsTable").await;
    rows.retain(is_busy_week);
    rows.sort_by_key(|row| (text(row, "pk").to_owned(), text(row, "sk").to_owned()));
    rows
}

/// Makes some rows wrong in each way that there is, and returns how many.
async fn make_wrong(stack: &TestStack) -> usize {
    let rows = busy_weeks(stack).await;
    let one = || AttributeValue::Ns(vec!["1".to_owned()]);
    let wrongs = [None, Some(("ADD booked_even :wrong", one())), Some(("SET held_odd = :wrong", one()))];
    for (row, wrong) in rows.iter().zip(wrongs) {
        stack.tamper("AppointmentsTable", (text(row, "pk"), text(row, "sk")), wrong).await;
    }
    rows.len().min(3)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_repairs_what_is_wrong_while_bookings_go_on() {
    let stack = TestStack::builder().without_rate_limit().start().await;
    let actor = stack.customer().await;
    live(&actor, 8).await;
    check_appointments(&stack.items("AppointmentsTable").await);
    let rebuilt = rebuild(&stack).await;
    assert_eq!(rebuilt["repaired"], json!(0), "{rebuilt}");

    // At rest: exactly the rows that are wrong are written.
    let sound = busy_weeks(&stack).await;
    let wrong = make_wrong(&stack).await;
    assert_eq!(wrong, 3, "{sound:?}");
    assert_eq!(rebuild(&stack).await["repaired"], json!(wrong));
    check_appointments(&stack.items("AppointmentsTable").await);
    assert_eq!(rebuild(&stack).await["repaired"], json!(0));

    // While bookings go on, in the same weeks, one rebuild is enough, too.
    make_wrong(&stack).await;
    let repaired = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        rebuild(&stack).await
    };
    let ((), rebuilt) = futures_util::join!(live(&actor, 10), repaired);
    assert_ne!(rebuilt["repaired"], json!(0));
    stack.finish().await;
}
