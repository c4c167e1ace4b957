//! What must hold when nobody does anything any more: everything has come to its end, everybody is shown what is
//! there, what is free is offered, and what is offered can be booked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use chairbook_models::appointment::{Appointment, Status};
use chairbook_models::event::Delivery;
use chairbook_platform::clock;
use chairbook_tests::open_salon::{
    GRID, SERVICES, SHORTEST, Wish, clock_time, expert, minute, service, without_overlap,
};
use chairbook_tests::{Actor, checker, statistics};
use futures_util::future::join_all;
use jiff::ToSpan as _;
use jiff::civil::{Date, Time};
use proptest::prelude::RngExt as _;
use proptest::test_runner::TestRng;
use serde_json::json;

use crate::client::DATES;
use crate::stage::{HOLD, MAX_OPEN, PATIENCE, Stage};
use crate::verdict::{Evidence, Told};

/// How many mails a process of the function `email` sends side by side.
const MAILS_SIDE_BY_SIDE: usize = 5;

/// Waits until every hold has run out and was swept, and every event has come to its end; then looks at everything.
pub async fn settle(stage: &Stage) -> Evidence {
    tokio::time::sleep(HOLD + Duration::from_secs(1)).await;
    let begun = Instant::now();
    loop {
        // Nobody kills it any more, but DynamoDB may fail it.
        let swept = stage.sweep().await;
        if swept.as_ref().is_some_and(|swept| *swept == json!({"expired": 0, "skipped": 0, "failed": 0})) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "there is always something to sweep: {swept:?}");
    }
    let events = loop {
        let items = stage.items("EventsTable").await;
        let events: Vec<Told> = items.iter().map(checker::read).collect();
        let is_open =
            |told: &&Told| matches!(told.event.delivery, Some(Delivery::Pending | Delivery::Sending));
        let open: Vec<_> = events.iter().filter(is_open).map(|told| told.event.event_type()).collect();
        if open.is_empty() {
            break events;
        }
        assert!(begun.elapsed() < PATIENCE, "{} events are not at their end: {open:?}", open.len());
        tokio::time::sleep(Duration::from_millis(250)).await;
    };
    let items = loop {
        let items = stage.items("AppointmentsTable").await;
        let mut kept = statistics::kept(&items);
        for sums in kept.values_mut() {
            sums.remove("new_customers");
        }
        kept.retain(|_, sums| !sums.is_empty());
        if kept == statistics::recount(&items) {
            break items;
        }
        assert!(begun.elapsed() < PATIENCE, "the statistics are not those of the appointments: {kept:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    };
    checker::check_appointments(&items);
    statistics::check(&items, &stage.items("EventsTable").await);
    let is_appointment = |item: &&checker::Item| item["sk"].as_s().is_ok_and(|sk| sk == "APT");
    let mut mails = BTreeSet::new();
    for actor in stage.customers.iter().chain([&stage.desk]) {
        for mail in actor.at(&stage.url().await).mails(1).await {
            let is_new = mails.insert(mail["id"].as_str().unwrap().to_owned());
            assert!(is_new, "a mail went to two people: {mail}");
        }
    }
    Evidence {
        appointments: items.iter().filter(is_appointment).map(checker::read).collect(),
        events,
        mails,
        duplicates_allowed: stage.record.lock().killed("email") * MAILS_SIDE_BY_SIDE,
        max_open: usize::try_from(MAX_OPEN).unwrap(),
        now: clock::now(),
    }
}

/// Everybody's own list, and the front desk's, show exactly what is there.
pub async fn check_lists(stage: &Stage, appointments: &[Appointment]) {
    let url = stage.url().await;
    let wanted = |keep: &dyn Fn(&Appointment) -> bool| -> BTreeMap<String, Status> {
        appointments.iter().filter(|row| keep(row)).map(|row| (row.id.to_string(), row.status)).collect()
    };
    for customer in &stage.customers {
        let listed = list(&customer.at(&url), "/appointments/my?").await;
        assert_eq!(listed, wanted(&|row| row.user_id.to_string() == customer.user_id));
    }
    let (first, last) = (stage.date(2), stage.date(1 + DATES));
    let listed = list(&stage.desk.at(&url), &format!("/appointments?from={first}&to={last}&")).await;
    assert_eq!(listed, wanted(&|row| (first..=last).contains(&row.date)));
}

/// The status of each appointment of a list, all its pages.
async fn list(actor: &Actor, path: &str) -> BTreeMap<String, Status> {
    let mut listed = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = actor.get(&format!("{path}limit=100{cursor}")).await.data(200);
        for item in page["items"].as_array().unwrap() {
            let id = item["id"].as_str().unwrap().to_owned();
            let status = serde_json::from_value(item["status"].to_value()).unwrap();
            assert_eq!(listed.insert(id, status), None, "{item} is listed twice");
        }
        let Some(next) = page["nextCursor"].as_str() else { return listed };
        cursor = format!("&cursor={next}");
    }
}

