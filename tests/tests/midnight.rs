//! Appointments across midnight UTC, which is about noon in Auckland: they have a part in each of two days, which are
//! taken, moved, paid for and given back together.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_platform::clock;
use chairbook_tests::appointment::{id, path, show};
use chairbook_tests::open_salon::{self, Wish, clock_time, expert};
use chairbook_tests::{Actor, Answer, Json, TestStack, checker};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::json;

const ZONE: &str = "Pacific/Auckland";
const DESK: &str = "desk@parlour.example";

/// 50 minutes and 10 after it: twelve cells.
const SERVICE: u8 = 2;

/// A salon in Auckland, and a date in it.
struct Noon {
    stack: TestStack,
    date: Date,
    /// The local minute of the date at which a UTC day begins.
    midnight: u32,
}

impl Noon {
    async fn new(hold: &str) -> Self {
        let stack = TestStack::builder()
            .parameter("ReservationHold", hold)
            .without_rate_limit()
            // Who runs the front desk.
            .parameter("OwnerEmail", DESK)
            .without_demo()
            .start()
            .await;
        let (now, zone) = (clock::now(), TimeZone::get(ZONE).unwrap());
        stack.write_catalog(&open_salon::rows(2, ZONE, now)).await;
        let date = now.to_zoned(zone.clone()).date() + 3.days();
        let midnight = date.to_zoned(TimeZone::UTC).unwrap().with_time_zone(zone);
        assert_eq!((midnight.date(), midnight.minute()), (date, 0));
        let midnight = u32::from(midnight.hour().unsigned_abs()) * 60;
        Self { stack, date, midnight }
    }

    /// The local time so many minutes after midnight UTC.
    fn time(&self, minutes: i32) -> String {
        clock_time(self.midnight.checked_add_signed(minutes).unwrap())
    }

    async fn book(&self, customer: &Actor, whom: u8, minutes: i32, pay_now: bool) -> Answer {
        let start = self.midnight.checked_add_signed(minutes).unwrap();
        let wish = Wish { service: SERVICE, add_ons: Vec::new(), start };
        let mut request = wish.request(self.date, Some(expert(whom)));
        request["payNow"] = json!(pay_now);
        customer.book(request).await
    }

    async fn move_to(&self, actor: &Actor, appointment: &Json, whom: u8, minutes: i32) -> Answer {
        let request = json!({"date": self.date, "time": self.time(minutes), "expertId": expert(whom)});
        actor.put(&path(appointment, "/reschedule"), request).await
    }

    /// How many cells each expert has taken before midnight UTC and after it. The appointments account for all of
    /// them.
    async fn cells(&self) -> [(usize, usize); 2] {
        let items = self.stack.items("AppointmentsTable").await;
        checker::check_appointments(&items);
        let mut cells = BTreeMap::new();
        for item in &items {
            let text = |name: &str| item[name].as_s().unwrap().clone();
            let taken = item.keys().filter(|name| name.len() == 4 && name.starts_with('c')).count();
            cells.insert((text("pk"), text("sk")), taken);
        }
        let on = |whom: u8, date: Date| {
            let key = (format!("EXPERT#{}", expert(whom)), format!("DAY#{date}"));
            cells.get(&key).copied().unwrap_or_default()
        };
        [0, 1].map(|whom| (on(whom, self.date.yesterday().unwrap()), on(whom, self.date)))
    }

    /// How many of an appointment's events have a type.
    async fn events(&self, appointment: &Json, event_type: &str) -> usize {
        let is_it = |item: &&checker::Item| {
            let about = item["subjects"].as_m().unwrap().get("appointmentId");
            item["type"].as_s().unwrap() == event_type
                && about == Some(&AttributeValue::S(id(appointment).to_owned()))
        };
        self.stack.items("EventsTable").await.iter().filter(is_it).count()
    }
}

/// Waits until a reservation is not held any more.
async fn run_out(reservation: &Json) {
    let until: Timestamp = reservation["expiresAt"].as_str().unwrap().parse().unwrap();
    let left = until.duration_since(clock::now()).unsigned_abs();
    tokio::time::sleep(left + std::time::Duration::from_millis(20)).await;
}

