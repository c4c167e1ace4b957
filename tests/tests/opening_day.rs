//! A salon's opening day, as its owner, its front desk and its customers live it: from an empty catalog in the morning to
//! the dashboard in the evening.

use chairbook_platform::clock;
use chairbook_tests::appointment::{id, path};
use chairbook_tests::{Actor, Json, TestStack};
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

const OWNER: &str = "olive@parlour.example";
const ZONE: &str = "Europe/London";

/// Adds something to the catalog.
async fn add(owner: &Actor, path: &str, name: &str, details: Value) -> Json {
    owner.post(path, details).await.data(201)[name].clone()
}

async fn book(caller: &Actor, wish: Value) -> Json {
    caller.book(wish).await.data(201)["appointment"].clone()
}

async fn pay(desk: &Actor, appointment: &Json, payment: Value) {
    let paid = desk.put(&path(appointment, "/pay"), payment).await.data(200)["appointment"].clone();
    assert_eq!(
        (paid["status"].value(), paid["paymentStatus"].value()),
        (&json!("confirmed"), &json!("paid"))
    );
}

/// What somebody's mails are about, the oldest first; without those of their account.
async fn heard(stack: &TestStack, customer: &Actor) -> Vec<String> {
    stack.settle().await;
    let kinds = ["Reserved", "Confirmed", "Moved", "Cancelled", "Expired"];
    let mails = stack.mails(&customer.email).into_iter().rev();
    let kind = |subject: &str| subject.split(':').next().unwrap().to_owned();
    mails.map(|mail| kind(&mail.subject)).filter(|kind| kinds.contains(&kind.as_str())).collect()
}

/// The salon's date.
fn today() -> Date {
    clock::now().to_zoned(TimeZone::get(ZONE).unwrap()).date()
}

