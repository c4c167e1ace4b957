//! The dashboard: a day's numbers, checked by hand; and after everything that can happen to appointments and to the
//! stream of events, the numbers that a recount of the appointments finds.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_models::catalog::Settings;
use chairbook_models::user::Role;
use chairbook_platform::{clock, random};
use chairbook_store::CatalogRow;
use chairbook_tests::appointment::path;
use chairbook_tests::checker::Item;
use chairbook_tests::statistics::{self, Money, money};
use chairbook_tests::{Actor, Answer, Json, TestStack};
use futures_util::future::join_all;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

/// An hour and five minutes after it; Inès asks 72.00 for it, Marek 58.00.
const CUT: &str = "svc_00000000000000000000000001";
const SHORT_CUT: &str = "svc_00000000000000000000000002";
const INES: &str = "exp_00000000000000000000000001";
const MAREK: &str = "exp_00000000000000000000000002";

/// The demo salon's.
const ZONE: &str = "Europe/Paris";

const STATS: &str = "StatsFunction";

fn today() -> Date {
    clock::now().to_zoned(TimeZone::get(ZONE).unwrap()).date()
}

/// All dates on which a test can have left anything: the same ones before and after midnight.
fn everything() -> (Date, Date) {
    static BEGUN: OnceLock<Date> = OnceLock::new();
    let begun = *BEGUN.get_or_init(today);
    (begun - 40.days(), begun + 60.days())
}

async fn start(hold: &str) -> TestStack {
    TestStack::builder().parameter("ReservationHold", hold).without_rate_limit().start().await
}

/// The report of some days, once all that has happened is counted.
async fn report(stack: &TestStack, admin: &Actor, (from, to): (Date, Date)) -> Json {
    stack.settle_within(Duration::from_mins(1)).await;
    admin.get(&format!("/dashboard/stats?from={from}&to={to}")).await.data(200)
}

async fn rebuild(stack: &TestStack, (from, to): (Date, Date)) -> Value {
    stack.invoke(STATS, json!({"rebuild": {"from": from, "to": to}})).await
}

/// The coming dates on which both Inès and Marek work from nine, not before the day after tomorrow.
async fn dates(visitor: &Actor) -> Vec<String> {
    let mut both: Option<Vec<String>> = None;
    for expert in [INES, MAREK] {
        let (from, to) = (today() + 2.days(), today() + 30.days());
        let query = format!("serviceId={CUT}&expertId={expert}&from={from}&to={to}");
        let free = visitor.availability(&query).await.into_iter();
        let at_nine: Vec<_> = free.filter(|(_, time, _)| time == "09:00").map(|(date, ..)| date).collect();
        both = Some(match both {
            None => at_nine,
            Some(both) => both.into_iter().filter(|date| at_nine.contains(date)).collect(),
        });
    }
    both.unwrap()
}

fn wish(expert: &str, date: &str, time: &str, pay_now: bool) -> Value {
    json!({"serviceId": CUT, "expertId": expert, "date": date, "time": time, "payNow": pay_now})
}

async fn book(customer: &Actor, wish: Value) -> Json {
    customer.book(wish).await.data(201)["appointment"].clone()
}

/// A day of a report.
fn day<'r>(report: &'r Json, date: &str) -> &'r Json {
    let days = report["days"].as_array().unwrap();
    days.iter().find(|day| day["date"] == date).unwrap_or_else(|| panic!("{date} is not in {days:?}"))
}

/// Bookings by status, and revenue, refunded, unverified and unpaid value.
#[track_caller]
fn check(sums: &Json, statuses: [(&str, i64); 6], amounts: [i64; 4]) {
    let expected: Map<_, _> =
        statuses.map(|(status, count)| (status.to_owned(), json!(count))).into_iter().collect();
    assert_eq!(sums["byStatus"], Value::Object(expected), "{sums}");
    assert_eq!(sums["bookings"], json!(statuses.iter().map(|(_, count)| count).sum::<i64>()), "{sums}");
    let found = ["revenue", "refunded", "unverifiedValue", "unpaidValue"].map(|name| &sums[name]);
    assert_eq!(json!(found), json!(amounts), "{sums}");
    assert_eq!(
        (&sums["cancellations"], &sums["noShows"]),
        (&sums["byStatus"]["cancelled"], &sums["byStatus"]["no_show"])
    );
}

