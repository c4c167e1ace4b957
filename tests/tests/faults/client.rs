//! Who takes part in a walk: customers and the front desk, each of whom does one thing after the other, as their own
//! random numbers say.

use std::time::{Duration, Instant};

use chairbook_models::catalog::PayNow;
use chairbook_models::event::EventType;
use chairbook_models::ids::UserId;
use chairbook_platform::clock;
use chairbook_tests::open_salon::{ADD_ONS, GRID, SERVICES, Wish, clock_time, expert, minute};
use chairbook_tests::{Actor, Answer};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use proptest::prelude::RngExt as _;
use proptest::test_runner::TestRng;
use reqwest::Method;
use serde_json::{Value, json};

use crate::record::{Change, Order, Shown};
use crate::stage::{MAX_OPEN, Stage};

/// Appointments are made for so many dates, from the day after tomorrow on.
pub const DATES: i32 = 2;

/// How far from midnight UTC most appointments begin at most, minutes: they crowd where days meet.
const AROUND_MIDNIGHT: u32 = 4 * 60;

/// How many of their appointments customers keep before they cancel others.
const KEPT: usize = 8;

const DAY: u32 = 24 * 60;

/// How a booking may be answered. Who wants to begin soon may be too late.
const BOOKED_OR_NOT: [&str; 5] =
    ["201", "slot_taken", "in_the_past", "too_many_open_reservations", "payment_required_at_salon"];

/// What a booking was answered, and when.
struct Answered {
    answer: Option<Answer>,
    sent: Instant,
    ended: Instant,
}

/// A booking with its idempotency key, which can be repeated.
struct Repeatable {
    key: String,
    request: Value,
    made: Shown,
}

/// Whether it was confirmed, or is, on its customer's word.
fn is_said_to_be_paid(shown: &Shown) -> bool {
    shown.json["payment"].get("method").is_some_and(|method| *method == "unverified")
}

fn is_unverified(shown: &Shown) -> bool {
    shown.text("status") == "confirmed" && is_said_to_be_paid(shown)
}

fn is_held(shown: &Shown, now: Timestamp) -> bool {
    shown.text("status") == "reserved"
        && shown.text("expiresAt").parse().is_ok_and(|until: Timestamp| until > now)
}

/// Somebody who does one thing after the other.
pub struct Client<'s> {
    stage: &'s Stage,
    actor: &'s Actor,
    user: UserId,
    random: TestRng,
    /// What tells their keys from those of others.
    name: String,
    bookings: usize,
    repeatable: Vec<Repeatable>,
}

impl<'s> Client<'s> {
    pub fn new(stage: &'s Stage, actor: &'s Actor, name: String, random: TestRng) -> Self {
        let user = actor.user_id.parse().unwrap();
        Self { stage, actor, user, random, name, bookings: 0, repeatable: Vec::new() }
    }

