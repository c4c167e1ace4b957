//! A month of ten experts, without the waiting: what finding the free times takes, and what the CPU does for a whole
//! request, in calendars with nothing in them, with half of each day taken, and with nearly all of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chairbook_models::appointment::Appointment;
use chairbook_models::booking::{Payment, Quote, Salon};
use chairbook_models::catalog::{Category, Service, Settings};
use chairbook_models::ids::{AppointmentId, CategoryId, ExpertId, ServiceId, UserId};
use chairbook_models::working_hours::WorkingHours;
use chairbook_platform::{clock, random};
use chairbook_store::{CatalogRow, Store};
use chairbook_tests::appointment;
use chairbook_tests::open_salon::expert_row;
use chairbook_tests::processes::cpu_time;
use chairbook_tests::stack_process::StackProcess;
use futures_util::future::join_all;
use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, ToSpan as _};
use tempfile::TempDir;

use crate::UNLIMITED;

const EXPERTS: u8 = 10;

/// Repetitions of finding the times, and of sending the request.
const TIMES: u32 = 400;

/// The time for a process to come to rest after it has responded.
const REST: Duration = Duration::from_millis(5);

const SERVICE: ServiceId = ServiceId::derived([1; 16]);

/// Ten experts who all do the same, for an hour and five minutes after it, from 09:00 to 12:30 and from 13:15 to 19:00,
/// six days a week, on a grid of a quarter of an hour.
fn salon(now: Timestamp) -> Vec<CatalogRow> {
    let category_id = CategoryId::derived([1; 16]);
    let hours: &[(u16, u16)] = &[(540, 750), (795, 1_140)];
    let week: Vec<_> = Weekday::Monday.cycle_forward().take(6).map(|day| (day, hours)).collect();
    let expert = |number: u8| {
        let hours = WorkingHours::weekly(&week).unwrap();
        expert_row(ExpertId::derived([number; 16]), [SERVICE], hours, now)
    };
    let mut rows = vec![
        CatalogRow::Settings(Settings { time_zone: "Europe/Paris".to_owned(), ..Settings::default() }),
        CatalogRow::Category(Category {
            id: category_id,
            name: "Hair".parse().unwrap(),
            description: None,
            position: 1,
            is_active: true,
            created_at: now,
            updated_at: now,
        }),
        CatalogRow::Service(Service {
            id: SERVICE,
            category_id,
            name: "Cut".parse().unwrap(),
            description: None,
            price: 5_800,
            duration_minutes: 60,
            buffer_minutes: 5,
            is_active: true,
            created_at: now,
            updated_at: now,
        }),
    ];
    rows.extend((1..=EXPERTS).map(expert));
    rows
}

/// Appointments of one expert back to back, those that are to be there.
fn appointments(
    salon: &Salon<'_>,
    quote: &Quote<'_>,
    (from, to): (Date, Date),
    now: Timestamp,
    is_there: fn(usize) -> bool,
) -> Vec<Appointment> {
    let nobody = BTreeMap::new();
    let mut back_to_back = Vec::new();
    let mut free_from = now;
    let days = salon.availability(std::slice::from_ref(quote), &nobody, from, to, now);
    for slot in days.flat_map(|day| day.slots) {
        if slot.starts_at >= free_from {
            let booking = salon.book(quote, slot.date, slot.time, now).unwrap();
            free_from = booking.blocked.end;
            back_to_back.push(booking);
        }
    }
    let kept = back_to_back.into_iter().enumerate().filter(|(number, _)| is_there(*number));
    let id = || AppointmentId::new(now, random::bytes());
    kept.map(|(_, booking)| {
        booking.into_appointment(salon, id(), UserId::NOBODY, Payment::OnTheirWord, None, now)
    })
    .collect()
}

async fn book(store: &Store, appointments: Vec<Appointment>, now: Timestamp) {
    for appointment in appointments {
        appointment::put(store, &appointment, now).await;
    }
}

