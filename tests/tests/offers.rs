//! Offers as an owner makes them and customers get them: what is cheaper when, codes that do not fit, what becomes of an
//! offer when its appointment moves or its service goes, and admins who give one code at the same moment.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_models::user::Role;
use chairbook_platform::clock;
use chairbook_tests::appointment::path;
use chairbook_tests::{Actor, Answer, Json, TestStack};
use futures_util::future::join_all;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use reqwest::Method;
use reqwest::header::IF_NONE_MATCH;
use serde_json::{Value, json};

/// Inès asks 72.00 for it, Marek 58.00.
const CUT: &str = "svc_00000000000000000000000001";
const SHORT_CUT: &str = "svc_00000000000000000000000002";
const PEDICURE: &str = "svc_00000000000000000000000009";
const NAILS: &str = "cat_00000000000000000000000003";
/// 10.00 with a cut.
const SCALP_MASSAGE: &str = "sub_00000000000000000000000001";
const INES: &str = "exp_00000000000000000000000001";
const MAREK: &str = "exp_00000000000000000000000002";
/// The demo's: 15 % off pedicures; 10 % off everything with WELCOME10.
const HAPPY_FEET: &str = "ofr_00000000000000000000000001";
const WELCOME: &str = "ofr_00000000000000000000000002";
const NO_OFFER: &str = "ofr_0000000000000000000000zzzz";

fn id(thing: &Json) -> String {
    thing["id"].as_str().unwrap().to_owned()
}

async fn make(admin: &Actor, offer: Value) -> Json {
    admin.post("/offers", offer).await.data(201)["offer"].clone()
}

/// The names of a list of offers.
fn names(offers: &Json) -> Vec<&str> {
    offers.as_array().unwrap().iter().map(|offer| offer["name"].as_str().unwrap()).collect()
}

async fn list(actor: &Actor, query: &str) -> Json {
    actor.get(&format!("/offers?limit=100{query}")).await.data(200)["items"].clone()
}

/// The salon's date.
fn today() -> Date {
    clock::now().to_zoned(TimeZone::get("Europe/Paris").unwrap()).date()
}

/// Free starts of an expert, none of them soon, each on a day of its own.
async fn free(actor: &Actor, service: &str, expert: &str) -> Vec<(Date, String)> {
    let (from, to) = (today() + 2.days(), today() + 32.days());
    let query = format!("serviceId={service}&expertId={expert}&from={from}&to={to}");
    let mut free = actor.availability(&query).await;
    free.dedup_by_key(|(date, ..)| date.clone());
    free.into_iter().map(|(date, time, _)| (date.parse().unwrap(), time)).collect()
}

fn wish(service: &str, expert: &str, (date, time): &(Date, String), code: Option<&str>) -> Value {
    json!({"serviceId": service, "expertId": expert, "date": date, "time": time, "offerCode": code})
}

async fn book(customer: &Actor, wish: Value) -> Json {
    customer.book(wish).await.data(201)["appointment"].clone()
}

/// What an appointment costs, and what took off how much.
fn price(appointment: &Json) -> (i64, Value, Value) {
    let (total, offer) = (appointment["totalPrice"].as_i64().unwrap(), &appointment["offer"]);
    if offer.is_null() {
        whole(total)
    } else {
        (total, offer["name"].to_value(), offer["discount"].to_value())
    }
}

fn cheaper(total: i64, name: &str, discount: i64) -> (i64, Value, Value) {
    (total, json!(name), json!(discount))
}

fn whole(total: i64) -> (i64, Value, Value) {
    (total, Value::Null, Value::Null)
}

