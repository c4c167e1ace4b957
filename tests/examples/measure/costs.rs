//! The CPU time that anybody can make a function spend: every public route with the most expensive request that it
//! takes, while the client is within its limits and once it is over them. It prints the table of docs/security.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use chairbook_local::stack::read_template;
use chairbook_local::template::model::Route;
use chairbook_tests::processes::cpu_time;
use chairbook_tests::stack_process::StackProcess;
use chairbook_tests::{Actor, Answer};
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::{CUT, UNLIMITED};

/// Requests per row, after those that read the keys and the catalog.
const TIMES: u32 = 30;
const WARM_UP: u32 = 5;

/// Time for a process to come to rest after it has responded.
const REST: Duration = Duration::from_millis(5);

/// The content of a request.
enum Content {
    None,
    Json(fn(u32) -> Value),
    Text(fn() -> String),
}

/// A public route with the most expensive request that it takes.
struct Case {
    /// As in the template, without `/api/v1`.
    route: &'static str,
    name: &'static str,
    program: &'static str,
    path: String,
    content: Content,
}

/// A password whose strength takes longest to estimate: every character may stand for another one.
fn password() -> String {
    "4@3$5$1!0o7+(%61$%446$9%(+6|4|6$!$+|(44$|4{!".chars().cycle().take(128).collect()
}

/// A name with as many words as there is room for.
fn name() -> String {
    (0..33).map(|number| format!("{number:02}")).collect::<Vec<_>>().join(" ")
}

fn registration(number: u32) -> Value {
    json!({"name": name(), "email": format!("cost-{number}@example.com"), "password": password()})
}

fn login(number: u32) -> Value {
    json!({"email": format!("nobody-{number}@example.com"), "password": password()})
}

fn email(number: u32) -> Value {
    json!({"email": format!("nobody-{number}@example.com")})
}

fn reset(_: u32) -> Value {
    json!({"token": "m".repeat(43), "password": password()})
}

fn refresh(_: u32) -> Value {
    json!({"refreshToken": "m".repeat(86)})
}

/// As many unknown members as a body has room for.
fn unknown_members() -> String {
    let members: Vec<_> = (0..6_000).map(|number| format!("\"m{number}\":0")).collect();
    format!("{{{}}}", members.join(","))
}

/// Members inside each other as deep as a body has room for.
fn nested_members() -> String {
    format!("{{\"a\":{}", "[".repeat(60_000))
}

fn cases() -> Vec<Case> {
    let today = chairbook_platform::clock::now().to_zoned(TimeZone::UTC).date();
    let (from, to) = (today.saturating_add(1.day()), today.saturating_add(31.days()));
    let case = |route: &'static str, name, program, path: &str, content| Case {
        route,
        name,
        program,
        path: path.to_owned(),
        content,
    };
    let post = |route: &'static str, name, content| case(route, name, "auth", &route[5..], content);
    let catalog = |route: &'static str, name, path: &str| case(route, name, "catalog", path, Content::None);
    vec![
        post(
            "POST /auth/register",
            "a name of 33 words, 128 characters of password",
            Content::Json(registration),
        ),
        post("POST /auth/login", "an unknown address, 128 characters of password", Content::Json(login)),
        post("POST /auth/login", "64 KiB of unknown members", Content::Text(unknown_members)),
        post("POST /auth/login", "64 KiB of brackets", Content::Text(nested_members)),
        post("POST /auth/refresh", "a made-up token", Content::Json(refresh)),
        post("POST /auth/resend-verification", "an unknown address", Content::Json(email)),
        post("POST /auth/forgot-password", "an unknown address", Content::Json(email)),
        post(
            "POST /auth/reset-password",
            "a made-up token, 128 characters of password",
            Content::Json(reset),
        ),
        post("POST /auth/verify-email", "a made-up token, 128 characters of password", Content::Json(reset)),
        case(
            "GET /auth/verify-email/{token}",
            "a made-up token",
            "auth",
            "/auth/verify-email/x",
            Content::None,
        ),
        case(
            "GET /auth/reset-password/{token}",
            "a made-up token",
            "auth",
            "/auth/reset-password/x",
            Content::None,
        ),
        case("GET /.well-known/jwks.json", "", "auth", "/.well-known/jwks.json", Content::None),
        catalog("GET /categories", "100 items", "/categories?limit=100"),
        catalog("GET /services", "100 items, a search", "/services?limit=100&q=a"),
        catalog("GET /services/{id}", "", &format!("/services/{CUT}")),
        catalog("GET /experts", "100 items", "/experts?limit=100"),
        catalog("GET /experts/{id}", "", "/experts/exp_00000000000000000000000001"),
        catalog("GET /offers", "100 items", "/offers?limit=100"),
        catalog("GET /gallery", "100 items", "/gallery?limit=100"),
        catalog("GET /settings", "", "/settings"),
        case(
            "GET /availability",
            "31 days of every expert",
            "appointments",
            &format!("/availability?serviceId={CUT}&from={from}&to={to}"),
            Content::None,
        ),
        case("GET /health", "", "health", "/health", Content::None),
        case("GET /", "", "docs", "/", Content::None),
        case("GET /openapi.json", "", "docs", "/openapi.json", Content::None),
        case("GET /docs", "", "docs", "/docs", Content::None),
        case("GET /docs/{file}", "the largest", "docs", "/docs/swagger-ui-bundle.js", Content::None),
    ]
}

