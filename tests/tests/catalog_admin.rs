//! How an owner sets a salon up and keeps it: from an empty catalog to the first booking, every field that can be
//! wrong, what deleting does, and admins who change things at the same moment.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_models::user::Role;
use chairbook_tests::checker::Item;
use chairbook_tests::{Actor, Json, TestStack};
use futures_util::future::{join, join_all};
use jiff::civil::Date;
use reqwest::Method;
use serde_json::{Value, json};

const OWNER: &str = "owner@salon.example";
const HAIR: &str = "cat_00000000000000000000000001";
const CUT: &str = "svc_00000000000000000000000001";
const SCALP_MASSAGE: &str = "sub_00000000000000000000000001";
const BEARD_TRIM: &str = "sub_00000000000000000000000004";
const INES: &str = "exp_00000000000000000000000001";
const ROSA: &str = "exp_00000000000000000000000004";

fn id(thing: &Json) -> String {
    thing["id"].as_str().unwrap().to_owned()
}

/// Creates something and returns it.
async fn create(admin: &Actor, path: &str, name: &str, body: Value) -> Json {
    admin.post(path, body).await.data(201)[name].clone()
}

/// The names in a list.
async fn names(actor: &Actor, path: &str) -> Vec<String> {
    let data = actor.get(path).await.data(200);
    data["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

/// The events of the catalog's changes, and what they say, as `what change`.
async fn changes(stack: &TestStack) -> (BTreeSet<String>, Vec<Item>) {
    let text = |value: &AttributeValue| value.as_s().unwrap().clone();
    let mut events = stack.items("EventsTable").await;
    events.retain(|event| text(&event["type"]) == "catalog.changed");
    let kinds = events.iter().map(|event| {
        let data = event["data"].as_m().unwrap();
        assert!(data.contains_key("id"), "{data:?}");
        format!("{} {}", text(&data["what"]), text(&data["change"]))
    });
    (kinds.collect(), events)
}

/// An empty salon and the owner, who has become it by verifying their address.
async fn new_salon() -> (TestStack, Actor) {
    let stack =
        TestStack::builder().without_demo().parameter("OwnerEmail", OWNER).without_rate_limit().start().await;
    let owner = stack.owner(OWNER).await;
    (stack, owner)
}

#[tokio::test]
async fn an_owner_opens_a_salon_and_a_customer_books_in_it() {
    let (stack, owner) = new_salon().await;
    let guest = stack.visitor();

    // Before anything is set: defaults.
    let settings = guest.get("/settings").await;
    assert_eq!(settings.data(200)["settings"]["timeZone"], "UTC");
    let tag = settings.header("etag").to_owned();
    let settings = json!({
        "salonName": " The Parlour ", "timeZone": "europe/london", "currency": "GBP", "slotGridMinutes": 20,
        "leadTimeMinutes": 0, "horizonDays": 30, "cancellationWindowMinutes": 60,
    });
    let changed = owner.put("/settings", settings.clone()).await.data(200)["settings"].clone();
    assert_eq!(
        (
            changed["reservationHoldMinutes"].value(),
            changed["maxOpenReservations"].value(),
            changed["reminderMinutes"].value()
        ),
        (&Value::Null, &Value::Null, &json!(1_440))
    );
    assert_eq!(changed["payNow"], "anyone");
    assert_eq!(
        (changed["salonName"].value(), changed["timeZone"].value()),
        (&json!("The Parlour"), &json!("Europe/London"))
    );
    let seen = guest.get("/settings").await;
    assert_eq!(seen.data(200)["settings"], changed);
    assert_ne!(seen.header("etag"), tag);

    // What is offered.
    let hair = create(&owner, "/categories", "category", json!({"name": "Hair"})).await;
    let nails = create(&owner, "/categories", "category", json!({"name": "Nails", "position": 0})).await;
    assert_eq!((hair["position"].value(), hair["isActive"].value()), (&json!(1), &json!(true)));
    assert_eq!(names(&guest, "/categories").await, ["Nails", "Hair"]);
    let details = json!({
        "categoryId": hair["id"], "name": "Cut", "description": "Wash, cut,\nblow-dry", "price": 4_000,
        "durationMinutes": 60, "bufferMinutes": 10,
    });
    let cut = create(&owner, "/services", "service", details.clone()).await;
    for (field, value) in [
        ("categoryName", json!("Hair")),
        ("currency", json!("GBP")),
        ("description", json!("Wash, cut,\nblow-dry")),
        ("isActive", json!(true)),
        ("subServices", json!([])),
    ] {
        assert_eq!(cut[field], value, "{field}");
    }
    let cut_path = format!("/services/{}", id(&cut));
    let subs = format!("{cut_path}/sub-services");
    let fringe = json!({"name": "Fringe", "price": 500, "durationMinutes": 0});
    let fringe = create(&owner, &subs, "subService", fringe).await;
    let mask = json!({"name": "Mask", "price": 900, "durationMinutes": 20, "isActive": false});
    let mask = create(&owner, &subs, "subService", mask).await;

    // Who does it, when.
    let pat = create(
        &owner,
        "/experts",
        "expert",
        json!({"name": "Pat", "title": "Barber", "bio": "Quick.", "imageUrl": "https://cdn.example/pat.jpg"}),
    )
    .await;
    assert_eq!(
        (pat["services"].value(), pat["timeOff"].value(), pat["rating"].value()),
        (&json!([]), &json!([]), &json!(null))
    );
    let pat_path = format!("/experts/{}", id(&pat));
    let offer = format!("{pat_path}/services/{}", id(&cut));
    let offered = owner.put(&offer, json!({"price": 3_500, "durationMinutes": 40})).await.data(200);
    assert_eq!(
        offered["expert"]["services"],
        json!([{
            "id": cut["id"], "name": "Cut", "price": 3_500, "durationMinutes": 40, "isBookable": true,
            "ownPrice": 3_500, "ownDurationMinutes": 40,
        }])
    );
    assert!(guest.availability(&format!("serviceId={}", id(&cut))).await.is_empty(), "nobody works yet");
    let nine_to_five = json!([{"from": "13:00", "to": "17:00"}, {"from": "09:00", "to": "12:00"}]);
    let week: Value = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
        .into_iter()
        .map(|day| (day.to_owned(), nine_to_five.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let hours = owner.put(&format!("{pat_path}/working-hours"), week).await.data(200);
    assert_eq!(hours["expert"]["workingHours"]["sunday"][0], json!({"from": "09:00", "to": "12:00"}));

    // A customer books, at the expert's own price.
    let customer = stack.customer().await;
    let query = format!("serviceId={}&subServiceIds={}", id(&cut), id(&fringe));
    let free = customer.availability(&query).await;
    let (date, time, _) = free.last().unwrap().clone();
    assert!(time.ends_with(":00") || time.ends_with(":20") || time.ends_with(":40"), "{time}");
    let request = json!({
        "serviceId": cut["id"], "subServiceIds": [fringe["id"]], "date": date, "time": time, "payNow": true,
    });
    let booked = customer.book(request).await.data(201)["appointment"].clone();
    for (field, value) in [
        ("expertName", json!("Pat")),
        ("totalPrice", json!(4_000)),
        ("currency", json!("GBP")),
        ("durationMinutes", json!(40)),
        ("timeZone", json!("Europe/London")),
    ] {
        assert_eq!(booked[field], value, "{field}");
    }
    stack.mail(&customer.email, "Confirmed: Cut").await;

    // What is not paid for is held as long as the salon says, where it says so.
    let mut held = settings;
    held["reservationHoldMinutes"] = json!(45);
    owner.put("/settings", held).await.data(200);
    let other_day = free.iter().rev().find(|(other, ..)| *other != date).unwrap();
    let request = json!({"serviceId": cut["id"], "date": other_day.0, "time": other_day.1});
    let reserved = customer.book(request).await.data(201)["appointment"].clone();
    let instant = |field: &str| reserved[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let seconds = instant("expiresAt").duration_since(instant("createdAt")).as_secs();
    assert_eq!(seconds, 45 * 60, "and up to a whole second");
    owner.delete(&format!("/appointments/{}/cancel", id(&reserved))).await.data(200);
    let inactive = format!("serviceId={}&subServiceIds={}", id(&cut), id(&mask));
    customer.get(&format!("/availability?{inactive}")).await.fields(400, "unknown_sub_service");

    // A day off is not offered, until it is taken back.
    let day: Date = date.parse().unwrap();
    let off = json!({
        "from": format!("{day}T00:00"), "to": format!("{}T00:00", day.tomorrow().unwrap()), "reason": "Training",
    });
    let off = create(&owner, &format!("{pat_path}/time-off"), "timeOff", off.clone()).await;
    assert_eq!(
        (off["from"].value(), off["reason"].value()),
        (&json!(format!("{day}T00:00")), &json!("Training"))
    );
    let on_day = format!("{query}&from={date}&to={date}");
    assert!(guest.availability(&on_day).await.is_empty());
    let public = guest.get(&pat_path).await.data(200)["expert"].clone();
    assert_eq!(public.get("timeOff"), None, "why an expert is away is nobody's business");
    let rest = owner.delete(&format!("{pat_path}/time-off/{}", id(&off))).await.data(200);
    assert_eq!(rest["expert"]["timeOff"], json!([]));
    owner.delete(&format!("{pat_path}/time-off/{}", id(&off))).await.error(404, "not_found");
    assert!(!guest.availability(&on_day).await.is_empty());

    // Changes are seen at once, and what a change leaves out is removed or has its default.
    let mut details = details;
    details["price"] = json!(4_500);
    details.as_object_mut().unwrap().remove("description");
    details.as_object_mut().unwrap().remove("bufferMinutes");
    owner.put(&cut_path, details).await.data(200);
    let seen = guest.get(&cut_path).await.data(200)["service"].clone();
    assert_eq!(
        (seen["price"].value(), seen["description"].value(), seen["bufferMinutes"].value()),
        (&json!(4_500), &json!(null), &json!(0))
    );
    let sub = json!({"name": "Fringe trim", "price": 600, "durationMinutes": 5});
    owner.put(&format!("{subs}/{}", id(&fringe)), sub).await.data(200);
    let renamed = owner.put(&pat_path, json!({"name": "Pat Smith"})).await.data(200)["expert"].clone();
    assert_eq!(
        (renamed["bio"].value(), renamed["services"][0]["price"].value()),
        (&json!(null), &json!(3_500))
    );
    owner.put(&format!("/categories/{}", id(&nails)), json!({"name": "Hands"})).await.data(200);
    assert_eq!(names(&guest, "/categories").await, ["Hands", "Hair"]);
    let seen = guest.get(&cut_path).await.data(200)["service"].clone();
    assert_eq!(
        (seen["subServices"][0]["name"].value(), seen["experts"][0]["name"].value()),
        (&json!("Fringe trim"), &json!("Pat Smith"))
    );
    // The appointment is as it was booked.
    let kept = customer.get(&format!("/appointments/{}", id(&booked))).await.data(200)["appointment"].clone();
    assert_eq!((kept["totalPrice"].value(), kept["expertName"].value()), (&json!(4_000), &json!("Pat")));

    let (kinds, events) = changes(&stack).await;
    let expected = [
        "category created",
        "category updated",
        "expert created",
        "expert updated",
        "expertService created",
        "service created",
        "service updated",
        "settings updated",
        "subService created",
        "subService updated",
        "timeOff created",
        "timeOff deleted",
        "workingHours updated",
    ];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    for event in &events {
        assert_eq!(event["actor"], AttributeValue::S(owner.user_id.clone()));
        let text = format!("{event:?}");
        assert!(!text.contains("Pat") && !text.contains("Training"), "events name nobody: {text}");
    }
    stack.finish().await;
}

#[tokio::test]
async fn what_is_in_use_is_deactivated_and_only_admins_see_it() {
    let stack = TestStack::start().await;
    let (admin, customer, guest) =
        (stack.demo_account(Role::Admin).await, stack.customer().await, stack.visitor());
    let (hair, cut, ines) =
        (format!("/categories/{HAIR}"), format!("/services/{CUT}"), format!("/experts/{INES}"));
    let (services, categories) = (names(&guest, "/services").await, names(&guest, "/categories").await);

    for (path, name, list) in
        [(&cut, "service", "/services"), (&ines, "expert", "/experts"), (&hair, "category", "/categories")]
    {
        let answer = admin.delete(path).await;
        assert_eq!(answer.data(200)[name]["isActive"], false);
        assert!(answer.json()["message"].as_str().unwrap().contains("kept"), "{}", answer.text);
        let is_listed = |all: &Json| {
            let ids: Vec<_> = all["items"].as_array().unwrap().iter().map(id).collect();
            ids.iter().any(|id| path.ends_with(id.as_str()))
        };
        assert!(!is_listed(&guest.get(&format!("{list}?limit=100")).await.data(200)), "{path}");
        assert!(!is_listed(&admin.get(&format!("{list}?includeInactive=false&limit=100")).await.data(200)));
        // Admins see it when they ask, in an answer that no cache keeps.
        let all = format!("{list}?includeInactive=true&limit=100");
        let seen = admin.get(&all).await;
        assert!(is_listed(&seen.data(200)), "{path}");
        assert_eq!((seen.header("cache-control"), seen.header("etag")), ("no-store", ""));
        guest.get(&all).await.error(401, "unauthorized");
        customer.get(&all).await.error(403, "forbidden");
        // Deleting it again changes nothing.
        assert_eq!(admin.delete(path).await.data(200)[name]["isActive"], false);
    }
    guest.get("/services?includeInactive=yes").await.fields(400, "validation_failed");
    for path in [&cut, &ines] {
        guest.get(path).await.error(404, "not_found");
        customer.get(&format!("{path}?includeInactive=true")).await.error(403, "forbidden");
        admin.get(&format!("{path}?includeInactive=true")).await.data(200);
    }
    customer.get(&format!("/availability?serviceId={CUT}")).await.fields(400, "unknown_service");
    let seen = admin.get(&format!("{cut}?includeInactive=true")).await.data(200)["service"].clone();
    let shown: Vec<_> = seen["experts"].as_array().unwrap().iter().map(|e| e["isActive"].clone()).collect();
    assert_eq!(shown, [json!(false), json!(true), json!(true)]);

    // And back again; a change that does not say so leaves it as it is.
    let details = json!({"name": "Hair", "position": 1});
    assert_eq!(admin.put(&hair, details.clone()).await.data(200)["category"]["isActive"], false);
    let mut details = details;
    details["isActive"] = json!(true);
    admin.put(&hair, details).await.data(200);
    admin.put(&ines, json!({"name": "Inès Laurent", "isActive": true})).await.data(200);
    let details = json!({
        "categoryId": HAIR, "name": "Cut & finish", "price": 5_800, "durationMinutes": 60, "isActive": true,
    });
    admin.put(&cut, details).await.data(200);
    assert_eq!(names(&guest, "/services").await, services);
    assert_eq!(names(&guest, "/categories").await, categories);

    // What nothing refers to any more is deleted, with what belongs to it.
    let offering = guest.get(&format!("/experts?serviceId={CUT}")).await.data(200);
    for expert in offering["items"].as_array().unwrap() {
        admin.delete(&format!("/experts/{}/services/{CUT}", id(expert))).await.data(200);
    }
    admin.delete(&format!("/experts/{INES}/services/{CUT}")).await.error(404, "not_found");
    admin.delete(&format!("{cut}/sub-services/{BEARD_TRIM}")).await.error(404, "not_found");
    assert_eq!(admin.delete(&format!("{cut}/sub-services/{SCALP_MASSAGE}")).await.data(200), json!({}));
    assert_eq!(admin.delete(&cut).await.data(200), json!({}));
    admin.delete(&cut).await.error(404, "not_found");
    admin.get(&format!("{cut}?includeInactive=true")).await.error(404, "not_found");
    let catalog = stack.stack.store().catalog().await.unwrap();
    assert!(catalog.all_sub_services_of(CUT.parse().unwrap()).is_empty());
    let empty = create(&admin, "/categories", "category", json!({"name": "Wigs"})).await;
    assert_eq!(admin.delete(&format!("/categories/{}", id(&empty))).await.data(200), json!({}));
    let newcomer = create(&admin, "/experts", "expert", json!({"name": "Nia"})).await;
    assert_eq!(admin.delete(&format!("/experts/{}", id(&newcomer))).await.data(200), json!({}));
    stack.finish().await;
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let stack = TestStack::start().await;
    let admin = stack.demo_account(Role::Admin).await;
    let before = stack.stack.store().catalog().await.unwrap();
    let cut = format!("/services/{CUT}");
    let service = |members: Value| {
        let mut body = json!({"categoryId": HAIR, "name": "New", "price": 1, "durationMinutes": 1});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        body
    };
    let settings = |members: Value| {
        let mut body = json!({
            "salonName": "S", "timeZone": "UTC", "currency": "EUR", "slotGridMinutes": 15, "leadTimeMinutes": 0,
            "horizonDays": 1, "cancellationWindowMinutes": 0,
        });
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        body
    };
    let (long, longer) = ("x".repeat(101), "x".repeat(2001));
    let url = format!("https://cdn.example/{}", "x".repeat(2048));
    let off = format!("/experts/{INES}/time-off");
    let hours = format!("/experts/{INES}/working-hours");
    let sub = format!("{cut}/sub-services");
    let old_sub = format!("{sub}/{SCALP_MASSAGE}");
    let offer = format!("/experts/{INES}/services/{CUT}");
    let category = format!("/categories/{HAIR}");
    let expert = format!("/experts/{INES}");
    let cases: Vec<(&str, &str, Value, &[&str])> = vec![
        ("POST", "/categories", json!({}), &["name"]),
        (
            "POST",
            "/categories",
            json!({"name": long, "description": longer, "position": -1, "isActive": "yes", "colour": "red"}),
            &["name", "description", "position", "isActive", "colour"],
        ),
        ("PUT", &category, json!({"name": " ", "position": 10_001}), &["name", "position"]),
        ("POST", "/services", json!({}), &["categoryId", "name", "price", "durationMinutes"]),
        (
            "POST",
            "/services",
            json!({
                "categoryId": "hair", "name": "two\nlines", "description": "", "price": -1,
                "durationMinutes": 0, "bufferMinutes": -5, "isActive": 1,
            }),
            &["categoryId", "name", "description", "price", "durationMinutes", "bufferMinutes", "isActive"],
        ),
        (
            "PUT",
            &cut,
            service(json!({"price": 100_000_001, "durationMinutes": 601})),
            &["price", "durationMinutes"],
        ),
        (
            "PUT",
            &cut,
            service(json!({"price": 45.5, "durationMinutes": "60"})),
            &["price", "durationMinutes"],
        ),
        ("PUT", &cut, service(json!({"durationMinutes": 300, "bufferMinutes": 301})), &["bufferMinutes"]),
        (
            "POST",
            "/services",
            service(json!({"categoryId": "cat_0000000000000000000000zzzz"})),
            &["categoryId"],
        ),
        ("POST", &sub, json!({}), &["name", "price", "durationMinutes"]),
        (
            "PUT",
            &old_sub,
            json!({"name": "", "description": longer, "price": null, "durationMinutes": 601, "isActive": 0}),
            &["name", "description", "durationMinutes", "isActive", "price"],
        ),
        ("POST", "/experts", json!({}), &["name"]),
        (
            "PUT",
            &expert,
            json!({"name": 5, "title": long, "bio": longer, "imageUrl": "ines.jpg", "isActive": "no", "rating": 5}),
            &["name", "title", "bio", "imageUrl", "isActive", "rating"],
        ),
        ("PUT", &expert, json!({"name": "Inès", "imageUrl": url}), &["imageUrl"]),
        ("PUT", &expert, json!({"name": "Inès", "imageUrl": "javascript:alert(1)"}), &["imageUrl"]),
        ("PUT", &offer, json!({"price": -1, "durationMinutes": 0}), &["price", "durationMinutes"]),
        // The service has a buffer of five minutes.
        ("PUT", &offer, json!({"durationMinutes": 596}), &["durationMinutes"]),
        (
            "PUT",
            &hours,
            json!({
                "mon": [], "monday": [{"from": "9:00", "to": "17:00"}], "friday": {},
                "sunday": [{"from": "09:00"}],
            }),
            &["monday[0].from", "friday", "sunday[0]", "mon"],
        ),
        ("PUT", &hours, json!({"monday": [{"from": "17:00", "to": "09:00"}]}), &["monday[0].to"]),
        (
            "PUT",
            &hours,
            json!({"monday": [{"from": "09:00", "to": "12:00"}, {"from": "11:00", "to": "13:00"}]}),
            &["monday"],
        ),
        ("POST", &off, json!({}), &["from", "to"]),
        (
            "POST",
            &off,
            json!({"from": "2026-03-02", "to": "2026-03-02T09:00Z", "reason": long}),
            &["from", "to", "reason"],
        ),
        ("POST", &off, json!({"from": "2026-03-02T09:00", "to": "2026-03-02T09:00"}), &["to"]),
        (
            "PUT",
            "/settings",
            json!({}),
            &[
                "salonName",
                "timeZone",
                "currency",
                "slotGridMinutes",
                "leadTimeMinutes",
                "horizonDays",
                "cancellationWindowMinutes",
            ],
        ),
        (
            "PUT",
            "/settings",
            settings(json!({
                "salonName": long, "timeZone": "Paris", "currency": "eur", "slotGridMinutes": 25,
                "leadTimeMinutes": 43_201, "horizonDays": 731, "cancellationWindowMinutes": -1,
                "reservationHoldMinutes": 0, "maxOpenReservations": 51, "reminderMinutes": 10_081,
                "payNow": "nobody",
            })),
            &[
                "salonName",
                "timeZone",
                "currency",
                "slotGridMinutes",
                "leadTimeMinutes",
                "horizonDays",
                "cancellationWindowMinutes",
                "reservationHoldMinutes",
                "maxOpenReservations",
                "reminderMinutes",
                "payNow",
            ],
        ),
        ("PUT", "/settings", settings(json!({"leadTimeMinutes": 1_440})), &["leadTimeMinutes"]),
    ];
    for (method, path, body, expected) in cases {
        let request = admin.request(method.parse::<Method>().unwrap(), path).json(&body);
        let found: BTreeSet<_> =
            admin.send(request).await.fields(400, "validation_failed").into_iter().collect();
        let expected: BTreeSet<_> = expected.iter().map(|&field| field.to_owned()).collect();
        assert_eq!(found, expected, "{method} {path} {body}");
    }

    // What is not there, in a body that is right.
    let name = json!({"name": "X"});
    let sub_service = json!({"name": "X", "price": 1, "durationMinutes": 1});
    for (path, body) in [
        ("/categories/cat_0000000000000000000000zzzz", &name),
        ("/categories/hair", &name),
        ("/services/svc_0000000000000000000000zzzz", &service(json!({}))),
        (&format!("{sub}/sub_0000000000000000000000zzzz"), &sub_service),
        // Another service's.
        (&format!("{sub}/{BEARD_TRIM}"), &sub_service),
        (&format!("{sub}/scalp"), &sub_service),
        ("/experts/exp_0000000000000000000000zzzz", &name),
        (&format!("/experts/{INES}/services/svc_0000000000000000000000zzzz"), &json!({})),
        (&format!("/experts/exp_0000000000000000000000zzzz/services/{CUT}"), &json!({})),
        ("/experts/exp_0000000000000000000000zzzz/working-hours", &json!({})),
    ] {
        admin.put(path, body.clone()).await.error(404, "not_found");
    }
    assert_eq!(stack.stack.store().catalog().await.unwrap().version, before.version, "nothing was written");

    // Once an expert takes their own time, the service's buffer has to leave room for it.
    admin.put(&offer, json!({"durationMinutes": 590})).await.data(200);
    let body = service(json!({"categoryId": "cat_0000000000000000000000zzzz", "bufferMinutes": 11}));
    let found = admin.put(&cut, body).await.fields(400, "validation_failed");
    assert_eq!(found, ["categoryId", "bufferMinutes"]);
    admin.put(&cut, service(json!({"bufferMinutes": 10}))).await.data(200);
    stack.finish().await;
}

#[tokio::test]
async fn the_catalog_stays_small() {
    let stack = TestStack::start().await;
    let admin = stack.demo_account(Role::Admin).await;
    let path = format!("/services/{CUT}/sub-services");
    let sub = json!({"name": "One more", "price": 0, "durationMinutes": 0});
    let there_are =
        stack.stack.store().catalog().await.unwrap().all_sub_services_of(CUT.parse().unwrap()).len();
    for _ in there_are..50 {
        admin.post(&path, sub.clone()).await.data(201);
    }
    admin.post(&path, sub).await.error(409, "catalog_full");
    // All of them go with their service, in one transaction.
    for expert in admin.get(&format!("/experts?serviceId={CUT}")).await.data(200)["items"].as_array().unwrap()
    {
        admin.delete(&format!("/experts/{}/services/{CUT}", id(expert))).await.data(200);
    }
    assert_eq!(admin.delete(&format!("/services/{CUT}")).await.data(200), json!({}));
    let rows = stack.items("CatalogTable").await;
    let is_left = |row: &Item| row["sk"].as_s().unwrap().starts_with(CUT);
    assert_eq!(rows.iter().filter(|row| is_left(row)).count(), 0);
    stack.finish().await;
}

#[tokio::test]
async fn admins_who_change_things_at_once_lose_nothing() {
    let stack = TestStack::start().await;
    let admin = stack.demo_account(Role::Admin).await;
    let before = stack.stack.store().catalog().await.unwrap();

    // Changes of one and the same row: each adds its own to what the others have added.
    let services: Vec<_> = before.services.keys().map(ToString::to_string).collect();
    let rosa = format!("/experts/{ROSA}");
    let added = services
        .iter()
        .map(async |service| admin.put(&format!("{rosa}/services/{service}"), json!({})).await);
    let off = (10..20).map(async |day| {
        let body = json!({"from": format!("2026-03-{day}T09:00"), "to": format!("2026-03-{day}T10:00")});
        admin.post(&format!("{rosa}/time-off"), body).await
    });
    let (added, off) = join(join_all(added), join_all(off)).await;
    for answer in &added {
        answer.data(200);
    }
    for answer in &off {
        answer.data(201);
    }
    let now = stack.stack.store().catalog().await.unwrap();
    let rosa = &now.experts[&ROSA.parse().unwrap()];
    assert_eq!((rosa.services.len(), rosa.time_off.len()), (before.services.len(), 10));
    let writes = u64::try_from(services.len() + 10).unwrap();
    assert_eq!(now.version, before.version + writes, "each change is a version of its own");

    // Whoever is first, there is never a service without its category.
    for _ in 0..6 {
        let category = create(&admin, "/categories", "category", json!({"name": "Fleeting"})).await;
        let service = json!({"categoryId": category["id"], "name": "Late", "price": 1, "durationMinutes": 5});
        let path = format!("/categories/{}", id(&category));
        let (added, deleted) = join(admin.post("/services", service), admin.delete(&path)).await;
        let kept = deleted.data(200).get("category").is_some();
        if kept {
            added.data(201);
        } else {
            assert_eq!(added.fields(400, "validation_failed"), ["categoryId"]);
        }
    }
    let now = stack.stack.store().catalog().await.unwrap();
    assert!(now.services.values().all(|service| now.categories.contains_key(&service.category_id)));
    stack.finish().await;
}