#[tokio::test]
async fn an_owner_makes_offers_and_customers_pay_less() {
    let stack = TestStack::start().await;
    let (admin, ada, guest) =
        (stack.demo_account(Role::Admin).await, stack.customer().await, stack.visitor());
    let mut days = free(&ada, CUT, MAREK).await.into_iter();
    let mut day = || days.next().unwrap();

    // Nothing is cheaper yet, but for whoever has a code.
    let booked = book(&ada, wish(CUT, MAREK, &day(), None)).await;
    assert_eq!((price(&booked), booked["offer"].value()), (whole(5_800), &Value::Null));
    let booked = book(&ada, wish(CUT, MAREK, &day(), Some(" welcome10 "))).await;
    assert_eq!(booked["totalPrice"], 5_220);
    assert_eq!(
        booked["offer"],
        json!({"id": WELCOME, "name": "Welcome", "code": "WELCOME10", "discount": 580})
    );

    // An offer of everything for a while, seen at once by everybody.
    let (from, to) = (today(), today() + 40.days());
    let spring = make(
        &admin,
        json!({
            "name": "Spring", "description": "Out of the hats", "percentOff": 15, "serviceIds": [CUT, SHORT_CUT],
            "validFrom": from, "validTo": to,
        }),
    )
    .await;
    let public = json!({
        "id": spring["id"], "name": "Spring", "description": "Out of the hats", "percentOff": 15, "amountOff": null,
        "currency": "EUR", "serviceIds": [CUT, SHORT_CUT], "validFrom": from, "validTo": to,
    });
    let mut seen = spring.to_value();
    for (field, value) in [("code", Value::Null), ("isActive", json!(true))] {
        assert_eq!(seen.as_object_mut().unwrap().remove(field), Some(value), "{field}");
    }
    assert_eq!(seen.as_object_mut().unwrap().remove("createdAt"), Some(spring["updatedAt"].to_value()));
    seen.as_object_mut().unwrap().remove("updatedAt");
    assert_eq!(seen, public);
    assert_eq!(list(&guest, "").await[1], public);
    assert_eq!(names(&list(&guest, "").await), ["Happy feet", "Spring"]);
    let short = json!([{
        "id": spring["id"], "name": "Spring", "percentOff": 15, "amountOff": null, "validFrom": from, "validTo": to,
    }]);
    let cut = guest.get(&format!("/services/{CUT}")).await.data(200)["service"].clone();
    assert_eq!((cut["offers"].value(), cut["price"].value()), (&short, &json!(5_800)));
    let cuts = guest.get("/services?q=finish").await.data(200);
    assert_eq!(cuts["items"][0]["offers"], short);
    let pedicure = guest.get(&format!("/services/{PEDICURE}")).await.data(200)["service"].clone();
    assert_eq!(names(&pedicure["offers"]), ["Happy feet"]);

    // It is off the whole price, with add-ons and at the expert's own price, rounded in the customer's favour.
    let mut with_massage = wish(CUT, MAREK, &day(), None);
    with_massage["subServiceIds"] = json!([SCALP_MASSAGE]);
    let booked = book(&ada, with_massage).await;
    assert_eq!(price(&booked), cheaper(5_780, "Spring", 1_020));
    assert_eq!(booked["subServices"][0]["price"], 1_000);
    let of_ines = free(&ada, CUT, INES).await.remove(0);
    let booked = book(&ada, wish(CUT, INES, &of_ines, None)).await;
    assert_eq!(price(&booked), cheaper(6_120, "Spring", 1_080));

    // Offers do not add up: the best wins, whether or not it was asked for.
    let booked = book(&ada, wish(CUT, MAREK, &day(), Some("WELCOME10"))).await;
    assert_eq!(price(&booked), cheaper(4_930, "Spring", 870));
    let friend = json!({"name": "A friend's", "amountOff": 100_000, "code": "Friend-1", "description": null});
    let friend = make(&admin, friend).await;
    assert_eq!((friend["code"].value(), friend["serviceIds"].value()), (&json!("FRIEND-1"), &json!([])));
    let for_nothing = book(&ada, wish(CUT, MAREK, &day(), Some("friend-1"))).await;
    assert_eq!(price(&for_nothing), cheaper(0, "A friend's", 5_800));
    // With any expert, it is off what the one who is found asks.
    let any = day();
    let mut anybody = wish(CUT, MAREK, &any, Some("friend-1"));
    anybody.as_object_mut().unwrap().remove("expertId");
    let booked = book(&ada, anybody).await;
    assert_eq!(
        (booked["totalPrice"].value(), booked["offer"]["code"].value()),
        (&json!(0), &json!("FRIEND-1"))
    );

    // Paid for is what is left, and that is what is given back.
    let mut reserved = wish(CUT, MAREK, &day(), None);
    reserved["notes"] = json!("As last time");
    let grace = stack.customer().await;
    let reserved = book(&grace, reserved).await;
    let mail = stack.mail(&grace.email, "Reserved: Cut").await;
    assert_eq!(price(&reserved), cheaper(4_930, "Spring", 870));
    let text = mail.text.unwrap();
    assert!(text.contains("EUR 49.30 (Spring: EUR 8.70 off)"), "{text}");
    assert!(text.contains("Once EUR 49.30 is paid"), "{text}");
    assert!(mail.html.unwrap().contains("EUR 49.30 (Spring: EUR 8.70 off)"));
    let pay = path(&reserved, "/pay");
    let wrong = admin.put(&pay, json!({"method": "card", "amount": 5_800})).await;
    assert_eq!(wrong.fields(400, "wrong_amount"), ["amount"]);
    let paid =
        admin.put(&pay, json!({"method": "card", "amount": 4_930})).await.data(200)["appointment"].clone();
    assert_eq!(
        (paid["payment"]["amount"].value(), paid["offer"].value()),
        (&json!(4_930), reserved["offer"].value())
    );
    admin.put(&path(&for_nothing, "/pay"), json!({"method": "other"})).await.data(200);
    let cancelled = admin.delete(&path(&paid, "/cancel")).await.data(200)["appointment"].clone();
    assert_eq!(
        (cancelled["refund"]["amount"].value(), cancelled["offer"].value()),
        (&json!(4_930), reserved["offer"].value())
    );

    // What changes or goes takes nothing from what was booked.
    let spring_path = format!("/offers/{}", id(&spring));
    let changed = json!({"name": "Late spring", "percentOff": 5});
    let changed = admin.put(&spring_path, changed).await.data(200)["offer"].clone();
    for (field, value) in [
        ("description", json!(null)),
        ("serviceIds", json!([])),
        ("validTo", json!(null)),
        ("isActive", json!(true)),
        ("createdAt", spring["createdAt"].to_value()),
    ] {
        assert_eq!(changed[field], value, "{field}");
    }
    let booked = book(&ada, wish(CUT, MAREK, &day(), None)).await;
    assert_eq!(price(&booked), cheaper(5_510, "Late spring", 290));
    assert_eq!(admin.delete(&spring_path).await.data(200), json!({}));
    admin.delete(&spring_path).await.error(404, "not_found");
    admin.put(&spring_path, json!({"name": "X", "percentOff": 5})).await.error(404, "not_found");
    assert_eq!(names(&list(&guest, "").await), ["Happy feet"]);
    for (customer, appointment) in [(&grace, &reserved), (&ada, &booked)] {
        let kept = customer.get(&path(appointment, "")).await.data(200)["appointment"].clone();
        assert_eq!(kept["offer"], appointment["offer"]);
    }
    let exported = ada.get("/profile/export").await.data(200);
    let exported = exported["appointments"].as_array().unwrap();
    let found = exported.iter().find(|appointment| appointment["id"] == booked["id"]).unwrap();
    assert_eq!(price(found), cheaper(5_510, "Late spring", 290));

    let text = |value: &AttributeValue| value.as_s().unwrap().clone();
    let events = stack.items("EventsTable").await;
    let changes: BTreeSet<_> = events
        .iter()
        // Not the demo's own, of the whole catalog.
        .filter(|event| event["actor"] == AttributeValue::S(admin.user_id.clone()))
        .filter(|event| text(&event["type"]) == "catalog.changed")
        .map(|event| event["data"].as_m().unwrap())
        .map(|data| format!("{} {}", text(&data["what"]), text(&data["change"])))
        .collect();
    assert_eq!(
        changes.iter().map(String::as_str).collect::<Vec<_>>(),
        ["offer created", "offer deleted", "offer updated"]
    );
    stack.finish().await;
}

