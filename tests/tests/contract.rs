//! What every client may rely on, whatever it calls: the envelope, the headers, the rate limit, CORS, pages, repeats,
//! and that logging out takes effect at once.

use std::collections::BTreeSet;
use std::time::Duration;

use chairbook_models::user::Role;
use chairbook_platform::clock;
use chairbook_tests::{Actor, Answer, Json, TestStack, open_salon};
use futures_util::future::join_all;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use reqwest::Method;
use reqwest::header::ORIGIN;
use serde_json::{Value, json};

const CUT: &str = "svc_00000000000000000000000001";
const INES: &str = "exp_00000000000000000000000001";

/// A window that does not end while a test runs: 10,000 days, the next of which begins in 2052.
const LONG_WINDOW: &str = "10000d";
const LONG_WINDOW_SECONDS: i64 = 10_000 * 24 * 60 * 60;

/// The body without what is another's in every answer.
fn body(answer: &Answer) -> Value {
    let mut body = answer.json().to_value();
    if body["error"].is_object() {
        body["error"]["requestId"] = Value::Null;
    }
    body
}

/// A free slot of Inès for a cut, as a request; the `nth` that does not overlap the others.
async fn slot(actor: &Actor, nth: usize) -> Value {
    let free = actor.later_availability(&format!("serviceId={CUT}&expertId={INES}")).await;
    // A cut keeps her for 65 minutes, and slots come every 15.
    let (date, time, _) = free.into_iter().step_by(5).nth(nth).unwrap();
    json!({"serviceId": CUT, "expertId": INES, "date": date, "time": time})
}

async fn raw(actor: &Actor, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = actor.request(method, path).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    actor.send(request).await
}

/// The headers that each answer of a function has.
#[track_caller]
fn check_headers(answer: &Answer, cache_control: &str) {
    let asked = &answer.asked;
    for (name, value) in [
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", cache_control),
    ] {
        assert_eq!(answer.header(name), value, "{asked}: {name}");
    }
    let id = answer.header("x-request-id");
    assert!(!id.is_empty() && id == answer.header("apigw-requestid"), "{asked}: {id}");
    // Logging in must not tell by its time whether there is an account.
    let waited = answer.headers.get("server-timing").map(|waited| waited.to_str().unwrap());
    let waited = waited.map(|waited| waited.strip_prefix("db;dur=").unwrap().parse::<f64>().is_ok());
    assert_eq!(waited, (!asked.contains("/auth/login")).then_some(true), "{asked}");
    if answer.status != 304 {
        assert_eq!(answer.header("content-type"), "application/json", "{asked}");
    }
}

#[tokio::test]
async fn every_kind_of_answer_has_the_same_form() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    let visitor = stack.visitor();
    let is_json = ("content-type", "application/json");

    let request = slot(&ada, 0).await;
    let booked = ada.book(request.clone()).await;
    let id = booked.data(201)["appointment"]["id"].as_str().unwrap().to_owned();
    let public = visitor.get("/services").await;
    public.data(200);
    let etag = public.header("etag").to_owned();
    let not_modified = raw(&visitor, Method::GET, "/services", &[("if-none-match", &etag)], "").await;
    assert_eq!((not_modified.status.as_u16(), not_modified.text.as_str()), (304, ""));
    for (answer, cache_control) in [
        (&public, "public, no-cache"),
        (&not_modified, "public, no-cache"),
        (&visitor.get("/.well-known/jwks.json").await, "public, max-age=300"),
        (&visitor.get("/availability?serviceId=svc_00000000000000000000000001").await, "no-store"),
        (&visitor.get("/health").await, "no-store"),
        (&booked, "no-store"),
        (&ada.get("/appointments/my").await, "no-store"),
        (&ada.get(&format!("/appointments/{id}")).await, "no-store"),
    ] {
        assert!(answer.status.is_success() || answer.status == 304, "{}: {}", answer.asked, answer.text);
        check_headers(answer, cache_control);
    }

    ada.book(request.clone()).await.error(409, "slot_taken");
    for (answer, status, code) in [
        (raw(&visitor, Method::POST, "/auth/login", &[is_json], "{").await, 400, "malformed_json"),
        (raw(&visitor, Method::POST, "/auth/login", &[is_json], "{}").await, 400, "validation_failed"),
        (visitor.get("/services?colour=red").await, 400, "validation_failed"),
        (
            raw(&visitor, Method::GET, "/auth/verify-email/x", &[("accept", "application/json")], "").await,
            400,
            "invalid_token",
        ),
        (visitor.get("/appointments/my").await, 401, "unauthorized"),
        (ada.elsewhere().log_in_with("wrong").await, 401, "invalid_credentials"),
        (visitor.get("/services/svc_0000000000000000000000zzzz").await, 404, "not_found"),
        (visitor.get("/experts/x").await, 404, "not_found"),
        (ada.get("/appointments/x").await, 404, "not_found"),
        (ada.book(request).await, 409, "slot_taken"),
        (
            raw(&visitor, Method::POST, "/auth/login", &[is_json], &" ".repeat(70_000)).await,
            413,
            "body_too_large",
        ),
        (raw(&visitor, Method::POST, "/auth/login", &[], "{}").await, 415, "unsupported_media_type"),
    ] {
        answer.error(status, code);
        check_headers(&answer, "no-store");
    }
    // Two answers have two ids.
    let ids: BTreeSet<_> = join_all((0..8).map(async |_| visitor.get("/categories").await))
        .await
        .iter()
        .map(|answer| answer.header("x-request-id").to_owned())
        .collect();
    assert_eq!(ids.len(), 8);
    stack.finish().await;
}