const fn statuses(counts: [i64; 6]) -> [(&'static str, i64); 6] {
    let [reserved, confirmed, cancelled, expired, completed, no_show] = counts;
    [
        ("reserved", reserved),
        ("confirmed", confirmed),
        ("cancelled", cancelled),
        ("expired", expired),
        ("completed", completed),
        ("no_show", no_show),
    ]
}

#[tokio::test]
async fn a_day_s_numbers() {
    let stack = start("4h").await;
    let (before, admin) = (today(), stack.demo_account(Role::Admin).await);
    let (ada, grace, lin) = futures_util::join!(stack.customer(), stack.customer(), stack.customer());
    let date = dates(&ada).await.remove(0);
    let on = |date: &str| -> (Date, Date) { (date.parse().unwrap(), date.parse().unwrap()) };

    // Ada says that she pays at once, Grace has not paid yet, Lin pays at the desk and cancels, and then says so and cancels.
    let of_ada = book(&ada, wish(MAREK, &date, "09:00", true)).await;
    let of_grace = book(&grace, wish(MAREK, &date, "10:15", false)).await;
    let of_lin = book(&lin, wish(INES, &date, "09:00", false)).await;
    admin.put(&path(&of_lin, "/pay"), json!({"method": "card"})).await.data(200);
    lin.delete(&path(&of_lin, "/cancel")).await.data(200);
    let again = book(&lin, wish(INES, &date, "09:00", true)).await;
    lin.delete(&path(&again, "/cancel")).await.data(200);
    let found = report(&stack, &admin, on(&date)).await;
    check(&found["totals"], statuses([1, 1, 2, 0, 0, 0]), [0, 7_200, 5_800, 5_800]);
    assert_eq!(found["byService"][0]["revenue"], 0, "nobody has seen it");
    // The salon sees her money.
    admin.put(&path(&of_ada, "/pay"), json!({"method": "transfer"})).await.data(200);
    let found = report(&stack, &admin, on(&date)).await;
    check(&found["totals"], statuses([1, 1, 2, 0, 0, 0]), [5_800, 7_200, 0, 5_800]);
    check(day(&found, &date), statuses([1, 1, 2, 0, 0, 0]), [5_800, 7_200, 0, 5_800]);
    assert_eq!(found["busiestHours"], json!([{"hour": 9, "bookings": 1}, {"hour": 10, "bookings": 1}]));
    let cuts = json!([{"id": CUT, "name": "Cut & finish", "bookings": 2, "revenue": 5_800}]);
    assert_eq!(found["byService"], cuts, "what is cancelled is not the best");
    let by_expert = found["byExpert"].as_array().unwrap();
    assert_eq!(by_expert.len(), 1, "{by_expert:?}");
    assert_eq!((by_expert[0]["id"].value(), by_expert[0]["bookings"].value()), (&json!(MAREK), &json!(2)));
    let weekday = on(&date).0.strftime("%A").to_string().to_lowercase();
    let booked = |weekday: &Json| weekday["bookings"].as_i64().unwrap();
    for of in found["byWeekday"].as_array().unwrap() {
        assert_eq!(booked(of), if of["weekday"] == json!(weekday) { 2 } else { 0 }, "{of}");
    }
    assert_eq!(
        (found["currency"].value(), found["timeZone"].value(), found["otherCurrencies"].value()),
        (&json!("EUR"), &json!(ZONE), &json!([]))
    );

    // Without dates it is this month until today. Three customers are new on the day on which they were; the demo's
    // accounts are nobody's.
    let found = admin.get("/dashboard/stats").await.data(200);
    let to: Date = found["to"].as_str().unwrap().parse().unwrap();
    assert!((before..=today()).contains(&to), "{to}");
    assert_eq!(found["from"], json!(to.first_of_month()));
    let found = report(&stack, &admin, (before, today())).await;
    assert_eq!(found["totals"]["newCustomers"], 3);
    check(&found["totals"], statuses([0; 6]), [0; 4]);

    // Grace moves to another day, and pays.
    let later = dates(&ada).await.into_iter().find(|other| *other > date).unwrap();
    grace.put(&path(&of_grace, "/reschedule"), json!({"date": later, "time": "09:00"})).await.data(200);
    admin.put(&path(&of_grace, "/pay"), json!({"method": "cash"})).await.data(200);
    let range = (on(&date).0, on(&later).0);
    let found = report(&stack, &admin, range).await;
    check(day(&found, &date), statuses([0, 1, 2, 0, 0, 0]), [5_800, 7_200, 0, 0]);
    check(day(&found, &later), statuses([0, 1, 0, 0, 0, 0]), [5_800, 0, 0, 0]);
    check(&found["totals"], statuses([0, 2, 2, 0, 0, 0]), [11_600, 7_200, 0, 0]);
    assert_eq!(found["busiestHours"], json!([{"hour": 9, "bookings": 2}]));
    let days = usize::try_from(range.0.until(range.1).unwrap().get_days()).unwrap() + 1;
    assert_eq!(found["days"].as_array().unwrap().len(), days);

    // The days come: Ada is served, Grace does not appear. Neither pays anything back.
    for (appointment, status) in [(&of_ada, "completed"), (&of_grace, "no_show")] {
        stack.let_time_pass(appointment).await;
        admin.put(&path(appointment, "/status"), json!({"status": status})).await.data(200);
    }
    let found = report(&stack, &admin, everything()).await;
    let four_weeks_before = |date: &str| (on(date).0 - 28.days()).to_string();
    check(day(&found, &four_weeks_before(&date)), statuses([0, 0, 0, 0, 1, 0]), [5_800, 0, 0, 0]);
    check(day(&found, &four_weeks_before(&later)), statuses([0, 0, 0, 0, 0, 1]), [5_800, 0, 0, 0]);
    check(&found["totals"], statuses([0, 0, 2, 0, 1, 1]), [11_600, 7_200, 0, 0]);

    // Nobody who leaves changes a number.
    admin.delete(&format!("/users/{}", ada.user_id)).await.data(200);
    admin.delete(&format!("/users/{}", lin.user_id)).await.data(200);
    assert_eq!(report(&stack, &admin, everything()).await, found);
    stack.finish().await;
}

#[tokio::test]
async fn what_the_catalog_has_given_up_keeps_its_name_and_its_currency() {
    let stack = start("4h").await;
    let admin = stack.demo_account(Role::Admin).await;
    let ada = stack.customer().await;
    let category = admin.get("/categories").await.data(200)["items"][0]["id"].clone();
    let service =
        json!({"categoryId": category, "name": "Pop-up colour", "price": 3_000, "durationMinutes": 30});
    let service =
        admin.post("/services", service).await.data(201)["service"]["id"].as_str().unwrap().to_owned();
    let offered = format!("/experts/{MAREK}/services/{service}");
    admin.put(&offered, json!({})).await.data(200);
    let (date, time, _) = ada.later_availability(&format!("serviceId={service}")).await.pop().unwrap();
    let order = json!({"serviceId": service, "date": date, "time": time, "payNow": true});
    let booked = ada.book(order).await.data(201)["appointment"].clone();

    admin.delete(&offered).await.data(200);
    admin.delete(&format!("/services/{service}")).await.data(200);
    ada.get(&format!("/services/{service}")).await.error(404, "not_found");
    admin.change_setting("currency", json!("GBP")).await;

    let date: Date = date.parse().unwrap();
    let found = report(&stack, &admin, (date, date)).await;
    assert_eq!(found["currency"], "GBP");
    check(&found["totals"], statuses([0, 1, 0, 0, 0, 0]), [0; 4]);
    let other = |revenue: i64, unverified: i64| {
        json!([{
            "currency": "EUR", "revenue": revenue, "refunded": 0, "unverifiedValue": unverified, "unpaidValue": 0,
        }])
    };
    assert_eq!(found["otherCurrencies"], other(0, 3_000));
    admin.put(&path(&booked, "/pay"), json!({"method": "cash"})).await.data(200);
    let found = report(&stack, &admin, (date, date)).await;
    assert_eq!(found["otherCurrencies"], other(3_000, 0));
    assert_eq!(
        found["byService"],
        json!([{"id": service, "name": "Pop-up colour", "bookings": 1, "revenue": 0}])
    );
    admin.delete(&path(&booked, "/cancel")).await.data(200);
    let found = report(&stack, &admin, (date, date)).await;
    assert_eq!(found["otherCurrencies"][0]["refunded"], 3_000);
    stack.finish().await;
}

#[tokio::test]
async fn who_asks_for_which_days() {
    let stack = start("4h").await;
    let (admin, owner) = (stack.demo_account(Role::Admin).await, stack.demo_account(Role::Owner).await);
    let ada = stack.customer().await;
    stack.visitor().get("/dashboard/stats").await.error(401, "unauthorized");
    ada.get("/dashboard/stats").await.error(403, "forbidden");
    owner.get("/dashboard/stats?from=2026-01-01&to=2027-01-01").await.data(200);
    for path in ["/dashboard/stats", "/appointments"] {
        owner.get(&format!("{path}?from=9999-12-01&to=9999-12-31")).await.data(200);
        owner.get(&format!("{path}?from=9999-12-31")).await.data(200);
    }
    for (query, fields) in [
        ("from=2026-01-01&to=2027-01-02", vec!["to"]),
        ("from=2026-03-02&to=2026-03-01", vec!["to"]),
        ("from=yesterday&to=2026-02-30", vec!["from", "to"]),
        ("from=2026-03-02T10:00&month=3", vec!["from", "month"]),
    ] {
        let refused: Answer = admin.get(&format!("/dashboard/stats?{query}")).await;
        assert_eq!(refused.fields(400, "validation_failed"), fields, "{query}");
    }
    stack.finish().await;
}

// --- The long random run ----------------------------------------------------------------------------------------------

/// Numbers that a seed decides (`SplitMix64`); many may draw at once.
struct Lottery(AtomicU64);

impl Lottery {
    /// A new seed in each run, or `CHAIRBOOK_SEED`.
    fn new() -> Self {
        let seed = std::env::var("CHAIRBOOK_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| u64::from_ne_bytes(random::bytes()));
        println!("CHAIRBOOK_SEED={seed} draws the same");
        Self(AtomicU64::new(seed))
    }

    /// A number below `end`.
    fn below(&self, end: usize) -> usize {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end).unwrap()).unwrap()
    }

    fn pick<'t, T>(&self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    fn shuffle<T>(&self, all: &mut [T]) {
        for place in (1..all.len()).rev() {
            all.swap(place, self.below(place + 1));
        }
    }
}

