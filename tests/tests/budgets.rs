//! The cost of requests, counted from the access log of a warm stack: DynamoDB calls one after the other, and write
//! units. Counted, not timed, so that a slow machine changes nothing.

use std::collections::BTreeMap;

use chairbook_local::runtime::AccessLog;
use chairbook_models::catalog::Settings;
use chairbook_models::user::Role;
use chairbook_store::CatalogRow;
use chairbook_tests::busy_salon::{day, days, expert, fill, hire};
use chairbook_tests::{Actor, Answer, Json, TestStack};
use jiff::ToSpan as _;
use jiff::civil::Date;
use reqwest::Method;
use serde_json::{Value, json};

const CUT: &str = "svc_00000000000000000000000001";
const CHILDRENS_CUT: &str = "svc_00000000000000000000000003";
const MAREK: &str = "exp_00000000000000000000000002";

const BOOK: (&str, &str) = ("POST", "/api/v1/appointments");

/// The write units of a booking at most, with its indexes, event and rate limit.
const BOOKING_WRITE_UNITS: f64 = 16.0;

/// The write units of a to-do at most, with its index, event and rate limit.
const TODO_WRITE_UNITS: f64 = 10.0;

/// A stack whose requests are measured one at a time.
struct Scale {
    stack: TestStack,
}

impl Scale {
    async fn new() -> Self {
        // One process per function: the first request of each reads the verification key and the catalog.
        let stack = TestStack::builder().without_rate_limit().max_concurrency(1);
        Self { stack: stack.start().await }
    }

    /// The access log's line of the one request that was just made to a route.
    async fn line(&self, (method, route): (&str, &str)) -> AccessLog {
        let mut lines = self.stack.access_logs(method, route, 1).await;
        assert_eq!(lines.len(), 1, "{method} {route} was called more than once");
        lines.pop().unwrap()
    }

    /// Makes a request and says what it cost.
    async fn cost(
        &self,
        actor: &Actor,
        route: (&str, &str),
        path: &str,
        body: Option<Value>,
    ) -> (Answer, AccessLog) {
        let request = actor.request(Method::from_bytes(route.0.as_bytes()).unwrap(), path);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = actor.send(request).await;
        (answer, self.line(route).await)
    }

    /// Counts the cost of a read once its function is warm.
    async fn warm_read(&self, actor: &Actor, route: &str, path: &str) -> AccessLog {
        for _ in 0..2 {
            self.cost(actor, ("GET", route), path, None).await.0.data(200);
        }
        self.cost(actor, ("GET", route), path, None).await.1
    }

    /// Books and says what it cost.
    async fn book(&self, actor: &Actor, request: Value) -> (Json, AccessLog) {
        let (answer, line) = self.cost(actor, BOOK, "/appointments", Some(request)).await;
        (answer.data(201)["appointment"].clone(), line)
    }
}

#[track_caller]
fn within(what: &str, line: &AccessLog, round_trips: u64, write_units: f64) {
    println!(
        "{what}: {} round trips, {} calls, {} write units, {} read units",
        line.dynamodb_round_trips, line.dynamodb_calls, line.write_units, line.read_units
    );
    assert_eq!(line.dynamodb_round_trips, round_trips, "{what}: {line:?}");
    assert!(line.write_units > 0.0 && line.write_units <= write_units, "{what}: {line:?}");
}

/// The free starts of a service by an expert, by date.
async fn free(actor: &Actor, service: &str, expert: &str) -> BTreeMap<String, Vec<String>> {
    let query = format!("serviceId={service}&expertId={expert}&from={}&to={}", day(2), day(15));
    let mut days: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (date, time, _) in actor.availability(&query).await {
        days.entry(date).or_default().push(time);
    }
    days
}

