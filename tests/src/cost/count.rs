//! Counting what deeds consume.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use chairbook_local::template::model::System;
use chairbook_models::user::Role;
use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use reqwest::Method;
use reqwest::header::ACCEPT_ENCODING;
use serde_json::{Value, json};

use super::assumptions::{
    ALARMS, BOOKED_HOURS, DASHBOARDS, EXPERTS, LOG_BYTES_OF_OTHER, LOG_BYTES_OF_REQUEST, METRICS,
    METRICS_OF_FUNCTIONS, OPEN, READS_OF_REMINDERS, RESPONSE_KB, SECRETS,
};
use super::habits;
use crate::appointment::{id, path, show};
use crate::busy_salon::{day, expert, fill, hire};
use crate::{Actor, Json, TestStack};

/// The longest time that functions may take to log what they did.
const PATIENCE: Duration = Duration::from_secs(30);

/// The time after which no line is on its way any more.
const REST: Duration = Duration::from_millis(150);

/// The consumption of something.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Usage {
    /// Requests to the API.
    pub(super) requests: f64,
    /// Read request units.
    pub(super) reads: f64,
    /// Write request units.
    pub(super) writes: f64,
    /// Invocations of each function, requests among them.
    pub(super) invocations: BTreeMap<String, f64>,
    /// Mails that SES took.
    pub(super) mails: f64,
}

impl Usage {
    /// Adds another usage so many times.
    pub(super) fn add(&mut self, other: &Self, times: f64) {
        self.requests += other.requests * times;
        self.reads += other.reads * times;
        self.writes += other.writes * times;
        self.mails += other.mails * times;
        for (function, invocations) in &other.invocations {
            *self.invocations.entry(function.clone()).or_default() += invocations * times;
        }
    }

    /// All invocations.
    pub(super) fn all_invocations(&self) -> f64 {
        self.invocations.values().sum()
    }
}

/// The result of counting.
pub(super) struct Counted {
    /// Each deed, in the order of the table.
    pub(super) deeds: Vec<(&'static str, Usage)>,
    /// A run of each function with a schedule that finds nothing to do.
    pub(super) idle: Vec<(&'static str, Usage)>,
    /// The memory of each function, in MB.
    pub(super) memory: BTreeMap<String, f64>,
    /// Kilobytes of the response to a look for free times, as a client gets it that takes no compression.
    pub(super) plain_look: f64,
}

impl Counted {
    /// The usage of a deed or of an idle run.
    pub(super) fn usage(&self, name: &str) -> &Usage {
        let mut all = self.deeds.iter().chain(&self.idle);
        &all.find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name} is not counted")).1
    }
}

/// The functions' lines about their invocations, by function.
type Lines = BTreeMap<String, Vec<Value>>;

struct Counter {
    stack: TestStack,
}

impl Counter {
    fn lines(&self) -> Lines {
        let mut lines = Lines::new();
        for file in std::fs::read_dir(self.stack.stack.data_directory().join("logs")).unwrap() {
            let file = file.unwrap().path();
            let log = std::fs::read_to_string(&file).unwrap();
            // The last line may be on its way.
            let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let read = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let about = read.filter(|line| line["access_log"] == true || line["invocation_log"] == true);
            lines.insert(file.file_stem().unwrap().to_str().unwrap().to_owned(), about.collect());
        }
        lines
    }

    /// The lines once everything is at rest.
    async fn at_rest(&self) -> Lines {
        self.stack.settle().await;
        let mut before = self.lines();
        loop {
            tokio::time::sleep(REST).await;
            let lines = self.lines();
            if lines == before {
                return lines;
            }
            before = lines;
        }
    }