#[tokio::test]
async fn a_code_that_does_not_fit_is_refused_and_none_is_given_away() {
    let stack = TestStack::start().await;
    let (admin, ada, guest) =
        (stack.demo_account(Role::Admin).await, stack.customer().await, stack.visitor());
    let days = free(&ada, CUT, MAREK).await;
    let (yesterday, last) = (today() - 1.day(), days[0].0);
    for offer in [
        json!({"name": "Off", "percentOff": 50, "code": "switched-off", "isActive": false}),
        json!({"name": "Gone", "percentOff": 50, "code": "gone", "validTo": yesterday}),
        json!({"name": "Short", "percentOff": 50, "code": "short", "serviceIds": [SHORT_CUT]}),
        json!({"name": "Soon", "percentOff": 50, "code": "soon", "validTo": last}),
        json!({"name": "Later", "percentOff": 50, "code": "later", "validFrom": last + 1.day()}),
        // Neither is for anybody by itself.
        json!({"name": "Off by itself", "percentOff": 50, "isActive": false}),
        json!({"name": "Gone by itself", "percentOff": 50, "validTo": yesterday}),
    ] {
        make(&admin, offer).await;
    }

    let refused = async |day: &(Date, String), code: &str, expected: &str| {
        let answer = ada.book(wish(CUT, MAREK, day, Some(code))).await;
        assert_eq!(answer.fields(400, expected), ["offerCode"], "{code}");
        answer.json()["message"].as_str().unwrap().to_owned()
    };
    let unknown = refused(&days[0], "no-such-code", "unknown_offer").await;
    for code in ["switched-off", "SWITCHED-OFF", "gone"] {
        assert_eq!(refused(&days[0], code, "unknown_offer").await, unknown, "as if there were none");
    }
    assert!(refused(&days[0], "short", "offer_for_other_services").await.contains("for this service"));
    let told = refused(&days[1], "soon", "offer_for_other_dates").await;
    assert!(told.ends_with(&format!("for appointments until {last}")), "{told}");
    let told = refused(&days[0], "later", "offer_for_other_dates").await;
    assert!(told.ends_with(&format!("for appointments from {}", last + 1.day())), "{told}");
    for malformed in [json!(5), json!("ab"), json!("a b c"), json!("é".repeat(5)), json!("x".repeat(33))] {
        let mut wish = wish(CUT, MAREK, &days[0], None);
        wish["offerCode"] = malformed.clone();
        assert_eq!(ada.book(wish).await.fields(400, "validation_failed"), ["offerCode"], "{malformed}");
    }
    // On both sides of their ends they fit.
    for (day, code) in [(&days[0], "soon"), (&days[1], "later")] {
        let booked = book(&ada, wish(CUT, MAREK, day, Some(code))).await;
        assert_eq!(
            (booked["totalPrice"].value(), booked["offer"]["discount"].value()),
            (&json!(2_900), &json!(2_900))
        );
    }
    assert_eq!(price(&book(&ada, wish(CUT, MAREK, &days[2], None)).await), whole(5_800));

    // A repeat is answered as the first time, even if the code has gone; another code is another request.
    let keyed = async |wish: &Value| {
        let request = ada.request(Method::POST, "/appointments").header("Idempotency-Key", "once");
        ada.send(request.json(wish)).await
    };
    let mut wish = wish(CUT, MAREK, &days[3], Some("welcome10"));
    let first = keyed(&wish).await.data(201)["appointment"].clone();
    assert_eq!(price(&first), cheaper(5_220, "Welcome", 580));
    admin.delete(&format!("/offers/{WELCOME}")).await.data(200);
    wish["offerCode"] = json!("WELCOME10");
    let again = keyed(&wish).await;
    assert_eq!(again.data(201)["appointment"], first);
    assert_eq!(again.header("idempotency-replayed"), "true");
    for other in [json!("later"), Value::Null] {
        wish["offerCode"] = other;
        keyed(&wish).await.error(422, "idempotency_key_reused");
    }
    ada.book(wish_with(&wish, "welcome10", &days[4])).await.fields(400, "unknown_offer");

    // Nobody but admins sees codes, nor what is not offered.
    for path in
        ["/offers", "/offers?includeInactive=false", "/services?limit=100", &format!("/services/{CUT}")]
    {
        for actor in [&guest, &ada, &admin] {
            let text = actor.get(path).await.text;
            for hidden in ["SWITCHED", "SHORT\"", "SOON", "LATER", "COLOUR20", "\"Off", "\"Gone", "\"code\""]
            {
                assert!(!text.contains(hidden), "{path}: {hidden} in {text}");
            }
        }
    }
    let all = "&includeInactive=true";
    assert_eq!(names(&list(&guest, "").await), ["Happy feet"]);
    let seen = admin.get("/offers?includeInactive=true").await;
    assert_eq!((seen.header("cache-control"), seen.header("etag")), ("no-store", ""));
    assert_eq!(
        names(&list(&admin, all).await),
        [
            "Gone",
            "Gone by itself",
            "Happy feet",
            "Later",
            "New colour",
            "Off",
            "Off by itself",
            "Short",
            "Soon"
        ]
    );
    let codes: Vec<_> =
        list(&admin, all).await.as_array().unwrap().iter().map(|offer| offer["code"].clone()).collect();
    assert_eq!(codes[0..3], [json!("GONE"), Value::Null, Value::Null]);
    guest.get("/offers?includeInactive=true").await.error(401, "unauthorized");
    ada.get("/offers?includeInactive=true").await.error(403, "forbidden");
    stack.finish().await;
}

