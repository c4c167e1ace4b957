//! What the clients of a walk did, and what they were told.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chairbook_models::catalog::PayNow;
use chairbook_models::event::EventType;
use chairbook_models::ids::{AppointmentId, UserId};
use chairbook_tests::Json;
use jiff::Timestamp;

/// An appointment as an answer showed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub id: AppointmentId,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// All of it.
    pub json: Json,
}

impl Shown {
    /// Reads `data.appointment`.
    pub fn of(data: &Json) -> Self {
        let json = &data["appointment"];
        let text = |name: &str| json[name].as_str().unwrap();
        Self {
            id: text("id").parse().unwrap(),
            created_at: text("createdAt").parse().unwrap(),
            updated_at: text("updatedAt").parse().unwrap(),
            json: json.clone(),
        }
    }

    /// Returns a text of it; nothing where it is `null`.
    pub fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or("")
    }
}

/// A booking that somebody asked for, once or several times with one idempotency key.
#[derive(Debug, Clone)]
pub struct Order {
    /// Who asked for it.
    pub by: UserId,
    /// Whose appointment it is.
    pub customer: UserId,
    /// What was answered; nothing if that is not known.
    pub made: Option<Shown>,
}

/// A change that somebody asked for.
#[derive(Debug, Clone)]
pub struct Change {
    pub id: AppointmentId,
    pub kind: EventType,
    pub by: UserId,
    /// What was answered; nothing if that is not known.
    pub done: Option<Shown>,
}

/// What the salon's settings say, from some moment while it was written on.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    pub pay_now: PayNow,
    pub begun: Instant,
    pub ended: Instant,
}

/// Processes that were killed: so many of one program.
#[derive(Debug, Clone)]
pub struct Kill {
    pub program: String,
    pub processes: usize,
    pub begun: Instant,
    pub ended: Instant,
}

/// A request that nobody knows what became of.
#[derive(Debug, Clone)]
pub struct Failure {
    pub what: String,
    /// Whether there was an answer: one of 5xx.
    pub was_answered: bool,
    pub sent: Instant,
    pub ended: Instant,
}

/// How long after a kill its traces are seen: the dead process is noticed, and the invocation that waited for its
/// start fails.
const AFTERMATH: Duration = Duration::from_secs(2);

impl Kill {
    fn explains(&self, failure: &Failure) -> bool {
        self.begun <= failure.ended && failure.sent <= self.ended + AFTERMATH
    }
}

/// How many appointments clients think of; then they forget those that are long over.
const REMEMBERED: usize = 2_000;

/// Everything that is remembered of a walk.
#[derive(Debug, Default)]
pub struct Record {
    pub orders: Vec<Order>,
    pub changes: Vec<Change>,
    /// Who could say that they pay at once, the oldest first.
    pub settings: Vec<Setting>,
    pub kills: Vec<Kill>,
    pub failures: Vec<Failure>,
    /// How often each thing happened.
    pub counts: BTreeMap<String, usize>,
    /// What should not have happened.
    pub problems: Vec<String>,
    /// The latest that is known of the appointments that clients may think of, in the order in which they were booked.
    pub known: Vec<Shown>,
}

/// What a walk must have seen: one in which something never happened shows nothing about it.
const WANTED: [&str; 18] = [
    "book: 201",
    "book: slot_taken",
    "book more than allowed: too_many_open_reservations",
    "book: payment_required_at_salon",
    "book what is offered: 201",
    "repeat: 201",
    "use a key again: idempotency_key_reused",
    "book all at once: 201",
    "move: 200",
    "move: slot_taken",
    "cancel: 200",
    "desk: book: 201",
    "desk: pay: 200",
    "desk: verify: 200",
    "desk: move: 200",
    "desk: cancel: 200",
    "request: failed",
    "expiry: reservations ended",
];

/// Whose processes a walk must have killed.
const VICTIMS: [&str; 3] = [SERVER, "email", "relay"];

/// The program that serves every request of a walk.
const SERVER: &str = "appointments";

/// The stack itself, as a program that is killed.
pub const STACK: &str = "the stack";

impl Record {
    pub fn count(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    pub fn see(&mut self, shown: &Shown) {
        match self.known.iter_mut().rev().find(|known| known.id == shown.id) {
            Some(known) if known.updated_at <= shown.updated_at => *known = shown.clone(),
            Some(_) => {}
            None => self.known.push(shown.clone()),
        }
        if self.known.len() > REMEMBERED {
            let mut place = 0;
            self.known.retain(|known| {
                place += 1;
                place > REMEMBERED / 2 || matches!(known.text("status"), "reserved" | "confirmed")
            });
        }
    }

    /// Whether a setting can have been in force at some moment between two.
    pub fn can_have_been(&self, pay_now: PayNow, from: Instant, until: Instant) -> bool {
        let ends = self.settings.iter().skip(1).map(|next| Some(next.ended)).chain([None]);
        self.settings.iter().zip(ends).any(|(setting, end)| {
            setting.pay_now == pay_now && setting.begun <= until && end.is_none_or(|end| from <= end)
        })
    }

    /// Processes of a program that were killed.
    pub fn killed(&self, program: &str) -> usize {
        self.kills.iter().filter(|kill| kill.program == program).map(|kill| kill.processes).sum()
    }

    /// What has not happened yet.
    pub fn missing(&self) -> Vec<&'static str> {
        let unseen = WANTED.into_iter().filter(|what| !self.counts.contains_key(*what));
        unseen.chain(VICTIMS.into_iter().filter(|program| self.killed(program) == 0)).collect()
    }

    /// Failures that no kill explains: each killed process fails one request at most, each killed stack those that
    /// were on their way.
    pub fn unexplained_failures(&self) -> Vec<String> {
        let is_explained = |failure: &Failure| {
            let program = if failure.was_answered { SERVER } else { STACK };
            self.kills.iter().any(|kill| kill.program == program && kill.explains(failure))
        };
        let unexplained = self.failures.iter().filter(|failure| !is_explained(failure));
        let mut problems: Vec<_> =
            unexplained.map(|failure| format!("nothing explains {}", failure.what)).collect();
        let answered = self.failures.iter().filter(|failure| failure.was_answered).count();
        let killed = self.killed(SERVER);
        if answered > killed {
            problems.push(format!("{answered} requests failed, but only {killed} processes were killed"));
        }
        problems
    }
}

/// A record that all share.
#[derive(Debug, Default)]
pub struct Shared(Mutex<Record>);

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
