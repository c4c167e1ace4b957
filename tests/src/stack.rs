//! A stack for one test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_local::binaries::{self, Profile};
use chairbook_local::data_directory::Data;
use chairbook_local::demo;
use chairbook_local::faults::{DynamoDbSetting, FaultPlan};
use chairbook_local::gateway::Access;
use chairbook_local::mailbox::Mail;
use chairbook_local::runtime::{AccessLog, InvocationRecord};
use chairbook_local::stack::{DATA_FORMAT, NAME, Options, Stack, read_template};
use chairbook_local::template::model::System;
use chairbook_models::appointment::Appointment;
use chairbook_models::event::{self, CatalogKind, ChangeKind, Event, EventData, Subjects};
use chairbook_models::ids::EventId;
use chairbook_models::user::Role;
use chairbook_platform::{clock, random};
use chairbook_store::{CatalogRow, RescheduleOutcome, Store};
use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use crate::{Actor, Json, checker, statistics};

/// The longest time that a mail may take, and everything to come to rest.
const PATIENCE: Duration = Duration::from_secs(20);

/// Rows that are written concurrently.
const PUTS_AT_ONCE: usize = 16;

/// The password of the actors that tests make.
const PASSWORD: &str = "correct horse battery staple";

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The directory of the functions' binaries, built once per test process.
pub fn built() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let system = read_template(&root().join("template.yaml"), &BTreeMap::new()).unwrap();
            let profile = if cfg!(debug_assertions) { Profile::Dev } else { Profile::Release };
            binaries::build(root(), &system.functions, profile).unwrap()
        })
        .clone()
}

/// The template with every `from` replaced by its `to`, as a file in a directory.
pub(crate) fn edited_template(directory: &Path, edits: &[(&str, &str)]) -> PathBuf {
    let mut text = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    for (from, to) in edits {
        assert!(text.contains(from), "the template has no {from:?}");
        text = text.replace(from, to);
    }
    let edited = directory.join("template.yaml");
    std::fs::write(&edited, text).unwrap();
    edited
}

/// The faults of DynamoDB that every stack is to have, as the environment variable `CHAIRBOOK_DYNAMODB_FAULTS` says:
/// `moderate`, `rough`, or a setting as JSON or a file; none without it.
///
/// # Panics
/// When it says none of these.
pub fn dynamodb_faults() -> Option<DynamoDbSetting> {
    let setting = std::env::var("CHAIRBOOK_DYNAMODB_FAULTS").ok()?;
    Some(DynamoDbSetting::parse(&setting).unwrap_or_else(|fault| panic!("CHAIRBOOK_DYNAMODB_FAULTS {fault}")))
}

/// A table's name, by its logical id.
fn table<'s>(system: &'s System, logical_id: &str) -> &'s str {
    &system.tables.iter().find(|known| known.logical_id == logical_id).unwrap().name
}

pub(crate) async fn write_catalog(store: &Store, rows: &[CatalogRow]) {
    let now = clock::now();
    let id = EventId::new(now, random::bytes());
    let (what, change) = (CatalogKind::Catalog, ChangeKind::Updated);
    let data = EventData::CatalogChanged { what, change, id: what.as_str().to_owned() };
    let event = Event::new(id, data, now, event::Actor::System, None, Subjects::default());
    store.write_catalog(rows, &event).await.unwrap();
}

pub(crate) async fn items(
    system: &System,
    client: &aws_sdk_dynamodb::Client,
    table: &str,
) -> Vec<checker::Item> {
    checker::items(client, self::table(system, table)).await
}

/// The settings of a test's stack.
#[derive(Debug, Clone)]
pub struct TestStackBuilder {
    parameters: BTreeMap<String, String>,
    template_edits: Vec<(String, String)>,
    demo: bool,
    max_concurrency: usize,
    dynamodb_faults: Option<DynamoDbSetting>,
}

/// Findings at a test's end that are faults in others.
#[derive(Debug, Clone, Copy, Default)]
pub struct Permitted {
    /// Requests that were answered with 5xx, since their function was killed.
    pub failed_requests: bool,
    /// Events whose mail can never be sent: exactly so many.
    pub failed_deliveries: usize,
}

impl TestStackBuilder {
    /// With every `from` in the template replaced by `to`: for what has no parameter.
    #[must_use]
    pub fn template_with(mut self, from: &str, to: &str) -> Self {
        self.template_edits.push((from.to_owned(), to.to_owned()));
        self
    }

