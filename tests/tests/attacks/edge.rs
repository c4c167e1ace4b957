//! Requests at the edge of what HTTP and the limits allow, or beyond: each gets a documented refusal or the proper
//! success, none brings down the process that answers it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chairbook_models::user::Role;
use chairbook_tests::processes::children_of;
use chairbook_tests::{Actor, Answer, TestStack};
use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CUT: &str = "svc_00000000000000000000000001";
const INES: &str = "exp_00000000000000000000000001";

/// A stack with one process per function, and the processes once each function has answered.
struct Target {
    stack: TestStack,
    processes: BTreeSet<(String, u32)>,
}

impl Target {
    async fn start() -> Self {
        let stack = TestStack::builder().without_rate_limit().max_concurrency(1).start().await;
        // The health of the whole is asked of every function.
        stack.visitor().get("/health").await.data(200);
        let processes = Self::processes(&stack);
        assert!(processes.len() > 5, "{processes:?}");
        Self { stack, processes }
    }

    /// The processes of the stack's functions, which know where it is; other tests have stacks of their own.
    fn processes(stack: &TestStack) -> BTreeSet<(String, u32)> {
        let url = stack.stack.url().as_bytes();
        let is_ours = |process: u32| {
            let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
            environment.windows(url.len()).any(|window| window == url)
        };
        children_of(std::process::id()).into_iter().filter(|(_, process)| is_ours(*process)).collect()
    }

    /// Sends bytes and returns all that is answered until the server closes the connection.
    async fn exchange(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        let mut connection = self.connect().await;
        // The server may refuse, and close, before it has read everything.
        let _closed = connection.write_all(bytes.as_ref()).await;
        let mut answer = Vec::new();
        let _reset = connection.read_to_end(&mut answer).await;
        answer
    }

    async fn connect(&self) -> TcpStream {
        let address = self.stack.stack.url().strip_prefix("http://").unwrap();
        TcpStream::connect(address).await.unwrap()
    }

    /// The status of the answer to a request that is written by hand, and the answer. `head` is its line and headers.
    async fn raw(&self, head: &str, body: impl AsRef<[u8]>) -> (u16, String) {
        let mut request = format!("{head}\r\nConnection: close\r\n\r\n").into_bytes();
        request.extend_from_slice(body.as_ref());
        let answer = String::from_utf8_lossy(&self.exchange(request).await).into_owned();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("{head:.200}: {answer:?}")), answer)
    }

    /// Ends the test: the functions' processes are those that there were.
    async fn finish(self) {
        let now = Self::processes(&self.stack);
        let gone: Vec<_> = self.processes.iter().filter(|process| !now.contains(process)).collect();
        assert!(gone.is_empty(), "{gone:?} have ended");
        self.stack.finish().await;
    }
}

/// What may stand where a path has an id, to get to another handler by it.
const ENCODINGS: [&str; 22] = [
    "..",
    ".",
    "%2e%2e",
    "%2E%2e",
    ".%2e",
    "..%2fprofile",
    "..%2Fprofile",
    "%2e%2e%2fprofile",
    "..%252fprofile",
    "..%5cprofile",
    "..\\profile",
    "x%2f..%2f..%2fprofile",
    "%2fprofile",
    "x%2frole",
    ";",
    "x;y=z",
    "%3f",
    "%23",
    "%00",
    "%0d%0aHost:x",
    "%c0%ae%c0%ae%c0%afprofile",
    "m%79",
];