/// The same wish with another code on another day.
fn wish_with(wish: &Value, code: &str, (date, time): &(Date, String)) -> Value {
    let mut wish = wish.clone();
    (wish["offerCode"], wish["date"], wish["time"]) = (json!(code), json!(date), json!(time));
    wish
}

#[tokio::test]
async fn an_offer_moves_with_its_appointment_as_long_as_the_price_does() {
    let stack = TestStack::start().await;
    let (admin, ada) = (stack.demo_account(Role::Admin).await, stack.customer().await);
    let of_marek = free(&ada, CUT, MAREK).await;
    let of_ines = free(&ada, CUT, INES).await;
    let last = of_marek[0].0.max(of_ines[0].0);
    make(&admin, json!({"name": "Soon", "percentOff": 20, "code": "soon", "validTo": last})).await;
    make(&admin, json!({"name": "Always", "percentOff": 10})).await;
    let late = of_ines.iter().filter(|(date, _)| *date > last);
    let late: Vec<_> = late.filter(|day| of_marek.iter().any(|other| other.0 == day.0)).collect();
    let reschedule = async |appointment: &Json, (date, time): &(Date, String), expert: &str| {
        let body = json!({"date": date, "time": time, "expertId": expert});
        let answer = ada.put(&path(appointment, "/reschedule"), body).await;
        answer.data(200)["appointment"].clone()
    };

    // Reserved with Marek at 58.00 less 20 %; the price stays wherever Marek does it.
    let reserved = book(&ada, wish(CUT, MAREK, &of_marek[0], Some("soon"))).await;
    assert_eq!(price(&reserved), cheaper(4_640, "Soon", 1_160));
    let out_of_its_time = of_marek.iter().find(|(date, _)| *date > last).unwrap();
    let moved = reschedule(&reserved, out_of_its_time, MAREK).await;
    assert_eq!((moved["date"].to_value(), price(&moved)), (json!(out_of_its_time.0), price(&reserved)));
    // With Inès it is 72.00 less 20 % while the offer lasts, and later what there is then.
    let moved = reschedule(&reserved, &of_ines[0], INES).await;
    assert_eq!(price(&moved), cheaper(5_760, "Soon", 1_440));
    let back = reschedule(&reserved, &of_marek[1], MAREK).await;
    let fits = of_marek[1].0 <= last;
    let expected = if fits { cheaper(4_640, "Soon", 1_160) } else { cheaper(5_220, "Always", 580) };
    assert_eq!(price(&back), expected);
    let moved = reschedule(&reserved, late[0], INES).await;
    assert_eq!(price(&moved), cheaper(6_480, "Always", 720));
    stack.settle().await;
    let mail = stack.mails(&ada.email).remove(0);
    let text = mail.text.unwrap();
    assert!(mail.subject.contains("Moved: ") && text.contains("EUR 64.80 (Always: EUR 7.20 off)"), "{text}");

    // What the salon was paid stays paid, with its offer.
    let mut paid = wish(CUT, MAREK, &of_marek[0], Some("soon"));
    paid["payNow"] = json!(true);
    let paid = book(&ada, paid).await;
    admin.put(&path(&paid, "/pay"), json!({"method": "card"})).await.data(200);
    let moved = reschedule(&paid, late[1], INES).await;
    assert_eq!((moved["expertId"].value(), price(&moved)), (&json!(INES), cheaper(4_640, "Soon", 1_160)));
    stack.finish().await;
}