#[tokio::test]
async fn from_an_empty_catalog_to_the_evening_s_dashboard() {
    let opened = today();
    let stack =
        TestStack::builder().parameter("OwnerEmail", OWNER).without_rate_limit().without_demo().start().await;

    // Olive opens her salon.
    let olive = stack.owner(OWNER).await;
    let settings = json!({
        "salonName": "The Parlour", "timeZone": ZONE, "currency": "GBP", "slotGridMinutes": 15, "leadTimeMinutes": 0,
        "horizonDays": 60, "cancellationWindowMinutes": 120, "reservationHoldMinutes": 240, "maxOpenReservations": 1,
        "reminderMinutes": 1_440, "payNow": "anyone",
    });
    assert_eq!(olive.put("/settings", settings.clone()).await.data(200)["settings"], settings);

    // What she offers, and who does it.
    let hair = add(&olive, "/categories", "category", json!({"name": "Hair"})).await;
    let service = |name: &str, price: i64, minutes: i64, buffer: i64| {
        json!({
            "categoryId": hair["id"], "name": name, "price": price, "durationMinutes": minutes, "bufferMinutes": buffer,
        })
    };
    let cut = add(&olive, "/services", "service", service("Cut", 4_000, 45, 15)).await;
    let colour = add(&olive, "/services", "service", service("Colour", 9_000, 90, 0)).await;
    let toner = json!({"name": "Toner", "price": 1_000, "durationMinutes": 15});
    let toner = add(&olive, &format!("/services/{}/sub-services", id(&colour)), "subService", toner).await;
    let pat = add(&olive, "/experts", "expert", json!({"name": "Pat", "bio": "Colours since 1999."})).await;
    let sam = add(&olive, "/experts", "expert", json!({"name": "Sam"})).await;
    for (expert, service, terms) in
        [(&pat, &cut, json!({})), (&pat, &colour, json!({})), (&sam, &cut, json!({"price": 3_500}))]
    {
        let path = format!("/experts/{}/services/{}", id(expert), id(service));
        olive.put(&path, terms).await.data(200);
    }
    let nine_to_six = json!([{"from": "09:00", "to": "18:00"}]);
    let week: Value = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
        .into_iter()
        .map(|day| (day.to_owned(), nine_to_six.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    for expert in [&pat, &sam] {
        olive.put(&format!("/experts/{}/working-hours", id(expert)), week.clone()).await.data(200);
    }
    let opening = json!({"name": "Opening week", "percentOff": 10, "serviceIds": [colour["id"]]});
    add(&olive, "/offers", "offer", opening).await;
    add(&olive, "/offers", "offer", json!({"name": "Friends", "amountOff": 500, "code": "FRIENDS"})).await;
    let picture =
        json!({"expertId": pat["id"], "imageUrl": "https://cdn.example/pat.jpg", "caption": "Pat at work"});
    add(&olive, "/gallery", "image", picture).await;

    // Dee is to run the front desk; Ada, Grace, Lin and Kim are customers.
    let (mut dee, ada, grace) = futures_util::join!(stack.customer(), stack.customer(), stack.customer());
    let (lin, kim) = futures_util::join!(stack.customer(), stack.customer());
    olive.put(&format!("/users/{}/role", dee.user_id), json!({"role": "admin"})).await.data(200);
    dee.log_in().await.data(200);

    let date = today() + 3.days();
    let wish = |service: &Json, time: &str, pay_now: bool| json!({"serviceId": service["id"], "date": date, "time": time, "payNow": pay_now});

    // Ada sees Sam's cut on the web, and has a friend's code.
    let free = ada.availability(&format!("serviceId={}&from={date}&to={date}", id(&cut))).await;
    assert!(free.iter().any(|(_, time, experts)| time == "10:00" && experts.len() == 2), "{free:?}");
    let mut of_ada = wish(&cut, "10:00", true);
    of_ada["expertId"] = sam["id"].to_value();
    of_ada["offerCode"] = json!("friends");
    let of_ada = book(&ada, of_ada).await;
    assert_eq!(
        (of_ada["status"].value(), of_ada["totalPrice"].value()),
        (&json!("confirmed"), &json!(3_000))
    );

    // Grace wants colour by whoever does it, and will pay at the desk; a second reservation is one too many.
    let mut of_grace = wish(&colour, "09:00", false);
    of_grace["subServiceIds"] = json!([toner["id"]]);
    let of_grace = book(&grace, of_grace).await;
    assert_eq!(
        (of_grace["status"].value(), of_grace["totalPrice"].value()),
        (&json!("reserved"), &json!(9_000))
    );
    assert_eq!(
        (of_grace["expertName"].value(), of_grace["offer"]["name"].value()),
        (&json!("Pat"), &json!("Opening week"))
    );
    grace.book(wish(&cut, "14:00", false)).await.error(409, "too_many_open_reservations");

    // Lin telephones, so Dee books for her; Kim books for herself, and finds ten o'clock taken.
    let mut of_lin = wish(&cut, "11:00", false);
    of_lin["expertId"] = pat["id"].to_value();
    of_lin["userId"] = json!(lin.user_id);
    let of_lin = book(&dee, of_lin).await;
    let taken = kim.book(wish(&cut, "10:00", true)).await.error(409, "slot_taken");
    assert_eq!(taken["alternatives"][0]["date"], json!(date));
    let mut of_kim = wish(&cut, "12:00", true);
    of_kim["expertId"] = pat["id"].to_value();
    let of_kim = book(&kim, of_kim.clone()).await;

    // A while later, when everybody has had their mail, Grace pays, Dee finds what Ada and Kim have paid, Lin telephones again, Kim cannot come after all, and Ada brings her mother at Kim's time.
    stack.settle().await;
    pay(&dee, &of_grace, json!({"method": "card", "reference": "T-17"})).await;
    for said in [&of_ada, &of_kim] {
        assert_eq!(said["payment"]["method"], "unverified");
        pay(&dee, said, json!({"method": "transfer"})).await;
    }
    let to = json!({"date": date, "time": "15:00"});
    dee.put(&path(&of_lin, "/reschedule"), to).await.data(200);
    let cancelled = kim.delete(&path(&of_kim, "/cancel")).await.data(200)["appointment"].clone();
    assert_eq!(
        (cancelled["paymentStatus"].value(), cancelled["refund"]["amount"].value()),
        (&json!("refunded"), &json!(4_000))
    );
    let mut of_mother = wish(&cut, "12:00", false);
    of_mother["expertId"] = pat["id"].to_value();
    of_mother["notes"] = json!("For my mother");
    let of_mother = book(&ada, of_mother).await;
    stack.settle().await;
    pay(&dee, &of_mother, json!({"method": "cash", "amount": 4_000})).await;
    pay(&dee, &of_lin, json!({"method": "transfer"})).await;

    // The day, as Dee has it before her.
    let day = dee.get(&format!("/appointments?from={date}&to={date}&status=confirmed")).await.data(200);
    let times: Vec<_> = day["items"].as_array().unwrap().iter().map(|item| item["time"].clone()).collect();
    assert_eq!(times, ["09:00", "10:00", "12:00", "15:00"]);

    // It comes, and goes: everybody was served but Lin, who did not come.
    for appointment in [&of_grace, &of_ada, &of_mother, &of_lin] {
        stack.let_time_pass(appointment).await;
    }
    for (appointment, status) in
        [(&of_grace, "completed"), (&of_ada, "completed"), (&of_mother, "completed"), (&of_lin, "no_show")]
    {
        let closed = dee.put(&path(appointment, "/status"), json!({"status": status})).await.data(200);
        assert_eq!(closed["appointment"]["status"], status);
    }
    assert_eq!(heard(&stack, &ada).await, ["Confirmed", "Reserved", "Confirmed"]);
    assert_eq!(heard(&stack, &grace).await, ["Reserved", "Confirmed"]);
    assert_eq!(heard(&stack, &lin).await, ["Reserved", "Moved", "Confirmed"]);
    assert_eq!(heard(&stack, &kim).await, ["Confirmed", "Cancelled"]);

    // In the evening, Olive looks at how it went. The day itself is four weeks ago by now, but for what was cancelled.
    let (served, from) = (date - 28.days(), date - 28.days());
    let dashboard = format!("/dashboard/stats?from={from}&to={date}");
    ada.get(&dashboard).await.error(403, "forbidden");
    let report = olive.get(&dashboard).await.data(200);
    let totals = &report["totals"];
    assert_eq!((report["timeZone"].value(), report["currency"].value()), (&json!(ZONE), &json!("GBP")));
    for (name, value) in [
        ("bookings", 5),
        ("revenue", 9_000 + 3_000 + 4_000 + 4_000),
        ("refunded", 4_000),
        ("unverifiedValue", 0),
        ("unpaidValue", 0),
        ("cancellations", 1),
        ("noShows", 1),
        // Olive and Dee have accounts, too.
        ("newCustomers", 6),
    ] {
        assert_eq!(totals[name], json!(value), "{name}: {totals}");
    }
    let row = |date: Date, name: &str| {
        let days = report["days"].as_array().unwrap();
        days.iter().find(|day| day["date"] == json!(date)).unwrap()[name].as_i64().unwrap()
    };
    assert_eq!((row(served, "bookings"), row(served, "revenue")), (4, 20_000));
    assert_eq!((row(date, "bookings"), row(date, "refunded")), (1, 4_000));
    // They may have come around midnight.
    let news = [opened, opened + 1.day()].map(|date| row(date, "newCustomers"));
    assert_eq!(news.iter().sum::<i64>(), 6);
    let ranked = |list: &str| {
        let ranks = report[list].as_array().unwrap().iter();
        ranks.map(|rank| json!([rank["name"], rank["bookings"], rank["revenue"]])).collect::<Vec<_>>()
    };
    assert_eq!(ranked("byService"), [json!(["Cut", 3, 11_000]), json!(["Colour", 1, 9_000])]);
    assert_eq!(ranked("byExpert"), [json!(["Pat", 3, 17_000]), json!(["Sam", 1, 3_000])]);
    let hours: Vec<_> =
        report["busiestHours"].as_array().unwrap().iter().map(|of| of["hour"].clone()).collect();
    assert_eq!(hours, [9, 10, 12, 15]);
    stack.finish().await;
}