/// An attribute as a stream's record shows it.
fn wire(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(value) => json!({"BOOL": value}),
        AttributeValue::M(members) => {
            let members: Map<_, _> =
                members.iter().map(|(name, value)| (name.clone(), wire(value))).collect();
            json!({"M": members})
        }
        AttributeValue::L(items) => json!({"L": items.iter().map(wire).collect::<Vec<_>>()}),
        other => panic!("{other:?} is in no event"),
    }
}

/// The records of the stream that told of all events there are, of the types that are counted.
async fn records(stack: &TestStack) -> Vec<Value> {
    let events: Vec<Item> = stack.items("EventsTable").await;
    let is_counted = |event: &&Item| {
        let event_type = event["type"].as_s().unwrap();
        event_type.starts_with("appointment.") || event_type == "user.verified"
    };
    let record = |(place, event): (usize, &Item)| {
        let image: Map<_, _> = event.iter().map(|(name, value)| (name.clone(), wire(value))).collect();
        let dynamodb = json!({"SequenceNumber": (100 + place).to_string(), "NewImage": image});
        json!({"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": dynamodb})
    };
    events.iter().filter(is_counted).enumerate().map(record).collect()
}

/// Delivers all records once more: in no order, in batches of any size, some twice in a batch, several at once.
async fn redeliver(stack: &TestStack, lottery: &Lottery) {
    let mut records = records(stack).await;
    lottery.shuffle(&mut records);
    let mut batches = Vec::new();
    while !records.is_empty() {
        let rest = records.split_off(records.len() - records.len().min(1 + lottery.below(40)));
        let mut batch = rest;
        for _ in 0..lottery.below(4) {
            batch.push(lottery.pick(&batch).clone());
        }
        batches.push(json!({"Records": batch}));
    }
    for side_by_side in batches.chunks(4) {
        let answers = join_all(side_by_side.iter().map(|batch| stack.invoke(STATS, batch.clone()))).await;
        assert!(answers.iter().all(|answer| *answer == json!({"batchItemFailures": []})), "{answers:?}");
    }
}

