//! The stack that a walk takes place on, which is killed and started again while its clients go on.

use std::time::{Duration, Instant};

use chairbook_local::faults::DynamoDbSetting;
use chairbook_models::catalog::{PayNow, Settings};
use chairbook_platform::clock;
use chairbook_store::CatalogRow;
use chairbook_tests::checker::Item;
use chairbook_tests::stack_process::{EditedTemplate, StackProcess};
use chairbook_tests::{Actor, Answer, open_salon, processes};
use jiff::ToSpan as _;
use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{RwLock, watch};

use crate::record::{Failure, Kill, STACK, Setting, Shared};

/// Who runs the front desk.
const DESK: &str = "desk@salon.example";

const PASSWORD: &str = "correct horse battery staple";

/// How many open reservations a customer may have at a time.
pub const MAX_OPEN: u32 = 3;

/// How long an unpaid reservation is held.
pub const HOLD: Duration = Duration::from_secs(3);

/// An event's mail is at its end so long after its function was killed, or does not get there: a lease lasts for the
/// function's 20 seconds and 5 more, then the message comes again, perhaps twice.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// How many times as long as it is to take a walk may take.
const LONGER: u32 = 10;

/// How a salon is to be.
#[derive(Debug, Clone, Copy)]
pub struct Salon {
    pub time_zone: &'static str,
    pub experts: u8,
}

/// A stack and whatever is remembered of what happens on it.
pub struct Stage {
    pub salon: Salon,
    pub record: Shared,
    pub customers: Vec<Actor>,
    pub desk: Actor,
    begun: Instant,
    /// How long clients go on, if nothing is missing then.
    length: Duration,
    data: TempDir,
    template: EditedTemplate,
    dynamodb: DynamoDbSetting,
    process: RwLock<Option<StackProcess>>,
    /// Where the stack is; nothing while it is down.
    url: watch::Sender<Option<String>>,
}

impl Stage {
    /// A stack with a salon that never closes and these faults of DynamoDB, so many customers, and somebody at the front
    /// desk, who go on for so long from now on.
    pub async fn new(salon: Salon, customers: usize, length: Duration, dynamodb: DynamoDbSetting) -> Self {
        // As deployed, a message whose function was killed comes again after three minutes.
        let template = EditedTemplate::new(&[
            ("Timeout: 30\n", "Timeout: 20\n"),
            ("VisibilityTimeout: 180\n", "VisibilityTimeout: 26\n"),
        ]);
        let data = tempfile::tempdir().unwrap();
        let process = start(&data, &template, dynamodb).await;
        process.set_dynamodb_faults(None).await;
        let mut rows = open_salon::rows(salon.experts, salon.time_zone, clock::now());
        for row in &mut rows {
            if let CatalogRow::Settings(settings) = row {
                settings.max_open_reservations = Some(MAX_OPEN);
            }
        }
        let begun = Instant::now();
        process.write_catalog(&rows).await;
        let setting = Setting { pay_now: PayNow::Anyone, begun, ended: Instant::now() };
        let somebody = |email: &str| {
            let mut actor = process.visitor(email);
            PASSWORD.clone_into(&mut actor.password);
            actor
        };
        let guests = (0..customers).map(|number| {
            let mut guest = somebody(&format!("guest-{number}@guests.example"));
            async move {
                guest.become_customer("Somebody").await;
                guest
            }
        });
        let mut desk = somebody(DESK);
        let (customers, ()) =
            futures_util::join!(futures_util::future::join_all(guests), desk.become_owner("Somebody"));
        process.set_dynamodb_faults(Some(dynamodb)).await;
        let (url, _) = watch::channel(Some(process.url.clone()));
        let process = RwLock::new(Some(process));
        let (record, begun) = (Shared::default(), Instant::now());
        record.lock().settings.push(setting);
        Self { salon, record, customers, desk, begun, length, data, template, dynamodb, process, url }
    }

    /// Whether the walk goes on: for as long as it is to take, and on a slow machine longer, until everything has
    /// happened that must.
    pub fn goes_on(&self) -> bool {
        let lasted = self.begun.elapsed();
        lasted < self.length || (lasted < LONGER * self.length && !self.record.lock().missing().is_empty())
    }