/// Logging in with another password than the actor's.
trait LogInWith {
    fn log_in_with(&self, password: &str) -> impl Future<Output = Answer>;
}

impl LogInWith for Actor {
    async fn log_in_with(&self, password: &str) -> Answer {
        self.post("/auth/login", json!({"email": self.email, "password": password})).await
    }
}

/// `r` and `t` of a `RateLimit` header of a policy.
#[track_caller]
fn rate_limit(answer: &Answer, policy: &str) -> (u64, i64) {
    let header = answer.header("ratelimit");
    let rest = header.strip_prefix(&format!("\"{policy}\";r=")).unwrap_or_else(|| panic!("{header}"));
    let (remaining, reset) = rest.split_once(";t=").unwrap();
    (remaining.parse().unwrap(), reset.parse().unwrap())
}

#[tokio::test]
async fn requests_are_counted_exactly() {
    let stack = TestStack::builder()
        .parameter("RateLimitRequests", "30")
        .parameter("AuthRateLimitRequests", "4")
        .parameter("RateLimitWindow", LONG_WINDOW)
        .start()
        .await;
    let visitor = stack.visitor();
    let left_of_window = || LONG_WINDOW_SECONDS - clock::now().as_second() % LONG_WINDOW_SECONDS;

    // Fifty at once: thirty are answered, each told another remainder, and twenty are refused.
    let answers = join_all((0..50).map(async |_| visitor.get("/categories").await)).await;
    let (answered, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((answered.len(), refused.len()), (30, 20));
    let remaining: BTreeSet<_> = answered.iter().map(|answer| rate_limit(answer, "default").0).collect();
    assert_eq!(remaining, (0..30).collect());
    for answer in &answers {
        assert_eq!(answer.header("ratelimit-policy"), format!("\"default\";q=30;w={LONG_WINDOW_SECONDS}"));
        let (_, reset) = rate_limit(answer, "default");
        assert!((0..=10).contains(&(reset - left_of_window())), "{reset}");
    }
    for answer in refused {
        answer.error(429, "rate_limited");
        check_headers(answer, "no-store");
        let (remaining, reset) = rate_limit(answer, "default");
        assert_eq!((remaining, answer.header("retry-after")), (0, reset.to_string().as_str()));
    }
    // Every route counts in the same window, whatever it would have answered.
    for path in ["/services/x", "/experts", "/availability", "/appointments/my", "/auth/verify-email/x"] {
        visitor.get(path).await.error(429, "rate_limited");
    }
    // These do not count, and are not refused.
    for path in ["/health", "/.well-known/jwks.json"] {
        let answer = visitor.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("ratelimit")), (200, ""), "{path}");
    }
    // What guesses passwords or sends mail has a limit of its own, each route for itself.
    for (path, policy) in [
        ("/auth/login", "login"),
        ("/auth/verify-email", "verify-email"),
        ("/auth/resend-verification", "resend-verification"),
        ("/auth/register", "register"),
    ] {
        for remaining in [3, 2, 1, 0] {
            let answer = visitor.post(path, json!({})).await;
            assert_eq!(rate_limit(&answer, policy).0, remaining);
            answer.error(400, "validation_failed");
        }
        let answer = visitor.post(path, json!({})).await;
        answer.error(429, "rate_limited");
        assert_eq!(answer.header("ratelimit-policy"), format!("\"{policy}\";q=4;w={LONG_WINDOW_SECONDS}"));
        assert!(!answer.header("retry-after").is_empty());
    }

    // Another address is another client; somebody logged in is one client at every address.
    let other = stack.visitor();
    assert_eq!(rate_limit(&other.get("/categories").await, "default").0, 29);
    let phone = stack.demo_account(Role::User).await;
    let mut laptop = phone.elsewhere();
    laptop.access_token.clone_from(&phone.access_token);
    assert_eq!(rate_limit(&phone.get("/appointments/my").await, "default").0, 29);
    assert_eq!(rate_limit(&laptop.get("/appointments/my").await, "default").0, 28);
    assert_eq!(rate_limit(&laptop.get("/services").await, "default").0, 27);
    // A forged token does not use up anybody's limit but the address's.
    let mut forger = other.clone();
    forger.access_token = Some(format!("{}x", phone.access_token.as_deref().unwrap()));
    let answer = forger.get("/appointments/my").await;
    answer.error(401, "invalid_token");
    assert_eq!(rate_limit(&answer, "default").0, 28);
    // What a client says of its address is not believed.
    let request = visitor.request(Method::GET, "/categories").header("x-forwarded-for", "10.1.2.3");
    visitor.send(request).await.error(429, "rate_limited");
    // A request over the limit does nothing.
    while rate_limit(&phone.get("/categories").await, "default").0 > 0 {}
    phone.post("/auth/logout", json!({})).await.error(429, "rate_limited");
    let sessions = stack.items("UsersTable").await;
    assert!(sessions.iter().any(|item| item["sk"].as_s().is_ok_and(|sk| sk.starts_with("SESSION#"))));
    stack.finish().await;
}