    /// Does what a customer does, while the walk goes on.
    pub async fn be_a_customer(mut self) {
        while self.stage.goes_on() {
            match self.random.random_range(0..100) {
                0..38 => self.book().await,
                38..42 => self.book_more_than_allowed().await,
                42..46 => self.book_what_is_offered().await,
                46..52 => self.repeat().await,
                52..55 => self.reuse_key().await,
                55..58 => self.book_all_at_once().await,
                58..80 => self.move_one_of(Some(self.user)).await,
                80..82 => self.move_twice_at_once().await,
                _ => self.cancel_one_of(Some(self.user)).await,
            }
            if self.active().len() > KEPT {
                self.cancel_one_of(Some(self.user)).await;
            }
            let pause = self.random.random_range(0..30);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Does what the front desk does, likewise.
    pub async fn be_the_front_desk(mut self) {
        while self.stage.goes_on() {
            match self.random.random_range(0..100) {
                0..12 => self.book_for_another().await,
                12..40 => self.pay().await,
                40..65 => self.move_one_of(None).await,
                65..80 => self.cancel_one_of(None).await,
                80..90 => self.close().await,
                _ => self.look_at_a_day().await,
            }
            let pause = self.random.random_range(0..30);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    fn date(&mut self) -> Date {
        self.stage.date(2 + self.random.random_range(0..DATES))
    }

    /// The local minute of the day at which a UTC day begins on a date.
    fn utc_midnight(&self, date: Date) -> u32 {
        let midnight = date.to_zoned(TimeZone::UTC).unwrap().with_time_zone(self.stage.zone());
        u32::from(midnight.hour().unsigned_abs()) * 60 + u32::from(midnight.minute().unsigned_abs())
    }

    fn wish(&mut self, date: Date) -> Wish {
        let random = &mut self.random;
        let service = random.random_range(0..u8::try_from(SERVICES.len()).unwrap());
        let add_ons =
            (0..u8::try_from(ADD_ONS.len()).unwrap()).filter(|_| random.random_bool(0.25)).collect();
        let minutes = if random.random_bool(0.85) { AROUND_MIDNIGHT } else { DAY / 2 };
        let offset = random.random_range(0..2 * minutes / GRID) * GRID;
        let start = (self.utc_midnight(date) / GRID * GRID + DAY + offset - minutes) % DAY;
        // Clocks that go forward leave out an hour.
        let start = if self.stage.leaves_out(date, start) { start + 60 } else { start };
        Wish { service, add_ons, start }
    }

    fn request(&mut self) -> Value {
        let date = self.date();
        let wish = self.wish(date);
        let whom = self.random.random_range(0..self.stage.salon.experts + 1);
        let whom = (whom < self.stage.salon.experts).then(|| expert(whom));
        let mut request = wish.request(date, whom);
        request["payNow"] = json!(self.random.random_bool(0.4));
        if self.random.random_bool(0.04) {
            self.begin_soon(&mut request);
        }
        request
    }

    /// Lets a booking begin at the next moment that the grid has.
    fn begin_soon(&self, request: &mut Value) {
        let grid = i64::from(GRID) * 60;
        let soon = Timestamp::from_second((clock::now().as_second() / grid + 1) * grid).unwrap();
        let soon = soon.to_zoned(self.stage.zone());
        request["date"] = json!(soon.date());
        request["time"] = json!(soon.strftime("%H:%M").to_string());
    }

    fn key(&mut self) -> String {
        self.bookings += 1;
        format!("{} {}", self.name, self.bookings)
    }

    /// Keeps an answer's status and code, and complains of those that may not be.
    fn note(&self, what: &str, answer: &Answer, allowed: &[&str]) {
        let outcome = if answer.status.is_success() {
            answer.status.as_str().to_owned()
        } else {
            answer.json()["error"]["code"].as_str().unwrap_or("no code").to_owned()
        };
        let mut record = self.stage.record.lock();
        if !allowed.contains(&outcome.as_str()) {
            record.problems.push(format!("{what}: {} answered {}", answer.asked, answer.text));
        }
        record.count(format!("{what}: {outcome}"));
    }

    fn complain(&self, problem: String) {
        self.stage.record.lock().problems.push(problem);
    }

    async fn send_order(&self, request: &Value, key: Option<&str>) -> Answered {
        let sent = Instant::now();
        let ask = |actor: &Actor| {
            let asked = actor.request(Method::POST, "/appointments").json(request);
            match key {
                Some(key) => asked.header("Idempotency-Key", key),
                None => asked,
            }
        };
        let answer = match key {
            Some(_) => Some(self.stage.insist(self.actor, ask).await),
            None => self.stage.ask(self.actor, ask).await,
        };
        Answered { answer, sent, ended: Instant::now() }
    }

    /// Complains of a booking that was made or refused against the salon's settings, or that says of its payment what
    /// was not said.
    fn check_payment(&self, answered: &Answered, request: &Value) {
        let Some(answer) = &answered.answer else { return };
        let is_desk = self.user.to_string() == self.stage.desk.user_id;
        let said = request["payNow"] == json!(true);
        let is_refused = answer.status == 403;
        if is_refused || (answer.status == 201 && said && !is_desk) {
            let pay_now = if is_refused { PayNow::Staff } else { PayNow::Anyone };
            let can_be = self.stage.record.lock().can_have_been(pay_now, answered.sent, answered.ended);
            if !can_be || (is_refused && (is_desk || !said)) {
                self.complain(format!("{request} was answered {} against the settings", answer.text));
            }
        }
        // A repeat may show what has become of it since.
        if answer.status == 201 && answer.header("idempotency-replayed").is_empty() {
            let payment = &answer.data(201)["appointment"]["payment"];
            let expected = match (said, is_desk) {
                (false, _) => None,
                (true, false) => Some(json!("unverified")),
                (true, true) => Some(json!("other")),
            };
            let is_expected = match expected {
                None => payment.is_null(),
                Some(method) => payment["method"] == method,
            };
            if !is_expected {
                self.complain(format!("{request} was asked for, {} was booked", answer.text));
            }
        }
    }

    /// Keeps what a booking was answered; says what was made.
    fn note_order(&self, what: &str, answered: &Answered, request: &Value) -> Option<Shown> {
        self.check_payment(answered, request);
        let Some(answer) = &answered.answer else {
            self.stage.record.lock().orders.push(self.order(request, None));
            return None;
        };
        self.note(what, answer, &BOOKED_OR_NOT);
        if answer.status != 201 {
            return None;
        }
        let made = Shown::of(&answer.data(201));
        let is_asked = |name: &str| request[name].is_null() || request[name] == made.json[name];
        if !["serviceId", "date", "time", "expertId", "userId"].iter().all(|name| is_asked(name)) {
            self.complain(format!("{request} was asked for, {} was booked", made.json));
        }
        let mut record = self.stage.record.lock();
        record.see(&made);
        record.orders.push(self.order(request, Some(&made)));
        Some(made)
    }

    fn order(&self, request: &Value, made: Option<&Shown>) -> Order {
        let customer = request["userId"].as_str().map_or(self.user, |id| id.parse().unwrap());
        Order { by: self.user, customer, made: made.cloned() }
    }

    async fn book(&mut self) {
        let request = self.request();
        let key = self.random.random_bool(0.85).then(|| self.key());
        let answer = self.send_order(&request, key.as_deref()).await;
        let made = self.note_order("book", &answer, &request);
        if let (Some(key), Some(made)) = (key, made) {
            self.repeatable.push(Repeatable { key, request, made });
        }
    }

    /// More bookings at once than somebody may have open, all of them said to be paid.
    async fn book_more_than_allowed(&mut self) {
        let mut orders = Vec::new();
        for _ in 0..=MAX_OPEN {
            let mut request = self.request();
            request["payNow"] = json!(true);
            orders.push((request, self.key()));
        }
        let sent = orders.iter().map(|(request, key)| self.send_order(request, Some(key)));
        let answers = futures_util::future::join_all(sent).await;
        for (answer, (request, _)) in answers.iter().zip(&orders) {
            self.note_order("book more than allowed", answer, request);
        }
    }

    async fn book_for_another(&mut self) {
        let customers = &self.stage.customers;
        let customer = &customers[self.random.random_range(0..customers.len())];
        let mut request = self.request();
        request["userId"] = json!(customer.user_id);
        let key = self.key();
        let answer = self.send_order(&request, Some(&key)).await;
        self.note_order("desk: book", &answer, &request);
    }

    async fn book_what_is_offered(&mut self) {
        let request = self.request();
        let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        let (service, date) = (text("serviceId"), text("date"));
        let path = format!("/availability?serviceId={service}&from={date}&to={date}");
        let answer = self.stage.insist(self.actor, |actor| actor.request(Method::GET, &path)).await;
        self.note("look for a time", &answer, &["200"]);
        let offered = answer.data(200)["days"][0]["slots"].as_array().cloned().unwrap_or_default();
        if offered.is_empty() {
            return;
        }
        let slot = &offered[self.random.random_range(0..offered.len())];
        let experts = slot["expertIds"].as_array().unwrap();
        let whom = &experts[self.random.random_range(0..experts.len())];
        let request = json!({
            "serviceId": service, "date": date, "time": slot["time"], "expertId": whom, "payNow": request["payNow"],
        });
        let key = self.key();
        let answer = self.send_order(&request, Some(&key)).await;
        self.note_order("book what is offered", &answer, &request);
    }

    /// The same booking once more: the same answer.
    async fn repeat(&mut self) {
        if self.repeatable.is_empty() {
            return;
        }
        let one = &self.repeatable[self.random.random_range(0..self.repeatable.len())];
        let answer = self.send_order(&one.request, Some(&one.key)).await.answer.unwrap();
        self.note("repeat", &answer, &["201"]);
        if answer.status != 201 {
            return;
        }
        let again = Shown::of(&answer.data(201));
        if again.id != one.made.id || answer.header("idempotency-replayed") != "true" {
            self.complain(format!("{} was booked, its repeat gave {}", one.made.id, answer.text));
        }
    }

    /// Another booking with a key that is used up.
    async fn reuse_key(&mut self) {
        if self.repeatable.is_empty() {
            return;
        }
        let place = self.random.random_range(0..self.repeatable.len());
        let mut request = self.request();
        request["notes"] = json!("Something else.");
        let key = &self.repeatable[place].key;
        let answer = self.send_order(&request, Some(key)).await.answer.unwrap();
        self.note("use a key again", &answer, &["idempotency_key_reused"]);
    }

    /// One booking, sent several times at the same moment.
    async fn book_all_at_once(&mut self) {
        let request = self.request();
        let key = self.key();
        let answers =
            futures_util::future::join_all((0..6).map(|_| self.send_order(&request, Some(&key)))).await;
        let mut made: Vec<Shown> = Vec::new();
        for answered in &answers {
            self.check_payment(answered, &request);
            let Some(answer) = &answered.answer else { continue };
            self.note("book all at once", answer, &BOOKED_OR_NOT);
            if answer.status == 201 {
                made.push(Shown::of(&answer.data(201)));
            }
        }
        let Some(first) = made.first() else { return };
        if made.iter().any(|other| other.id != first.id) {
            self.complain(format!("one key, several appointments: {made:?}"));
        }
        let mut record = self.stage.record.lock();
        record.see(first);
        record.orders.push(self.order(&request, Some(first)));
    }

    /// The latest that is known of an appointment of somebody's, or of anybody's; most often of a late one.
    fn any_of(&mut self, user: Option<UserId>) -> Option<Shown> {
        let record = self.stage.record.lock();
        let of_user = |shown: &&Shown| user.is_none_or(|user| shown.text("userId") == user.to_string());
        let late = if self.random.random_bool(0.8) { 12 } else { usize::MAX };
        let found: Vec<_> = record.known.iter().rev().filter(of_user).take(late).collect();
        (!found.is_empty()).then(|| found[self.random.random_range(0..found.len())].clone())
    }

    fn active(&self) -> Vec<Shown> {
        let (record, user) = (self.stage.record.lock(), self.user.to_string());
        let now = clock::now();
        let is_active = |shown: &&Shown| {
            shown.text("userId") == user && (shown.text("status") == "confirmed" || is_held(shown, now))
        };
        record.known.iter().filter(is_active).cloned().collect()
    }

    /// Keeps what a change of an appointment was answered.
    fn note_change(
        &self,
        what: &str,
        shown: &Shown,
        kind: EventType,
        answer: Option<&Answer>,
        refusals: &[&str],
    ) {
        let mut done = None;
        if let Some(answer) = answer {
            self.note(
                what,
                answer,
                &[&["200", "invalid_transition", "changed_meanwhile"], refusals].concat(),
            );
            if answer.status != 200 {
                return;
            }
            let after = Shown::of(&answer.data(200));
            self.stage.record.lock().see(&after);
            done = Some(after);
        }
        self.stage.record.lock().changes.push(Change { id: shown.id, kind, by: self.user, done });
    }

    async fn cancel_one_of(&mut self, user: Option<UserId>) {
        let active = if user.is_some() { self.active() } else { Vec::new() };
        let found = match active.len() {
            0 => self.any_of(user),
            count => Some(active[self.random.random_range(0..count)].clone()),
        };
        let Some(shown) = found else { return };
        let path = format!("/appointments/{}/cancel", shown.id);
        let answer = self.stage.ask(self.actor, |actor| actor.request(Method::DELETE, &path)).await;
        let what = if user.is_some() { "cancel" } else { "desk: cancel" };
        self.note_change(
            what,
            &shown,
            EventType::AppointmentCancelled,
            answer.as_ref(),
            &["cancellation_window_closed"],
        );
    }

    /// Somewhere else for an appointment: a little later or earlier, another day, another expert.
    fn elsewhere(&mut self, shown: &Shown) -> Value {
        let date: Date = shown.text("date").parse().unwrap();
        let start = minute(shown.text("time"));
        let mut request = json!({"date": date, "time": clock_time(start)});
        match self.random.random_range(0..10) {
            // Into its own cells, in part.
            0..5 => {
                let shift = self.random.random_range(1..=12) * GRID;
                let shift = if self.random.random_bool(0.5) { shift } else { DAY - shift };
                request["time"] = json!(clock_time((start + shift) % DAY));
            }
            5..7 => {
                let date = self.date();
                let wish = self.wish(date);
                request = json!({"date": date, "time": clock_time(wish.start)});
            }
            7..9 => {
                let whom = self.random.random_range(0..self.stage.salon.experts);
                request["expertId"] = json!(expert(whom));
            }
            // Where it is, if nobody has moved it.
            _ => {}
        }
        request
    }

    async fn send_move(&self, shown: &Shown, request: &Value) -> Option<Answer> {
        let path = format!("/appointments/{}/reschedule", shown.id);
        self.stage.ask(self.actor, |actor| actor.request(Method::PUT, &path).json(request)).await
    }

    fn note_move(&self, what: &str, shown: &Shown, answer: Option<&Answer>) {
        let refusals = ["slot_taken", "in_the_past", "cancellation_window_closed"];
        self.note_change(what, shown, EventType::AppointmentRescheduled, answer, &refusals);
    }

    async fn move_one_of(&mut self, user: Option<UserId>) {
        let active = if user.is_some() && self.random.random_bool(0.5) { self.active() } else { Vec::new() };
        let found = match active.len() {
            0 => self.any_of(user),
            count => Some(active[self.random.random_range(0..count)].clone()),
        };
        let Some(shown) = found else { return };
        let request = self.elsewhere(&shown);
        let answer = self.send_move(&shown, &request).await;
        self.note_move(if user.is_some() { "move" } else { "desk: move" }, &shown, answer.as_ref());
    }

    async fn move_twice_at_once(&mut self) {
        let Some(shown) = self.any_of(Some(self.user)) else { return };
        let (here, there) = (self.elsewhere(&shown), self.elsewhere(&shown));
        let (one, other) = futures_util::join!(self.send_move(&shown, &here), self.send_move(&shown, &there));
        for answer in [one, other] {
            self.note_move("move twice at once", &shown, answer.as_ref());
        }
    }

    /// One of the appointments that are known to be like this.
    fn one_like(&mut self, is_like: impl Fn(&Shown) -> bool) -> Option<Shown> {
        let record = self.stage.record.lock();
        let found: Vec<_> = record.known.iter().filter(|shown| is_like(shown)).collect();
        (!found.is_empty()).then(|| found[self.random.random_range(0..found.len())].clone())
    }

    async fn pay(&mut self) {
        let now = clock::now();
        let wanted = match self.random.random_range(0..5) {
            0..2 => self.one_like(is_unverified),
            2..4 => self.one_like(|shown| is_held(shown, now)),
            _ => None,
        };
        let Some(shown) = wanted.or_else(|| self.any_of(None)) else { return };
        let path = format!("/appointments/{}/pay", shown.id);
        let body = json!({"method": "card"});
        let ask = |actor: &Actor| actor.request(Method::PUT, &path).json(&body);
        let answer = self.stage.ask(self.actor, ask).await;
        // Whose customer has said that they pay stands already, and is only verified; any other is a reservation.
        let (what, kind, message) = if is_said_to_be_paid(&shown) {
            ("desk: verify", EventType::AppointmentPaymentVerified, "The payment is verified.")
        } else {
            ("desk: pay", EventType::AppointmentConfirmed, "The appointment is paid for and confirmed.")
        };
        if let Some(answer) = answer.as_ref().filter(|answer| answer.status == 200)
            && answer.json()["message"] != message
        {
            self.complain(format!("{} was paid for, and answered {}", shown.json, answer.text));
        }
        self.note_change(what, &shown, kind, answer.as_ref(), &[]);
    }

    async fn close(&mut self) {
        let Some(shown) = self.any_of(None) else { return };
        let (status, kind) = if self.random.random_bool(0.5) {
            ("completed", EventType::AppointmentCompleted)
        } else {
            ("no_show", EventType::AppointmentNoShow)
        };
        let path = format!("/appointments/{}/status", shown.id);
        let body = json!({"status": status});
        let ask = |actor: &Actor| actor.request(Method::PUT, &path).json(&body);
        let answer = self.stage.ask(self.actor, ask).await;
        self.note_change("desk: close", &shown, kind, answer.as_ref(), &[]);
    }

    async fn look_at_a_day(&mut self) {
        let date = self.date();
        let path = format!("/appointments?from={date}&to={date}&limit=100");
        let answer = self.stage.insist(self.actor, |actor| actor.request(Method::GET, &path)).await;
        self.note("desk: look at a day", &answer, &["200"]);
        let data = answer.data(200);
        let starts: Vec<&str> =
            data["items"].as_array().unwrap().iter().map(|item| item["startsAt"].as_str().unwrap()).collect();
        if !starts.is_sorted() {
            self.complain(format!("a day out of order: {starts:?}"));
        }
    }
}