    /// How long the walk has lasted.
    pub fn lasted(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The salon's local date in so many days.
    pub fn date(&self, days: i32) -> Date {
        clock::now().to_zoned(self.zone()).date() + days.days()
    }

    /// Whether the salon's clock does not show a minute of a date.
    pub fn leaves_out(&self, date: Date, minute: u32) -> bool {
        let time = Time::midnight() + i64::from(minute).minutes();
        let local = self.zone().to_ambiguous_timestamp(date.to_datetime(time));
        matches!(local.offset(), AmbiguousOffset::Gap { .. })
    }

    /// Whether the salon's clock is not changed on a date.
    pub fn has_24_hours(&self, date: Date) -> bool {
        let midnight = |date: Date| date.to_zoned(self.zone()).unwrap().timestamp();
        midnight(date.tomorrow().unwrap()).duration_since(midnight(date)).as_hours() == 24
    }

    pub fn zone(&self) -> TimeZone {
        TimeZone::get(self.salon.time_zone).unwrap()
    }

    /// Where the stack is; waits until it is somewhere.
    pub async fn url(&self) -> String {
        let mut url = self.url.subscribe();
        let up = url.wait_for(Option::is_some).await.unwrap();
        up.clone().unwrap()
    }

    /// Sends a request once. Nothing comes back when nobody knows what became of it.
    pub async fn ask(&self, actor: &Actor, request: impl Fn(&Actor) -> RequestBuilder) -> Option<Answer> {
        let actor = actor.at(&self.url().await);
        let sent = Instant::now();
        let answer = actor.try_send(request(&actor)).await;
        let (what, was_answered) = match answer {
            Ok(answer) if !answer.status.is_server_error() => return Some(answer),
            // DynamoDB did not let it, and nobody can say whether it was too late.
            Ok(answer) if answer.status == 503 && !answer.header("retry-after").is_empty() => {
                self.record.lock().count("request: to come again later");
                return None;
            }
            Ok(answer) => (format!("{} to {}: {}", answer.status, answer.asked, answer.text), true),
            Err(error) => (format!("no answer: {error:?}"), false),
        };
        let mut record = self.record.lock();
        record.count(if was_answered { "request: failed" } else { "request: no answer" });
        record.failures.push(Failure { what, was_answered, sent, ended: Instant::now() });
        None
    }

    /// Sends a request until somebody knows what became of it.
    pub async fn insist(&self, actor: &Actor, request: impl Fn(&Actor) -> RequestBuilder) -> Answer {
        loop {
            if let Some(answer) = self.ask(actor, &request).await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Runs the expiry once; nothing comes back when it was killed.
    pub async fn sweep(&self) -> Option<Value> {
        let url = format!("{}/2015-03-31/functions/ExpireReservationsFunction/invocations", self.url().await);
        let answer = reqwest::Client::new().post(url).json(&json!({})).send().await.ok()?;
        let failed = answer.headers().contains_key("x-amz-function-error") || !answer.status().is_success();
        let counts: Value = answer.json().await.ok()?;
        (!failed).then_some(counts)
    }

    /// The functions' processes: each one's program and id.
    pub async fn functions(&self) -> Vec<(String, u32)> {
        self.process.read().await.as_ref().map(StackProcess::functions).unwrap_or_default()
    }

    /// Kills processes of one function.
    pub fn kill(&self, program: &str, ids: &[u32]) {
        let begun = Instant::now();
        for id in ids {
            processes::kill(*id);
        }
        let kill = Kill { program: program.to_owned(), processes: ids.len(), begun, ended: Instant::now() };
        self.record.lock().kills.push(kill);
    }

    /// Ends the stack as a power failure would, with all its functions, and starts it again on what it has kept.
    pub async fn power_failure(&self) {
        let mut running = self.process.write().await;
        let process = running.take().unwrap();
        let functions = process.functions();
        self.url.send_replace(None);
        let begun = Instant::now();
        process.kill();
        let kill =
            |program: &str| Kill { program: program.to_owned(), processes: 1, begun, ended: Instant::now() };
        {
            let mut record = self.record.lock();
            record.kills.push(kill(STACK));
            // A function cannot do anything without its stack, so that its end counts from the stack's.
            record.kills.extend(functions.iter().map(|(program, _)| kill(program)));
        }
        let process = start(&self.data, &self.template, self.dynamodb).await;
        self.url.send_replace(Some(process.url.clone()));
        *running = Some(process);
    }

    /// Ends DynamoDB's faults, and returns how often each has happened.
    pub async fn calm_dynamodb(&self) -> Value {
        self.process.read().await.as_ref().unwrap().set_dynamodb_faults(None).await
    }

    /// Changes the salon's settings.
    pub async fn set(&self, change: impl FnOnce(&mut Settings)) {
        let running = self.process.read().await;
        let process = running.as_ref().unwrap();
        let mut settings = process.store().settings().await.unwrap();
        change(&mut settings);
        let (pay_now, begun) = (settings.pay_now, Instant::now());
        process.write_catalog(&[CatalogRow::Settings(settings)]).await;
        self.record.lock().settings.push(Setting { pay_now, begun, ended: Instant::now() });
    }

    /// Every item of a table, by its logical id.
    pub async fn items(&self, table: &str) -> Vec<Item> {
        self.process.read().await.as_ref().unwrap().items(table).await
    }
}

async fn start(data: &TempDir, template: &EditedTemplate, dynamodb: DynamoDbSetting) -> StackProcess {
    let (data, template) = (data.path().to_owned(), template.path());
    let start = move || {
        let hold = format!("ReservationHold={}s", HOLD.as_secs());
        let desk = format!("OwnerEmail={DESK}");
        // Mails whose function is killed again and again are not to wait for hours.
        let wait = "MailRetryLongestWait=10s";
        let dynamodb = serde_json::to_string(&dynamodb).unwrap();
        let mut arguments = vec!["--no-demo", "--template", template.to_str().unwrap()];
        arguments.extend(["--dynamodb-faults", &dynamodb]);
        for parameter in ["RateLimitRequests=1000000", "AuthRateLimitRequests=1000000", &hold, &desk, wait] {
            arguments.extend(["--parameter", parameter]);
        }
        StackProcess::start(&data, &arguments)
    };
    tokio::task::spawn_blocking(start).await.unwrap()
}