impl Case {
    async fn send(&self, visitor: &Actor, number: u32) -> Answer {
        let (method, _) = self.route.split_once(' ').unwrap();
        let request = visitor.request(Method::from_bytes(method.as_bytes()).unwrap(), &self.path);
        let request = match &self.content {
            Content::None => request,
            Content::Json(body) => request.json(&body(number)),
            Content::Text(body) => request.header(CONTENT_TYPE, "application/json").body(body()),
        };
        visitor.send(request).await
    }

    /// The median and the highest CPU time of a request, and the status of the last response.
    async fn measure(&self, stack: &StackProcess, visitor: &Actor, numbers: &mut u32) -> (f64, f64, u16) {
        let mut next = || {
            *numbers += 1;
            *numbers
        };
        for _ in 0..WARM_UP {
            self.send(visitor, next()).await;
        }
        let functions = stack.functions();
        let (_, process) = functions.iter().find(|(program, _)| program == self.program).unwrap();
        let (mut spent, mut status) = (Vec::new(), 0);
        for _ in 0..TIMES {
            let before = cpu_time(*process);
            status = self.send(visitor, next()).await.status.as_u16();
            tokio::time::sleep(REST).await;
            spent.push(cpu_time(*process).saturating_sub(before));
        }
        spent.sort_unstable();
        let milliseconds = |place: usize| spent[place].as_secs_f64() * 1_000.0;
        (milliseconds(spent.len() / 2), milliseconds(spent.len() - 1), status)
    }
}

/// Measures and prints the table.
pub async fn costs() {
    let cases = cases();
    let data = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let alone = ["--max-concurrency", "1"];
    let free = StackProcess::start(data[0].path(), &[&UNLIMITED[..], &alone].concat());
    check_complete(&free, &cases).await;
    let limits =
        ["--release", "--parameter", "RateLimitRequests=1", "--parameter", "AuthRateLimitRequests=1"];
    let limited = StackProcess::start(data[1].path(), &[&limits[..], &alone].concat());
    println!(
        "\n| route | request | CPU: p50, ms | worst, ms | over the limit: p50, ms | worst, ms |\n\
         | --- | --- | --- | --- | --- | --- |"
    );
    let mut numbers = 0;
    for case in &cases {
        let visitor = free.visitor("");
        let (usual, worst, status) = case.measure(&free, &visitor, &mut numbers).await;
        assert!(status != 429 && status < 500, "{}: {status}", case.route);
        let visitor = limited.visitor("");
        let (usual_over, worst_over, status) = case.measure(&limited, &visitor, &mut numbers).await;
        // Routes that count nobody refuse nobody.
        let over = if status == 429 {
            format!("{usual_over:.1} | {worst_over:.1}")
        } else {
            let uncounted = ["GET /health", "GET /.well-known/jwks.json"].contains(&case.route);
            assert!(uncounted || case.program == "docs", "{}: {status}", case.route);
            "no limit | ".to_owned()
        };
        println!("| `{}` | {} | {usual:.1} | {worst:.1} | {over} |", case.route, case.name);
    }
}

/// Fails where a route of the template that asks nobody to log in is not measured.
async fn check_complete(stack: &StackProcess, cases: &[Case]) {
    let template = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml"));
    let system = read_template(template, &BTreeMap::new()).unwrap();
    let measured: BTreeSet<_> = cases.iter().map(|case| case.route.to_owned()).collect();
    let visitor = stack.visitor("");
    for key in system.functions.iter().flat_map(|function| function.routes().map(Route::key)) {
        let key = key.replace(" /api/v1", " ");
        let (method, path) = key.split_once(' ').unwrap();
        let path = path.replace(['{', '}'], "");
        let request = visitor.request(Method::from_bytes(method.as_bytes()).unwrap(), &path);
        let status = visitor.send(request).await.status;
        assert!(status == 401 || measured.contains(&key), "{key} is public and is not measured");
    }
}