#[tokio::test]
async fn no_encoding_of_a_path_leads_to_another_handler() {
    let target = Target::start().await;
    let admin = target.stack.demo_account(Role::Admin).await;
    let token = admin.access_token.clone().unwrap();
    for encoded in ENCODINGS {
        for (method, path) in [
            ("GET", format!("/users/{encoded}")),
            ("PUT", format!("/users/{encoded}/role")),
            ("DELETE", format!("/users/{encoded}")),
            ("GET", format!("/services/{encoded}")),
            ("GET", format!("/experts/{encoded}")),
            ("DELETE", format!("/experts/{INES}/services/{encoded}")),
            ("DELETE", format!("/experts/{encoded}/services/{CUT}")),
            ("DELETE", format!("/experts/{encoded}")),
            ("DELETE", format!("/offers/{encoded}")),
            ("DELETE", format!("/gallery/{encoded}")),
            ("GET", format!("/appointments/{encoded}")),
            ("GET", format!("/appointments/{encoded}/calendar.ics")),
            ("DELETE", format!("/appointments/{encoded}/cancel")),
            ("DELETE", format!("/auth/sessions/{encoded}")),
        ] {
            // By hand: a client's library would resolve dots before it sends them.
            let head = format!(
                "{method} /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
                 Content-Type: application/json\r\nContent-Length: 15"
            );
            let (status, answer) = target.raw(&head, r#"{"role":"user"}"#).await;
            // API Gateway knows neither `my%79` nor dots: what it decodes is for it to say.
            let expected = if path == "/appointments/m%79" { [404, 200] } else { [404, 403] };
            assert!(expected.contains(&status), "{method} {path}: {answer}");
            assert!(!answer.contains("\"user\":{"), "{method} {path}: {answer}");
        }
    }
    // Nothing was deleted on the way.
    for path in [format!("/experts/{INES}"), format!("/services/{CUT}")] {
        admin.get(&path).await.data(200);
    }
    for path in [
        "/api/v1//services",
        "//api/v1/services",
        "/api/v1/services/",
        "/api/v1/./services",
        "/api/v1/x/../services",
    ] {
        let (status, answer) = target.raw(&format!("GET {path} HTTP/1.1\r\nHost: localhost"), "").await;
        assert_eq!(status, 404, "{path}: {answer}");
    }
    target.finish().await;
}

/// An event as API Gateway sends it, for a request to a route.
fn event(method: &str, route: &str, path: &str, parameters: &Value) -> Value {
    json!({
        "version": "2.0", "routeKey": format!("{method} {route}"), "rawPath": path, "rawQueryString": "",
        "headers": {"host": "salon.example", "x-forwarded-proto": "https"}, "pathParameters": parameters,
        "requestContext": {
            "accountId": "1", "apiId": "a", "domainName": "salon.example", "domainPrefix": "salon", "requestId": "r-1",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.1", "userAgent": "x"},
            "routeKey": format!("{method} {route}"), "stage": "$default", "time": "", "timeEpoch": 1,
        },
        "isBase64Encoded": false,
    })
}

#[tokio::test]
async fn no_event_of_api_gateway_brings_a_function_down() {
    let target = Target::start().await;
    let invoke = async |event: Value| target.stack.invoke("CatalogFunction", event).await;
    let plain = event("GET", "/api/v1/services", "/api/v1/services", &Value::Null);
    let one = |id: &str| {
        event("GET", "/api/v1/services/{id}", &format!("/api/v1/services/{id}"), &json!({"id": id}))
    };
    assert_eq!(invoke(plain.clone()).await["statusCode"], 200);
    assert_eq!(invoke(one(CUT)).await["statusCode"], 200);
    for host in ["[", "[::1", "a b", "http://", ":", "a:b:c", "\u{e9}", "\u{0}", ""] {
        let mut event = plain.clone();
        event["headers"]["host"] = json!(host);
        let answer = invoke(event).await;
        assert_eq!(answer["statusCode"], 400, "{host:?}: {answer}");
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(
            (&body["error"]["code"], &body["error"]["requestId"]),
            (&json!("malformed_request"), &json!("r-1"))
        );
    }
    // The domain's name is API Gateway's own; whatever it is, it is not read.
    let mut strange = plain.clone();
    strange["headers"] = json!({});
    strange["requestContext"]["domainName"] = json!("[");
    strange["headers"]["x-forwarded-proto"] = json!("no scheme");
    strange["headers"]["x-name"] = json!("Zoë\u{1f600}\u{0}\r\n");
    strange["rawPath"] = json!("nowhere\u{0} [");
    strange["rawQueryString"] = json!("q=\u{e9}<>\"`{}|\\^%zz%");
    assert_eq!(invoke(strange).await["statusCode"], 200);
    for id in ["..", "../experts", "x/y", "?", "#", "\\", "\u{0}", "%2e%2e", "\u{1f600}", ""] {
        assert_eq!(invoke(one(id)).await["statusCode"], 404, "{id:?}");
    }
    // What API Gateway's route is not that of the handler is nowhere.
    let crossed = event("GET", "/api/v1/{anything}", "/api/v1/services", &json!({"anything": "services"}));
    assert_eq!(invoke(crossed).await["statusCode"], 404);
    target.finish().await;
}

#[tokio::test]
async fn only_programs_of_this_machine_reach_the_local_stack() {
    let target = Target::start().await;
    let port = target.stack.stack.url().rsplit(':').next().unwrap();
    let paths = [
        "/api/v1/services",
        "/_local/mail",
        "/_local/sqs/",
        "/2015-03-31/functions/StatsFunction/invocations",
    ];
    for path in paths {
        for host in ["evil.example", &format!("evil.example:{port}"), "10.0.0.1", "127.0.0.1.evil.example"] {
            let (status, answer) = target.raw(&format!("GET {path} HTTP/1.1\r\nHost: {host}"), "").await;
            assert!(status == 421 && answer.contains("names of this machine"), "{path} {host}: {answer}");
        }
        for host in
            ["Host: [", "Host: a b", "Host:", "X-Host: localhost", "Host: localhost\r\nHost: localhost"]
        {
            let (status, answer) = target.raw(&format!("GET {path} HTTP/1.1\r\n{host}"), "").await;
            assert_eq!(status, 400, "{path} {host}: {answer}");
        }
    }
    for host in
        ["localhost", &format!("LOCALHOST:{port}"), "salon.localhost", "127.9.9.9", "[::1]", "[::1]:1"]
    {
        let (status, answer) =
            target.raw(&format!("GET /api/v1/services HTTP/1.1\r\nHost: {host}"), "").await;
        assert_eq!(status, 200, "{host}: {answer}");
    }
    // A page of another origin can send plain text without asking.
    for (path, method) in
        [(paths[3], "POST"), ("/_local/mail", "DELETE"), ("/_local/sqs/", "POST"), ("/_local/faults", "PUT")]
    {
        for foreign in ["Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"] {
            let head = format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: text/plain\r\n{foreign}\r\n\
                 Content-Length: 2"
            );
            let (status, answer) = target.raw(&head, "{}").await;
            assert!(status == 403 && answer.contains("Pages of other origins"), "{path} {foreign}: {answer}");
        }
    }
    let own =
        format!("DELETE /_local/mail HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:{port}");
    assert_eq!(target.raw(&own, "").await.0, 204);
    // The database, which answers every origin, cannot be found.
    let database = target.stack.stack.dynamodb_url();
    assert!(!database.starts_with("http://127.0.0.1:"), "{database}");
    target.finish().await;
}

