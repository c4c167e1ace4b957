//! A front desk's day, and what happens when a customer, the front desk, others and the clock want different things of
//! one appointment at the same moment. What each test leaves behind is checked cell by cell at its end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chairbook_models::user::Role;
use chairbook_platform::clock;
use chairbook_store::CatalogRow;
use chairbook_tests::appointment::{id, path, show};
use chairbook_tests::{Actor, Answer, Json, TestStack};
use futures_util::future::join_all;
use jiff::{Timestamp, ToSpan};
use reqwest::Method;
use serde_json::{Value, json};

/// An hour and five minutes after it; Inès asks 72.00 for it, Marek 58.00.
const CUT: &str = "svc_00000000000000000000000001";

/// Half an hour and five minutes after it.
const SHORT_CUT: &str = "svc_00000000000000000000000002";

/// Ten minutes for 10.00 after a cut.
const SCALP_MASSAGE: &str = "sub_00000000000000000000000001";

const INES: &str = "exp_00000000000000000000000001";
const MAREK: &str = "exp_00000000000000000000000002";

const SWEEP: &str = "ExpireReservationsFunction";

async fn start(hold: &str) -> TestStack {
    TestStack::builder()
        .parameter("ReservationHold", hold)
        .without_rate_limit()
        .max_concurrency(8)
        .start()
        .await
}

/// The coming dates on which an expert works from 09:00 to 12:30 and from 13:15 to 18:00, not today.
async fn full_days(visitor: &Actor, expert: &str) -> Vec<String> {
    let today = clock::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let (from, to) = (today + 2.days(), today + 30.days());
    let query = format!("serviceId={SHORT_CUT}&expertId={expert}&from={from}&to={to}");
    let mut days: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (date, time, _) in visitor.availability(&query).await {
        days.entry(date).or_default().push(time);
    }
    let is_full = |times: &[String]| {
        times.first().is_some_and(|time| time == "09:00") && times.last().is_some_and(|time| time == "17:15")
    };
    days.into_iter().filter(|(_, times)| is_full(times)).map(|(date, _)| date).collect()
}

fn wish(service: &str, expert: &str, date: &str, time: &str, pay_now: bool) -> Value {
    json!({"serviceId": service, "expertId": expert, "date": date, "time": time, "payNow": pay_now})
}

async fn book(customer: &Actor, wish: Value) -> Json {
    customer.book(wish).await.data(201)["appointment"].clone()
}

async fn move_to(actor: &Actor, appointment: &Json, date: &str, time: &str) -> Answer {
    actor.put(&path(appointment, "/reschedule"), json!({"date": date, "time": time})).await
}

async fn pay(admin: &Actor, appointment: &Json) -> Answer {
    admin.put(&path(appointment, "/pay"), json!({"method": "cash"})).await
}

async fn set_status(admin: &Actor, appointment: &Json, status: &str) -> Answer {
    admin.put(&path(appointment, "/status"), json!({"status": status})).await
}

async fn list(admin: &Actor, query: &str) -> Vec<Json> {
    let page = admin.get(&format!("/appointments?{query}")).await.data(200);
    assert_eq!(page["nextCursor"], Value::Null, "{query}");
    page["items"].as_array().unwrap().clone()
}