    /// Counts what a deed and all that follows from it consume.
    async fn usage(&self, deed: impl Future<Output = ()>) -> Usage {
        let before = self.at_rest().await;
        let mut records = self.stack.stack.runtime().invocations();
        let mails = self.stack.stack.mailbox().mails().len();
        deed.await;
        let begun = Instant::now();
        let mut invoked: BTreeMap<String, usize> = BTreeMap::new();
        // Until each invocation has its line.
        let new = loop {
            let lines = self.at_rest().await;
            while let Ok(record) = records.try_recv() {
                *invoked.entry(record.function).or_default() += 1;
            }
            let new: Lines = lines
                .into_iter()
                .map(|(function, lines)| {
                    let known = before.get(&function).map_or(0, Vec::len);
                    (function, lines.into_iter().skip(known).collect::<Vec<_>>())
                })
                .filter(|(_, lines)| !lines.is_empty())
                .collect();
            if new.iter().map(|(function, lines)| (function.clone(), lines.len())).eq(invoked.clone()) {
                break new;
            }
            assert!(begun.elapsed() < PATIENCE, "{invoked:?} are not those of {new:?}");
        };
        let mails = self.stack.stack.mailbox().mails().len() - mails;
        let mut usage = Usage { mails: f64::from(u32::try_from(mails).unwrap()), ..Usage::default() };
        for (function, lines) in new {
            for line in lines {
                let is_request = line["route"].as_str().is_some_and(|route| route.starts_with("/api/"));
                let most = if is_request { LOG_BYTES_OF_REQUEST } else { LOG_BYTES_OF_OTHER };
                assert!(f64::from(u32::try_from(line.to_string().len()).unwrap()) < most / 3.0, "{line}");
                usage.requests += f64::from(u8::from(is_request));
                usage.reads += line["read_units"].as_f64().unwrap();
                usage.writes += line["write_units"].as_f64().unwrap();
                *usage.invocations.entry(function.clone()).or_default() += 1.0;
            }
        }
        usage
    }

    /// Counts a run of a function that a schedule invokes, which must say this.
    async fn run(&self, function: &str, said: Value) -> Usage {
        self.usage(async { assert_eq!(self.stack.invoke(function, json!({})).await, said, "{function}") })
            .await
    }