#[tokio::test]
async fn a_new_window_begins_when_retry_after_says() {
    let stack = TestStack::builder()
        .parameter("RateLimitRequests", "5")
        .parameter("RateLimitWindow", "2s")
        .start()
        .await;
    let visitor = stack.visitor();
    let refused = loop {
        let answer = visitor.get("/categories").await;
        if answer.status == 429 {
            break answer;
        }
    };
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=2).contains(&seconds), "{seconds}");
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    assert_eq!(rate_limit(&visitor.get("/categories").await, "default").0, 4);
    stack.finish().await;
}

#[tokio::test]
async fn pages_of_any_origin_may_call() {
    let stack = TestStack::start().await;
    let visitor = stack.visitor();
    let origin = ("origin", "https://www.salon.example");
    let ask = [
        origin,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type,idempotency-key"),
    ];
    let preflight = raw(&visitor, Method::OPTIONS, "/appointments", &ask, "").await;
    assert_eq!((preflight.status.as_u16(), preflight.text.as_str()), (204, ""));
    for (header, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET,POST,PUT,DELETE,OPTIONS"),
        (
            "access-control-allow-headers",
            "authorization,content-type,idempotency-key,if-none-match,x-request-id",
        ),
        ("access-control-max-age", "7200"),
        ("access-control-allow-credentials", ""),
    ] {
        assert_eq!(preflight.header(header), value, "{header}");
    }
    for answer in [
        raw(&visitor, Method::GET, "/services", &[origin], "").await,
        raw(&visitor, Method::GET, "/appointments/my", &[origin], "").await,
        raw(&visitor, Method::GET, "/nothing", &[origin], "").await,
    ] {
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{}", answer.asked);
        let exposed: Vec<_> = answer.header("access-control-expose-headers").split(',').collect();
        for header in [
            "etag",
            "idempotency-replayed",
            "location",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "www-authenticate",
            "x-amzn-remapped-www-authenticate",
            "x-request-id",
        ] {
            assert!(exposed.contains(&header), "{}: {header} of {exposed:?}", answer.asked);
        }
    }
    assert_eq!(visitor.get("/services").await.header("access-control-allow-origin"), "");
    stack.finish().await;
}