/// Measures and prints the table.
pub async fn availability() {
    println!(
        "\n| the calendar | answer, kB | finding the times: p50, ms | worst, ms | CPU: best, ms | p50, ms |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    measure("empty", |_| false).await;
    measure("every second appointment taken", |number| number % 2 == 0).await;
    measure("nine of ten appointments taken", |number| number % 10 != 0).await;
}

async fn measure(name: &str, is_there: fn(usize) -> bool) {
    let (_data, stack, dates) = full_month(is_there).await;
    let now = clock::now();
    let store = stack.store();
    let catalog = store.catalog().await.unwrap();
    let salon = Salon::new(&catalog).unwrap();
    let quotes = salon.quotes(SERVICE, &[], None).unwrap();
    let experts = quotes.iter().map(|quote| quote.expert.id).collect();
    let utc = salon.utc_days(dates.0, dates.1);
    let busy = store.busy(&experts, salon.experts(), utc, now, false).await.unwrap();
    let mut durations = Vec::new();
    for _ in 0..TIMES {
        let begun = Instant::now();
        let found: Vec<_> = salon.availability(&quotes, &busy, dates.0, dates.1, now).collect();
        durations.push(begun.elapsed());
        assert_eq!(found.len(), 31);
    }
    let (bytes, spent) = request(&stack, dates).await;
    let [_, middle, worst] = low_middle_high(durations);
    let [cpu, usual_cpu, _] = low_middle_high(spent);
    println!("| {name} | {} | {middle:.2} | {worst:.2} | {cpu:.1} | {usual_cpu:.1} |", bytes / 1_000);
}

/// Starts a stack whose experts have the appointments of a month that are to be there. Returns its data directory and
/// the month's first and last day, too.
pub async fn full_month(is_there: fn(usize) -> bool) -> (TempDir, StackProcess, (Date, Date)) {
    let data = tempfile::tempdir().unwrap();
    let arguments = [&UNLIMITED[..], &["--no-demo", "--max-concurrency", "1"]].concat();
    let stack = StackProcess::start(data.path(), &arguments);
    let now = clock::now();
    stack.write_catalog(&salon(now)).await;
    let store = stack.store();
    let catalog = store.catalog().await.unwrap();
    let salon = Salon::new(&catalog).unwrap();
    let quotes = salon.quotes(SERVICE, &[], None).unwrap();
    let dates = (salon.today(now) + 1.day(), salon.today(now) + 31.days());
    let made = quotes.iter().map(|quote| appointments(&salon, quote, dates, now, is_there));
    join_all(made.map(|appointments| book(&store, appointments, now))).await;
    (data, stack, dates)
}

/// The request for the free times of a month.
pub fn path((from, to): (Date, Date)) -> String {
    format!("/availability?serviceId={SERVICE}&from={from}&to={to}")
}

/// The lowest, the median and the highest, in milliseconds.
fn low_middle_high(mut durations: Vec<Duration>) -> [f64; 3] {
    durations.sort_unstable();
    [0, durations.len() / 2, durations.len() - 1].map(|place| durations[place].as_secs_f64() * 1_000.0)
}

/// Measures the length of the response, and the CPU time of the function's process for each, the kernel's part
/// included.
async fn request(stack: &StackProcess, dates: (Date, Date)) -> (usize, Vec<Duration>) {
    let visitor = stack.visitor("");
    let path = path(dates);
    let mut bytes = 0;
    // The first ones read the catalog.
    for _ in 0..20 {
        let answer = visitor.get(&path).await;
        answer.data(200);
        bytes = answer.text.len();
    }
    let functions = stack.functions();
    let (_, process) = functions.iter().find(|(program, _)| program == "appointments").unwrap();
    let mut spent = Vec::new();
    for _ in 0..TIMES {
        let before = cpu_time(*process);
        assert_eq!(visitor.get(&path).await.status, 200);
        tokio::time::sleep(REST).await;
        spent.push(cpu_time(*process).saturating_sub(before));
    }
    (bytes, spent)
}