#[tokio::test]
async fn reading_one_thing() {
    let scale = Scale::new().await;
    let ada = scale.stack.customer().await;
    let (date, times) = free(&ada, CUT, MAREK).await.pop_first().unwrap();
    let request = json!({"serviceId": CUT, "expertId": MAREK, "date": date, "time": times[0]});
    let (appointment, _) = scale.book(&ada, request).await;
    let one = format!("/appointments/{}", appointment["id"].as_str().unwrap());
    let todo =
        ada.post("/todos", json!({"title": "Towels", "priority": "high", "dueAt": "2030-03-04T09:00:00Z"}));
    let todo = format!("/todos/{}", todo.await.data(201)["todo"]["id"].as_str().unwrap());
    for (route, path) in [
        ("/api/v1/appointments/{id}", one.as_str()),
        ("/api/v1/appointments/my", "/appointments/my"),
        ("/api/v1/services/{id}", "/services/svc_00000000000000000000000001"),
        ("/api/v1/services", "/services"),
        ("/api/v1/experts", "/experts"),
        ("/api/v1/notifications", "/notifications"),
        ("/api/v1/notifications/unread-count", "/notifications/unread-count"),
        ("/api/v1/notifications/preferences", "/notifications/preferences"),
        ("/api/v1/todos/{id}", todo.as_str()),
        ("/api/v1/todos", "/todos"),
        ("/api/v1/todos", "/todos?status=pending,in_progress&priority=high&dueFrom=2030-01-01T00:00:00Z"),
        ("/api/v1/todos", "/todos?order=created&status=pending&dueTo=2030-12-31T00:00:00Z"),
    ] {
        let line = scale.warm_read(&ada, route, path).await;
        within(path, &line, 1, 1.0);
    }
    scale.stack.finish().await;
}

#[tokio::test]
async fn adding_changing_and_deleting_to_dos() {
    let scale = Scale::new().await;
    let ada = scale.stack.customer().await;
    scale.warm_read(&ada, "/api/v1/todos", "/todos").await;
    // The longest title and a description, and a due time: whatever is kept of it, it is one row of a kilobyte.
    let todo = json!({
        "title": "t".repeat(200), "description": "d".repeat(300), "priority": "high", "status": "in_progress",
        "dueAt": "2030-03-04T09:00:00Z",
    });
    for number in 0..3 {
        let route = ("POST", "/api/v1/todos");
        let (answer, line) = scale.cost(&ada, route, "/todos", Some(todo.clone())).await;
        within(&format!("to-do {number}"), &line, 2, TODO_WRITE_UNITS);
        let path = format!("/todos/{}", answer.data(201)["todo"]["id"].as_str().unwrap());
        let mut other = todo.clone();
        other["dueAt"] = json!("2030-03-05T09:00:00Z");
        let (answer, line) = scale.cost(&ada, ("PUT", "/api/v1/todos/{id}"), &path, Some(other)).await;
        answer.data(200);
        within("changing it", &line, 2, TODO_WRITE_UNITS);
        let (status, route) = (json!({"status": "completed"}), ("PUT", "/api/v1/todos/{id}/status"));
        let (answer, line) = scale.cost(&ada, route, &format!("{path}/status"), Some(status)).await;
        answer.data(200);
        within("completing it", &line, 2, TODO_WRITE_UNITS + 1.0);
        let (answer, line) = scale.cost(&ada, ("DELETE", "/api/v1/todos/{id}"), &path, None).await;
        answer.data(200);
        within("deleting it", &line, 2, TODO_WRITE_UNITS);
    }
    scale.stack.finish().await;
}

#[tokio::test]
async fn booking_and_cancelling() {
    let scale = Scale::new().await;
    book_a_day_and_cancel(scale).await;
}

#[tokio::test]
async fn booking_and_cancelling_where_open_reservations_are_limited() {
    let scale = Scale::new().await;
    let catalog = scale.stack.stack.store().catalog().await.unwrap();
    let settings = Settings { max_open_reservations: Some(50), ..catalog.settings.clone() };
    scale.stack.write_catalog(&[CatalogRow::Settings(settings)]).await;
    book_a_day_and_cancel(scale).await;
}