#[tokio::test]
async fn methods_are_those_of_the_routes() {
    let target = Target::start().await;
    for method in ["TRACE", "CONNECT", "get", "Get", "PROPFIND", "GETX", "HEAD"] {
        let (status, answer) =
            target.raw(&format!("{method} /api/v1/services HTTP/1.1\r\nHost: localhost"), "").await;
        // CONNECT names a host, not a path.
        assert!(matches!(status, 400 | 404), "{method}: {answer}");
    }
    for header in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        let head = format!(
            "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\n{header}: DELETE\r\n\
             Content-Type: application/json\r\nContent-Length: 2"
        );
        let (status, answer) = target.raw(&head, "{}").await;
        assert!(status == 400 && answer.contains("\"email\""), "{header}: {answer}");
    }
    for line in [
        "GET /api/v1/services",
        "GET  /api/v1/services HTTP/1.1",
        "GET /api/v1/services HTTP/9.9",
        "\u{0}\u{1}",
    ] {
        let answer = target.exchange(format!("{line}\r\nHost: localhost\r\n\r\n")).await;
        assert!(answer.starts_with(b"HTTP/1.1 400 "), "{line:?}: {}", String::from_utf8_lossy(&answer));
    }
    target.finish().await;
}

async fn login(actor: &Actor, content_type: Option<&[u8]>, body: impl Into<reqwest::Body>) -> Answer {
    let mut request = actor.request(Method::POST, "/auth/login").body(body);
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, HeaderValue::from_bytes(content_type).unwrap());
    }
    actor.send(request).await
}