/// What one client does, round after round: mostly books, and then whatever can be done with what it has.
async fn live(
    client: &Actor,
    admin: &Actor,
    free: &[(String, String, Vec<String>)],
    rounds: usize,
    lottery: &Lottery,
) {
    let mut own: Vec<Json> = Vec::new();
    for _ in 0..rounds {
        let (date, time, experts) = lottery.pick(free);
        let slot = json!({"date": date, "time": time, "expertId": lottery.pick(experts)});
        let chosen = lottery.below(own.len().max(1));
        match (own.get(chosen).cloned(), lottery.below(10)) {
            (None, _) | (_, 0..4) => {
                let mut order = slot;
                order["serviceId"] = json!([CUT, SHORT_CUT][lottery.below(2)]);
                order["payNow"] = json!(lottery.below(2) == 0);
                let answer = client.book(order).await;
                if answer.status == 201 {
                    own.push(answer.data(201)["appointment"].clone());
                } else {
                    // Any of these is a fair answer to a wish at random.
                    assert!([400, 409].contains(&answer.status.as_u16()), "{}", answer.text);
                }
            }
            (Some(appointment), 4..6) => {
                let moved = client.put(&path(&appointment, "/reschedule"), slot).await;
                assert!([200, 400, 409].contains(&moved.status.as_u16()), "{}", moved.text);
            }
            (Some(appointment), 6..8) => {
                let paid = admin.put(&path(&appointment, "/pay"), json!({"method": "card"})).await;
                assert!([200, 409].contains(&paid.status.as_u16()), "{}", paid.text);
            }
            (Some(appointment), _) => {
                let cancelled = client.delete(&path(&appointment, "/cancel")).await;
                assert!([200, 409].contains(&cancelled.status.as_u16()), "{}", cancelled.text);
            }
        }
    }
}

fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    item[name].as_s().unwrap()
}

/// What the dashboard must say, counted from the rows of the appointments by this test alone.
fn expected(items: &[Item], events: &[Item], (from, to): (Date, Date)) -> Value {
    let (from, to) = (from.to_string(), to.to_string());
    let in_range = |date: &str| from.as_str() <= date && date <= to.as_str();
    let of_range: Vec<_> =
        items.iter().filter(|item| text(item, "sk") == "APT" && in_range(text(item, "date"))).collect();
    let zone = TimeZone::get(ZONE).unwrap();
    let verified: Vec<String> = events
        .iter()
        .filter(|event| text(event, "type") == "user.verified")
        .map(|event| {
            text(event, "at").parse::<jiff::Timestamp>().unwrap().to_zoned(zone.clone()).date().to_string()
        })
        .collect();
    let price = |item: &Item| item["total_price"].as_n().unwrap().parse::<i64>().unwrap();
    let sum = |all: &[&Item], of: Money| -> i64 {
        all.iter().filter(|item| money(item) == of).map(|item| price(item)).sum()
    };
    let sums = |all: &[&Item], new_customers: usize| -> Value {
        let count = |status: &str| all.iter().filter(|item| text(item, "status") == status).count();
        let by_status: BTreeMap<_, _> =
            statuses([0; 6]).map(|(status, _)| (status, count(status))).into_iter().collect();
        json!({
            "bookings": all.len(), "byStatus": by_status, "revenue": sum(all, Money::Paid),
            "refunded": sum(all, Money::Refunded), "unverifiedValue": sum(all, Money::Unverified),
            "unpaidValue": sum(all, Money::Unpaid), "cancellations": count("cancelled"), "noShows": count("no_show"), "newCustomers": new_customers,
        })
    };
    let stands = |item: &&&Item| !["cancelled", "expired"].contains(&text(item, "status"));
    let mut days = Vec::new();
    let mut date: Date = from.parse().unwrap();
    while date.to_string() <= to {
        let name = date.to_string();
        let of_day: Vec<_> = of_range.iter().copied().filter(|item| text(item, "date") == name).collect();
        let mut day = sums(&of_day, verified.iter().filter(|day| **day == name).count());
        day["date"] = json!(name);
        days.push(day);
        date = date.tomorrow().unwrap();
    }
    let mut hours: BTreeMap<i64, i64> = BTreeMap::new();
    for item in of_range.iter().filter(stands) {
        *hours.entry(text(item, "time")[..2].parse().unwrap()).or_default() += 1;
    }
    let mut hours: Vec<_> =
        hours.into_iter().map(|(hour, bookings)| json!({"hour": hour, "bookings": bookings})).collect();
    hours.sort_by_key(|of| (-of["bookings"].as_i64().unwrap(), of["hour"].as_i64().unwrap()));
    let ranked = |attribute: &str| {
        let mut by_id: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for item in of_range.iter().filter(stands) {
            let sum = by_id.entry(text(item, attribute)).or_default();
            sum.0 += 1;
            sum.1 += if money(item) == Money::Paid { price(item) } else { 0 };
        }
        // In no order that depends on names.
        by_id.into_iter().map(|(id, (bookings, revenue))| json!([id, bookings, revenue])).collect::<Vec<_>>()
    };
    json!({
        "totals": sums(&of_range, verified.iter().filter(|day| in_range(day)).count()),
        "days": days, "busiestHours": hours, "byService": ranked("service_id"), "byExpert": ranked("expert_id"),
    })
}

