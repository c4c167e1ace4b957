//! Bad input: whatever a client sends, it is told what was wrong and what would be right, by a status, a code and the
//! names of the fields.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chairbook_models::catalog::{Service, TimeOff};
use chairbook_models::ids::{ServiceId, TimeOffId};
use chairbook_platform::{clock, random};
use chairbook_store::CatalogRow;
use chairbook_tests::{Actor, Answer, TestStack};
use jiff::civil::{Date, Weekday, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};

const CUT: &str = "svc_00000000000000000000000001";
const CHILDRENS_CUT: &str = "svc_00000000000000000000000003";
const MANICURE: &str = "svc_00000000000000000000000008";
const FACIAL: &str = "svc_0000000000000000000000000b";
const NOBODYS: &str = "svc_00000000000000000000000020";
const NO_SERVICE: &str = "svc_0000000000000000000000zzzz";
const SCALP_MASSAGE: &str = "sub_00000000000000000000000001";
const CONDITIONING: &str = "sub_00000000000000000000000002";
const FRINGE_TRIM: &str = "sub_00000000000000000000000003";
const BEARD_TRIM: &str = "sub_00000000000000000000000004";
const NO_SUB_SERVICE: &str = "sub_0000000000000000000000zzzz";
const INES: &str = "exp_00000000000000000000000001";
const YUKI: &str = "exp_00000000000000000000000003";
const ROSA: &str = "exp_00000000000000000000000004";
const LEILA: &str = "exp_00000000000000000000000005";
const NO_EXPERT: &str = "exp_0000000000000000000000zzzz";
const NO_APPOINTMENT: &str = "apt_0000000000000000000000zzzz";

/// Every route that reads a body, with a body that it reads.
fn routes_with_bodies() -> [(&'static str, Value); 4] {
    [
        (
            "/auth/register",
            json!({"name": "Ada", "email": "ada@guests.example", "password": "an unrelated few words"}),
        ),
        ("/auth/resend-verification", json!({"email": "ada@guests.example"})),
        ("/auth/login", json!({"email": "ada@guests.example", "password": "an unrelated few words"})),
        ("/appointments", json!({"serviceId": CUT, "date": "2026-03-03", "time": "10:00"})),
    ]
}

/// Every route that only somebody who is logged in may call.
const PROTECTED: [(&str, &str); 5] = [
    ("POST", "/appointments"),
    ("GET", "/appointments/my"),
    ("GET", "/appointments/apt_0000000000000000000000zzzz"),
    ("DELETE", "/appointments/apt_0000000000000000000000zzzz/cancel"),
    ("POST", "/auth/logout"),
];

/// `request` with some members replaced.
fn with(request: &Value, members: Value) -> Value {
    let mut request = request.clone();
    let Value::Object(members) = members else { panic!("an object") };
    request.as_object_mut().unwrap().extend(members);
    request
}

/// What API Gateway answers by itself: not our envelope.
#[track_caller]
fn gateway_refusal(answer: &Answer, status: u16, message: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}: {}", answer.asked, answer.text);
    assert_eq!(answer.json(), json!({"message": message}), "{}", answer.asked);
}

async fn post_raw(actor: &Actor, path: &str, content_type: Option<&str>, body: impl Into<Vec<u8>>) -> Answer {
    let request = actor.request(Method::POST, path).body(body.into());
    let request = match content_type {
        Some(content_type) => request.header(CONTENT_TYPE, content_type),
        None => request,
    };
    actor.send(request).await
}

