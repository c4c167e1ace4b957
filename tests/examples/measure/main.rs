//! Measures what docs/measurements.md tells, and prints it as that file's tables:
//!
//! ```sh
//! cargo run --release -p chairbook-tests --example measure
//! cargo run --release -p chairbook-tests --example measure -- whole-stack
//! cargo run --release -p chairbook-tests --example measure -- availability
//! cargo run --release -p chairbook-tests --example measure -- costs
//! cargo run --release -p chairbook-tests --example measure -- binaries DIRECTORY
//! ```
//!
//! The second measures the CPU time of the whole stack for some requests, the third a month of free times alone, the fourth
//! the CPU time that anybody can make a function spend, for docs/security.md, and the fifth the functions' sizes and cold
//! starts beside those of other binaries, such as a copy of the ones before a change.
//!
//! It builds what it needs, starts stacks of its own, and takes about a minute then. Let the machine do nothing else.

mod availability;
mod costs;
mod whole_stack;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use chairbook_local::binaries::{self, Profile};
use chairbook_local::stack::read_template;
use chairbook_local::template::model::Function;
use chairbook_tests::Actor;
use chairbook_tests::processes::{children_of, status_of};
use chairbook_tests::stack_process::StackProcess;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::process::Command;

const CUT: &str = "svc_00000000000000000000000001";

/// Limits that measuring does not run into.
const UNLIMITED: [&str; 5] =
    ["--release", "--parameter", "RateLimitRequests=1000000", "--parameter", "AuthRateLimitRequests=1000000"];

const STARTS: usize = 7;
const COLD_STARTS: usize = 25;
const READS: usize = 3_000;
const AVAILABILITIES: usize = 300;
const BOOKINGS: usize = 150;
const REGISTRATIONS: usize = 30;

/// The parts that can be measured alone.
const PARTS: [&str; 4] = ["availability", "binaries", "costs", "whole-stack"];

/// How long the stack is left alone before its memory is looked at.
const IDLE: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let functions = read_template(&root.join("template.yaml"), &BTreeMap::new()).unwrap().functions;
    let directory = binaries::build(root, &functions, Profile::Release).unwrap();
    let part = std::env::args().nth(1);
    if let Some(part) = &part {
        assert!(PARTS.contains(&part.as_str()), "{part} is no part of this; there are {PARTS:?}");
    }
    if part.as_deref() == Some("binaries") {
        let others = std::env::args().nth(2).expect("the directory of the other binaries");
        return beside_others(&functions, &directory, Path::new(&others)).await;
    }
    let bare = part.is_none().then(|| build_bare_function(&directory));
    println!("Load of the machine before: {}", std::fs::read_to_string("/proc/loadavg").unwrap().trim());

    if let Some(bare) = &bare {
        stack_start().await;
        requests().await;
        cold_starts(&functions, &directory, bare).await;
    }
    let is_wanted = |name: &str| part.is_none() || part.as_deref() == Some(name);
    if is_wanted("whole-stack") {
        whole_stack::whole_stack().await;
    }
    if is_wanted("availability") {
        availability::availability().await;
    }
    if is_wanted("costs") {
        costs::costs().await;
    }
    println!("\nLoad of the machine after: {}", std::fs::read_to_string("/proc/loadavg").unwrap().trim());
}

fn build_bare_function(directory: &Path) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = std::process::Command::new(cargo)
        .args(["build", "--release", "--package", "chairbook-tests", "--example", "bare-function"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.unwrap().success(), "cargo has said why");
    directory.join("examples/bare-function")
}

/// Durations, sorted.
struct Sample(Vec<Duration>);

impl Sample {
    fn new(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        Self(durations)
    }

    /// The duration that `percent` of all do not exceed, in milliseconds.
    fn percentile(&self, percent: usize) -> f64 {
        let place = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0[place].as_secs_f64() * 1_000.0
    }

    fn row(&self, name: &str) {
        let [low, middle, high] = [0, 50, 99].map(|percent| self.percentile(percent));
        println!("| {name} | {} | {low:.1} | {middle:.1} | {high:.1} |", self.0.len());
    }
}

fn header() {
    println!("\n| what | times | best, ms | p50, ms | p99, ms |\n| --- | --- | --- | --- | --- |");
}