#[tokio::test]
async fn bodies_are_read_as_json_or_refused() {
    let target = Target::start().await;
    let visitor = target.stack.visitor();
    let json: Option<&[u8]> = Some(b"application/json");
    // Each from an address of its own: three attempts lock one.
    let numbers = AtomicU32::new(0);
    let good = || {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        format!(r#"{{"email":"nobody{number}@guests.example","password":"none"}}"#)
    };
    for content_type in [
        &b"application/json"[..],
        b"APPLICATION/JSON",
        b"application/json; charset=utf-8",
        b"application/json;charset=\"UTF-8\"",
    ] {
        login(&visitor, Some(content_type), good()).await.error(401, "invalid_credentials");
        login(&visitor, Some(content_type), "{}").await.error(400, "validation_failed");
    }
    for content_type in [
        None,
        Some(&b"text/plain"[..]),
        Some(b"text/json"),
        Some(b"application/x-www-form-urlencoded"),
        Some(b"multipart/form-data; boundary=x"),
        Some(b"application/jsonp"),
        Some(b"application"),
        Some(b"application/json, text/plain"),
        Some(b"\xff\xfe"),
    ] {
        let answer = login(&visitor, content_type, good()).await;
        answer.error(415, "unsupported_media_type");
    }
    let two = visitor.request(Method::POST, "/auth/login").body(good());
    let two = two.header(CONTENT_TYPE, "application/json").header(CONTENT_TYPE, "text/plain");
    visitor.send(two).await.error(415, "unsupported_media_type");

    let deep =
        |open: &str, close: &str| format!("{{\"email\":{}{}}}", open.repeat(10_000), close.repeat(10_000));
    for malformed in [
        String::new(),
        "\u{feff}{}".to_owned(),
        "{".to_owned(),
        "{}{}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "{'a':1}".to_owned(),
        "{\"email\":\"\\ud800\"}".to_owned(),
        "{\"email\":\"a\u{0}b\"}".to_owned(),
        "{\"email\":01}".to_owned(),
        "{\"email\":1e999999}".to_owned(),
        "{\"email\":NaN}".to_owned(),
        deep("[", "]"),
        deep("{\"a\":", "}"),
        "[".repeat(60_000),
    ] {
        let answer = login(&visitor, json, malformed.clone()).await;
        answer.error(400, "malformed_json");
    }
    login(&visitor, json, b"{\"email\":\"\xff\xfe\"}".to_vec()).await.error(400, "malformed_json");
    for wrong in [
        format!("{{\"email\":{}}}", "9".repeat(30_000)),
        "{\"email\":-0.0}".to_owned(),
        "{\"email\":\"a\\u0000b\",\"password\":\"\"}".to_owned(),
    ] {
        let answer = login(&visitor, json, wrong.clone()).await;
        assert_eq!(answer.status, 400, "{wrong:.60}: {}", answer.text);
    }

    // 64 KiB and not a byte more; API Gateway itself refuses more than 10 MB, and Lambda an event of more than 6 MB.
    let padded = |length: usize| {
        let body = good();
        let padding = " ".repeat(length - body.len());
        body + &padding
    };
    for (length, status) in
        [(65_535, 401), (65_536, 401), (65_537, 413), (5_000_000, 413), (6_300_000, 413), (10_485_760, 413)]
    {
        assert_eq!(login(&visitor, json, padded(length)).await.status, status, "{length} bytes");
    }
    login(&visitor, json, padded(65_537)).await.error(413, "body_too_large");
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let (status, _) = target.raw(&format!("{head}Content-Length: 10485761"), padded(10_485_761)).await;
    assert_eq!(status, 413);

    // Nothing is unpacked: a compressed body is not JSON.
    for encoding in ["gzip", "deflate", "br", "identity, gzip"] {
        let packed = visitor.request(Method::POST, "/auth/login").body(&b"\x1f\x8b\x08\x00\x00\x00"[..]);
        let packed = packed.header(CONTENT_TYPE, "application/json").header(CONTENT_ENCODING, encoding);
        visitor.send(packed).await.error(400, "malformed_json");
    }
    let chunks = |chunked: &str| (format!("{head}Transfer-Encoding: chunked"), chunked.to_owned());
    let whole = good();
    let (chunked, body) = chunks(&format!("{:x}\r\n{whole}\r\n0\r\n\r\n", whole.len()));
    assert_eq!(target.raw(&chunked, body).await.0, 401);
    let (chunked, body) = chunks("zz\r\n{}\r\n0\r\n\r\n");
    assert_eq!(target.raw(&chunked, body).await.0, 400);
    // One length, or the other, but not two that a proxy may read differently.
    for lengths in [
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: -1",
        "Content-Length: 0x2",
        "Transfer-Encoding: gzip",
    ] {
        let (status, answer) = target.raw(&format!("{head}{lengths}"), "{}").await;
        assert_eq!(status, 400, "{lengths}: {answer}");
    }
    target.finish().await;
}

#[tokio::test]
async fn headers_and_query_strings_are_bounded_and_of_any_bytes() {
    let target = Target::start().await;
    let customer = target.stack.customer().await;
    let get = |path: &str| customer.request(Method::GET, path);
    // Within API Gateway's 10,240 bytes, and beyond them.
    customer.send(get("/profile").header("x-filling", "a".repeat(8_000))).await.data(200);
    for filling in [11_000, 16_000, 60_000] {
        let answer = customer.send(get("/profile").header("x-filling", "a".repeat(filling))).await;
        assert_eq!(answer.status, 431, "{filling}: {}", answer.text);
    }
    let (status, _) = target
        .raw(&format!("GET /api/v1/services?q={} HTTP/1.1\r\nHost: localhost", "a".repeat(70_000)), "")
        .await;
    assert!(matches!(status, 414 | 431), "{status}");
    let many = "X-Name: a\r\n".repeat(500);
    let (status, _) =
        target.raw(&format!("GET /api/v1/services HTTP/1.1\r\n{many}Host: localhost"), "").await;
    assert_eq!(status, 431);

    // A header that is not ASCII does not turn a request into something else.
    for value in [&b"Zo\xc3\xab"[..], b"\xff\xfe\xfd", b"a\tb", b"\xf0\x9f\x92\x87"] {
        for name in ["x-name", "user-agent", "accept", "accept-language", "if-none-match", "origin", "cookie"]
        {
            let header = HeaderValue::from_bytes(value).unwrap();
            let answer = customer.send(get("/profile").header(name, header.clone())).await;
            assert_eq!(answer.data(200)["user"]["email"], customer.email, "{name}");
            let stranger = target.stack.visitor();
            let answer = stranger.send(stranger.request(Method::GET, "/profile").header(name, header)).await;
            answer.error(401, "unauthorized");
        }
        let stranger = target.stack.visitor();
        let header = HeaderValue::from_bytes(&[b"Bearer ", value].concat()).unwrap();
        let answer =
            stranger.send(stranger.request(Method::GET, "/profile").header("authorization", header)).await;
        assert_eq!(answer.status, 401, "{}", answer.text);
    }
    for header in ["X-Name: a\u{0}b", "X-Name: a\rb", "X Name: a", ": a", "X-Name\u{e9}: a", "no colon"] {
        let (status, answer) =
            target.raw(&format!("GET /api/v1/services HTTP/1.1\r\nHost: localhost\r\n{header}"), "").await;
        assert_eq!(status, 400, "{header:?}: {answer}");
    }

    let parameters: Vec<_> = (0..2_000).map(|_| "a=1").collect();
    for (query, code) in [
        (parameters.join("&"), "validation_failed"),
        ("q=cut&q=colour&q=nails".to_owned(), "validation_failed"),
        ("&".repeat(5_000) + "colour=red", "validation_failed"),
        ("%00%00=%00".to_owned(), "validation_failed"),
        ("limit=%C0%B1".to_owned(), "validation_failed"),
        ("limit=1;cursor=x".to_owned(), "validation_failed"),
        ("limit[]=1".to_owned(), "validation_failed"),
        ("__proto__=1".to_owned(), "validation_failed"),
    ] {
        let (status, answer) =
            target.raw(&format!("GET /api/v1/services?{query} HTTP/1.1\r\nHost: localhost"), "").await;
        assert!(status == 400 && answer.contains(code), "{query:.60}: {answer}");
    }
    for query in ["", "&&&", "q=%", "q=%zz%", "q=%FF%FE", "q=a+b%20c"] {
        let (status, answer) =
            target.raw(&format!("GET /api/v1/services?{query} HTTP/1.1\r\nHost: localhost"), "").await;
        assert_eq!(status, 200, "{query}: {answer}");
    }
    target.finish().await;
}

#[tokio::test]
async fn slow_requests_and_many_connections_keep_nobody_out() {
    let target = Target::start().await;
    let visitor = target.stack.visitor();
    let halves = [
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: loc",
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
        "",
    ];
    let mut open = Vec::new();
    for number in 0..150 {
        let mut connection = target.connect().await;
        connection.write_all(halves[number % halves.len()].as_bytes()).await.unwrap();
        open.push(connection);
    }
    // Others are answered all the while.
    join_all((0..20).map(async |_| visitor.get("/services?limit=1").await.data(200))).await;
    let answers = join_all(open.into_iter().map(async |mut connection| {
        let mut answer = Vec::new();
        let _reset = connection.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }));
    let answers =
        tokio::time::timeout(Duration::from_secs(30), answers).await.expect("each connection ends by itself");
    for (number, answer) in answers.iter().enumerate() {
        let is_body = number % halves.len() == 1;
        assert_eq!(answer.starts_with("HTTP/1.1 408 "), is_body, "{number}: {answer}");
        assert!(is_body || answer.is_empty(), "{number}: {answer}");
    }
    visitor.get("/services?limit=1").await.data(200);
    target.finish().await;
}