async fn book_a_day_and_cancel(scale: Scale) {
    let ada = scale.stack.customer().await;
    let mut days = free(&ada, CHILDRENS_CUT, MAREK).await;

    // The day with the most to do: half an hour each, without a gap, all of them reservations.
    let fullest = days.values().map(Vec::len).max().unwrap();
    let date = days.iter().find(|(_, times)| times.len() == fullest).unwrap().0.clone();
    let times = days.remove(&date).unwrap();
    let minute = |time: &str| {
        let (hours, minutes) = time.split_once(':').unwrap();
        hours.parse::<u32>().unwrap() * 60 + minutes.parse::<u32>().unwrap()
    };
    let mut fitting: Vec<String> = Vec::new();
    for time in times {
        if fitting.last().is_none_or(|last| minute(&time) >= minute(last) + 30) {
            fitting.push(time);
        }
    }
    assert!(fitting.len() >= 14, "a full day: {fitting:?}");
    let request = |date: &str, time: &str, pay_now: bool| {
        json!({"serviceId": CHILDRENS_CUT, "expertId": MAREK, "date": date, "time": time, "payNow": pay_now,
               "notes": "x".repeat(100)})
    };
    let mut made = Vec::new();
    for (number, time) in fitting.iter().enumerate() {
        // Every other one is cheaper: an offer costs nothing beyond its place in the row.
        let code = (number % 2 == 1).then_some("WELCOME10");
        let mut request = request(&date, time, false);
        request["offerCode"] = json!(code);
        let (appointment, line) = scale.book(&ada, request).await;
        assert_eq!(appointment["totalPrice"], if code.is_some() { 2_160 } else { 2_400 });
        made.push(appointment);
        // The first request of a process reads the verification key and the catalog.
        if number > 0 {
            within(&format!("booking {number} of a day"), &line, 2, BOOKING_WRITE_UNITS);
        }
    }
    let (date, times) = days.pop_first().unwrap();
    let (paid, line) = scale.book(&ada, request(&date, &times[0], true)).await;
    within("booking, paid", &line, 2, BOOKING_WRITE_UNITS);

    // Two bookings side by side on one expert's day do not stand in each other's way.
    let (one, other) =
        tokio::join!(ada.book(request(&date, &times[4], false)), ada.book(request(&date, &times[8], true)));
    one.data(201);
    other.data(201);
    let pair = scale.stack.access_logs(BOOK.0, BOOK.1, 2).await;
    assert_eq!(pair.len(), 2);

    // Cancelled again, on the full day and on the other.
    for (what, appointment) in [("first", &made[0]), ("reserved", &made[7]), ("paid", &paid)] {
        let id = appointment["id"].as_str().unwrap();
        let route = ("DELETE", "/api/v1/appointments/{id}/cancel");
        let (answer, line) = scale.cost(&ada, route, &format!("/appointments/{id}/cancel"), None).await;
        answer.data(200);
        within(&format!("cancelling, {what}"), &line, 2, BOOKING_WRITE_UNITS);
    }

    // Anybody: one look at everybody's day, then the booking.
    for (number, (date, times)) in days.iter().take(3).enumerate() {
        let request = json!({"serviceId": CUT, "date": date, "time": times[0], "payNow": number % 2 == 0});
        let (_, line) = scale.book(&ada, request).await;
        within("booking, any expert", &line, 3, BOOKING_WRITE_UNITS);
    }
    scale.stack.finish().await;
}

/// A look at a month costs two round trips, whatever is booked; the calls and the read units stay within these.
#[track_caller]
fn look(what: &str, line: &AccessLog, calls: u64, read_units: f64) {
    within(what, line, 2, 1.0);
    assert!(line.dynamodb_calls <= calls && line.read_units <= read_units, "{what}: {line:?}");
}

#[tokio::test]
async fn availability_of_a_month_and_ten_experts() {
    let scale = Scale::new().await;
    let service = hire(&scale.stack, 10, (540, 1_080)).await;
    let visitor = scale.stack.visitor();
    let query = format!("serviceId={}&from={}&to={}", service.id, day(2), day(32));
    let path = format!("/availability?{query}");
    let slots = visitor.availability(&query).await;
    let dates: std::collections::BTreeSet<_> = slots.iter().map(|(date, ..)| date).collect();
    assert_eq!((dates.len(), slots[0].2.len()), (31, 10));
    scale.line(("GET", "/api/v1/availability")).await;
    let line = scale.warm_read(&visitor, "/api/v1/availability", &path).await;
    look("availability of ten experts", &line, 5, 3.0);

    assert_eq!(fill(&scale.stack, &service, 10, (&days(2..=32), &[9, 14])).await, 620);
    let line = scale.warm_read(&visitor, "/api/v1/availability", &path).await;
    look("availability of ten busy experts", &line, 5, 5.0);
    let one = format!("{path}&expertId={}", expert(3));
    let line = scale.warm_read(&visitor, "/api/v1/availability", &one).await;
    look("availability of one of them", &line, 3, 5.0);
    scale.stack.finish().await;
}