    /// Counts a run of the reminders that reminds so many customers of appointments.
    async fn remind(&self, customers: u32) -> Usage {
        let said = json!({"reminded": customers, "skipped": 0, "failed": 0});
        self.usage(async { assert_eq!(self.stack.remind("appointments").await, said) }).await
    }
}

/// The first day of the month that is looked at: the last Monday of a month, so that of its weeks one begins in that month
/// and four in the next one, whatever the date.
fn first_day() -> Date {
    let earliest = day(14);
    let last = |month: Date| month.nth_weekday_of_month(-1, Weekday::Monday).unwrap();
    let this = last(earliest);
    if this >= earliest { this } else { last(earliest.first_of_month() + 1.month()) }
}

/// Requests to book the first free time of an expert on each of some days, a week from today unless they are named.
async fn wishes(
    customer: &Actor,
    service: &str,
    number: u8,
    from: Option<Date>,
) -> impl Iterator<Item = Value> + use<> {
    let expert = expert(number);
    let dates = from.map_or_else(String::new, |from| format!("&from={from}&to={}", from + 12.days()));
    let free = customer.availability(&format!("serviceId={service}&expertId={expert}{dates}")).await;
    let mut by_date = BTreeMap::new();
    for (date, time, _) in free {
        by_date.entry(date).or_insert(time);
    }
    let service = service.to_owned();
    by_date.into_iter().map(move |(date, time)| {
        json!({"serviceId": service, "expertId": expert, "date": date, "time": time, "payNow": true})
    })
}

async fn book(customer: &Actor, wish: &Value) -> Json {
    customer.book(wish.clone()).await.data(201)["appointment"].clone()
}

async fn become_customer(stack: &TestStack) {
    let visitor = stack.visitor();
    visitor.register("A Guest").await.data(201);
    let token = stack.verification_token(&visitor).await;
    visitor.verify_email(&token).await.data(200);
}

async fn run_out(customer: &Actor, reservation: &Json) {
    let begun = Instant::now();
    while show(customer, reservation).await["status"] != "expired" {
        assert!(begun.elapsed() < PATIENCE, "it does not run out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The kilobytes of a response to a client that takes these encodings.
async fn kilobytes(visitor: &Actor, path: &str, encodings: &str) -> f64 {
    let request = visitor.request(Method::GET, path).header(ACCEPT_ENCODING, encodings);
    let bytes = request.send().await.unwrap().bytes().await.unwrap().len();
    f64::from(u32::try_from(bytes).unwrap()) / 1_000.0
}

/// Checks that a response, as a browser asks for it, is not larger than is assumed.
async fn check_response(visitor: &Actor, name: &str, path: &str) {
    let assumed = RESPONSE_KB.into_iter().find(|(known, _)| *known == name).unwrap().1;
    let kilobytes = kilobytes(visitor, path, "gzip, deflate, br, zstd").await;
    assert!(kilobytes <= assumed, "{name}: {kilobytes} kB");
}

/// Checks that there are no more alarms, metrics, dashboards and secrets in a template than is assumed.
fn check_template(template: &str) {
    let count = |text: &str| template.matches(text).count();
    // An alarm looks at one metric, or at each of a list.
    let lists = count("\n      Metrics:\n");
    let alarms = count("Type: AWS::CloudWatch::Alarm\n") - lists + count("MetricStat:\n");
    let filters = template.split("Type: AWS::Logs::MetricFilter\n").skip(1);
    let names = filters.filter_map(|filter| filter.split_once("MetricName: ")?.1.lines().next());
    let metrics = names.collect::<BTreeSet<_>>().len() + METRICS_OF_FUNCTIONS;
    for (name, found, assumed) in [
        ("metrics in alarms", alarms, ALARMS),
        ("metrics", metrics, METRICS),
        ("dashboards", count("Type: AWS::CloudWatch::Dashboard\n"), DASHBOARDS),
        ("secrets", count("Type: AWS::SecretsManager::Secret\n"), SECRETS),
    ] {
        assert!(f64::from(u32::try_from(found).unwrap()) <= assumed, "{found} {name}");
    }
    assert!(lists > 0 && alarms > 20 && metrics > METRICS_OF_FUNCTIONS, "the template is not understood");
}

fn memory(system: &System) -> BTreeMap<String, f64> {
    let of = |function: &chairbook_local::template::model::Function| {
        (function.logical_id.clone(), f64::from(function.memory_mb))
    };
    system.functions.iter().map(of).collect()
}

/// Counts everything.
pub(super) async fn count() -> Counted {
    check_template(include_str!("../../../template.yaml"));
    // One process per function, whose first requests are not counted; and schedules that wait.
    let stack = TestStack::builder()
        .without_rate_limit()
        .max_concurrency(1)
        .parameter("ReservationHold", "2s")
        .template_with("Schedule: rate(1 minute)", "Schedule: rate(1 day)")
        .template_with("Schedule: rate(15 minutes)", "Schedule: rate(1 day)");
    let counter = Counter { stack: stack.start().await };
    let stack = &counter.stack;
    let memory = memory(stack.stack.system());
    let nothing = json!({"expired": 0, "skipped": 0, "failed": 0});
    let no_erasure = stack.invoke("UsersFunction", json!({})).await;
    counter.run("ExpireReservationsFunction", nothing.clone()).await;
    counter.remind(0).await;
    let mut idle = vec![
        ("ExpireReservationsFunction", counter.run("ExpireReservationsFunction", nothing).await),
        ("UsersFunction", counter.run("UsersFunction", no_erasure).await),
    ];

    let from = first_day();
    let month: Vec<Date> = (0..=30).map(|days| from + days.days()).collect();
    let service = hire(stack, EXPERTS, OPEN).await;
    fill(stack, &service, EXPERTS, (&month, &BOOKED_HOURS)).await;
    stack.settle_within(10 * PATIENCE).await;
    let service = service.id.to_string();
    let visitor = stack.visitor();
    let ada = stack.customer().await;
    let admin = stack.demo_account(Role::Admin).await;
    let to = from + 30.days();

    let look = format!("/availability?serviceId={service}&from={from}&to={to}");
    let day_list = format!("/appointments?from={from}&to={from}");
    let dashboard = format!("/dashboard/stats?from={from}&to={to}");
    let reads = [
        (habits::LOOK, &visitor, look.as_str()),
        (habits::CATALOG, &visitor, "/services"),
        (habits::MINE, &ada, "/appointments/my"),
        (habits::DAY, &admin, &day_list),
        (habits::DASHBOARD, &admin, &dashboard),
    ];
    let mut deeds = Vec::new();
    for (name, actor, path) in reads {
        let read = async || drop(actor.get(path).await.data(200));
        read().await;
        deeds.push((name, counter.usage(read()).await));
    }
    check_response(&visitor, habits::LOOK, &look).await;
    check_response(&visitor, habits::CATALOG, "/services").await;
    let plain_look = kilobytes(&visitor, &look, "identity").await;

    become_customer(stack).await;
    deeds.push((habits::REGISTRATION, counter.usage(become_customer(stack)).await));
    let mut again = ada.elsewhere();
    again.access_token = None;
    deeds.push((habits::LOGIN, counter.usage(async { drop(again.log_in().await.data(200)) }).await));

    let mut wishes_of_first = wishes(&ada, &service, 1, Some(from)).await;
    let mut wish = || wishes_of_first.next().unwrap();
    let (mut booked, wanted) = (book(&ada, &wish()).await, wish());
    deeds.push((habits::BOOKING, counter.usage(async { booked = book(&ada, &wanted).await }).await));
    let (reschedule, cancel) = (path(&booked, "/reschedule"), path(&booked, "/cancel"));
    let to = wish();
    let to = json!({"date": to["date"], "time": to["time"]});
    let moved = async { drop(ada.put(&reschedule, to).await.data(200)) };
    deeds.push((habits::MOVE, counter.usage(moved).await));
    let cancelled = async { drop(ada.delete(&cancel).await.data(200)) };
    deeds.push((habits::CANCELLATION, counter.usage(cancelled).await));

    let mut unpaid = wish();
    unpaid["payNow"] = json!(false);
    let mut reserved = None;
    let reserve = async { reserved = Some(book(&ada, &unpaid).await) };
    deeds.push((habits::RESERVATION, counter.usage(reserve).await));
    run_out(&ada, &reserved.unwrap()).await;
    let one = json!({"expired": 1, "skipped": 0, "failed": 0});
    let mut expiry = counter.run("ExpireReservationsFunction", one).await;
    expiry.add(&idle[0].1, -1.0);
    deeds.push((habits::EXPIRY, expiry));

    let over = book(&ada, &wishes(&ada, &service, 2, Some(day(2))).await.next().unwrap()).await;
    stack.let_time_pass(&over).await;
    let complete = path(&over, "/status");
    let completed = async { drop(admin.put(&complete, json!({"status": "completed"})).await.data(200)) };
    deeds.push((habits::COMPLETION, counter.usage(completed).await));

    // What a run reads depends on the dates (UTC) that it looks at: as many before as after, or the day has changed.
    let (mut idle_run, mut reminder);
    loop {
        idle_run = counter.remind(0).await;
        let soon = book(&ada, &wishes(&ada, &service, 3, None).await.next().unwrap()).await;
        stack.booked_long_ago(id(&soon)).await;
        reminder = counter.remind(1).await;
        if counter.remind(0).await.reads <= idle_run.reads {
            break;
        }
    }
    reminder.add(&idle_run, -1.0);
    deeds.push((habits::REMINDER, reminder));
    assert!(idle_run.reads <= READS_OF_REMINDERS, "{idle_run:?}");
    idle_run.reads = READS_OF_REMINDERS;
    idle.push(("RemindersFunction", idle_run));

    counter.stack.finish().await;
    let place = |name: &str| {
        let all = habits::PER_BOOKING.iter().map(|(known, _)| *known).chain([habits::DAY, habits::DASHBOARD]);
        all.into_iter().position(|known| known == name)
    };
    deeds.sort_by_key(|(name, _)| place(name));
    Counted { deeds, idle, memory, plain_look }
}