#[tokio::test]
async fn a_body_that_is_not_a_json_object_of_known_fields() {
    let stack = TestStack::start().await;
    let guest = stack.customer().await;
    for (path, good) in routes_with_bodies() {
        let json = Some("application/json");
        for malformed in [
            "",
            "{",
            "{\"email\"}",
            "not json",
            "{'email': 'ada@guests.example'}",
            "{} {}",
            "{\"n\": 1e999}",
            "\u{feff}{}",
        ] {
            post_raw(&guest, path, json, malformed).await.error(400, "malformed_json");
        }
        post_raw(&guest, path, json, b"{\"email\": \"\xff\"}").await.error(400, "malformed_json");
        post_raw(&guest, path, json, format!("{{\"email\": {}", "[".repeat(10_000)))
            .await
            .error(400, "malformed_json");
        for other in ["[]", "[{}]", "\"text\"", "5", "true", "null"] {
            post_raw(&guest, path, json, other).await.error(400, "malformed_json");
        }

        let unknown = with(&good, json!({"colour": "red", "isAdmin": true}));
        assert_eq!(
            guest.post(path, unknown.clone()).await.fields(400, "validation_failed"),
            ["colour", "isAdmin"]
        );
        let message = guest.post(path, with(&good, json!({"colour": 1}))).await.json()["message"].clone();
        assert!(message.as_str().unwrap().starts_with("colour: is not known; these are: "), "{message}");

        for content_type in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("multipart/form-data; boundary=x"),
            Some("application/problem+json"),
            Some("application/jsonp"),
            Some("json"),
        ] {
            post_raw(&guest, path, content_type, good.to_string()).await.error(415, "unsupported_media_type");
        }
        // The type alone decides, in any case and with any parameter.
        post_raw(&guest, path, Some("Application/JSON; charset=utf-8"), "{")
            .await
            .error(400, "malformed_json");

        let largest = format!("{{\"colour\": 1{}}}", " ".repeat(64 * 1024 - 13));
        assert_eq!(largest.len(), 64 * 1024);
        let fields = post_raw(&guest, path, json, largest.clone()).await.fields(400, "validation_failed");
        assert!(fields.contains(&"colour".to_owned()), "{path}: {fields:?}");
        post_raw(&guest, path, json, largest + " ").await.error(413, "body_too_large");
        post_raw(&guest, path, Some("text/plain"), "x".repeat(1024 * 1024))
            .await
            .error(413, "body_too_large");
    }
    // API Gateway takes 10 MB, and Lambda an event of 6 MB.
    for megabytes in [7, 10] {
        let body = vec![b' '; megabytes * 1024 * 1024 + 1];
        let answer = post_raw(&guest, "/auth/login", Some("application/json"), body).await;
        gateway_refusal(&answer, 413, "Request Entity Too Large");
    }
    stack.finish().await;
}