#[tokio::test]
async fn only_pages_of_listed_origins_may_call() {
    let listed = "https://www.salon.example,http://localhost:5173";
    let stack = TestStack::builder().parameter("CorsOrigins", listed).start().await;
    let visitor = stack.visitor();
    for (origin, allowed) in [
        ("https://www.salon.example", true),
        ("http://localhost:5173", true),
        ("http://www.salon.example", false),
        ("https://salon.example", false),
        ("https://www.salon.example.evil.example", false),
        ("https://www.salon.example:8443", false),
        ("null", false),
    ] {
        let expected = if allowed { origin } else { "" };
        let ask = [(ORIGIN.as_str(), origin), ("access-control-request-method", "GET")];
        let preflight = raw(&visitor, Method::OPTIONS, "/services", &ask, "").await;
        assert_eq!(preflight.header("access-control-allow-origin"), expected, "preflight of {origin}");
        assert_eq!(preflight.header("access-control-allow-methods").is_empty(), !allowed, "{origin}");
        let simple = raw(&visitor, Method::GET, "/services", &[(ORIGIN.as_str(), origin)], "").await;
        assert_eq!(simple.header("access-control-allow-origin"), expected, "{origin}");
    }
    stack.finish().await;

    let closed = TestStack::builder().parameter("CorsOrigins", "").parameter("StrictTransportSecurity", "");
    let stack = closed.start().await;
    let visitor = stack.visitor();
    assert_eq!(visitor.get("/services").await.headers.get("strict-transport-security"), None);
    let ask = [(ORIGIN.as_str(), "https://www.salon.example"), ("access-control-request-method", "GET")];
    let preflight = raw(&visitor, Method::OPTIONS, "/services", &ask, "").await;
    assert_eq!((preflight.status.as_u16(), preflight.header("access-control-allow-origin")), (404, ""));
    let simple = raw(&visitor, Method::GET, "/services", &ask[..1], "").await;
    assert_eq!((simple.status.as_u16(), simple.header("access-control-allow-origin")), (200, ""));
    stack.finish().await;
}

/// Every item of a list, page by page; and how many pages that took.
async fn pages(actor: &Actor, list: &str, limit: usize) -> (Vec<Json>, usize) {
    let separator = if list.contains('?') { '&' } else { '?' };
    let (mut items, mut count, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let data = actor.get(&format!("{list}{separator}limit={limit}{cursor}")).await.data(200);
        let page = data["items"].as_array().unwrap();
        assert!(page.len() <= limit, "{list}: {} items", page.len());
        items.extend(page.iter().cloned());
        count += 1;
        match data["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (items, count),
        }
    }
}

#[tokio::test]
async fn lists_come_in_pages_with_every_item_once() {
    let stack = TestStack::start().await;
    let (ada, bob) = (stack.customer().await, stack.customer().await);
    assert_eq!(ada.get("/appointments/my").await.data(200), json!({"items": [], "nextCursor": null}));
    let mut booked = Vec::new();
    for number in 0..7 {
        let guest = if number == 3 { &bob } else { &ada };
        let mut request = slot(&ada, 0).await;
        request["payNow"] = json!(number % 2 == 0);
        let appointment = guest.book(request).await.data(201)["appointment"].clone();
        if number != 3 {
            booked.insert(0, appointment);
        }
    }
    for limit in [1, 2, 3, 5, 6, 100] {
        let (mine, count) = pages(&ada, "/appointments/my", limit).await;
        assert_eq!(mine, booked, "the latest booked first, {limit} a page");
        assert_eq!(count, booked.len().div_ceil(limit), "{limit} a page");
    }
    // Filtered, pages still are full and end.
    let paid: Vec<_> = booked.iter().filter(|made| made["status"] == "confirmed").cloned().collect();
    assert_eq!(paid.len(), 4);
    for limit in [1, 3, 4] {
        let (found, count) = pages(&ada, "/appointments/my?status=confirmed", limit).await;
        assert_eq!((found, count), (paid.clone(), paid.len().div_ceil(limit)), "{limit} a page");
    }
    for (list, total) in [
        ("/categories", 4),
        ("/services", 14),
        ("/experts", 6),
        ("/offers", 1),
        ("/gallery", 7),
        ("/experts?serviceId=svc_00000000000000000000000001", 3),
    ] {
        let (all, _) = pages(&ada, list, 100).await;
        let ids: BTreeSet<_> = all.iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!((all.len(), ids.len()), (total, total), "{list}");
        for limit in [1, 3, total] {
            assert_eq!(pages(&ada, list, limit).await, (all.clone(), total.div_ceil(limit)), "{list}");
        }
    }
    stack.finish().await;
}