/// The calendar file of an appointment, and what two of its lines say.
async fn calendar(actor: &Actor, appointment: &Json) -> (String, String, String) {
    let answer = actor.get(&path(appointment, "/calendar.ics")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let line = |name: &str| {
        let line = answer.text.split("\r\n").find_map(|line| line.strip_prefix(&format!("{name}:")));
        line.unwrap_or_else(|| panic!("no {name} in {}", answer.text)).to_owned()
    };
    assert_eq!(
        answer.header("content-type"),
        format!("text/calendar; charset=utf-8; method={}", line("METHOD"))
    );
    assert_eq!(line("UID"), format!("{}@chairbook", id(appointment)));
    (line("METHOD"), line("SEQUENCE"), answer.text)
}

/// Waits until the API says that a reservation has expired.
async fn run_out(customer: &Actor, reservation: &Json) {
    let begun = Instant::now();
    while show(customer, reservation).await["status"] != "expired" {
        assert!(begun.elapsed() < Duration::from_secs(15), "it does not run out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_day_at_the_front_desk() {
    let stack = start("4h").await;
    let admin = stack.demo_account(Role::Admin).await;
    let (ada, grace, lin) = futures_util::join!(stack.customer(), stack.customer(), stack.customer());
    // On a Friday, when Inès and Marek both work all day.
    let ines = full_days(&ada, INES).await;
    let date = full_days(&ada, MAREK).await.into_iter().find(|date| ines.contains(date)).unwrap();

    // Three customers have booked Marek; the front desk looks at its day.
    let of_ada = book(&ada, wish(CUT, MAREK, &date, "09:00", true)).await;
    let of_lin = {
        let mut wish = wish(CUT, MAREK, &date, "13:15", false);
        wish["subServiceIds"] = json!([SCALP_MASSAGE]);
        book(&lin, wish).await
    };
    let of_grace = book(&grace, wish(CUT, MAREK, &date, "10:15", false)).await;
    let day = list(&admin, &format!("from={date}&to={date}")).await;
    assert_eq!(day, [of_ada.clone(), of_grace.clone(), of_lin.clone()], "in the order of their starts");
    for (filter, expected) in [
        ("status=reserved".to_owned(), vec![&of_grace, &of_lin]),
        (format!("userId={}", ada.user_id), vec![&of_ada]),
        (format!("expertId={INES}"), vec![]),
        (format!("expertId={MAREK}&status=confirmed"), vec![&of_ada]),
    ] {
        let found = list(&admin, &format!("from={date}&to={date}&{filter}")).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter}");
    }
    let mut paged = Vec::new();
    let mut query = format!("from={date}&limit=1");
    loop {
        let page = admin.get(&format!("/appointments?{query}")).await.data(200);
        paged.extend(page["items"].as_array().unwrap().clone());
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        query = format!("from={date}&limit=1&cursor={cursor}");
    }
    assert_eq!(paged, day, "page by page");
    let first = admin.get(&format!("/appointments?from={date}&limit=1")).await.data(200);
    let others =
        format!("/appointments?from={date}&limit=1&cursor={}", first["nextCursor"].as_str().unwrap());
    admin.get(&others).await.data(200);
    stack.demo_account(Role::Owner).await.get(&others).await.error(400, "validation_failed");
    ada.get("/appointments").await.error(403, "forbidden");
    admin.get("/appointments?from=2026-01-01&to=2026-02-01").await.error(400, "validation_failed");

    // Grace telephones: she would rather come while Ada is there, and takes what the front desk offers instead.
    let refused = move_to(&admin, &of_grace, &date, "09:30").await.error(409, "slot_taken");
    assert_eq!(show(&grace, &of_grace).await, of_grace, "she keeps her time until she has another");
    let offered = &refused["alternatives"][0];
    assert_eq!(offered["expertIds"], json!([MAREK]));
    let (to_date, to_time) = (offered["date"].as_str().unwrap(), offered["time"].as_str().unwrap());
    let moved = move_to(&admin, &of_grace, to_date, to_time).await.data(200)["appointment"].clone();
    for (field, same) in [("status", true), ("totalPrice", true), ("expiresAt", true), ("startsAt", false)] {
        assert_eq!(moved[field] == of_grace[field], same, "{field}");
    }
    assert_eq!((&moved["date"], &moved["time"]), (&offered["date"], &offered["time"]));
    stack.mail(&grace.email, "Moved: ").await;
    stack.settle().await;
    let mail = stack.mails(&grace.email).remove(0);
    let text = mail.text.unwrap().replace('\n', " ");
    assert!(text.contains("has moved your appointment") && text.contains("10:15"), "{text}");
    let (method, sequence, file) = calendar(&grace, &of_grace).await;
    assert_eq!((method.as_str(), sequence.as_str()), ("REQUEST", "2"));
    assert_eq!(mail.attachments[0].content, file.as_bytes(), "what the mail carried");
    // Her old time is free again, and somebody has it at once.
    let of_somebody = book(&lin, wish(CUT, MAREK, &date, "10:15", true)).await;
    pay(&admin, &of_somebody).await.data(200);

    // She moves a quarter of an hour further herself, into her own time; and finds that it is done when she repeats it.
    let quarter = jiff::Span::new().minutes(15);
    let later = to_time.parse::<jiff::civil::Time>().unwrap() + quarter;
    let later = later.strftime("%H:%M").to_string();
    for _ in 0..2 {
        let moved = move_to(&grace, &of_grace, to_date, &later).await.data(200)["appointment"].clone();
        assert_eq!(moved["time"], json!(later));
    }
    assert_eq!(calendar(&admin, &of_grace).await.1, "3", "done once");
    stack.settle().await;
    assert!(stack.mails(&grace.email)[0].text.as_ref().unwrap().contains("as you asked"));

    // She pays.
    let pay_path = path(&of_grace, "/pay");
    grace.put(&pay_path, json!({"method": "card"})).await.error(403, "forbidden");
    let wrong = admin.put(&pay_path, json!({"method": "card", "amount": 100})).await;
    assert_eq!(wrong.fields(400, "wrong_amount"), ["amount"]);
    let wrong = admin.put(&pay_path, json!({"method": "bitcoin", "amount": "58", "reference": ""})).await;
    assert_eq!(wrong.fields(400, "validation_failed"), ["method", "reference", "amount"]);
    let body = json!({"method": "card", "reference": "R-17", "amount": 5_800});
    let paid = admin.put(&pay_path, body.clone()).await.data(200)["appointment"].clone();
    assert_eq!(
        (paid["status"].value(), paid["paymentStatus"].value()),
        (&json!("confirmed"), &json!("paid"))
    );
    assert_eq!(paid["expiresAt"], Value::Null);
    let payment = &paid["payment"];
    assert_eq!(
        (
            payment["method"].value(),
            payment["reference"].value(),
            payment["amount"].value(),
            payment["at"].value()
        ),
        (&json!("card"), &json!("R-17"), &json!(5_800), paid["updatedAt"].value())
    );
    assert_eq!(show(&grace, &of_grace).await, paid, "her customer sees it, too");
    admin.put(&pay_path, body).await.error(409, "invalid_transition");
    stack.mail(&grace.email, "Confirmed: ").await;

    // Lin wants Inès, who asks more.
    let to_ines = json!({"date": date, "time": "15:00", "expertId": INES});
    let moved = lin.put(&path(&of_lin, "/reschedule"), to_ines).await.data(200)["appointment"].clone();
    assert_eq!((of_lin["totalPrice"].value(), moved["totalPrice"].value()), (&json!(6_800), &json!(8_200)));
    assert_eq!(
        (moved["expertId"].value(), moved["subServices"].value()),
        (&json!(INES), of_lin["subServices"].value())
    );
    let refused = json!({"date": date, "time": "15:00", "expertId": "exp_00000000000000000000000006"});
    let refused = lin.put(&path(&of_lin, "/reschedule"), refused).await;
    assert_eq!(refused.fields(400, "service_not_offered"), ["expertId"]);
    for (time, code) in [("15:07", "off_grid"), ("18:00", "closed")] {
        assert_eq!(move_to(&lin, &of_lin, &date, time).await.fields(400, code), ["time"]);
    }

    // Nobody else's business.
    move_to(&ada, &of_lin, &date, "15:15").await.error(404, "not_found");
    ada.get(&path(&of_lin, "/calendar.ics")).await.error(404, "not_found");
    set_status(&lin, &of_lin, "cancelled").await.error(403, "forbidden");

    // Lin does not come after all; of what was paid, all is given back.
    for status in ["confirmed", "reserved", "expired", "completed", "no_show"] {
        set_status(&admin, &of_lin, status).await.error(409, "invalid_transition");
    }
    let cancelled = set_status(&admin, &of_lin, "cancelled").await.data(200)["appointment"].clone();
    assert_eq!(
        (cancelled["status"].value(), cancelled["refund"].value()),
        (&json!("cancelled"), &Value::Null)
    );
    assert_eq!(calendar(&lin, &of_lin).await.0, "CANCEL");
    move_to(&admin, &of_lin, &date, "15:15").await.error(409, "invalid_transition");
    lin.delete(&path(&of_somebody, "/cancel")).await.data(200);
    let refunded = show(&admin, &of_somebody).await;
    assert_eq!(refunded["paymentStatus"], "refunded");
    assert_eq!(refunded["refund"], json!({"amount": 5_800, "at": refunded["updatedAt"]}));

    // The day comes: Ada is served, Grace does not appear. Ada's word was good: the money has arrived.
    pay(&admin, &of_ada).await.data(200);
    for status in ["completed", "no_show"] {
        set_status(&admin, &of_ada, status).await.error(409, "invalid_transition");
    }
    for (appointment, status, customer) in [(&of_ada, "completed", &ada), (&of_grace, "no_show", &grace)] {
        stack.let_time_pass(appointment).await;
        move_to(customer, appointment, &date, "16:00").await.error(409, "cancellation_window_closed");
        let closed = set_status(&admin, appointment, status).await.data(200)["appointment"].clone();
        assert_eq!(
            (closed["status"].value(), closed["paymentStatus"].value()),
            (&json!(status), &json!("paid"))
        );
        for again in ["completed", "no_show", "cancelled"] {
            set_status(&admin, appointment, again).await.error(409, "invalid_transition");
        }
        let past = closed["date"].as_str().unwrap();
        let found = list(&admin, &format!("from={past}&to={past}&status={status}")).await;
        assert_eq!(found, [closed]);
    }

    // In the evening the owner looks at the dashboard.
    stack.settle().await;
    let owner = stack.demo_account(Role::Owner).await;
    let local: jiff::civil::Date = date.parse().unwrap();
    let range = format!("from={}&to={}", local - 28.days(), local + 7.days());
    let evening = owner.get(&format!("/dashboard/stats?{range}")).await.data(200)["totals"].clone();
    assert_eq!(evening["bookings"], 4);
    assert_eq!(
        (evening["byStatus"]["completed"].value(), evening["noShows"].value()),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (evening["cancellations"].value(), evening["byStatus"]["reserved"].value()),
        (&json!(2), &json!(0))
    );
    assert_eq!((evening["revenue"].value(), evening["refunded"].value()), (&json!(11_600), &json!(5_800)));
    assert_eq!(evening["unpaidValue"], 0);
    let told = stack.mails(&grace.email).len();
    stack.finish().await;
    assert_eq!(
        told, 7,
        "verified, welcomed, logged in, reserved, moved twice, confirmed, and nothing for not coming"
    );
}

#[tokio::test]
async fn a_move_is_repeated_and_what_has_changed_since_is_told() {
    let stack = start("4h").await;
    let admin = stack.demo_account(Role::Admin).await;
    let ada = stack.customer().await;
    let mut settings = stack.stack.store().settings().await.unwrap();
    settings.cancellation_window_minutes = 7 * 24 * 60;
    stack.write_catalog(&[CatalogRow::Settings(settings.clone())]).await;
    let days = full_days(&ada, MAREK).await;
    let (soon, late) = (&days[0], days.last().unwrap());

    // Into the days in which it cannot be moved any more: the same request once more finds it done.
    let booked = book(&ada, wish(CUT, MAREK, late, "09:00", true)).await;
    let moved = move_to(&ada, &booked, soon, "10:15").await.data(200);
    assert_eq!(move_to(&ada, &booked, soon, "10:15").await.data(200), moved);
    move_to(&ada, &booked, soon, "11:15").await.error(409, "cancellation_window_closed");

    // The same time of the day in another time zone is another time.
    settings.time_zone = "Europe/London".to_owned();
    stack.write_catalog(&[CatalogRow::Settings(settings)]).await;
    let in_london = move_to(&admin, &booked, soon, "10:15").await.data(200)["appointment"].clone();
    let start = |appointment: &Json| appointment["startsAt"].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert_eq!(start(&in_london), start(&moved["appointment"]) + 1.hour());

    // Marek stops cutting hair: another expert can, and the request is told so, not blamed for a field that it lacks.
    admin.delete(&format!("/experts/{MAREK}/services/{CUT}")).await.data(200);
    let refused = move_to(&admin, &booked, soon, "14:15").await.error(409, "service_not_offered");
    assert_eq!(refused["fields"], json!([]));
    let request = json!({"date": soon, "time": "14:15", "expertId": MAREK});
    let refused = admin.put(&path(&booked, "/reschedule"), request).await;
    assert_eq!(refused.fields(400, "service_not_offered"), ["expertId"]);
    stack.finish().await;
}

#[tokio::test]
async fn what_has_run_out_is_taken_over_and_neither_moved_nor_paid() {
    let stack = start("2s").await;
    let admin = stack.demo_account(Role::Admin).await;
    let (ada, grace) = futures_util::join!(stack.customer(), stack.customer());
    let date = full_days(&ada, MAREK).await.remove(0);
    let of_grace = book(&grace, wish(CUT, MAREK, &date, "10:15", true)).await;
    // Both reach into 14:00 to 15:05.
    let first = book(&ada, wish(SHORT_CUT, MAREK, &date, "13:30", false)).await;
    let second = book(&ada, wish(SHORT_CUT, MAREK, &date, "14:45", false)).await;
    move_to(&grace, &of_grace, &date, "14:00").await.error(409, "slot_taken");
    for reservation in [&first, &second] {
        run_out(&ada, reservation).await;
        move_to(&ada, reservation, &date, "16:00").await.error(409, "invalid_transition");
        pay(&admin, reservation).await.error(409, "invalid_transition");
        assert_eq!(calendar(&ada, reservation).await.0, "CANCEL");
    }
    move_to(&grace, &of_grace, &date, "14:00").await.data(200);
    let expired = list(&admin, &format!("from={date}&to={date}&status=expired")).await;
    assert_eq!(expired.iter().map(id).collect::<Vec<_>>(), [id(&first), id(&second)]);
    stack.settle().await;
    let mails = stack.mails(&ada.email);
    assert_eq!(mails.iter().filter(|mail| mail.subject.starts_with("Expired: ")).count(), 2);
    // What they held beyond it is free, and so is where she came from.
    for time in ["13:15", "15:15", "10:15"] {
        book(&ada, wish(SHORT_CUT, MAREK, &date, time, true)).await;
    }
    stack.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_done_to_one_appointment_at_once_it_is_one() {
    let stack = start("2s").await;
    let admin = stack.demo_account(Role::Admin).await;
    let (ada, rival) = futures_util::join!(stack.customer(), stack.customer());
    let dates = full_days(&ada, INES).await;
    for (round, date) in dates.iter().take(6).enumerate() {
        let made = book(&ada, wish(CUT, INES, date, "10:15", false)).await;
        // In every other round just when it runs out.
        if round % 2 == 1 {
            let until: Timestamp = made["expiresAt"].as_str().unwrap().parse().unwrap();
            let left = until.duration_since(clock::now()).unsigned_abs();
            tokio::time::sleep(left.saturating_sub(Duration::from_millis(40))).await;
        }
        let targets = ["10:30", "09:00", "14:30"];
        let moves = join_all(targets.map(|time| move_to(&ada, &made, date, time)));
        let cancel = async {
            let request = ada.request(Method::DELETE, &path(&made, "/cancel"));
            if round % 3 == 2 { Some(ada.send(request).await) } else { None }
        };
        let rivals = ["10:15", "09:00", "11:15"].map(|time| rival.book(wish(CUT, INES, date, time, true)));
        let sweeps = join_all((0..2).map(|_| stack.invoke(SWEEP, json!({}))));
        let (moves, paid, cancelled, rivals, _) =
            futures_util::join!(moves, pay(&admin, &made), cancel, join_all(rivals), sweeps);

        for answer in moves.iter().chain([&paid]).chain(&cancelled) {
            assert!(matches!(answer.status.as_u16(), 200 | 409), "{}: {}", answer.asked, answer.text);
        }
        for answer in &rivals {
            assert!(matches!(answer.status.as_u16(), 201 | 409), "{}", answer.text);
        }
        let is_ok = |answer: &Answer| answer.status == 200;
        let last = show(&admin, &made).await;
        let status = last["status"].as_str().unwrap();
        if cancelled.as_ref().is_some_and(is_ok) {
            assert_eq!(status, "cancelled");
        } else if is_ok(&paid) {
            assert_eq!((status, last["expiresAt"].value()), ("confirmed", &Value::Null));
            assert_eq!(last["payment"]["amount"], last["totalPrice"]);
        } else {
            assert!(matches!(status, "reserved" | "expired"), "{status}");
        }
        let time = last["time"].as_str().unwrap();
        let reached: Vec<_> = targets.iter().zip(&moves).filter(|(_, answer)| is_ok(answer)).collect();
        let is_known = reached.iter().any(|(target, _)| **target == time);
        assert_eq!(is_known, !reached.is_empty(), "it is at {time}, and was moved to {reached:?}");
        assert!(is_known || time == "10:15", "{time}");
    }
    stack.settle_within(Duration::from_mins(1)).await;
    stack.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appointments_that_trade_places_never_share_one() {
    let stack = start("4h").await;
    let ada = stack.customer().await;
    let date = full_days(&ada, MAREK).await.remove(0);
    let places = ["09:00", "09:45", "10:30", "11:15", "13:15", "14:00", "14:45"];
    let first = places[..5].iter().zip([true, false, true, false, true]);
    let mut appointments = Vec::new();
    for (time, pay_now) in first {
        appointments.push(book(&ada, wish(SHORT_CUT, MAREK, &date, time, pay_now)).await);
    }
    let mut moves = 0;
    for round in 1..=6_usize {
        // Each wants the place that is so many further; in even rounds all at once the other way.
        let step = if round % 2 == 0 { places.len() - round / 2 } else { round };
        let wanted = |appointment: &Json| {
            let place = places.iter().position(|time| appointment["time"] == *time).unwrap();
            places[(place + step) % places.len()]
        };
        let date = &date;
        let ada = &ada;
        let asked = appointments.iter().map(async |appointment| {
            let to = wanted(appointment);
            let answer = move_to(ada, appointment, date, to).await;
            if answer.status == 200 {
                let moved = answer.data(200)["appointment"].clone();
                assert_eq!(moved["time"], to);
                (moved, true)
            } else {
                answer.error(409, "slot_taken");
                (appointment.clone(), false)
            }
        });
        let answers = join_all(asked).await;
        moves += answers.iter().filter(|(_, has_moved)| *has_moved).count();
        appointments = answers.into_iter().map(|(appointment, _)| appointment).collect();
        let mut expected = appointments.clone();
        expected.sort_by_key(|appointment| appointment["time"].as_str().unwrap().to_owned());
        assert_eq!(
            list(&stack.demo_account(Role::Admin).await, &format!("from={date}&to={date}")).await,
            expected
        );
        expected.dedup_by_key(|appointment| appointment["time"].clone());
        assert_eq!(expected.len(), 5, "two at one time");
    }
    assert!(moves >= 6, "in each round two places are free: {moves} moves");
    stack.settle_within(Duration::from_mins(1)).await;
    stack.finish().await;
}

#[tokio::test]
async fn the_front_desk_books_for_a_customer_who_telephones() {
    let stack = start("4h").await;
    let admin = stack.demo_account(Role::Admin).await;
    let (ada, grace) = futures_util::join!(stack.customer(), stack.customer());
    let date = full_days(&ada, MAREK).await.remove(0);
    let for_ada = |time: &str, pay_now: bool| {
        let mut wish = wish(SHORT_CUT, MAREK, &date, time, pay_now);
        wish["userId"] = json!(ada.user_id);
        wish
    };

    let by_telephone = book(&admin, for_ada("09:00", false)).await;
    assert_eq!(
        (by_telephone["userId"].value(), by_telephone["status"].value()),
        (&json!(ada.user_id), &json!("reserved"))
    );
    stack.mail(&ada.email, "Reserved: ").await;
    let hers = ada.get("/appointments/my").await.data(200)["items"].clone();
    assert_eq!(hers, json!([by_telephone]));
    assert!(admin.get("/appointments/my").await.data(200)["items"].as_array().unwrap().is_empty());
    let repeated = |wish: Value| {
        let request = admin.request(Method::POST, "/appointments").header("Idempotency-Key", "telephone");
        admin.send(request.json(&wish))
    };
    let first = repeated(for_ada("10:00", true)).await;
    let again = repeated(for_ada("10:00", true)).await;
    assert_eq!((first.data(201), again.header("idempotency-replayed")), (again.data(201), "true"));
    let mut for_grace = for_ada("10:00", true);
    for_grace["userId"] = json!(grace.user_id);
    repeated(for_grace).await.error(422, "idempotency_key_reused");
    ada.delete(&path(&by_telephone, "/cancel")).await.data(200);

    // Customers book for themselves, and nobody books for nobody.
    grace.book(for_ada("11:00", true)).await.error(403, "forbidden");
    let mut own = wish(SHORT_CUT, MAREK, &date, "11:00", true);
    own["userId"] = json!(grace.user_id);
    book(&grace, own).await;
    let mut for_nobody = for_ada("14:00", true);
    for_nobody["userId"] = json!("usr_0000000000000000000000000z");
    assert_eq!(admin.book(for_nobody).await.fields(400, "unknown_customer"), ["userId"]);

    // However many bookings are under way for somebody who leaves, none of them is left with her name on it.
    let wishes: Vec<_> = ["13:15", "14:00", "14:45", "15:30", "16:15"].map(|time| for_ada(time, true)).into();
    let leaving = ada.request(Method::DELETE, "/profile").json(&json!({"password": ada.password}));
    let (gone, booked) =
        futures_util::join!(ada.send(leaving), join_all(wishes.into_iter().map(|wish| admin.book(wish))));
    gone.data(200);
    for answer in booked {
        if answer.status != 201 {
            assert_eq!(answer.fields(400, "unknown_customer"), ["userId"]);
        }
    }
    assert_eq!(admin.book(for_ada("17:00", true)).await.fields(400, "unknown_customer"), ["userId"]);
    let again = repeated(for_ada("10:00", true)).await;
    assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (201, "true"));
    let items = stack.items("AppointmentsTable").await;
    let left = items.iter().filter(|item| format!("{item:?}").contains(&ada.user_id)).count();
    assert_eq!(left, 0);
    stack.finish().await;
}
