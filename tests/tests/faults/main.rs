//! The long run of races and faults: customers and the front desk do whatever comes to their minds, around the midnight
//! at which days meet, while reservations run out, the expiry runs beside itself, the salon changes its mind on whom it
//! believes that they pay at once, DynamoDB has conflicts, throttles, fails, answers late and shows what was there before,
//! functions are killed in the middle of their work, and the power fails. Each client remembers what it was told. When all has come to rest, that is what is
//! there: every booking once, in the state that its changes led to, every cell accounted for, every mail sent, and
//! whatever is free is offered and can be booked.
//!
//! The short form runs with the other tests, each time the same walk as far as the clients' wishes go. The long one
//! takes as many minutes as it is told, and a walk that was not before; DynamoDB is rough in it:
//!
//! ```sh
//! CHAIRBOOK_FAULTS_MINUTES=5 cargo test --workspace --test faults -- --ignored --nocapture
//! ```
//!
//! Either prints its seed; `CHAIRBOOK_FAULTS_SEED` makes it do the same again. What the clients wish, and what is
//! killed when, is the same then; which of two requests is first is up to the machine, and so is which of them meets which
//! of DynamoDB's faults. `CHAIRBOOK_DYNAMODB_FAULTS` gives DynamoDB others.

mod chaos;
mod client;
mod quiet;
mod record;
mod stage;
mod verdict;

use std::time::{Duration, Instant};

use chairbook_local::faults::DynamoDbSetting;
use chairbook_models::catalog::PayNow;
use chairbook_models::event::Delivery;
use chairbook_tests::{checker, dynamodb_faults, seed};
use futures_util::future::join_all;

use chaos::Kills;
use client::Client;
use record::Record;
use stage::{Salon, Stage};
use verdict::Evidence;

/// What decides the short form.
const SHORT_SEED: u64 = 20_260_303;

const SEED: &str = "CHAIRBOOK_FAULTS_SEED";

const CUSTOMERS: usize = 10;

/// Where midnight UTC is in the middle of the day, in the afternoon, in the morning, and not on the hour.
const ZONES: [&str; 4] = ["Pacific/Auckland", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Chatham"];

/// Says which walk it was, when it failed.
struct Said(u64);

impl Drop for Said {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("This walk was {SEED}={}", self.0);
        }
    }
}

/// How a walk is to be.
struct Walk {
    seed: u64,
    length: Duration,
    /// How much of it mails may be interrupted in.
    mail_kills: Duration,
    /// How long it is quiet between two kills, milliseconds: from and to.
    pause: (u64, u64),
    /// How long the power stays on, if it fails at all.
    power: Option<Duration>,
    /// The faults of DynamoDB, unless the environment says otherwise.
    dynamodb: DynamoDbSetting,
}

async fn walk(walk: Walk) {
    let _said = Said(walk.seed);
    println!("{SEED}={} does the same again", walk.seed);
    let part = |number: u64| seed::numbers(walk.seed, number);
    let time_zone = ZONES[usize::try_from(walk.seed % 4).unwrap()];
    let dynamodb = DynamoDbSetting { seed: Some(walk.seed), ..dynamodb_faults().unwrap_or(walk.dynamodb) };
    let stage = Stage::new(Salon { time_zone, experts: 3 }, CUSTOMERS, walk.length, dynamodb).await;
    println!("The salon is in {time_zone}.");

    let customers = (100..).zip(&stage.customers).map(|(number, customer)| {
        Client::new(&stage, customer, format!("customer {number}"), part(number)).be_a_customer()
    });
    let desks = (0..2).map(|number| {
        Client::new(&stage, &stage.desk, format!("desk {number}"), part(number)).be_the_front_desk()
    });
    let kills = Kills { pause: walk.pause, mail: walk.mail_kills, power: walk.power };
    futures_util::join!(
        join_all(customers),
        join_all(desks),
        chaos::sweep_at_times(&stage, part(10)),
        chaos::change_settings_at_times(&stage, part(13)),
        chaos::kill_at_times(&stage, kills, part(11)),
    );

    let (lasted, resting) = (stage.lasted(), Instant::now());
    let evidence = quiet::settle(&stage).await;
    let rest = resting.elapsed();
    println!("DynamoDB since it was last started: {}", stage.calm_dynamodb().await);
    {
        let record = stage.record.lock();
        report(&record, &evidence);
        let mut problems = record.problems.clone();
        problems.extend(record.unexplained_failures());
        problems.extend(verdict::judge(&record, &evidence));
        assert!(problems.is_empty(), "{} problems: {problems:#?}", problems.len());
        assert_eq!(record.missing(), [""; 0], "never happened");
    }
    quiet::check_lists(&stage, &evidence.appointments).await;
    quiet::check_offers(&stage, &evidence.appointments).await;
    stage.set(|settings| (settings.max_open_reservations, settings.pay_now) = (None, PayNow::Anyone)).await;
    let made = quiet::fill_a_day(&stage, &mut part(12)).await;
    checker::check_appointments(&stage.items("AppointmentsTable").await);
    println!("It took {lasted:.0?}, and {rest:.0?} to come to rest; then {made} appointments filled a day.");
}

fn report(record: &Record, evidence: &Evidence) {
    println!("\n| what happened | times |\n| --- | --- |");
    for (what, times) in &record.counts {
        println!("| {what} | {times} |");
    }
    let mut kills: Vec<&str> = record.kills.iter().map(|kill| kill.program.as_str()).collect();
    kills.sort_unstable();
    kills.dedup();
    for program in kills {
        println!("| killed: {program} | {} |", record.killed(program));
    }
    let mut statuses: Vec<&str> = evidence.appointments.iter().map(|row| row.status.as_str()).collect();
    statuses.sort_unstable();
    for status in statuses.chunk_by(|one, other| one == other) {
        println!("| appointments that are {} at the end | {} |", status[0], status.len());
    }
    let deliveries =
        |delivery| evidence.events.iter().filter(|told| told.event.delivery == Some(delivery)).count();
    let sent = deliveries(Delivery::Sent);
    println!("| events | {} |", evidence.events.len());
    println!("| mails sent | {sent} |");
    println!("| mails skipped | {} |", deliveries(Delivery::Skipped));
    println!("| mails that came once more | {} |", evidence.mails.len() - sent.min(evidence.mails.len()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_run_of_races_and_faults() {
    let given = std::env::var(SEED).ok().map(|_| seed::seed(SEED));
    walk(Walk {
        seed: given.unwrap_or(SHORT_SEED),
        length: Duration::from_secs(12),
        mail_kills: Duration::from_secs(5),
        pause: (400, 1_200),
        power: None,
        dynamodb: DynamoDbSetting::MODERATE,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes CHAIRBOOK_FAULTS_MINUTES, 5 unless told"]
async fn a_long_run_of_races_and_faults() {
    let minutes = std::env::var("CHAIRBOOK_FAULTS_MINUTES").ok();
    let minutes: f64 = minutes.map_or(5.0, |minutes| minutes.parse().expect("a number of minutes"));
    let length = Duration::from_secs_f64(minutes * 60.0);
    walk(Walk {
        seed: seed::seed(SEED),
        length,
        mail_kills: length,
        pause: (500, 3_000),
        power: Some(Duration::from_secs(25)),
        dynamodb: DynamoDbSetting::ROUGH,
    })
    .await;
}