/// The same parts of what the dashboard says.
fn said(report: &Json) -> Value {
    let ranked = |name: &str| {
        let all = report[name].as_array().unwrap();
        let revenues: Vec<_> = all.iter().map(|of| of["revenue"].as_i64().unwrap()).collect();
        assert!(revenues.is_sorted_by(|a, b| a >= b), "the best first: {all:?}");
        let mut all: Vec<_> = all.iter().map(|of| json!([of["id"], of["bookings"], of["revenue"]])).collect();
        all.sort_by_key(|of| of[0].as_str().unwrap().to_owned());
        all
    };
    json!({
        "totals": report["totals"], "days": report["days"], "busiestHours": report["busiestHours"],
        "byService": ranked("byService"), "byExpert": ranked("byExpert"),
    })
}

/// Compares the dashboard with a recount.
async fn check_recount(stack: &TestStack, admin: &Actor) {
    let found = report(stack, admin, everything()).await;
    let (items, events) = (stack.items("AppointmentsTable").await, stack.items("EventsTable").await);
    assert_eq!(said(&found), expected(&items, &events, everything()));
    statistics::check(&items, &events);
}

/// Makes a row of statistics say something else, or deletes it.
async fn tamper(stack: &TestStack, pk: &str, sk: &str, expression: Option<&str>) {
    let wrong = AttributeValue::N("12345".to_owned());
    stack.tamper("AppointmentsTable", (pk, sk), expression.map(|expression| (expression, wrong))).await;
}

/// A salon that many clients use at once.
struct Crowd {
    stack: TestStack,
    admin: Actor,
    clients: Vec<Actor>,
    free: Vec<(String, String, Vec<String>)>,
    lottery: Lottery,
}

