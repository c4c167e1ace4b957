//! The Invoke API over HTTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{RequestBuilder, Response};

use super::*;

struct Api {
    stack: Stack,
    url: String,
}

impl Api {
    async fn new() -> Self {
        let mut off = function("Off");
        off.reserved_concurrency = Some(0);
        let stack = Stack::new(&[function("F"), off]);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = router(stack.runtime.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { stack, url }
    }

    fn request(&self, function: &str) -> RequestBuilder {
        reqwest::Client::new().post(self.path(function))
    }

    fn path(&self, function: &str) -> String {
        format!("{}/2015-03-31/functions/{function}/invocations", self.url)
    }

    async fn refusal(&self, request: RequestBuilder) -> (u16, String, Value) {
        let response = request.send().await.unwrap();
        let error_type = header(&response, "x-amzn-errortype").to_owned();
        assert!(response.headers().contains_key("x-amzn-requestid"));
        (response.status().as_u16(), error_type, response.json().await.unwrap())
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn an_answer() {
    let api = Api::new().await;
    for function in
        ["F", "F-name", "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3AF-name", "F:$LATEST"]
    {
        let response = api.request(function).body(r#"{"do":"context"}"#).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "x-amz-executed-version"), "$LATEST");
        for absent in ["x-amz-function-error", "x-amz-log-result", "x-amzn-errortype"] {
            assert_eq!(header(&response, absent), "");
        }
        let request_id = header(&response, "x-amzn-requestid").to_owned();
        assert_eq!(response.json::<Value>().await.unwrap()["requestId"], request_id);
    }
    let without_payload = api.request("F").send().await.unwrap();
    assert_eq!(without_payload.text().await.unwrap(), "{}");
}

#[tokio::test]
async fn a_function_error() {
    let api = Api::new().await;
    let response = api.request("F").body(r#"{"do":"fail","message":"no"}"#).send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "x-amz-function-error")), (200, "Unhandled"));
    assert_eq!(response.json::<Value>().await.unwrap()["errorMessage"], "no");
    let response = api.request("F").body(r#"{"do":"exit","code":1}"#).send().await.unwrap();
    assert_eq!(header(&response, "x-amz-function-error"), "Unhandled");
    assert_eq!(response.json::<Value>().await.unwrap()["errorType"], "Runtime.ExitError");
}

#[tokio::test]
async fn the_end_of_the_log() {
    let api = Api::new().await;
    for _ in 0..5 {
        let request = api.request("F").header("x-amz-log-type", "Tail").body(r#"{"do":"print"}"#);
        let response = request.send().await.unwrap();
        let log = String::from_utf8(STANDARD.decode(header(&response, "x-amz-log-result")).unwrap()).unwrap();
        let mut lines: Vec<&str> = log.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["to standard error", "to standard output"]);
    }
}

#[tokio::test]
async fn other_invocation_types() {
    let api = Api::new().await;
    let mut records = api.stack.runtime.invocations();
    let typed = |kind: &str| api.request("F").header("x-amz-invocation-type", kind).body("1");
    let response = typed("DryRun").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.bytes().await.unwrap().len()), (204, 0));
    let response = typed("Event").send().await.unwrap();
    let request_id = header(&response, "x-amzn-requestid").to_owned();
    assert_eq!((response.status().as_u16(), response.bytes().await.unwrap().len()), (202, 0));
    assert_eq!(record(&mut records).await.request_id, request_id);
    let (status, error_type, _) = api.refusal(typed("Later")).await;
    assert_eq!((status, error_type.as_str()), (400, "InvalidParameterValueException"));
}

#[tokio::test]
async fn refusals() {
    let api = Api::new().await;
    let (status, error_type, body) = api.refusal(api.request("G").body("1")).await;
    assert_eq!((status, error_type.as_str()), (404, "ResourceNotFoundException"));
    assert_eq!(body, json!({ "Type": "User", "Message": "Function not found: G" }));
    let qualified = reqwest::Client::new().post(format!("{}?Qualifier=7", api.path("F")));
    let (status, error_type, _) = api.refusal(qualified.body("1")).await;
    assert_eq!((status, error_type.as_str()), (404, "ResourceNotFoundException"));
    let (status, error_type, body) = api.refusal(api.request("F").body("{not json")).await;
    assert_eq!((status, error_type.as_str()), (400, "InvalidRequestContentException"));
    assert!(
        body["message"].as_str().unwrap().starts_with("Could not parse request body into json: "),
        "{body}"
    );
    let (status, error_type, body) = api.refusal(api.request("Off").body("1")).await;
    assert_eq!((status, error_type.as_str()), (429, "TooManyRequestsException"));
    assert_eq!(body["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded");
    let large = format!("\"{}\"", "x".repeat(SYNCHRONOUS_PAYLOAD_LIMIT - 1));
    let (status, error_type, _) = api.refusal(api.request("F").body(large)).await;
    assert_eq!((status, error_type.as_str()), (413, "RequestTooLargeException"));
    // More than axum's own limit, but not Lambda's.
    let text = "x".repeat(SYNCHRONOUS_PAYLOAD_LIMIT - 2);
    let response = api.request("F").body(format!("\"{text}\"")).send().await.unwrap();
    assert_eq!(response.json::<String>().await.unwrap(), text);
}