#[tokio::test]
async fn a_service_that_goes_leaves_its_offers() {
    let stack = TestStack::start().await;
    let (admin, guest) = (stack.demo_account(Role::Admin).await, stack.visitor());
    let service = json!({"categoryId": NAILS, "name": "Nail bar", "price": 1_000, "durationMinutes": 10});
    let service = id(&admin.post("/services", service).await.data(201)["service"]);
    let both = json!({"name": "Both", "percentOff": 10, "serviceIds": [service, PEDICURE, service]});
    let both = make(&admin, both).await;
    let only = json!({"name": "Only", "amountOff": 100, "serviceIds": [service]});
    let only = make(&admin, only).await;
    assert_eq!(both["serviceIds"].as_array().unwrap().len(), 2, "each once");
    let named = |offers: &Json, name: &str| {
        let offers = offers.as_array().unwrap().clone();
        offers.into_iter().find(|offer| offer["name"] == name)
    };

    // What cannot be booked is not offered: the service is active, its category for now is not.
    let nails = format!("/categories/{NAILS}");
    admin.put(&nails, json!({"name": "Nails", "isActive": false})).await.data(200);
    assert_eq!(names(&list(&guest, "").await), [""; 0]);
    admin.put(&nails, json!({"name": "Nails", "isActive": true})).await.data(200);
    assert_eq!(names(&list(&guest, "").await), ["Both", "Happy feet", "Only"]);

    assert_eq!(admin.delete(&format!("/services/{service}")).await.data(200), json!({}));
    let public = list(&guest, "").await;
    assert_eq!(names(&public), ["Both", "Happy feet"], "never one for everything");
    assert_eq!(public[0]["serviceIds"], json!([PEDICURE]));
    let all = list(&admin, "&includeInactive=true").await;
    let kept = named(&all, "Only").unwrap();
    assert_eq!(
        (kept["id"].value(), kept["isActive"].value(), kept["serviceIds"].value()),
        (only["id"].value(), &json!(false), &json!([service]))
    );
    // Whoever wants it back says what it is for.
    let path = format!("/offers/{}", id(&only));
    let back =
        |services: Value| json!({"name": "Only", "amountOff": 100, "serviceIds": services, "isActive": true});
    let refused = admin.put(&path, back(json!([service]))).await;
    assert_eq!(refused.fields(400, "validation_failed"), ["serviceIds"]);
    let back = admin.put(&path, back(json!([PEDICURE]))).await.data(200)["offer"].clone();
    assert_eq!((back["isActive"].value(), back["serviceIds"].value()), (&json!(true), &json!([PEDICURE])));
    stack.finish().await;
}