impl Crowd {
    async fn gather(hold: &str) -> Self {
        let (stack, lottery) = (start(hold).await, Lottery::new());
        let admin = stack.demo_account(Role::Admin).await;
        let customers = join_all((0..4).map(|_| stack.customer())).await;
        // On a few days, so that many meet on each of them.
        let query = format!("serviceId={CUT}&from={}&to={}", today() + 2.days(), today() + 8.days());
        let free = customers[0].availability(&query).await;
        let client = |customer: &Actor| {
            let mut client = customer.elsewhere();
            client.access_token.clone_from(&customer.access_token);
            client
        };
        let clients = customers.iter().cycle().take(8).map(client).collect();
        Self { stack, admin, clients, free, lottery }
    }

    async fn live(&self, rounds: usize) {
        let lives =
            self.clients.iter().map(|client| live(client, &self.admin, &self.free, rounds, &self.lottery));
        join_all(lives).await;
    }

    /// Ends those reservations whose hold has run out, from time to time, until told to stop.
    async fn sweep(&self, done: &AtomicBool) {
        while !done.load(Ordering::Relaxed) {
            let swept = self.stack.invoke("ExpireReservationsFunction", json!({})).await;
            assert_eq!(swept["failed"], 0, "{swept}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Gives a third of the confirmed appointments an end, some in the past.
    async fn close_some(&self) {
        let (from, to) = (today(), today() + 20.days());
        let query = format!("/appointments?from={from}&to={to}&status=confirmed&limit=100");
        let confirmed = self.admin.get(&query).await.data(200)["items"].as_array().unwrap().clone();
        for appointment in confirmed {
            let status = ["completed", "no_show", "cancelled"][self.lottery.below(3)];
            match self.lottery.below(3) {
                0 => continue,
                1 if status == "cancelled" => {}
                _ => self.stack.let_time_pass(&appointment).await,
            }
            let closed = self.admin.put(&path(&appointment, "/status"), json!({"status": status})).await;
            assert!([200, 409].contains(&closed.status.as_u16()), "{}", closed.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dashboard_is_a_recount_whatever_happens_and_however_often_it_is_told() {
    let crowd = Crowd::gather("2s").await;
    let done = AtomicBool::new(false);
    let lives = async {
        crowd.live(20).await;
        crowd.close_some().await;
        done.store(true, Ordering::Relaxed);
    };
    // Meanwhile everything that has happened so far is told again and again, and the statistics are rebuilt.
    let told_again = async {
        while !done.load(Ordering::Relaxed) {
            redeliver(&crowd.stack, &crowd.lottery).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let rebuilt = async {
        while !done.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let rebuilt = rebuild(&crowd.stack, (today() - 28.days(), today() + 9.days())).await;
            assert_eq!((&rebuilt["repaired"], &rebuilt["next"]), (&json!([]), &Value::Null), "{rebuilt}");
        }
    };
    futures_util::join!(lives, told_again, rebuilt, crowd.sweep(&done));
    check_recount(&crowd.stack, &crowd.admin).await;
    let found = report(&crowd.stack, &crowd.admin, everything()).await;
    println!("{}", found["totals"]);
    for status in ["confirmed", "cancelled", "expired"] {
        assert_ne!(found["totals"]["byStatus"][status], 0, "{}", found["totals"]);
    }

    redeliver(&crowd.stack, &crowd.lottery).await;
    check_recount(&crowd.stack, &crowd.admin).await;
    let rebuilt = rebuild(&crowd.stack, everything()).await;
    assert_eq!((&rebuilt["miscounted"], &rebuilt["repaired"]), (&json!(0), &json!([])), "{rebuilt}");
    crowd.stack.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_finds_whatever_is_wrong_while_bookings_go_on() {
    let crowd = Crowd::gather("4h").await;
    let (stack, admin) = (&crowd.stack, &crowd.admin);
    crowd.live(6).await;
    let right = report(stack, admin, everything()).await;
    let busy: Vec<String> = right["days"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|day| day["bookings"] != json!(0))
        .map(|day| day["date"].as_str().unwrap().to_owned())
        .collect();
    assert!(busy.len() >= 3, "{busy:?}");
    let day = |date: &str| (format!("STATS#{}", &date[..7]), format!("DAY#{date}"));
    let (changed, lost, uncounted) = (day(&busy[0]), day(&busy[1]), &busy[2]);
    let mut days = right["days"].as_array().unwrap().iter();
    let with_news = days.find(|day| day["newCustomers"] != json!(0)).unwrap();
    let with_news = day(with_news["date"].as_str().unwrap());
    let items = stack.items("AppointmentsTable").await;
    let of_day =
        items.iter().find(|item| text(item, "sk") == "APT" && text(item, "date") == *uncounted).unwrap();
    let wrong = async || {
        tamper(stack, &changed.0, &changed.1, Some("SET colour = :wrong, h03 = :wrong")).await;
        tamper(stack, &lost.0, &lost.1, None).await;
        tamper(stack, &with_news.0, &with_news.1, None).await;
        tamper(stack, &format!("STATS#{}", text(of_day, "id")), "COUNTED", None).await;
    };

    // At rest: exactly what is wrong is found, and all is as it was.
    wrong().await;
    assert_ne!(report(stack, admin, everything()).await, right);
    let rebuilt = rebuild(stack, everything()).await;
    let mut repaired = vec![busy[0].clone(), busy[1].clone(), uncounted.clone(), with_news.1[4..].to_owned()];
    repaired.sort();
    assert_eq!((&rebuilt["miscounted"], &rebuilt["repaired"]), (&json!(1), &json!(repaired)), "{rebuilt}");
    assert_eq!((&rebuilt["days"], &rebuilt["next"]), (&json!(101), &Value::Null), "{rebuilt}");
    assert_eq!(report(stack, admin, everything()).await, right);
    let rebuilt = rebuild(stack, everything()).await;
    assert_eq!((&rebuilt["miscounted"], &rebuilt["repaired"]), (&json!(0), &json!([])), "{rebuilt}");

    // While bookings go on, on the same days, one rebuild is enough, too.
    wrong().await;
    let repaired = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        rebuild(stack, everything()).await
    };
    let ((), rebuilt) = futures_util::join!(crowd.live(10), repaired);
    println!("{rebuilt}");
    stack.settle().await;
    let again = rebuild(stack, everything()).await;
    assert_eq!((&again["miscounted"], &again["repaired"]), (&json!(0), &json!([])), "{again}");
    check_recount(stack, admin).await;
    crowd.stack.finish().await;
}

#[tokio::test]
async fn a_rebuild_that_runs_out_of_time_says_where_to_go_on() {
    let stack = TestStack::builder().template_with("Timeout: 60", "Timeout: 20").start().await;
    let (from, to) = (today(), today() + 400.days());
    let rebuilt = rebuild(&stack, (from, to)).await;
    let nothing = json!({"days": 0, "appointments": 0, "miscounted": 0, "repaired": [], "next": from});
    assert_eq!(rebuilt, nothing);
    stack.finish().await;
}

#[tokio::test]
async fn what_was_given_up_is_counted_when_it_is_told_again() {
    let stack = TestStack::builder()
        .without_rate_limit()
        .template_with("MaximumRetryAttempts: 50", "MaximumRetryAttempts: 0")
        .start()
        .await;
    let settings = stack.stack.store().settings().await.unwrap();
    let broken = Settings { time_zone: "Nowhere/Never".to_owned(), ..settings.clone() };
    stack.write_catalog(&[CatalogRow::Settings(broken)]).await;
    // Nobody can say which day it is.
    stack.customer().await;
    stack.settle().await;
    assert_eq!(stack.queue_counts("StatisticsDeadLetterQueue").await, (1, 0, 0));
    assert_eq!(
        stack.queue_counts("NotificationsDeadLetterQueue").await,
        (0, 0, 0),
        "mails are not concerned"
    );

    stack.write_catalog(&[CatalogRow::Settings(settings)]).await;
    for _ in 0..2 {
        let told = stack.invoke(STATS, json!({"Records": records(&stack).await})).await;
        assert_eq!(told, json!({"batchItemFailures": []}));
    }
    let admin = stack.demo_account(Role::Admin).await;
    check_recount(&stack, &admin).await;
    assert_eq!(report(&stack, &admin, everything()).await["totals"]["newCustomers"], 1);
    stack.stack.shutdown().await;
}
