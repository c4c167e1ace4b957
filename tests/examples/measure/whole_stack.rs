//! The CPU time of everything on the machine that a request causes: the stack with its DynamoDB, queues and mailbox, and
//! every function. It prints the table of docs/measurements.md that can be compared with other backends.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chairbook_platform::clock;
use chairbook_tests::Actor;
use chairbook_tests::processes::cpu_time;
use chairbook_tests::stack_process::StackProcess;
use futures_util::future::join_all;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::{CUT, Sample, UNLIMITED, availability, orders};

const READS: usize = 500;
const AVAILABILITIES: usize = 100;
const BOOKINGS: usize = 100;
const CLIENTS: usize = 64;
const ROUNDS: usize = 20;
const READERS: usize = 8;
const READS_EACH: usize = 300;

/// Time until what a request has caused is done: the mail, the statistics.
const REST: Duration = Duration::from_secs(2);

/// The CPU time of all of a stack's processes, and of the function `appointments` alone.
#[derive(Clone, Copy)]
struct Spent {
    whole: Duration,
    function: Duration,
}

impl Spent {
    fn by(stack: &StackProcess) -> Self {
        let mut spent = Self { whole: cpu_time(stack.process_id()), function: Duration::ZERO };
        for (program, process) in stack.functions() {
            let time = cpu_time(process);
            spent.whole += time;
            if program == "appointments" {
                spent.function += time;
            }
        }
        spent
    }

    /// The milliseconds since then for each of some requests: of the whole, of the function.
    fn each_since(self, before: Self, requests: usize) -> [f64; 2] {
        let requests = u32::try_from(requests).unwrap();
        [self.whole.saturating_sub(before.whole), self.function.saturating_sub(before.function)]
            .map(|spent| (spent / requests).as_secs_f64() * 1_000.0)
    }
}

/// Sends requests one after the other, lets the stack do what they have caused, and prints a row.
async fn row(stack: &StackProcess, name: &str, requests: usize, mut send: impl AsyncFnMut(usize)) {
    let before = Spent::by(stack);
    let mut durations = Vec::new();
    for number in 0..requests {
        let begun = Instant::now();
        send(number).await;
        durations.push(begun.elapsed());
    }
    tokio::time::sleep(REST).await;
    let [whole, function] = Spent::by(stack).each_since(before, requests);
    println!("| {name} | {whole:.2} | {function:.2} | {:.1} |", Sample::new(durations).percentile(50));
}

/// Measures and prints the tables.
pub async fn whole_stack() {
    println!("\n| what | CPU of the whole stack, ms | of it the function, ms | p50, ms |");
    println!("| --- | --- | --- | --- |");
    availability_row().await;

    let data = tempfile::tempdir().unwrap();
    let stack = StackProcess::start(data.path(), &UNLIMITED);
    let mut ada = stack.visitor("ada@example.com");
    ada.become_customer("Ada Lovelace").await;
    let today = clock::now().to_zoned(TimeZone::UTC).date();
    let month = format!("serviceId={CUT}&from={}&to={}", today + 2.days(), today + 32.days());
    let mut orders = orders(&ada, &month).await;
    assert!(orders.len() > BOOKINGS + ROUNDS, "the demo has {} free times", orders.len());

    let first = ada.book(orders.pop().unwrap()).await.data(201);
    let path = format!("/appointments/{}", first["appointment"]["id"].as_str().unwrap());
    // The first ones start processes, make connections and read the catalog.
    join_all((0..READERS).map(|_| ada.get(&path))).await;
    tokio::time::sleep(REST).await;

    row(&stack, "read one appointment", READS, async |_| {
        ada.get(&path).await.data(200);
    })
    .await;
    let bookings = orders.split_off(orders.len() - BOOKINGS);
    row(&stack, "book, with the mail and the statistics", BOOKINGS, async |number| {
        ada.book(bookings[number].clone()).await.data(201);
    })
    .await;
    readers(&ada, &path).await;
    crowd(&stack, orders).await;
}

/// A month of ten experts who have nearly no time left.
async fn availability_row() {
    let (_data, stack, dates) = availability::full_month(|number| number % 10 != 0).await;
    let path = availability::path(dates);
    let visitor = stack.visitor("");
    for _ in 0..20 {
        visitor.get(&path).await.data(200);
    }
    row(&stack, "free times, 31 days of ten experts, about 2,000 appointments", AVAILABILITIES, async |_| {
        assert_eq!(visitor.get(&path).await.status, 200);
    })
    .await;
}

/// Several clients at once, each of which reads again as soon as it has a response.
async fn readers(ada: &Actor, path: &str) {
    let begun = Instant::now();
    join_all((0..READERS).map(|_| async {
        for _ in 0..READS_EACH {
            assert_eq!(ada.get(path).await.status, 200);
        }
    }))
    .await;
    let reads = u32::try_from(READERS * READS_EACH).unwrap();
    println!(
        "\n{READERS} clients that read one appointment each: {:.0} requests per second, the clients' own CPU time \
         included.",
        f64::from(reads) / begun.elapsed().as_secs_f64()
    );
}

/// Many clients who want one time, again and again.
async fn crowd(stack: &StackProcess, orders: Vec<serde_json::Value>) {
    let mut clients: Vec<_> =
        (0..CLIENTS).map(|number| stack.visitor(&format!("client-{number}@example.com"))).collect();
    for client in &mut clients {
        client.become_customer("A Client").await;
    }
    let mut booked = 0;
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for mut order in orders.into_iter().take(ROUNDS) {
        order["payNow"] = json!(true);
        let answers = join_all(clients.iter().map(|client| client.book(order.clone()))).await;
        for answer in answers {
            booked += usize::from(answer.status == 201);
            *statuses.entry(answer.status.as_u16()).or_default() += 1;
        }
    }
    println!(
        "\n{CLIENTS} clients who want one time, {ROUNDS} rounds: {booked} booked; responses by status: {statuses:?}"
    );
    assert_eq!(booked, ROUNDS, "one books in each round");
}