#[tokio::test]
async fn every_wrong_field_of_an_offer_is_named() {
    let stack = TestStack::start().await;
    let admin = stack.demo_account(Role::Admin).await;
    let before = stack.stack.store().catalog().await.unwrap();
    let (long, longer) = ("x".repeat(101), "x".repeat(2_001));
    let nowhere = "svc_0000000000000000000000zzzz";
    let cases: Vec<(Value, &[&str])> = vec![
        (json!({}), &["name", "percentOff"]),
        (
            json!({
                "name": long, "description": longer, "percentOff": 101, "amountOff": 0, "code": "a!", "serviceIds": "x",
                "validFrom": "tomorrow", "validTo": "2026-02-30", "isActive": 1, "colour": "red",
            }),
            &[
                "name",
                "description",
                "percentOff",
                "amountOff",
                "code",
                "serviceIds",
                "validFrom",
                "validTo",
                "isActive",
                "colour",
            ],
        ),
        (json!({"name": "A", "percentOff": 0}), &["percentOff"]),
        (json!({"name": "A", "percentOff": 12.5}), &["percentOff"]),
        (json!({"name": "A", "amountOff": 100_000_001}), &["amountOff"]),
        (json!({"name": "A", "percentOff": 10, "amountOff": 10}), &["amountOff"]),
        (json!({"name": "A", "percentOff": null, "amountOff": null}), &["percentOff"]),
        (
            json!({"name": "A", "percentOff": 10, "validFrom": "2026-03-02", "validTo": "2026-03-01"}),
            &["validTo"],
        ),
        (json!({"name": "A", "percentOff": 10, "validFrom": "2026-03-02T00:00"}), &["validFrom"]),
        (
            json!({"name": "A", "percentOff": 10, "serviceIds": [CUT, 5, INES]}),
            &["serviceIds[1]", "serviceIds[2]"],
        ),
        (json!({"name": "A", "percentOff": 10, "serviceIds": vec![CUT; 101]}), &["serviceIds"]),
        // What does not fit the rest of the catalog.
        (json!({"name": "A", "percentOff": 10, "serviceIds": [CUT, nowhere]}), &["serviceIds"]),
        (json!({"name": "A", "percentOff": 10, "code": "welcome10"}), &["code"]),
        (
            json!({"name": "A", "percentOff": 10, "code": "Welcome10", "serviceIds": [nowhere]}),
            &["serviceIds", "code"],
        ),
    ];
    for (body, expected) in cases {
        let expected: BTreeSet<_> = expected.iter().map(|&field| field.to_owned()).collect();
        for (method, path) in [(Method::POST, "/offers"), (Method::PUT, &format!("/offers/{HAPPY_FEET}"))] {
            let answer = admin.send(admin.request(method, path).json(&body)).await;
            let found: BTreeSet<_> = answer.fields(400, "validation_failed").into_iter().collect();
            assert_eq!(found, expected, "{body}");
        }
    }
    let good = json!({"name": "A", "percentOff": 10});
    for path in [&format!("/offers/{NO_OFFER}"), "/offers/ofr_1", &format!("/offers/{CUT}")] {
        admin.put(path, good.clone()).await.error(404, "not_found");
        admin.delete(path).await.error(404, "not_found");
    }
    assert_eq!(stack.stack.store().catalog().await.unwrap().version, before.version, "nothing was written");

    // Fifteen offers can name one service, which they leave together when it goes.
    let body = json!({"categoryId": NAILS, "name": "Nail bar", "price": 1, "durationMinutes": 10});
    let service = id(&admin.post("/services", body).await.data(201)["service"]);
    let sub = json!({"name": "One more", "price": 0, "durationMinutes": 0});
    let image = json!({"imageUrl": "https://cdn.example/1.jpg", "serviceId": service});
    for number in 0..50 {
        admin.post(&format!("/services/{service}/sub-services"), sub.clone()).await.data(201);
        if number < 30 {
            admin.post("/gallery", image.clone()).await.data(201);
        }
        if number < 15 {
            make(&admin, json!({"name": "Full", "percentOff": 1, "serviceIds": [service, CUT]})).await;
        }
    }
    admin.post("/gallery", image).await.error(409, "catalog_full");
    let one_more = json!({"name": "One more", "percentOff": 1, "serviceIds": [service]});
    admin.post("/offers", one_more).await.error(409, "catalog_full");
    assert_eq!(admin.delete(&format!("/services/{service}")).await.data(200), json!({}));
    let rows = stack.items("CatalogTable").await;
    let is_left = |row: &_| format!("{row:?}").contains(&service);
    assert_eq!(rows.iter().filter(|row| is_left(row)).count(), 0);
    stack.finish().await;
}