#[tokio::test]
async fn fields_of_the_account_routes() {
    let stack = TestStack::start().await;
    let guest = stack.visitor();
    let everything = json!({
        "name": "Ada Lovelace", "email": "ada.lovelace@guests.example",
        "password": "an unrelated few words", "phone": "+44 20 7946 0958",
    });
    for (path, required) in [
        ("/auth/register", &["name", "email", "password"][..]),
        ("/auth/resend-verification", &["email"]),
        ("/auth/login", &["email", "password"]),
    ] {
        let missing = guest.post(path, json!({})).await;
        assert_eq!(missing.fields(400, "validation_failed"), required, "{path}: all at once");
        let nulls: serde_json::Map<_, _> =
            required.iter().map(|field| ((*field).to_owned(), Value::Null)).collect();
        let nulls = guest.post(path, Value::Object(nulls)).await.error(400, "validation_failed");
        assert_eq!(nulls["fields"][0]["message"], "is required", "{path}: null is absent");
        for wrong in [json!(5), json!(true), json!(["a"]), json!({"a": 1})] {
            let body: serde_json::Map<_, _> =
                required.iter().map(|field| ((*field).to_owned(), wrong.clone())).collect();
            let error = guest.post(path, Value::Object(body)).await;
            assert_eq!(error.fields(400, "validation_failed"), required, "{path} {wrong}");
        }
    }

    let long_address = format!("{}@guests.example", "a".repeat(250));
    for email in [
        "",
        " ",
        "ada",
        "ada@",
        "@guests.example",
        "ada@guests",
        "a b@guests.example",
        "ada@@guests.example",
        "Ada <ada@guests.example>",
        "ada@[127.0.0.1]",
        "ada@guests..example",
        "ada@guests.example, bob@guests.example",
        "ada@guests.example\r\nBcc: eve@guests.example",
        &long_address,
    ] {
        for path in ["/auth/register", "/auth/resend-verification", "/auth/login"] {
            let good = match path {
                "/auth/register" => everything.clone(),
                "/auth/login" => json!({"password": "x"}),
                _ => json!({}),
            };
            let answer = guest.post(path, with(&good, json!({"email": email}))).await;
            assert_eq!(answer.fields(400, "validation_failed"), ["email"], "{path} {email:?}");
        }
    }

    for (path, good) in [
        ("/auth/register", everything.clone()),
        ("/auth/login", json!({"password": "x"})),
        ("/auth/forgot-password", json!({})),
    ] {
        for (email, hint) in [
            ("müller@guests.example", "ASCII characters only before the @"),
            (r#""a b"@guests.example"#, "no quotation marks before the @"),
            (r#""ada"@guests.example"#, "no quotation marks before the @"),
        ] {
            let answer = guest.post(path, with(&good, json!({"email": email}))).await;
            assert_eq!(answer.fields(400, "validation_failed"), ["email"], "{path} {email}");
            let message = answer.json()["error"]["fields"][0]["message"].as_str().unwrap().to_owned();
            assert!(message.contains(hint), "{path}: {message}");
        }
    }

    let register = async |members: Value| guest.post("/auth/register", with(&everything, members)).await;
    for (password, hint) in [
        ("", "8 to 128 characters"),
        ("1234567", "8 to 128 characters"),
        (&"ab c1".repeat(26), "8 to 128 characters"),
        ("password", "too easy to guess"),
        ("Passw0rd", "too easy to guess"),
        ("12345678", "too easy to guess"),
        ("qwertyuiop", "too easy to guess"),
        ("aaaaaaaaaaaa", "too easy to guess"),
        ("adalovelace", "too easy to guess"),
        ("ada.lovelace", "too easy to guess"),
    ] {
        let answer = register(json!({"password": password})).await;
        assert_eq!(answer.status, 400, "{password}");
        assert_eq!(answer.fields(400, "validation_failed"), ["password"], "{password}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(hint), "{password}: {message}");
        // Its name is also the field's.
        assert!(password.len() < 8 || password == "password" || !message.contains(password), "{message}");
    }
    // At login, a password that could not be chosen is merely wrong; only its length is bounded.
    let login = async |password: &str| {
        guest.post("/auth/login", json!({"email": guest.email, "password": password})).await
    };
    login("short").await.error(401, "invalid_credentials");
    assert_eq!(login(&"x".repeat(129)).await.fields(400, "validation_failed"), ["password"]);

    for phone in ["", "12345", "call me", "+44 20 7946 0958 ext 7", "++442079460958", "123456789012345678901"]
    {
        assert_eq!(register(json!({"phone": phone})).await.fields(400, "validation_failed"), ["phone"]);
    }
    let invisible = ["\u{200B}", "\u{3164}", "\u{301}", "Ada\u{202E}", "\u{2066}Ada\u{2069}"];
    for name in ["", "   ", "Ada\nLovelace", "Ada\u{0}", &"a".repeat(101)].into_iter().chain(invisible) {
        assert_eq!(
            register(json!({"name": name})).await.fields(400, "validation_failed"),
            ["name"],
            "{name:?}"
        );
    }
    let all = register(json!({"name": "", "email": "ada", "password": "1", "phone": "x", "role": "owner"}));
    assert_eq!(
        all.await.fields(400, "validation_failed"),
        ["name", "email", "password", "phone", "role"],
        "everything that is wrong is said at once"
    );

    // A number is stored without its punctuation, an address is unique in any spelling.
    let user = register(json!({"name": " Ada Lovelace "})).await.data(201)["user"].clone();
    assert_eq!(
        (user["name"].value(), user["phone"].value()),
        (&json!("Ada Lovelace"), &json!("+442079460958"))
    );
    for spelling in ["ada.lovelace@guests.example", " Ada.Lovelace@Guests.EXAMPLE "] {
        assert_eq!(register(json!({"email": spelling})).await.fields(400, "email_taken"), ["email"]);
    }
    for token in ["x", "%C3%A9", &"A".repeat(43), &"A".repeat(5_000)] {
        let path = format!("/auth/verify-email/{token}");
        let request = guest.request(Method::GET, &path).header("accept", "application/json");
        guest.send(request).await.error(400, "invalid_token");
        guest.verify_email(token).await.error(400, "invalid_token");
    }
    // What API Gateway has decoded is one token still; but two dots are a step, which clients take before they ask.
    for (token, status) in [("%20", 400), ("a%2Fb", 400), ("..%2f..", 400), ("%2e%2e", 404)] {
        let answer = guest.get(&format!("/auth/verify-email/{token}")).await;
        assert_eq!(answer.status, status, "{token}: {}", answer.text);
    }
    stack.finish().await;
}

/// The first `weekday` at least `days` after today (UTC).
fn next(weekday: Weekday, days: i64) -> Date {
    let date = clock::now().to_zoned(TimeZone::UTC).date() + days.days();
    if date.weekday() == weekday { date } else { date.nth_weekday(1, weekday).unwrap() }
}

/// The demo's salon, changed so that each rule of booking can be broken alone: in UTC, booked three days ahead; nails
/// are not offered any more, nor are children's cuts, facials by Leila and conditioning; nobody offers wigs; the
/// fringe trim takes ten hours; Inès is away in the morning of `off`.
async fn strict_salon(stack: &TestStack, off: Date) {
    let catalog = stack.stack.store().catalog().await.unwrap();
    let mut settings = catalog.settings.clone();
    "UTC".clone_into(&mut settings.time_zone);
    settings.lead_time_minutes = 3 * 24 * 60;
    let mut nails = catalog.categories[&catalog.services[&MANICURE.parse().unwrap()].category_id].clone();
    nails.is_active = false;
    let mut childrens_cut = catalog.services[&CHILDRENS_CUT.parse().unwrap()].clone();
    childrens_cut.is_active = false;
    let id: ServiceId = NOBODYS.parse().unwrap();
    let wigs = Service { id, name: "Wigs".parse().unwrap(), is_active: true, ..childrens_cut.clone() };
    let mut conditioning = catalog.sub_services[&CONDITIONING.parse().unwrap()].clone();
    conditioning.is_active = false;
    let mut fringe_trim = catalog.sub_services[&FRINGE_TRIM.parse().unwrap()].clone();
    fringe_trim.duration_minutes = 600;
    let mut leila = catalog.experts[&LEILA.parse().unwrap()].clone();
    leila.is_active = false;
    let mut ines = catalog.experts[&INES.parse().unwrap()].clone();
    ines.time_off.push(TimeOff {
        id: TimeOffId::new(clock::now(), random::bytes()),
        from: off.to_datetime(time(10, 0, 0, 0)),
        to: off.to_datetime(time(12, 0, 0, 0)),
        reason: Some("Dentist".parse().unwrap()),
    });
    let rows = [
        CatalogRow::Settings(settings),
        CatalogRow::Category(nails),
        CatalogRow::Service(childrens_cut),
        CatalogRow::Service(wigs),
        CatalogRow::SubService(conditioning),
        CatalogRow::SubService(fringe_trim),
        CatalogRow::Expert(Box::new(leila)),
        CatalogRow::Expert(Box::new(ines)),
    ];
    stack.write_catalog(&rows).await;
}

#[tokio::test]
async fn bookings_that_the_rules_refuse() {
    let stack = TestStack::start().await;
    let (wednesday, off) = (next(Weekday::Wednesday, 7), next(Weekday::Wednesday, 14));
    strict_salon(&stack, off).await;
    let guest = stack.customer().await;
    let good = json!({"serviceId": CUT, "expertId": INES, "date": wednesday, "time": "10:00"});
    let today = clock::now().to_zoned(TimeZone::UTC).date();
    let monday = next(Weekday::Monday, 7);

    for (members, code, field) in [
        (json!({"serviceId": NO_SERVICE}), "unknown_service", "serviceId"),
        (json!({"serviceId": CHILDRENS_CUT, "expertId": null}), "unknown_service", "serviceId"),
        (json!({"serviceId": MANICURE, "expertId": ROSA}), "unknown_service", "serviceId"),
        (json!({"serviceId": NOBODYS, "expertId": null}), "service_not_offered", "serviceId"),
        (json!({"expertId": NO_EXPERT}), "unknown_expert", "expertId"),
        (json!({"serviceId": FACIAL, "expertId": LEILA}), "unknown_expert", "expertId"),
        (json!({"serviceId": FACIAL, "expertId": null}), "service_not_offered", "serviceId"),
        (json!({"expertId": ROSA}), "service_not_offered", "expertId"),
        (json!({"subServiceIds": [NO_SUB_SERVICE]}), "unknown_sub_service", "subServiceIds"),
        (json!({"subServiceIds": [SCALP_MASSAGE, BEARD_TRIM]}), "unknown_sub_service", "subServiceIds"),
        (json!({"subServiceIds": [CONDITIONING]}), "unknown_sub_service", "subServiceIds"),
        (json!({"subServiceIds": [SCALP_MASSAGE, SCALP_MASSAGE]}), "unknown_sub_service", "subServiceIds"),
        (json!({"subServiceIds": [FRINGE_TRIM]}), "too_long", "subServiceIds"),
        (json!({"date": today - 1.day()}), "in_the_past", "date"),
        (json!({"date": "1999-12-31"}), "in_the_past", "date"),
        (json!({"date": today + 1.day()}), "too_soon", "time"),
        (json!({"date": today + 92.days()}), "too_far_ahead", "date"),
        (json!({"date": "9999-12-31"}), "too_far_ahead", "date"),
        (json!({"time": "10:05"}), "off_grid", "time"),
        (json!({"time": "09:59"}), "off_grid", "time"),
        // Inès works from 09:00 to 12:30 and from 13:15 to 18:00; a cut keeps her for 65 minutes.
        (json!({"time": "08:45"}), "closed", "time"),
        (json!({"time": "11:30"}), "closed", "time"),
        (json!({"time": "12:30"}), "closed", "time"),
        (json!({"time": "17:00"}), "closed", "time"),
        (json!({"time": "18:00"}), "closed", "time"),
        (json!({"time": "00:00"}), "closed", "time"),
        (json!({"date": monday}), "closed", "time"),
        (json!({"date": off, "time": "09:00"}), "closed", "time"),
        (json!({"date": off, "time": "10:00"}), "closed", "time"),
        (json!({"date": off, "time": "11:45"}), "closed", "time"),
    ] {
        let answer = guest.book(with(&good, members.clone())).await;
        assert_eq!(answer.fields(400, code), [field], "{members}");
    }
    // It is today until midnight.
    let midnight = guest.book(with(&good, json!({"date": today, "time": "00:00"}))).await;
    let refused = midnight.fields(400, "in_the_past");
    let is_over = clock::now().to_zoned(TimeZone::UTC).date() > today;
    assert!(refused == ["time"] || (is_over && refused == ["date"]), "{refused:?}");
    // What availability is asked for is refused for the same reasons.
    for (query, code, field) in [
        (format!("serviceId={NO_SERVICE}"), "unknown_service", "serviceId"),
        (format!("serviceId={CHILDRENS_CUT}"), "unknown_service", "serviceId"),
        (format!("serviceId={NOBODYS}"), "service_not_offered", "serviceId"),
        (format!("serviceId={CUT}&expertId={NO_EXPERT}"), "unknown_expert", "expertId"),
        (format!("serviceId={FACIAL}&expertId={LEILA}"), "unknown_expert", "expertId"),
        (format!("serviceId={CUT}&expertId={ROSA}"), "service_not_offered", "expertId"),
        (format!("serviceId={CUT}&subServiceIds={BEARD_TRIM}"), "unknown_sub_service", "subServiceIds"),
        (format!("serviceId={CUT}&subServiceIds={FRINGE_TRIM}"), "too_long", "subServiceIds"),
    ] {
        let answer = guest.get(&format!("/availability?{query}")).await;
        assert_eq!(answer.fields(400, code), [field], "{query}");
    }
    // Nothing else stood in the way of any of them.
    guest.book(good.clone()).await.data(201);
    for (date, time) in [(wednesday, "13:15"), (wednesday, "16:45"), (off, "13:15")] {
        guest.book(with(&good, json!({"date": date, "time": time}))).await.data(201);
    }
    let yuki =
        with(&good, json!({"expertId": YUKI, "subServiceIds": [SCALP_MASSAGE], "notes": "é".repeat(500)}));
    guest.book(yuki).await.data(201);

    // Clocks that are put forward skip times, whoever would be working then.
    let paris = TimeZone::get("Europe/Paris").unwrap();
    let forward = paris
        .following(clock::now() + SignedDuration::from_hours(7 * 24))
        .find(|transition| transition.dst().is_dst())
        .unwrap();
    let date = forward.timestamp().to_zoned(paris).date();
    let mut settings = stack.stack.store().settings().await.unwrap();
    "Europe/Paris".clone_into(&mut settings.time_zone);
    settings.horizon_days = 500;
    stack.write_catalog(&[CatalogRow::Settings(settings)]).await;
    let answer = guest.book(with(&good, json!({"date": date, "time": "02:30"}))).await;
    assert_eq!(answer.fields(400, "no_such_time"), ["time"]);
    stack.finish().await;
}

#[tokio::test]
async fn bookings_with_malformed_fields() {
    let stack = TestStack::start().await;
    let guest = stack.customer().await;
    let (date, time, experts) = guest.later_availability(&format!("serviceId={CUT}")).await.pop().unwrap();
    let good = json!({"serviceId": CUT, "expertId": experts[0], "date": date, "time": time});

    assert_eq!(
        guest.book(json!({})).await.fields(400, "validation_failed"),
        ["serviceId", "date", "time"],
        "all that is missing is said at once"
    );
    let long = "x".repeat(501);
    for (field, wrong) in [
        (
            "serviceId",
            vec![json!(1), json!(""), json!("1"), json!(INES), json!(CUT.to_uppercase()), json!([CUT])],
        ),
        ("expertId", vec![json!(1), json!(""), json!(CUT), json!("exp_1"), json!({"id": INES})]),
        (
            "date",
            vec![
                json!(20_260_303),
                json!(""),
                json!("2026-3-3"),
                json!("2026-02-30"),
                json!("2026-13-01"),
                json!("03.03.2026"),
                json!("2026-03-03T09:00:00Z"),
                json!("tomorrow"),
            ],
        ),
        (
            "time",
            vec![
                json!(900),
                json!(""),
                json!("9:00"),
                json!("24:00"),
                json!("09:60"),
                json!("09:00:00"),
                json!("9am"),
            ],
        ),
        ("subServiceIds", vec![json!(1), json!({}), json!(SCALP_MASSAGE), json!(vec![SCALP_MASSAGE; 21])]),
        ("payNow", vec![json!("true"), json!(1), json!([])]),
        ("notes", vec![json!(5), json!(""), json!("  \n "), json!("bell \u{7}"), json!(long)]),
        ("offerCode", vec![json!(5), json!(""), json!("ab"), json!("two words"), json!(["WELCOME10"])]),
    ] {
        for wrong in wrong {
            let answer = guest.book(with(&good, json!({field: wrong}))).await;
            assert_eq!(answer.fields(400, "validation_failed"), [field], "{field} {wrong}");
        }
    }
    let answer = guest.book(with(&good, json!({"subServiceIds": [SCALP_MASSAGE, 5, CUT]}))).await;
    assert_eq!(answer.fields(400, "validation_failed"), ["subServiceIds[1]", "subServiceIds[2]"]);
    let all = json!({"serviceId": 1, "date": 2, "time": 3, "expertId": 4, "subServiceIds": 5, "payNow": 6, "notes": 7, "offerCode": 8, "price": 9});
    assert_eq!(
        guest.book(all).await.fields(400, "validation_failed"),
        ["serviceId", "date", "time", "expertId", "subServiceIds", "payNow", "notes", "offerCode", "price"],
        "all that is wrong is said at once"
    );

    for key in [&b""[..], &[b'k'; 256], b"caf\xc3\xa9", b"\xff", b"a\tkey"] {
        let request = guest
            .request(Method::POST, "/appointments")
            .header("idempotency-key", HeaderValue::from_bytes(key).unwrap())
            .json(&good);
        let answer = guest.send(request).await;
        assert_eq!(answer.fields(400, "validation_failed"), ["Idempotency-Key"], "{key:?}");
    }
    let request = guest.request(Method::POST, "/appointments").header("idempotency-key", "k".repeat(255));
    guest.send(request.json(&good)).await.data(201);
    stack.finish().await;
}

#[tokio::test]
async fn paths_query_strings_and_cursors() {
    let stack = TestStack::start().await;
    let (ada, bob) = (stack.customer().await, stack.customer().await);
    let visitor = stack.visitor();

    for path in [
        "/services/svc_0000000000000000000000zzzz",
        "/services/1",
        "/services/exp_00000000000000000000000001",
        "/services/SVC_00000000000000000000000001",
        "/services/a%20b",
        "/services/%FF",
        "/services/%C3%28",
        "/services/svc_%2e%2e",
        "/experts/exp_0000000000000000000000zzzz",
        "/experts/svc_00000000000000000000000001",
        "/experts/%F0%9F%92%87",
        "/appointments/1",
        "/appointments/apt_0000000000000000000000zzzz",
        "/appointments/usr_00000000000000000000000001",
        "/appointments/%FE%FF",
    ] {
        ada.get(path).await.error(404, "not_found");
    }
    for id in [NO_APPOINTMENT, "1", CUT, "%FF"] {
        ada.delete(&format!("/appointments/{id}/cancel")).await.error(404, "not_found");
    }

    // API Gateway has no route for another method or path, and says so itself.
    for (method, path) in [
        (Method::PATCH, "/auth/login"),
        (Method::GET, "/auth/login"),
        (Method::PATCH, "/services"),
        (Method::HEAD, "/services"),
        (Method::DELETE, "/appointments/my"),
        (Method::OPTIONS, "/services"),
        (Method::GET, "/nothing"),
        (Method::GET, "/services/"),
        (Method::GET, "/Services"),
        (Method::GET, "/services//"),
        (Method::GET, "/events"),
        (Method::POST, "/../../events"),
    ] {
        let answer = ada.send(ada.request(method.clone(), path)).await;
        if method == Method::HEAD {
            assert_eq!(answer.status, 404);
        } else {
            gateway_refusal(&answer, 404, "Not Found");
        }
    }

    for list in ["/categories", "/services", "/experts", "/offers", "/gallery", "/appointments/my"] {
        for limit in ["0", "101", "x", "-1", "1.5", "", "99999999999999999999", "%31%30%31"] {
            let answer = ada.get(&format!("{list}?limit={limit}")).await;
            assert_eq!(answer.fields(400, "validation_failed"), ["limit"], "{list} {limit}");
        }
        for cursor in ["x", "!!", "", "%FF", "AAAA", &"A".repeat(400)] {
            let answer = ada.get(&format!("{list}?cursor={cursor}")).await;
            assert_eq!(answer.fields(400, "validation_failed"), ["cursor"], "{list} {cursor}");
        }
        let answer = ada.get(&format!("{list}?colour=red&limit=0&Limit=1")).await;
        assert_eq!(answer.fields(400, "validation_failed"), ["limit", "Limit", "colour"], "{list}");
        let answer = ada.get(&format!("{list}?limit=1&limit=2")).await;
        assert_eq!(answer.fields(400, "validation_failed"), ["limit"], "{list}");
        assert!(answer.json()["message"].as_str().unwrap().contains("once"));
        ada.get(&format!("{list}?")).await.data(200);
    }
    for (path, field) in [
        ("/services?categoryId=1", "categoryId"),
        ("/services?categoryId=", "categoryId"),
        ("/services?expertId=svc_00000000000000000000000001", "expertId"),
        ("/experts?serviceId=exp_00000000000000000000000001", "serviceId"),
        ("/appointments/my?status=paid", "status"),
        ("/appointments/my?status=", "status"),
    ] {
        assert_eq!(ada.get(path).await.fields(400, "validation_failed"), [field], "{path}");
    }
    let search = format!("/services?q={}", "x".repeat(101));
    assert_eq!(ada.get(&search).await.fields(400, "validation_failed"), ["q"]);
    // What is not UTF-8 in a query string stands for nothing: there is no such service, but no error either.
    assert_eq!(ada.get("/services?q=%FF%FE").await.data(200)["items"], json!([]));
    assert_eq!(ada.get("/services?q=%ZZ").await.data(200)["items"], json!([]));

    for (query, fields) in [
        ("", &["serviceId"][..]),
        ("serviceId=1&expertId=2&from=3&to=4&day=5", &["serviceId", "expertId", "from", "to", "day"]),
        ("serviceId=svc_00000000000000000000000001&from=2026-3-3", &["from"]),
        ("serviceId=svc_00000000000000000000000001&from=2026-02-30&to=2026-02-30", &["from", "to"]),
        ("serviceId=svc_00000000000000000000000001&from=2030-03-03&to=2030-03-02", &["to"]),
        ("serviceId=svc_00000000000000000000000001&from=2030-03-01&to=2030-04-01", &["to"]),
        ("serviceId=svc_00000000000000000000000001&from=0001-01-01&to=9999-12-31", &["to"]),
        (
            "serviceId=svc_00000000000000000000000001&subServiceIds=1,sub_00000000000000000000000001,,",
            &["subServiceIds[0]", "subServiceIds[2]", "subServiceIds[3]"],
        ),
    ] {
        let answer = visitor.get(&format!("/availability?{query}")).await;
        assert_eq!(answer.fields(400, "validation_failed"), fields, "{query}");
    }

    // A cursor is good for its own list, filter and user only.
    let mut free =
        ada.later_availability(&format!("serviceId={CUT}&expertId={INES}")).await.into_iter().step_by(5);
    for guest in [&ada, &ada, &bob] {
        let (date, time, _) = free.next().unwrap();
        let request = json!({"serviceId": CUT, "expertId": INES, "date": date, "time": time});
        guest.book(request).await.data(201);
    }
    let cursor = async |path: &str| {
        let data = ada.get(path).await.data(200);
        data["nextCursor"].as_str().unwrap_or_else(|| panic!("{path}: one page only")).to_owned()
    };
    let services = cursor("/services?limit=1").await;
    let mine = cursor("/appointments/my?limit=1").await;
    ada.get(&format!("/appointments/my?limit=1&cursor={mine}")).await.data(200);
    let mut tampered = BASE64_URL_SAFE_NO_PAD.decode(&mine).unwrap();
    *tampered.last_mut().unwrap() ^= 1;
    let tampered = BASE64_URL_SAFE_NO_PAD.encode(tampered);
    for (guest, path) in [
        (&ada, format!("/experts?limit=1&cursor={services}")),
        (&ada, format!("/services?q=cut&limit=1&cursor={services}")),
        (&ada, format!("/services?limit=1&cursor={}", &services[1..])),
        (&ada, format!("/appointments/my?limit=1&cursor={services}")),
        (&ada, format!("/appointments/my?status=reserved&cursor={mine}")),
        (&ada, format!("/appointments/my?cursor={tampered}")),
        (&bob, format!("/appointments/my?cursor={mine}")),
    ] {
        assert_eq!(guest.get(&path).await.fields(400, "validation_failed"), ["cursor"], "{path}");
    }
    stack.finish().await;
}

#[tokio::test]
async fn an_access_token_ends() {
    let stack = TestStack::builder().parameter("AccessTokenLifetime", "1s").start().await;
    let mut ada = stack.demo_account(chairbook_models::user::Role::User).await;
    assert_eq!(ada.log_in().await.data(200)["expiresIn"], 1);
    let begun = clock::now();
    loop {
        let answer = ada.get("/appointments/my").await;
        if answer.status != 200 {
            answer.error(401, "token_expired");
            break;
        }
        assert!(clock::now() < begun + SignedDuration::from_secs(5), "the token does not end");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let bearer = format!("Bearer {}", ada.access_token.unwrap());
    stack.visitor().is_refused(PROTECTED, Some(&bearer), "token_expired", "an old token").await;
    stack.finish().await;
}

#[tokio::test]
async fn somebody_elses_appointment_does_not_exist() {
    let stack = TestStack::start().await;
    let (ada, eve) = (stack.customer().await, stack.customer().await);
    let (date, time, experts) = ada.later_availability(&format!("serviceId={CUT}")).await.pop().unwrap();
    let request = json!({"serviceId": CUT, "expertId": experts[0], "date": date, "time": time});
    let id = ada.book(request).await.data(201)["appointment"]["id"].as_str().unwrap().to_owned();
    let strip = |answer: Answer| {
        let mut body = answer.json().to_value();
        body["error"]["requestId"] = Value::Null;
        (answer.status, body)
    };
    let theirs = strip(eve.get(&format!("/appointments/{id}")).await);
    assert_eq!(theirs.0, 404);
    assert_eq!(
        theirs,
        strip(eve.get(&format!("/appointments/{NO_APPOINTMENT}")).await),
        "they can be told apart"
    );
    let theirs = strip(eve.delete(&format!("/appointments/{id}/cancel")).await);
    assert_eq!(theirs, strip(eve.delete(&format!("/appointments/{NO_APPOINTMENT}/cancel")).await));
    assert_eq!(ada.get(&format!("/appointments/{id}")).await.data(200)["appointment"]["status"], "reserved");
    stack.finish().await;
}