    /// The template's file, edited if it is to be.
    fn template(&self, directory: &Path) -> PathBuf {
        if self.template_edits.is_empty() {
            return root().join("template.yaml");
        }
        let edits: Vec<_> = self.template_edits.iter().map(|(from, to)| (&**from, &**to)).collect();
        edited_template(directory, &edits)
    }

    /// With a template parameter.
    #[must_use]
    pub fn parameter(mut self, key: &str, value: &str) -> Self {
        self.parameters.insert(key.to_owned(), value.to_owned());
        self
    }

    /// With a rate limit that tests do not reach.
    #[must_use]
    pub fn without_rate_limit(self) -> Self {
        self.parameter("RateLimitRequests", "100000").parameter("AuthRateLimitRequests", "100000")
    }

    /// Without the demo's salon and accounts.
    #[must_use]
    pub const fn without_demo(mut self) -> Self {
        self.demo = false;
        self
    }

    /// With so many processes per function at most; 4 unless told.
    #[must_use]
    pub const fn max_concurrency(mut self, max_concurrency: usize) -> Self {
        self.max_concurrency = max_concurrency;
        self
    }

    /// With these faults of DynamoDB, whatever `CHAIRBOOK_DYNAMODB_FAULTS` says.
    #[must_use]
    pub const fn dynamodb_faults(mut self, setting: Option<DynamoDbSetting>) -> Self {
        self.dynamodb_faults = setting;
        self
    }

    /// Starts it.
    pub async fn start(self) -> TestStack {
        let directory = tempfile::tempdir().unwrap();
        let options = Options {
            template: self.template(directory.path()),
            stack_name: NAME.to_owned(),
            port: 0,
            services_port: None,
            listen: None,
            data: Data::Temporary,
            data_format: DATA_FORMAT,
            parameters: self.parameters,
            max_concurrency: self.max_concurrency,
            binaries: tokio::task::spawn_blocking(built).await.unwrap(),
            dynamodb_faults: self.dynamodb_faults,
        };
        let stack = Stack::start(options, self.demo).await.unwrap();
        TestStack {
            requests: Mutex::new(stack.requests()),
            invocations: Mutex::new(stack.runtime().invocations()),
            stack,
            actors: AtomicUsize::new(0),
            secrets: Mutex::default(),
        }
    }
}

/// A stack of its own for one test, in a temporary directory, with the demo's salon.
pub struct TestStack {
    /// The stack itself.
    pub stack: Stack,
    requests: Mutex<Receiver<Access>>,
    invocations: Mutex<Receiver<InvocationRecord>>,
    actors: AtomicUsize,
    /// Texts that must not be found in any log.
    secrets: Mutex<Vec<String>>,
}

impl TestStack {
    /// Begins the settings of a stack.
    pub fn builder() -> TestStackBuilder {
        // A test waits for its mails, also on a machine that is so busy that one has to be tried three times.
        let parameters = BTreeMap::from([("MailRetryLongestWait".to_owned(), "5s".to_owned())]);
        TestStackBuilder {
            parameters,
            template_edits: Vec::new(),
            demo: true,
            max_concurrency: 4,
            dynamodb_faults: dynamodb_faults(),
        }
    }

    /// A stack as it is out of the box, but for a rate limit that tests do not reach.
    pub async fn start() -> Self {
        Self::builder().without_rate_limit().start().await
    }

    /// Somebody who is not logged in, with an e-mail address that nobody has registered.
    pub fn visitor(&self) -> Actor {
        let number = self.actors.fetch_add(1, Ordering::Relaxed);
        let actor = Actor::new(self.stack.url(), &format!("guest{number}@guests.example"), PASSWORD);
        self.keep_secret([actor.email.clone(), actor.password.clone()]);
        actor
    }

    /// A customer: registered, verified by their mail, logged in.
    pub async fn customer(&self) -> Actor {
        let mut customer = self.visitor();
        customer.register("A Guest").await.data(201);
        let token = self.verification_token(&customer).await;
        customer.verify_email(&token).await.data(200);
        self.log_in(&mut customer).await;
        customer
    }

    /// The owner of a stack whose `OwnerEmail` is this address: registered, confirmed by their mail, logged in.
    pub async fn owner(&self, email: &str) -> Actor {
        let mut owner = self.visitor();
        email.clone_into(&mut owner.email);
        self.keep_secret([owner.email.clone()]);
        owner.register("The Owner").await.data(201);
        let token = self.verification_token(&owner).await;
        owner.verify_owner(&token).await.data(200);
        self.log_in(&mut owner).await;
        owner
    }