/// From nothing to a stack whose every part is healthy: an empty data directory, so the tables and the demo are made,
/// and everything is built already, so cargo only looks that it is.
async fn stack_start() {
    header();
    let mut durations = Vec::new();
    for _ in 0..STARTS {
        let data = tempfile::tempdir().unwrap();
        let begun = Instant::now();
        let stack = StackProcess::start(data.path(), &["--release"]);
        let visitor = stack.visitor("");
        while !visitor.get("/health").await.status.is_success() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        durations.push(begun.elapsed());
    }
    Sample::new(durations).row("start until `GET /health` answers 200");
}

async fn requests() {
    let data = tempfile::tempdir().unwrap();
    let stack = StackProcess::start(data.path(), &UNLIMITED);
    let mut registering = Vec::new();
    let mut until_mail = Vec::new();
    for number in 0..REGISTRATIONS {
        let somebody = stack.visitor(&format!("guest-{number}@example.com"));
        let begun = Instant::now();
        somebody.register("A Guest").await.data(201);
        registering.push(begun.elapsed());
        somebody.mails(1).await;
        until_mail.push(begun.elapsed());
    }
    let mut ada = stack.visitor("ada@example.com");
    ada.become_customer("Ada Lovelace").await;
    let mut logging_in = Vec::new();
    for _ in 0..REGISTRATIONS {
        let begun = Instant::now();
        ada.log_in().await.data(200);
        logging_in.push(begun.elapsed());
    }

    let today = chairbook_platform::clock::now().to_zoned(TimeZone::UTC).date();
    let month = format!("serviceId={CUT}&to={}", today.saturating_add(29.days()));
    let mut offering = Vec::new();
    for _ in 0..AVAILABILITIES {
        let begun = Instant::now();
        ada.get(&format!("/availability?{month}")).await.data(200);
        offering.push(begun.elapsed());
    }
    let mut booking = Vec::new();
    let mut appointment = String::new();
    for order in orders(&ada, &month).await.into_iter().take(BOOKINGS) {
        let begun = Instant::now();
        let answer = ada.book(order).await;
        booking.push(begun.elapsed());
        answer.data(201)["appointment"]["id"].as_str().unwrap().clone_into(&mut appointment);
    }
    let path = format!("/appointments/{appointment}");
    let mut reading = Vec::new();
    for _ in 0..READS {
        let begun = Instant::now();
        let answer = ada.get(&path).await;
        reading.push(begun.elapsed());
        answer.data(200);
    }

    header();
    // The first of each waits for processes to start, and for connections to be made.
    let warm = |durations: Vec<Duration>| Sample::new(durations.into_iter().skip(5).collect());
    warm(reading).row("`GET /appointments/{id}`");
    warm(offering).row("`GET /availability`, 30 days, any expert");
    warm(booking).row("`POST /appointments` with an expert");
    warm(logging_in).row("`POST /auth/login`, with the password's hash");
    warm(registering).row("`POST /auth/register`, with the password's hash");
    warm(until_mail).row("`POST /auth/register` until the mail is in the mailbox");
    memory(&stack).await;
}

/// Bookings that do not overlap.
async fn orders(actor: &Actor, query: &str) -> Vec<Value> {
    // 60 minutes and a buffer of 5, on a grid of 15.
    const STARTS_PER_APPOINTMENT: usize = 5;
    let mut by_expert: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (date, time, experts) in actor.availability(query).await {
        for expert in experts {
            by_expert.entry(expert).or_default().push((date.clone(), time.clone()));
        }
    }
    let order = |expert: &str, (date, time): &(String, String)| json!({"serviceId": CUT, "expertId": expert, "date": date, "time": time, "payNow": true});
    let of_expert = |(expert, starts): (&String, &Vec<(String, String)>)| -> Vec<Value> {
        starts.iter().step_by(STARTS_PER_APPOINTMENT).map(|start| order(expert, start)).collect()
    };
    by_expert.iter().flat_map(of_expert).collect()
}

/// What the stack's processes have resident, when there has been work and now there is none.
async fn memory(stack: &StackProcess) {
    tokio::time::sleep(IDLE).await;
    println!("\n| process | resident, MB |\n| --- | --- |");
    let row = |name: &str, id: u32| println!("| {name} | {:.1} |", resident_mb(id));
    row("the stack", stack.process_id());
    let mut children = children_of(stack.process_id());
    children.sort();
    for (name, id) in children {
        row(&format!("function `{name}`"), id);
    }
}

fn resident_mb(process: u32) -> f64 {
    status_of(process, "VmRSS:").unwrap().parse::<f64>().unwrap() / 1_024.0
}