#[tokio::test]
async fn an_appointment_moves_over_midnight() {
    let noon = Noon::new("4h").await;
    let (desk, ada) = (noon.stack.owner(DESK).await, noon.stack.customer().await);
    let made = noon.book(&ada, 0, -60, true).await.data(201)["appointment"].clone();
    assert_eq!(made["time"], noon.time(-60));
    assert_eq!(noon.cells().await, [(12, 0), (0, 0)], "it ends at midnight");

    let mut moves = 0;
    for (whom, minutes, cells) in [
        // Half an hour later: into its own cells, and over midnight.
        (0, -30, [(6, 6), (0, 0)]),
        // Both parts change.
        (0, -25, [(5, 7), (0, 0)]),
        (0, -55, [(11, 1), (0, 0)]),
        (0, -5, [(1, 11), (0, 0)]),
        // Beyond it, and back to the very beginning.
        (0, 0, [(0, 12), (0, 0)]),
        (0, -60, [(12, 0), (0, 0)]),
        (0, 90, [(0, 12), (0, 0)]),
        // To another expert: three days in one transaction, then four.
        (1, -30, [(0, 0), (6, 6)]),
        (0, -20, [(4, 8), (0, 0)]),
    ] {
        let moved = noon.move_to(&ada, &made, whom, minutes).await.data(200)["appointment"].clone();
        assert_eq!(moved["time"], noon.time(minutes));
        assert_eq!(moved["expertId"], json!(expert(whom)));
        assert_eq!(noon.cells().await, cells, "to {minutes} minutes, expert {whom}");
        assert_eq!(show(&ada, &made).await, moved);
        moves += 1;
        // A repeat finds it there.
        noon.move_to(&ada, &made, whom, minutes).await.data(200);
        assert_eq!(noon.events(&made, "appointment.rescheduled").await, moves);
    }

    // Somebody is in the way of the one part or of the other: it stays whole where it is.
    let grace = noon.stack.customer().await;
    let before = noon.book(&grace, 1, -70, true).await.data(201)["appointment"].clone();
    let after = noon.book(&grace, 1, 20, true).await.data(201)["appointment"].clone();
    for minutes in [-65, -15, -5, -30] {
        noon.move_to(&ada, &made, 1, minutes).await.error(409, "slot_taken");
        assert_eq!(noon.cells().await, [(4, 8), (12, 12)], "not to {minutes} minutes");
    }
    // Between the two there are exactly twelve cells for it, once the first makes room.
    noon.move_to(&desk, &before, 1, -100).await.data(200);
    noon.move_to(&ada, &made, 1, -40).await.data(200);
    assert_eq!(noon.cells().await, [(0, 0), (20, 16)]);

    // Two who want the same cells at once, from other days and from other experts: one gets them.
    let lin = noon.book(&grace, 0, -90, true).await.data(201)["appointment"].clone();
    grace.delete(&path(&after, "/cancel")).await.data(200);
    grace.delete(&path(&before, "/cancel")).await.data(200);
    let (one, other) =
        futures_util::join!(noon.move_to(&ada, &made, 0, -30), noon.move_to(&grace, &lin, 0, -30));
    let (won, lost) = if one.status == 200 { (one, other) } else { (other, one) };
    won.data(200);
    lost.error(409, "slot_taken");
    let [(before, after), _] = noon.cells().await;
    assert!((before, after) == (6, 6) || (before, after) == (6 + 12, 6), "{before} and {after}");

    for appointment in [&made, &lin] {
        desk.delete(&path(appointment, "/cancel")).await.data(200);
    }
    assert_eq!(noon.cells().await, [(0, 0), (0, 0)]);
    noon.stack.finish().await;
}

#[tokio::test]
async fn a_hold_across_midnight_ends_on_both_days() {
    let noon = Noon::new("4s").await;
    let (desk, ada) = (noon.stack.owner(DESK).await, noon.stack.customer().await);
    let grace = noon.stack.customer().await;
    let reserve = async |whom: u8, minutes: i32| {
        noon.book(&ada, whom, minutes, false).await.data(201)["appointment"].clone()
    };

    // Paid for: nothing of it runs out.
    let paid = reserve(1, -30).await;
    desk.put(&path(&paid, "/pay"), json!({"method": "cash"})).await.data(200);
    assert_eq!(noon.cells().await, [(0, 0), (6, 6)]);
    run_out(&paid).await;
    noon.book(&grace, 1, -20, true).await.error(409, "slot_taken");

    // Taken over by a booking that needs but one of its parts, and by one that needs both.
    for (minutes, cells) in [(0, (0, 12)), (-60, (12, 0)), (-10, (2, 10))] {
        let held = reserve(0, -30).await;
        assert_eq!(noon.cells().await, [(6, 6), (6, 6)]);
        run_out(&held).await;
        let taker = noon.book(&grace, 0, minutes, true).await.data(201)["appointment"].clone();
        assert_eq!(noon.cells().await, [cells, (6, 6)], "{minutes} minutes");
        assert_eq!(show(&ada, &held).await["status"], "expired");
        assert_eq!(noon.events(&held, "appointment.expired").await, 1);
        grace.delete(&path(&taker, "/cancel")).await.data(200);
    }

    // Taken over by an appointment that moves there from the other expert.
    let held = reserve(0, -30).await;
    run_out(&held).await;
    noon.move_to(&ada, &paid, 0, -45).await.data(200);
    assert_eq!(noon.cells().await, [(9, 3), (0, 0)]);
    assert_eq!(noon.events(&held, "appointment.expired").await, 1);

    // Swept, by three at once.
    let held = reserve(1, -5).await;
    run_out(&held).await;
    let sweep = || noon.stack.invoke("ExpireReservationsFunction", json!({}));
    let (one, two, three) = futures_util::join!(sweep(), sweep(), sweep());
    let ended: u64 = [one, two, three].iter().map(|counts| counts["expired"].as_u64().unwrap()).sum();
    // The schedule may have been faster than all three.
    assert!(ended <= 1, "{ended}");
    assert_eq!(noon.events(&held, "appointment.expired").await, 1);
    assert_eq!(noon.cells().await, [(9, 3), (0, 0)]);
    ada.delete(&path(&paid, "/cancel")).await.data(200);
    assert_eq!(noon.cells().await, [(0, 0), (0, 0)]);
    noon.stack.finish().await;
}