#[tokio::test]
async fn an_answer_does_not_outgrow_what_lambda_returns() {
    let stack = TestStack::builder().without_demo().start().await;
    let now = clock::now();
    stack.write_catalog(&open_salon::rows(20, "UTC", now)).await;
    let guest = stack.visitor();
    let today = now.to_zoned(TimeZone::UTC).date();
    let ask = async |days: i64, rest: &str| {
        let service = open_salon::service(open_salon::SHORTEST);
        let (from, to) = (today + 1.day(), today + days.days());
        guest.get(&format!("/availability?serviceId={service}&from={from}&to={to}{rest}")).await
    };
    // 20 experts and 288 starts a day.
    assert_eq!(ask(31, "").await.fields(400, "too_many_free_times"), ["to"]);
    assert_eq!(ask(21, "").await.fields(400, "too_many_free_times"), ["to"]);
    let most = ask(20, "").await;
    assert_eq!(most.data(200)["days"].as_array().unwrap().len(), 20);
    // As API Gateway gets it: in JSON, with each quotation mark escaped.
    assert!(json!(most.text).to_string().len() < 6_000_000, "{}", most.text.len());
    ask(31, &format!("&expertId={}", open_salon::expert(0))).await.data(200);
    stack.finish().await;
}

async fn book_with_key(actor: &Actor, key: &str, request: &Value) -> Answer {
    let sent = actor.request(Method::POST, "/appointments").header("idempotency-key", key).json(request);
    actor.send(sent).await
}

#[tokio::test]
async fn a_repeated_booking_is_one_booking() {
    let stack = TestStack::start().await;
    let (ada, bob) = (stack.customer().await, stack.customer().await);
    let request = slot(&ada, 0).await;

    // Twenty at once.
    let answers = join_all((0..20).map(async |_| book_with_key(&ada, "first", &request).await)).await;
    let made = answers[0].data(201)["appointment"].clone();
    let id = made["id"].as_str().unwrap();
    let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed") == "true").count();
    assert_eq!(replayed, 19);
    for answer in &answers {
        assert_eq!(answer.data(201)["appointment"], made);
        assert_eq!(answer.header("location"), format!("/api/v1/appointments/{id}"));
    }
    // Later, and written otherwise: the same.
    let otherwise = json!({
        "time": request["time"], "date": request["date"], "expertId": INES, "serviceId": CUT,
        "payNow": false, "subServiceIds": [], "notes": null,
    });
    let again = book_with_key(&ada, "first", &otherwise).await;
    assert_eq!(
        (again.data(201)["appointment"].clone(), again.header("idempotency-replayed")),
        (made.clone(), "true")
    );
    // Another request with that key is a mistake; another user's key is another key.
    let mut other = request.clone();
    other["payNow"] = json!(true);
    book_with_key(&ada, "first", &other).await.error(422, "idempotency_key_reused");
    book_with_key(&bob, "first", &request).await.error(409, "slot_taken");
    let bobs = book_with_key(&bob, "first", &slot(&bob, 1).await).await;
    assert_eq!(
        (bobs.data(201)["appointment"]["userId"].as_str(), bobs.header("idempotency-replayed")),
        (Some(bob.user_id.as_str()), "")
    );
    // Without a key, or with another one, it is another booking, which finds the slot taken.
    ada.book(request.clone()).await.error(409, "slot_taken");
    book_with_key(&ada, "second", &request).await.error(409, "slot_taken");
    // A repeat after the cancellation shows what became of it, and books nothing.
    ada.delete(&format!("/appointments/{id}/cancel")).await.data(200);
    let after = book_with_key(&ada, "first", &request).await;
    assert_eq!(after.data(201)["appointment"]["status"], "cancelled");
    assert_eq!(after.json()["message"], "This appointment was booked before, and is cancelled.");

    stack.settle().await;
    let mails: Vec<_> = stack.mails(&ada.email).into_iter().map(|mail| mail.subject).collect();
    let about = |word: &str| mails.iter().filter(|subject| subject.starts_with(word)).count();
    assert_eq!((about("Reserved"), about("Cancelled")), (1, 1), "{mails:?}");
    assert_eq!(ada.get("/appointments/my").await.data(200)["items"].as_array().unwrap().len(), 1);
    stack.finish().await;
}