/// From starting a process to its first question for work, as Lambda sees it: each function beside a bare one, in
/// turns, with the environment that it has in AWS.
async fn cold_starts(functions: &[Function], directory: &Path, bare: &Path) {
    let mut programs: Vec<Program<'_>> =
        vec![("a bare lambda_http and axum function", bare.to_owned(), BTreeMap::new())];
    for function in functions {
        let path = binaries::path_of(directory, function);
        programs.push((&function.binary, path, function.environment.clone()));
    }
    let samples = in_turns(&programs).await;
    println!(
        "\n| binary | size, MB | best, ms | median, ms | to the bare one |\n| --- | --- | --- | --- | --- |"
    );
    let reference = samples[0].percentile(50);
    for ((name, path, _), sample) in programs.iter().zip(samples) {
        let [best, median] = [0, 50].map(|percent| sample.percentile(percent));
        println!("| {name} | {:.1} | {best:.1} | {median:.1} | {:.2} |", size_mb(path), median / reference);
    }
    println!("| chairbook (the local stack) | {:.1} | | | |", size_mb(&directory.join("chairbook")));
}

/// A program to start: its name, its file and its environment.
type Program<'n> = (&'n str, PathBuf, BTreeMap<String, String>);

/// Starts each program in turns with the others.
async fn in_turns(programs: &[Program<'_>]) -> Vec<Sample> {
    let mut samples = vec![Vec::new(); programs.len()];
    for round in 0..=COLD_STARTS {
        for ((_, path, environment), sample) in programs.iter().zip(&mut samples) {
            let duration = cold_start(path, environment).await;
            // The first of each reads its file from the disk.
            if round > 0 {
                sample.push(duration);
            }
        }
    }
    samples.into_iter().map(Sample::new).collect()
}

/// The functions beside other binaries of the same names. All of them are copied first: where a file lies on the disk, and
/// what made it, is worth half a millisecond.
async fn beside_others(functions: &[Function], directory: &Path, others: &Path) {
    let copies = tempfile::tempdir().unwrap();
    let copied = |path: &Path, name: String| {
        let copy = copies.path().join(name);
        std::fs::copy(path, &copy).unwrap();
        copy
    };
    let (mut programs, mut alone) = (Vec::new(), Vec::new());
    for function in functions {
        let name = function.binary.as_str();
        let (path, other) = (binaries::path_of(directory, function), others.join(name));
        if other.exists() {
            programs.push((name, copied(&other, format!("other-{name}")), function.environment.clone()));
            programs.push((name, copied(&path, format!("this-{name}")), function.environment.clone()));
        } else {
            alone.push(path);
        }
    }
    let samples = in_turns(&programs).await;
    println!(
        "| binary | the other: size, MB | median, ms | this: size, MB | median, ms |\n| --- | --- | --- | --- | --- |"
    );
    for (two, samples) in programs.chunks(2).zip(samples.chunks(2)) {
        let [size, other_size] = [1, 0].map(|place| size_mb(&two[place].1));
        let [median, other_median] = [1, 0].map(|place| samples[place].percentile(50));
        println!("| `{}` | {other_size:.2} | {other_median:.2} | {size:.2} | {median:.2} |", two[0].0);
    }
    for path in alone {
        println!("| `{}` | | | {:.2} | |", path.file_name().unwrap().display(), size_mb(&path));
    }
}

fn size_mb(path: &Path) -> f64 {
    let bytes = u32::try_from(std::fs::metadata(path).unwrap().len()).unwrap();
    f64::from(bytes) / 1_000_000.0
}

async fn cold_start(program: &Path, environment: &BTreeMap<String, String>) -> Duration {
    let runtime_api = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs([
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ])
        .envs(environment)
        .envs([
            ("AWS_LAMBDA_FUNCTION_NAME", "measured"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ])
        .env("AWS_LAMBDA_RUNTIME_API", runtime_api.local_addr().unwrap().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    let begun = Instant::now();
    let mut process = command.spawn().unwrap();
    let asked = async {
        let (mut connection, _) = runtime_api.accept().await.unwrap();
        let mut request = Vec::new();
        while !String::from_utf8_lossy(&request).contains("/2018-06-01/runtime/invocation/next") {
            assert_ne!(connection.read_buf(&mut request).await.unwrap(), 0, "{}", program.display());
        }
        // The connection stays, so that the function has nothing to complain of until it is killed.
        (begun.elapsed(), connection)
    };
    let (duration, _connection) = tokio::select! {
        asked = asked => asked,
        ended = process.wait() => panic!("{} has ended: {ended:?}", program.display()),
    };
    process.kill().await.unwrap();
    duration
}
