//! Customers who say that they have paid: their word confirms an appointment where the salon lets it, and is worth
//! nothing else. No revenue comes of it, nothing is given back for it, and it does not get around a limit.

use std::collections::BTreeSet;

use chairbook_models::user::Role;
use chairbook_tests::appointment::{path, show, wishes};
use chairbook_tests::{Actor, Answer, Json, TestStack};
use futures_util::future::join_all;
use jiff::ToSpan as _;
use jiff::civil::Date;
use reqwest::Method;
use serde_json::{Value, json};

/// Half an hour and five minutes after it, for 34.00.
const SHORT_CUT: &str = "svc_00000000000000000000000002";

/// An hour and five minutes after it; Inès asks 72.00 for it, Marek 58.00.
const CUT: &str = "svc_00000000000000000000000001";

const INES: &str = "exp_00000000000000000000000001";
const MAREK: &str = "exp_00000000000000000000000002";

const PRICE: i64 = 3_400;

async fn start() -> (TestStack, Actor) {
    let stack = TestStack::builder().without_rate_limit().max_concurrency(8).start().await;
    let admin = stack.demo_account(Role::Admin).await;
    (stack, admin)
}

fn today() -> Date {
    chairbook_platform::clock::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Short cuts of Marek: 35 minutes on a grid of 15.
async fn short_cuts(actor: &Actor) -> Vec<Value> {
    wishes(actor, SHORT_CUT, MAREK, 3, true).await
}

fn unpaid(wish: &Value) -> Value {
    let mut wish = wish.clone();
    wish["payNow"] = json!(false);
    wish
}

async fn book(actor: &Actor, wish: &Value) -> Json {
    actor.book(wish.clone()).await.data(201)["appointment"].clone()
}

async fn pay(admin: &Actor, appointment: &Json) -> Answer {
    admin.put(&path(appointment, "/pay"), json!({"method": "card", "reference": "T-1"})).await
}

/// The dashboard of all days to come, once all that has happened is counted.
async fn report(stack: &TestStack, admin: &Actor) -> Json {
    stack.settle().await;
    let (from, to) = (today(), today() + 60.days());
    admin.get(&format!("/dashboard/stats?from={from}&to={to}")).await.data(200)
}

/// Revenue, what was given back, what only customers say, and what is unpaid.
fn amounts(report: &Json) -> [i64; 4] {
    ["revenue", "refunded", "unverifiedValue", "unpaidValue"]
        .map(|name| report["totals"][name].as_i64().unwrap_or_else(|| panic!("no {name} in {report}")))
}

#[tokio::test]
async fn a_word_brings_no_revenue_and_nothing_is_given_back_for_it() {
    let (stack, admin) = start().await;
    let ada = stack.customer().await;
    let wishes = short_cuts(&ada).await;
    let booked = join_all(wishes[..4].iter().map(|wish| book(&ada, wish))).await;
    for made in &booked {
        assert_eq!((made["status"].value(), made["expiresAt"].value()), (&json!("confirmed"), &Value::Null));
        let word =
            json!({"method": "unverified", "reference": null, "amount": PRICE, "at": made["createdAt"]});
        assert_eq!(made["payment"], word);
    }
    let found = report(&stack, &admin).await;
    assert_eq!(amounts(&found), [0, 0, 4 * PRICE, 0]);
    for ranked in [&found["byService"], &found["byExpert"]] {
        assert_eq!((ranked[0]["bookings"].value(), ranked[0]["revenue"].value()), (&json!(4), &json!(0)));
    }
    // Everywhere the same.
    let date = booked[0]["date"].as_str().unwrap();
    let of_day = admin.get(&format!("/appointments?from={date}&to={date}")).await.data(200);
    assert_eq!(of_day["items"][0], booked[0]);
    let mine = ada.get("/appointments/my").await.data(200)["items"].clone();
    assert!(mine.as_array().unwrap().contains(&booked[0]));
    let exported = ada.get("/profile/export").await.data(200)["appointments"].clone();
    for of_export in exported.as_array().unwrap() {
        let made = booked.iter().find(|made| made["id"] == of_export["id"]).unwrap();
        for name in ["status", "paymentStatus", "payment", "refund", "offer"] {
            assert_eq!(of_export[name], made[name], "{name}");
        }
    }
    // Neither the mail nor the file says that anything was received.
    let mail = stack.mail(&ada.email, "Confirmed: ").await;
    let text = mail.text.unwrap().replace('\n', " ");
    assert!(text.contains("EUR 34.00, payment to be verified") && !text.contains(", paid"), "{text}");
    let file = ada.get(&path(&booked[0], "/calendar.ics")).await.text.replace("\r\n ", "");
    assert!(file.contains("EUR 34.00\\, payment to be verified"), "{file}");

    // Cancelled by whomever, in whatever way.
    let cancelled = [
        ada.delete(&path(&booked[0], "/cancel")).await,
        admin.delete(&path(&booked[1], "/cancel")).await,
        admin.put(&path(&booked[2], "/status"), json!({"status": "cancelled"})).await,
    ];
    for (answer, made) in cancelled.iter().zip(&booked) {
        let after = answer.data(200)["appointment"].clone();
        assert_eq!((after["status"].value(), after["refund"].value()), (&json!("cancelled"), &Value::Null));
        assert_eq!(
            (after["paymentStatus"].value(), after["payment"].value()),
            (&json!("unpaid"), made["payment"].value())
        );
        pay(&admin, made).await.error(409, "invalid_transition");
    }
    assert_eq!(amounts(&report(&stack, &admin).await), [0, 0, PRICE, 0]);
    let told = stack.mails(&ada.email).into_iter().filter(|mail| mail.subject.starts_with("Cancelled: "));
    let told: Vec<String> = told.map(|mail| mail.text.unwrap().replace('\n', " ")).collect();
    assert_eq!(told.len(), 3);
    for text in told {
        assert!(text.contains("EUR 34.00") && !text.contains("refund") && !text.contains("paid"), "{text}");
    }
    // Nor when somebody leaves.
    ada.send(ada.request(Method::DELETE, "/profile").json(&json!({"password": ada.password})))
        .await
        .data(200);
    assert_eq!(amounts(&report(&stack, &admin).await), [0, 0, 0, 0]);
    stack.finish().await;
}

#[tokio::test]
async fn what_the_salon_has_seen_is_revenue_once() {
    let (stack, admin) = start().await;
    let ada = stack.customer().await;
    let wishes = short_cuts(&ada).await;
    let made = book(&ada, &wishes[0]).await;
    ada.put(&path(&made, "/pay"), json!({"method": "card"})).await.error(403, "forbidden");
    let part = admin.put(&path(&made, "/pay"), json!({"method": "card", "amount": PRICE - 1})).await;
    assert_eq!(part.fields(400, "wrong_amount"), ["amount"]);
    let said = admin.put(&path(&made, "/pay"), json!({"method": "unverified"})).await;
    assert_eq!(said.fields(400, "validation_failed"), ["method"]);
    stack.settle().await;
    let told = stack.mails(&ada.email).len();

    // However often at once: one of them does it.
    let answers = join_all((0..12).map(|_| pay(&admin, &made))).await;
    let (done, late): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(done.len(), 1);
    for answer in late {
        answer.error(409, "invalid_transition");
    }
    let verified = done[0].data(200)["appointment"].clone();
    assert_eq!(
        (verified["status"].value(), verified["paymentStatus"].value()),
        (&json!("confirmed"), &json!("paid"))
    );
    let payment = json!({"method": "card", "reference": "T-1", "amount": PRICE, "at": verified["updatedAt"]});
    assert_eq!(verified["payment"], payment);
    assert_eq!(show(&ada, &made).await, verified);
    let found = report(&stack, &admin).await;
    assert_eq!(amounts(&found), [PRICE, 0, 0, 0]);
    assert_eq!(found["byExpert"][0]["revenue"], PRICE);
    assert_eq!(stack.mails(&ada.email).len(), told, "it was told that it is confirmed");
    let events = stack.items("EventsTable").await;
    let of_type = |name: &str| events.iter().filter(|event| event["type"].as_s().unwrap() == name).count();
    assert_eq!((of_type("appointment.confirmed"), of_type("appointment.payment_verified")), (1, 1));

    // Seen, it is given back.
    let cancelled = ada.delete(&path(&made, "/cancel")).await.data(200)["appointment"].clone();
    assert_eq!(cancelled["refund"], json!({"amount": PRICE, "at": cancelled["updatedAt"]}));
    assert_eq!(cancelled["paymentStatus"], "refunded");
    assert_eq!(amounts(&report(&stack, &admin).await), [0, PRICE, 0, 0]);

    // A payment can be seen when the customer has been served, or has not come.
    for (wish, status) in wishes[1..].iter().zip(["completed", "no_show"]) {
        let made = book(&ada, wish).await;
        stack.let_time_pass(&made).await;
        admin.put(&path(&made, "/status"), json!({"status": status})).await.data(200);
        let verified = pay(&admin, &made).await.data(200)["appointment"].clone();
        assert_eq!(
            (verified["status"].value(), verified["payment"]["method"].value()),
            (&json!(status), &json!("card"))
        );
        pay(&admin, &made).await.error(409, "invalid_transition");
    }
    stack.settle().await;
    let past = format!("/dashboard/stats?from={}&to={}", today() - 40.days(), today());
    assert_eq!(amounts(&admin.get(&past).await.data(200)), [2 * PRICE, 0, 0, 0]);
    stack.finish().await;
}

#[tokio::test]
async fn a_salon_can_believe_nobody_but_its_staff() {
    let (stack, admin) = start().await;
    let ada = stack.customer().await;
    let wishes = short_cuts(&ada).await;
    let keyed = async |wish: &Value, key: &str| {
        let request = ada.request(Method::POST, "/appointments").header("Idempotency-Key", key);
        ada.send(request.json(wish)).await
    };
    let before = keyed(&wishes[0], "before").await.data(201)["appointment"].clone();
    admin.change_setting("payNow", json!("staff")).await;

    let mut own = wishes[1].clone();
    own["userId"] = json!(ada.user_id);
    for wish in [&wishes[1], &own] {
        let refused = ada.book(wish.clone()).await;
        refused.error(403, "payment_required_at_salon");
        let message = refused.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains("without payNow") && message.contains("at the salon"), "{message}");
    }
    keyed(&wishes[1], "refused").await.error(403, "payment_required_at_salon");
    let mine = ada.get("/appointments/my").await.data(200)["items"].clone();
    assert_eq!(mine, json!([before]), "nothing was made");
    // What was booked before is told as before.
    let again = keyed(&wishes[0], "before").await;
    assert_eq!(
        (again.header("idempotency-replayed"), again.data(201)["appointment"].clone()),
        ("true", before)
    );

    // As the message says: without it, and paid at the salon.
    let reserved = book(&ada, &unpaid(&wishes[1])).await;
    assert_eq!((reserved["status"].value(), reserved["payment"].value()), (&json!("reserved"), &Value::Null));
    assert_eq!(pay(&admin, &reserved).await.data(200)["appointment"]["payment"]["method"], "card");
    // The front desk takes money, for others and for itself.
    let mut for_ada = wishes[2].clone();
    for_ada["userId"] = json!(ada.user_id);
    for wish in [&for_ada, &wishes[3]] {
        let made = book(&admin, wish).await;
        let payment = json!({"method": "other", "reference": null, "amount": PRICE, "at": made["createdAt"]});
        assert_eq!((made["status"].value(), made["payment"].value()), (&json!("confirmed"), &payment));
        pay(&admin, &made).await.error(409, "invalid_transition");
    }
    assert_eq!(amounts(&report(&stack, &admin).await), [3 * PRICE, 0, PRICE, 0]);
    admin.change_setting("payNow", json!("anyone")).await;
    book(&ada, &wishes[4]).await;
    stack.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_does_not_get_around_the_limit_of_open_reservations() {
    let (stack, admin) = start().await;
    admin.change_setting("maxOpenReservations", json!(2)).await;
    let (ada, grace) = (stack.customer().await, stack.customer().await);
    let wishes = short_cuts(&ada).await;
    assert!(wishes.len() >= 90, "{}", wishes.len());

    let answers = join_all(wishes[..64].iter().map(|wish| ada.book(wish.clone()))).await;
    let (made, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), 2);
    for answer in others {
        answer.error(409, "too_many_open_reservations");
    }
    let made: Vec<Json> = made.into_iter().map(|answer| answer.data(201)["appointment"].clone()).collect();
    // Whether or not they say it; and not by moving either.
    ada.book(unpaid(&wishes[64])).await.error(409, "too_many_open_reservations");
    let to = json!({"date": wishes[65]["date"], "time": wishes[65]["time"]});
    ada.put(&path(&made[0], "/reschedule"), to).await.data(200);
    ada.book(wishes[66].clone()).await.error(409, "too_many_open_reservations");

    // Payment that the salon has seen makes room for one more, and so does a cancellation.
    pay(&admin, &made[0]).await.data(200);
    let answers = join_all(wishes[67..73].iter().map(|wish| ada.book(wish.clone()))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    ada.delete(&path(&made[1], "/cancel")).await.data(200);
    let mixed = wishes[73..81].iter().enumerate();
    let mixed = mixed.map(|(place, wish)| ada.book(if place % 2 == 0 { wish.clone() } else { unpaid(wish) }));
    let mixed = join_all(mixed).await;
    assert_eq!(mixed.iter().filter(|answer| answer.status == 201).count(), 1);
    // Others have their own, and what is over is open no more.
    for wish in &wishes[81..83] {
        let made = book(&grace, wish).await;
        stack.let_time_pass(&made).await;
    }
    let answers = join_all(wishes[83..89].iter().map(|wish| grace.book(wish.clone()))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 2);
    stack.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_first_nothing_unseen_is_given_back() {
    const APPOINTMENTS: usize = 16;
    let (stack, admin) = start().await;
    let ada = stack.customer().await;
    let wishes = short_cuts(&ada).await;
    let booked = join_all(wishes[..APPOINTMENTS].iter().map(|wish| book(&ada, wish))).await;
    let races = booked.iter().enumerate().map(async |(place, made)| {
        let (pay_path, cancel_path) = (path(made, "/pay"), path(made, "/cancel"));
        let pays = join_all((0..2).map(|_| admin.put(&pay_path, json!({"method": "cash"}))));
        let canceller = if place % 2 == 0 { &ada } else { &admin };
        if place % 4 < 2 {
            let (pays, cancelled) = futures_util::join!(pays, canceller.delete(&cancel_path));
            (pays, cancelled)
        } else {
            let (cancelled, pays) = futures_util::join!(canceller.delete(&cancel_path), pays);
            (pays, cancelled)
        }
    });
    let races = join_all(races).await;
    let (mut revenue, mut refunded) = (0, 0);
    for ((pays, cancelled), made) in races.iter().zip(&booked) {
        let seen = pays.iter().filter(|answer| answer.status == 200).count();
        assert!(seen <= 1, "paid twice");
        for answer in pays.iter().chain([cancelled]) {
            assert!(matches!(answer.status.as_u16(), 200 | 409), "{}: {}", answer.asked, answer.text);
        }
        let last = show(&ada, made).await;
        let is_cancelled = last["status"] == "cancelled";
        assert_eq!(is_cancelled, cancelled.status == 200);
        assert_eq!(last["payment"]["method"], if seen == 1 { "cash" } else { "unverified" });
        match (seen, is_cancelled) {
            (1, true) => {
                assert_eq!(last["refund"]["amount"], PRICE);
                refunded += PRICE;
            }
            (1, false) => revenue += PRICE,
            (_, is_cancelled) => {
                assert!(is_cancelled, "nobody was first: {last}");
                assert_eq!(
                    (last["refund"].value(), last["paymentStatus"].value()),
                    (&Value::Null, &json!("unpaid"))
                );
            }
        }
    }
    let found = report(&stack, &admin).await;
    assert_eq!(amounts(&found), [revenue, refunded, 0, 0]);
    let range = json!({"from": today(), "to": today() + 60.days()});
    let rebuilt = stack.invoke("StatsFunction", json!({"rebuild": range})).await;
    assert_eq!((&rebuilt["miscounted"], &rebuilt["repaired"]), (&json!(0), &json!([])), "{rebuilt}");
    stack.finish().await;
}

#[tokio::test]
async fn a_word_does_not_keep_the_price_of_a_cheaper_expert() {
    let (stack, admin) = start().await;
    let ada = stack.customer().await;
    let of_marek = wishes(&ada, CUT, MAREK, 5, true).await;
    let of_ines = wishes(&ada, CUT, INES, 5, true).await;
    let dates: BTreeSet<_> = of_ines.iter().map(|wish| wish["date"].as_str().unwrap()).collect();
    assert!(dates.len() > 1);
    let to = |wish: &Value| json!({"date": wish["date"], "time": wish["time"], "expertId": INES});

    let said = book(&ada, &of_marek[0]).await;
    assert_eq!(
        (said["totalPrice"].value(), said["payment"]["amount"].value()),
        (&json!(5_800), &json!(5_800))
    );
    let moved = ada.put(&path(&said, "/reschedule"), to(&of_ines[0])).await.data(200)["appointment"].clone();
    assert_eq!(
        (moved["totalPrice"].value(), moved["payment"]["amount"].value()),
        (&json!(7_200), &json!(7_200))
    );
    assert_eq!(
        (moved["status"].value(), moved["payment"]["method"].value()),
        (&json!("confirmed"), &json!("unverified"))
    );
    assert_eq!(amounts(&report(&stack, &admin).await), [0, 0, 7_200, 0]);

    // What the salon has seen stays paid.
    let seen = book(&ada, &of_marek[1]).await;
    pay(&admin, &seen).await.data(200);
    let moved = ada.put(&path(&seen, "/reschedule"), to(&of_ines[1])).await.data(200)["appointment"].clone();
    assert_eq!(
        (moved["totalPrice"].value(), moved["payment"]["amount"].value()),
        (&json!(5_800), &json!(5_800))
    );
    assert_eq!(amounts(&report(&stack, &admin).await), [5_800, 0, 7_200, 0]);
    stack.finish().await;
}