#[tokio::test]
async fn three_wrong_passwords_lock_an_account_whether_it_exists_or_not() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    let nobody = stack.visitor();
    let mut told = Vec::new();
    for actor in [&ada, &nobody] {
        let mut answers = Vec::new();
        for left in [2, 1] {
            let answer = actor.elsewhere().log_in_with("not the password").await;
            assert_eq!(answer.error(401, "invalid_credentials")["attemptsRemaining"], left);
            assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="chairbook""#);
            answers.push(answer);
        }
        let locked = actor.elsewhere().log_in_with("not the password").await;
        locked.error(429, "account_locked");
        assert_eq!(locked.header("retry-after"), "30");
        assert!(locked.json()["message"].as_str().unwrap().contains("Try again in 30 seconds"));
        answers.push(locked);
        // The right password is not looked at either.
        let still = actor.elsewhere().log_in().await;
        still.error(429, "account_locked");
        assert!((25..=30).contains(&still.header("retry-after").parse().unwrap()));
        told.push(answers);
    }
    for (known, unknown) in told[0].iter().zip(&told[1]) {
        let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<BTreeSet<_>>();
        assert_eq!(
            (known.status, body(known), names(known)),
            (unknown.status, body(unknown), names(unknown))
        );
    }
    // Whoever is logged in stays so.
    ada.get("/appointments/my").await.data(200);

    // A right password starts over.
    let bob = stack.customer().await;
    for _ in 0..3 {
        bob.elsewhere().log_in_with("wrong").await.error(401, "invalid_credentials");
        let second = bob.elsewhere().log_in_with("wrong").await;
        assert_eq!(second.error(401, "invalid_credentials")["attemptsRemaining"], 1);
        bob.elsewhere().log_in().await.data(200);
    }
    stack.finish().await;
}

#[tokio::test]
async fn logging_out_ends_the_session_everywhere_at_once() {
    let stack = TestStack::start().await;
    let phone = stack.customer().await;
    let mut laptop = phone.elsewhere();
    laptop.log_in().await.data(200);
    // Several processes know the session by now.
    let busy = join_all((0..12).map(async |_| phone.get("/appointments/my").await)).await;
    assert!(busy.iter().all(|answer| answer.status == 200));

    phone.post("/auth/logout", json!({})).await.data(200);
    let after = join_all((0..12).map(async |_| phone.get("/appointments/my").await)).await;
    for answer in after {
        answer.error(401, "session_ended");
    }
    let request = slot(&laptop, 0).await;
    phone.book(request.clone()).await.error(401, "session_ended");
    phone.post("/auth/logout", json!({})).await.error(401, "session_ended");
    phone.get("/services").await.data(200);
    assert_eq!(phone.get("/appointments/my").await.header("cache-control"), "no-store");
    // Only that session.
    let id = laptop.book(request).await.data(201)["appointment"]["id"].as_str().unwrap().to_owned();
    phone.get(&format!("/appointments/{id}")).await.error(401, "session_ended");
    phone.delete(&format!("/appointments/{id}/cancel")).await.error(401, "session_ended");
    // Many at once end it once.
    let outs = join_all((0..8).map(async |_| laptop.post("/auth/logout", json!({})).await)).await;
    assert!(outs.iter().any(|answer| answer.status == 200));
    assert!(outs.iter().all(|answer| answer.status == 200 || answer.status == 401));
    laptop.get("/appointments/my").await.error(401, "session_ended");
    stack.finish().await;
}

#[tokio::test]
async fn asking_for_another_verification_mail_tells_nothing() {
    let stack = TestStack::start().await;
    let verified = stack.customer().await;
    let (mut unverified, nobody) = (stack.visitor(), stack.visitor());
    unverified.register("Ada").await.data(201);
    let first = stack.verification_token(&unverified).await;
    let ask = async |actor: &Actor| {
        actor.elsewhere().post("/auth/resend-verification", json!({"email": actor.email})).await
    };
    let answers = [ask(&verified).await, ask(&unverified).await, ask(&nobody).await];
    for answer in &answers {
        answer.data(200);
        let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<BTreeSet<_>>();
        assert_eq!((body(answer), names(answer)), (body(&answers[0]), names(&answers[0])));
    }
    stack.settle().await;
    let asked = |actor: &Actor| {
        let mails = stack.mails(&actor.email);
        mails.iter().filter(|mail| mail.subject.contains("Confirm your e-mail address")).count()
    };
    assert_eq!((asked(&verified), asked(&unverified), asked(&nobody)), (1, 2, 0));
    let second = stack.verification_token(&unverified).await;
    assert_ne!(first, second);
    unverified.verify_email(&second).await.data(200);
    unverified.log_in().await.data(200);
    ask(&unverified).await.data(200);
    stack.settle().await;
    assert_eq!(asked(&unverified), 2, "a verified account needs no other link");
    stack.finish().await;
}
