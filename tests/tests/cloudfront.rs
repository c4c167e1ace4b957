//! A CloudFront distribution in front of the API: what did not come by it is refused, and clients are counted by the
//! addresses that it saw.

use chairbook_tests::TestStack;
use reqwest::{Client, Response};
use serde_json::{Value, json};

const SECRET: &str = "abcdefghijklmnopqrstuvwxyz-0123456789";
const NEW_SECRET: &str = "zyxwvutsrqponmlkjihgfedcba-9876543210";
const LIMIT: usize = 3;

/// A request as it reaches API Gateway, which appends the address of its sender to `X-Forwarded-For`.
async fn get(stack: &TestStack, path: &str, secret: Option<&str>, forwarded_for: Option<&str>) -> Response {
    let mut request = Client::new().get(format!("{}{path}", stack.stack.url()));
    for (name, value) in [("x-origin-verify", secret), ("x-forwarded-for", forwarded_for)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    request.send().await.unwrap()
}

/// The requests that a client has left, as the response says.
fn left(response: &Response) -> Option<String> {
    let limit = response.headers().get("ratelimit")?.to_str().unwrap();
    let (_, left) = limit.split_once(";r=").unwrap();
    Some(left.split(';').next().unwrap().to_owned())
}

/// The addresses that were counted.
async fn counted(stack: &TestStack) -> Vec<String> {
    let rows = stack.items("LimitsTable").await.into_iter();
    let mut keys: Vec<_> = rows.map(|row| row["pk"].as_s().unwrap().clone()).collect();
    keys.sort();
    keys
}

async fn start(secrets: &str) -> TestStack {
    let stack = TestStack::builder()
        .parameter("CloudFrontSecret", secrets)
        .parameter("RateLimitRequests", &LIMIT.to_string())
        .start()
        .await;
    stack.keep_secret([SECRET.to_owned(), NEW_SECRET.to_owned()]);
    stack
}

#[tokio::test]
async fn what_did_not_come_by_cloudfront_is_refused_and_not_counted() {
    let stack = start(&format!("{SECRET},{NEW_SECRET}")).await;
    let paths = ["/api/v1/services", "/api/v1/health", "/api/v1/docs", "/.well-known/jwks.json"];
    for path in
        paths.into_iter().chain(["/api/v1/profile", "/api/v1/appointments/my", "/api/v1/dashboard/stats"])
    {
        for wrong in [None, Some(""), Some("guess"), Some(&SECRET[1..])] {
            let refused = get(&stack, path, wrong, Some("192.0.2.7")).await;
            assert_eq!(refused.status(), 403, "{path}");
            assert_eq!(left(&refused), None);
            assert!(refused.headers().contains_key("x-request-id"));
            let body: Value = refused.json().await.unwrap();
            assert_eq!(body["error"]["code"], "forbidden");
        }
    }
    assert_eq!(counted(&stack).await, Vec::<String>::new());
    // Both secrets are good while one is replaced.
    for secret in [SECRET, NEW_SECRET] {
        for path in paths {
            assert_eq!(get(&stack, path, Some(secret), Some("192.0.2.7")).await.status(), 200, "{path}");
        }
    }
    // Schedules and health's probes do not come by HTTP.
    assert_eq!(stack.invoke("UsersFunction", json!({})).await, json!({"finished": 0, "failed": 0}));
    stack.finish().await;
}

#[tokio::test]
async fn clients_are_counted_by_the_addresses_that_cloudfront_saw() {
    let stack = start(SECRET).await;
    let services =
        async |forwarded_for: &str| get(&stack, "/api/v1/services", Some(SECRET), Some(forwarded_for)).await;
    // What a client claims stands before what CloudFront appends.
    for (claimed, remaining) in
        ["", "198.51.100.1, ", "198.51.100.2, 203.0.113.4, "].into_iter().zip(["2", "1", "0"])
    {
        let response = services(&format!("{claimed}192.0.2.1")).await;
        assert_eq!((response.status().as_u16(), left(&response).as_deref()), (200, Some(remaining)));
    }
    assert_eq!(services("198.51.100.3, 192.0.2.1").await.status(), 429);
    assert_eq!(left(&services("192.0.2.2").await).as_deref(), Some("2"));
    // All addresses of a /64 are one.
    assert_eq!(left(&services("2001:db8:1:2::1").await).as_deref(), Some("2"));
    assert_eq!(left(&services("2001:db8:1:2::9").await).as_deref(), Some("1"));
    let counted = counted(&stack).await;
    for address in ["192.0.2.1", "192.0.2.2", "2001:db8:1:2::/64"] {
        assert!(counted.iter().any(|key| key.contains(address)), "{address}: {counted:?}");
    }
    assert!(!counted.iter().any(|key| key.contains("198.51.100") || key.contains("127.0")), "{counted:?}");
    stack.finish().await;
}

#[tokio::test]
async fn without_a_distribution_no_header_is_believed() {
    let stack = start("").await;
    for (forged, remaining) in ["192.0.2.1", "192.0.2.2", "192.0.2.3"].into_iter().zip(["2", "1", "0"]) {
        let response = get(&stack, "/api/v1/services", Some(SECRET), Some(forged)).await;
        assert_eq!((response.status().as_u16(), left(&response).as_deref()), (200, Some(remaining)));
    }
    assert_eq!(get(&stack, "/api/v1/services", None, Some("192.0.2.4")).await.status(), 429);
    let counted = counted(&stack).await;
    assert!(!counted.iter().any(|key| key.contains("192.0.2")), "{counted:?}");
    stack.finish().await;
}