#[tokio::test]
async fn one_of_two_admins_who_give_the_same_code_gets_it() {
    let stack = TestStack::start().await;
    let admin = stack.demo_account(Role::Admin).await;
    let taken = json!({"name": "Taken", "percentOff": 5, "code": "taken"});
    let changing = make(&admin, json!({"name": "Changing", "percentOff": 5})).await;
    let path = format!("/offers/{}", id(&changing));
    for round in 0..4 {
        let code = format!("Code-{round}");
        let offer = |number: usize| {
            let code = if number.is_multiple_of(2) { code.to_uppercase() } else { code.to_lowercase() };
            json!({"name": format!("Offer {number}"), "percentOff": 5, "code": code})
        };
        let (added, changed) = futures_util::join!(
            join_all((0..4).map(|number| admin.post("/offers", offer(number)))),
            admin.put(&path, offer(5)),
        );
        let all: Vec<&Answer> = added.iter().chain([&changed]).collect();
        assert_eq!(all.iter().filter(|answer| answer.status.is_success()).count(), 1, "round {round}");
        for answer in all.into_iter().filter(|answer| !answer.status.is_success()) {
            assert_eq!(answer.fields(400, "validation_failed"), ["code"]);
        }
    }
    make(&admin, taken.clone()).await;
    admin.post("/offers", taken).await.fields(400, "validation_failed");
    let catalog = stack.stack.store().catalog().await.unwrap();
    let codes: Vec<_> = catalog.offers.values().filter_map(|offer| offer.code.as_ref()).collect();
    let unique: BTreeSet<_> = codes.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes.len(), unique.len(), "{codes:?}");
    stack.finish().await;
}

#[tokio::test]
async fn a_client_that_has_the_offers_is_told_so() {
    let stack = TestStack::start().await;
    let (admin, guest) = (stack.demo_account(Role::Admin).await, stack.visitor());
    for path in ["/offers", "/services", &format!("/services/{PEDICURE}")] {
        let first = guest.get(path).await;
        let tag = first.header("etag").to_owned();
        let again = async || guest.send(guest.request(Method::GET, path).header(IF_NONE_MATCH, &tag)).await;
        let same = again().await;
        assert_eq!((same.status.as_u16(), same.text.as_str()), (304, ""), "{path}");
        make(&admin, json!({"name": "One more", "percentOff": 1})).await;
        let changed = again().await;
        changed.data(200);
        assert_ne!(changed.header("etag"), tag, "{path}");
    }
    stack.finish().await;
}