    /// The demo's account with a role, logged in.
    pub async fn demo_account(&self, role: Role) -> Actor {
        let account = demo::ACCOUNTS.iter().find(|account| account.role == role).unwrap();
        let mut actor = Actor::new(self.stack.url(), account.email, demo::PASSWORD);
        self.log_in(&mut actor).await;
        actor
    }

    async fn log_in(&self, actor: &mut Actor) {
        actor.log_in().await.data(200);
        self.keep_secret([actor.access_token.clone().unwrap(), actor.refresh_token.clone().unwrap()]);
    }

    /// Something that no log may show.
    pub fn keep_secret(&self, secrets: impl IntoIterator<Item = String>) {
        self.secrets.lock().unwrap().extend(secrets);
    }

    /// The token in the link of an actor's latest verification mail.
    pub async fn verification_token(&self, actor: &Actor) -> String {
        let mail = self.mail(&actor.email, "Confirm your e-mail address").await;
        let text = mail.text.unwrap();
        let (_, rest) = text.split_once("/auth/verify-email/").unwrap();
        let token: String = rest.chars().take_while(|c| !c.is_whitespace()).collect();
        self.keep_secret([token.clone()]);
        token
    }

    /// The newest mail to an address whose subject contains a text; waits for it.
    #[track_caller]
    pub fn mail(&self, to: &str, subject: &str) -> impl Future<Output = Mail> {
        let (to, subject) = (to.to_owned(), subject.to_owned());
        async move {
            let begun = Instant::now();
            loop {
                let mails = self.mails(&to);
                if let Some(mail) = mails.iter().find(|mail| mail.subject.contains(&subject)) {
                    return mail.clone();
                }
                let subjects: Vec<_> = mails.into_iter().map(|mail| mail.subject).collect();
                assert!(begun.elapsed() < PATIENCE, "no mail {subject:?} to {to}, but {subjects:?}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// The mails to an address, newest first.
    pub fn mails(&self, to: &str) -> Vec<Mail> {
        self.stack.mailbox().mails().into_iter().filter(|mail| mail.went_to(to)).collect()
    }

    /// A DynamoDB client of the stack's tables.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        chairbook_platform::aws::local_dynamodb(&self.stack.dynamodb_url(), "us-east-1", "local")
    }

    /// The name of the table with this logical id.
    pub fn table_name(&self, logical_id: &str) -> &str {
        table(self.stack.system(), logical_id)
    }

    /// Writes rows of the catalog, each as a whole.
    pub async fn write_catalog(&self, rows: &[CatalogRow]) {
        write_catalog(&self.stack.store(), rows).await;
    }

    /// Puts an appointment that is to come four weeks back, into the past, with its cells, as if that time had gone by:
    /// to the same local time, even if the clocks have been changed meanwhile.
    pub async fn let_time_pass(&self, appointment: &Json) {
        let (store, now) = (self.stack.store(), clock::now());
        let id = appointment["id"].as_str().unwrap().parse().unwrap();
        let before = store.appointment(id).await.unwrap().unwrap();
        let local = before.starts_at.in_tz(&before.time_zone).unwrap();
        let shift = before.starts_at.duration_since((&local - 28.days()).timestamp());
        let earlier = |at: Timestamp| at - shift;
        let after = Appointment {
            date: before.date - 28.days(),
            starts_at: earlier(before.starts_at),
            ends_at: earlier(before.ends_at),
            blocked_until: earlier(before.blocked_until),
            version: before.version + 1,
            reschedules: before.reschedules + 1,
            ..before.clone()
        };
        let event = Event::new(
            EventId::new(now, random::bytes()),
            EventData::AppointmentRescheduled { appointment: (&after).into(), previous: (&before).into() },
            now,
            event::Actor::System,
            None,
            Subjects { appointment_id: Some(id), ..Subjects::default() },
        );
        let outcome = store.reschedule(&before, &after, &event, now, |_| None, || {}).await.unwrap();
        assert_eq!(outcome, RescheduleOutcome::Rescheduled);
    }

    /// Every item of a table, by its logical id.
    pub async fn items(&self, table: &str) -> Vec<checker::Item> {
        items(self.stack.system(), &self.dynamodb(), table).await
    }

    /// Changes a row as nobody does through the API: by an update expression with the value `:wrong`, or, without one,
    /// by deleting it.
    pub async fn tamper(&self, table: &str, (pk, sk): (&str, &str), wrong: Option<(&str, AttributeValue)>) {
        let (client, table) = (self.dynamodb(), self.table_name(table));
        let key = |text: &str| AttributeValue::S(text.to_owned());
        if let Some((expression, wrong)) = wrong {
            let update = client.update_item().table_name(table).key("pk", key(pk)).key("sk", key(sk));
            let update = update.update_expression(expression).expression_attribute_values(":wrong", wrong);
            update.send().await.unwrap();
        } else {
            let delete = client.delete_item().table_name(table).key("pk", key(pk)).key("sk", key(sk));
            delete.send().await.unwrap();
        }
    }

    /// Every row of every table but of that which counts requests, as text.
    pub async fn rows(&self) -> BTreeSet<String> {
        let mut rows = BTreeSet::new();
        for table in ["UsersTable", "CatalogTable", "AppointmentsTable", "TodosTable", "EventsTable"] {
            rows.extend(self.items(table).await.iter().map(checker::item_in_order));
        }
        rows
    }

    /// Checks that every row is as it was `before`.
    pub async fn check_unchanged(&self, before: &BTreeSet<String>) {
        let after = self.rows().await;
        let changed: Vec<_> = before.symmetric_difference(&after).collect();
        assert!(changed.is_empty(), "{changed:#?}");
    }

    /// Puts rows into a table, by its logical id, as they are.
    pub async fn put_items(&self, table: &str, rows: impl IntoIterator<Item = checker::Item>) {
        let (client, name) = (self.dynamodb(), self.table_name(table));
        stream::iter(rows)
            .map(|row| client.put_item().table_name(name).set_item(Some(row)).send())
            .buffer_unordered(PUTS_AT_ONCE)
            .for_each(async |written| drop(written.unwrap()))
            .await;
    }

    /// Makes the last attempt to log in with an address one that was so long ago.
    pub async fn last_attempted(&self, email: &str, ago: SignedDuration) {
        let at = clock::now() - ago;
        self.dynamodb()
            .update_item()
            .table_name(self.table_name("UsersTable"))
            .key("pk", AttributeValue::S(format!("EMAIL#{email}")))
            .key("sk", AttributeValue::S("CREDENTIALS".to_owned()))
            .update_expression("SET attempted_at = :at")
            .condition_expression("attribute_exists(failures)")
            .expression_attribute_values(":at", AttributeValue::N(at.as_millisecond().to_string()))
            .send()
            .await
            .unwrap();
    }

    /// Makes an appointment, by its id, one that was booked and last changed 30 days ago.
    pub async fn booked_long_ago(&self, appointment: &str) {
        let then = clock::now() - SignedDuration::from_hours(30 * 24);
        let then = AttributeValue::S(then.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
        self.dynamodb()
            .update_item()
            .table_name(self.table_name("AppointmentsTable"))
            .key("pk", AttributeValue::S(format!("APT#{appointment}")))
            .key("sk", AttributeValue::S("APT".to_owned()))
            .update_expression("SET created_at = :then, updated_at = :then")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":then", then)
            .send()
            .await
            .unwrap();
    }

    /// Makes faults happen next, in the place of those that were still to happen.
    pub fn plan_faults(&self, plan: &serde_json::Value) {
        self.stack.faults().set(FaultPlan::parse(plan.to_string().as_bytes()).unwrap());
    }

    /// Checks that all faults of DynamoDB have happened that were planned.
    pub fn check_faults_happened(&self) {
        assert_eq!(self.stack.faults().plan().dynamo_db, [], "these have not happened");
    }

    /// Invokes a function by the Invoke API.
    pub async fn invoke(&self, function: &str, payload: serde_json::Value) -> serde_json::Value {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.stack.url());
        let response = reqwest::Client::new().post(url).json(&payload).send().await.unwrap();
        assert!(response.status().is_success(), "{function}: {}", response.status());
        assert_eq!(response.headers().get("x-amz-function-error"), None, "{function} failed");
        response.json().await.unwrap()
    }

    /// Runs the reminders; the counts of one kind, none of which may have failed.
    pub async fn remind(&self, kind: &str) -> serde_json::Value {
        let counts = self.invoke("RemindersFunction", serde_json::json!({})).await;
        assert_eq!(counts[kind]["failed"], 0, "{counts}");
        counts[kind].clone()
    }

    /// The access log's lines of the invocations since this was last asked; waits until there are `count` for the
    /// method and route.
    pub async fn access_logs(&self, method: &str, route: &str, count: usize) -> Vec<AccessLog> {
        let begun = Instant::now();
        let mut found = Vec::new();
        loop {
            while let Ok(record) = self.invocations.lock().unwrap().try_recv() {
                found.extend(record.access.filter(|access| access.method == method && access.route == route));
            }
            if found.len() >= count {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "{} of {count} lines for {method} {route}", found.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until every event has reached its end and has been counted, and no message is left.
    pub async fn settle(&self) {
        self.settle_within(PATIENCE).await;
    }

    /// The same, for as long as a test knows that it may take.
    pub async fn settle_within(&self, patience: Duration) {
        let begun = Instant::now();
        loop {
            let open = self.open_deliveries().await;
            let queue = self.queue_counts("NotificationsQueue").await;
            let handled = self.stack.streams_are_handled().await.unwrap();
            if open.is_empty() && queue == (0, 0, 0) && handled {
                return;
            }
            assert!(
                begun.elapsed() < patience,
                "not at rest: queue {queue:?}, events {open:?}, stream handled: {handled}"
            );
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    async fn open_deliveries(&self) -> Vec<String> {
        let items = self.items("EventsTable").await;
        let text = |item: &checker::Item, name: &str| {
            item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
        };
        items
            .iter()
            .filter(|item| matches!(text(item, "delivery").as_str(), "pending" | "sending"))
            .map(|item| text(item, "type"))
            .collect()
    }

    /// Visible, in flight and delayed messages of a queue, by its logical id.
    pub async fn queue_counts(&self, logical_id: &str) -> (u64, u64, u64) {
        let queue = self.stack.system().queues.iter().find(|queue| queue.logical_id == logical_id).unwrap();
        let counts = self.stack.sqs().counts(&queue.arn).await.unwrap();
        (counts.visible, counts.in_flight, counts.delayed)
    }

    /// Ends the test: everything must have come to rest, and nothing may have gone wrong on the way.
    pub async fn finish(self) {
        self.finish_with(Permitted::default()).await;
    }

    /// The same, where DynamoDB had faults that made requests be answered with 503.
    pub async fn finish_with_refused_requests(self) {
        self.finish_with(Permitted { failed_requests: true, ..Permitted::default() }).await;
    }

    /// The same, but for what is permitted.
    pub async fn finish_with(self, permitted: Permitted) {
        self.settle().await;
        for queue in ["NotificationsDeadLetterQueue", "StatisticsDeadLetterQueue"] {
            assert_eq!(self.queue_counts(queue).await, (0, 0, 0), "dead letters in {queue}");
        }
        let (events, appointments) = (self.items("EventsTable").await, self.items("AppointmentsTable").await);
        checker::check_appointments(&appointments);
        statistics::check(&appointments, &events);
        let is_failed =
            |event: &checker::Item| event.get("delivery") == Some(&AttributeValue::S("failed".to_owned()));
        let failed: Vec<_> = events.into_iter().filter(is_failed).collect();
        assert_eq!(failed.len(), permitted.failed_deliveries, "{failed:?}");
        if !permitted.failed_requests {
            self.check_requests();
        }
        self.check_logs();
        self.stack.shutdown().await;
    }

    fn check_requests(&self) {
        let mut requests = self.requests.lock().unwrap();
        loop {
            match requests.try_recv() {
                // Where DynamoDB has faults, a request may be told to come again later.
                Ok(access) if access.status == 503 && self.stack.faults().dynamodb().is_some() => {}
                Ok(access) => assert!(access.status < 500, "a request was answered {access:?}"),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    /// Secrets and e-mail addresses never reach a log.
    fn check_logs(&self) {
        let secrets = self.secrets.lock().unwrap();
        let mut read = 0;
        for entry in std::fs::read_dir(self.stack.data_directory().join("logs")).unwrap() {
            let path = entry.unwrap().path();
            let log = std::fs::read_to_string(&path).unwrap();
            read += log.len();
            for secret in secrets.iter() {
                assert!(!log.contains(secret.as_str()), "{} shows a secret", path.display());
            }
        }
        assert!(read > 0, "the functions have logged nothing");
    }
}