#[tokio::test]
async fn availability_of_a_month_and_two_hundred_experts() {
    let scale = Scale::new().await;
    let service = hire(&scale.stack, 200, (540, 720)).await;
    let visitor = scale.stack.visitor();
    let path = format!("/availability?serviceId={}&from={}&to={}", service.id, day(2), day(32));
    assert_eq!(fill(&scale.stack, &service, 200, (&days(9..=9), &[9])).await, 200);
    let line = scale.warm_read(&visitor, "/api/v1/availability", &path).await;
    look("availability of two hundred experts", &line, 5, 10.0);
    let one = format!("{path}&expertId={}", expert(3));
    let line = scale.warm_read(&visitor, "/api/v1/availability", &one).await;
    look("availability of one of them", &line, 3, 5.0);
    scale.stack.finish().await;
}

#[tokio::test]
async fn the_dashboard_costs_by_days_and_not_by_appointments() {
    let scale = Scale::new().await;
    let (ada, admin) = (scale.stack.customer().await, scale.stack.demo_account(Role::Admin).await);
    let route = "/api/v1/dashboard/stats";
    let cost = async |from: Date, to: Date| {
        scale.stack.settle().await;
        let line = scale.warm_read(&admin, route, &format!("/dashboard/stats?from={from}&to={to}")).await;
        within(&format!("dashboard, {from} to {to}"), &line, 2, 1.0);
        line.read_units
    };
    let mut free = free(&ada, CHILDRENS_CUT, MAREK).await;
    let (date, times) = free.pop_first().unwrap();
    let mut times = times.into_iter().filter(|time| time.ends_with(":00") || time.ends_with(":30"));
    let request = |time: String| {
        json!({"serviceId": CHILDRENS_CUT, "expertId": MAREK, "date": date, "time": time, "payNow": true,
               "notes": "x".repeat(500)})
    };
    scale.book(&ada, request(times.next().unwrap())).await;
    let date: Date = date.parse().unwrap();
    let with_one = (cost(date, date).await, cost(date, date + 365.days()).await);
    let mut bookings = 1;
    for time in times {
        scale.book(&ada, request(time)).await;
        bookings += 1;
    }
    assert!(bookings >= 10, "{bookings}");
    let with_many = (cost(date, date).await, cost(date, date + 365.days()).await);
    assert!(with_one.0 < with_one.1 && with_one.1 < 10.0, "{with_one:?}");
    let difference = (with_many.0 - with_one.0).abs() + (with_many.1 - with_one.1).abs();
    assert!(difference < f64::EPSILON, "{with_one:?} with one appointment, {with_many:?} with {bookings}");
    scale.stack.finish().await;
}

#[tokio::test]
async fn logging_in() {
    let scale = Scale::new().await;
    let ada = scale.stack.customer().await;
    let login = ("POST", "/api/v1/auth/login");
    scale.line(login).await;
    // The first look at a session takes a round trip of its own.
    ada.elsewhere().with_token_of(&ada).log_in().await.data(200);
    within("login of somebody logged in", &scale.line(login).await, 4, 11.0);
    let mut ada = ada.elsewhere();
    for number in 0..3 {
        ada.access_token = None;
        ada.log_in().await.data(200);
        within(&format!("login {number}"), &scale.line(login).await, 3, 11.0);
    }
    ada.access_token = None;
    let (wrong, right) = (
        json!({"email": ada.email, "password": "wrong"}),
        json!({"email": ada.email, "password": ada.password}),
    );
    let (answer, line) = scale.cost(&ada, login, "/auth/login", Some(wrong)).await;
    answer.error(401, "invalid_credentials");
    within("a wrong password", &line, 3, 4.0);
    let (answer, line) = scale.cost(&ada, login, "/auth/login", Some(right)).await;
    answer.data(200);
    within("login after a wrong password", &line, 3, 11.0);
    scale.stack.finish().await;
}