/// The starts of one date that are offered.
async fn offered(actor: &Actor, place: u8, whom: u8, date: Date) -> Vec<u32> {
    let query = format!("serviceId={}&expertId={}&from={date}&to={date}", service(place), expert(whom));
    actor.availability(&query).await.iter().map(|(_, time, _)| minute(time)).collect()
}

/// For each service, expert and date, exactly those starts are offered at which nobody is in the way.
pub async fn check_offers(stage: &Stage, appointments: &[Appointment]) {
    let (url, zone) = (stage.url().await, stage.zone());
    let visitor = stage.customers[0].at(&url);
    let busy: Vec<_> = appointments
        .iter()
        .filter(|row| matches!(row.status, Status::Confirmed | Status::Completed | Status::NoShow))
        .collect();
    for date in (2..2 + DATES).map(|days| stage.date(days)) {
        for whom in 0..stage.salon.experts {
            for (place, (duration, buffer)) in (0..).zip(SERVICES) {
                let is_free = |start: &u32| {
                    if stage.leaves_out(date, *start) {
                        return false;
                    }
                    let time = Time::midnight() + i64::from(*start).minutes();
                    let start = zone.to_ambiguous_timestamp(date.to_datetime(time)).compatible().unwrap();
                    let end = start + i64::from(duration + buffer).minutes();
                    !busy.iter().any(|row| {
                        row.expert_id == expert(whom) && start < row.blocked_until && row.starts_at < end
                    })
                };
                let free: Vec<u32> =
                    (0..24 * 60).step_by(usize::try_from(GRID).unwrap()).filter(is_free).collect();
                let offered = offered(&visitor, place, whom, date).await;
                assert_eq!(offered, free, "service {place} by expert {whom} on {date}");
            }
        }
    }
}

/// Books an expert's day until nothing is offered any more, longer services first: whatever is offered is booked.
/// Returns how many appointments that made.
pub async fn fill_a_day(stage: &Stage, random: &mut TestRng) -> usize {
    let url = stage.url().await;
    let customers: Vec<_> = stage.customers.iter().map(|customer| customer.at(&url)).collect();
    // A day on which the clocks are not changed: overlaps are found by what the wall shows.
    let dates = (2..2 + DATES).map(|days| stage.date(days)).filter(|date| stage.has_24_hours(*date));
    let dates: Vec<_> = dates.collect();
    let (whom, date) =
        (random.random_range(0..stage.salon.experts), dates[random.random_range(0..dates.len())]);
    let mut made = 0;
    for place in [3, 2, 0, SHORTEST] {
        let starts = offered(&customers[0], place, whom, date).await;
        let wishes = starts.iter().map(|start| Wish { service: place, add_ons: Vec::new(), start: *start });
        let (fitting, rest) = without_overlap(wishes.collect());
        let book =
            async |wish: &Wish, customer: &Actor| customer.book(wish.request(date, Some(expert(whom)))).await;
        let bookings =
            fitting.iter().zip(customers.iter().cycle()).map(|(wish, customer)| book(wish, customer));
        for (answer, wish) in join_all(bookings).await.into_iter().zip(&fitting) {
            assert_eq!(answer.data(201)["appointment"]["time"], clock_time(wish.start));
            made += 1;
        }
        for wish in rest.iter().take(3) {
            book(wish, &customers[0]).await.error(409, "slot_taken");
        }
    }
    assert_eq!(
        offered(&customers[0], SHORTEST, whom, date).await,
        [0_u32; 0],
        "whatever was offered is taken"
    );
    made
}
