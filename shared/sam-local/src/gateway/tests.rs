//! The gateway over real HTTP, with functions that are closures.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures_util::FutureExt;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::*;
use crate::template::{Settings, resolve};

const TEMPLATE: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration: {AllowOrigins: ['https://a.example'], AllowMethods: [GET], ExposeHeaders: [etag]}
  EchoFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: echo}}
    Properties:
      Runtime: provided.al2023
      Events:
        Get: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: '/echo/{id}'}}
        Post: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: POST, Path: /echo}}
";

struct TestApi {
    url: String,
    accesses: Arc<Mutex<Vec<Access>>>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl TestApi {
    async fn start(invoke: impl Fn(Value) -> Result<Value, CallError> + Send + Sync + 'static) -> Self {
        let settings = Settings {
            url: "http://local",
            stack_name: "shop",
            parameters: &BTreeMap::new(),
            secrets: &|_| Err("none".to_owned()),
        };
        let system = resolve(TEMPLATE, &settings).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accesses = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&accesses);
        let invoke: Invoke = Arc::new(move |call: Call| {
            let answer = invoke(serde_json::from_slice(&call.payload).unwrap());
            async move { answer.map(|value| Bytes::from(value.to_string())) }.boxed()
        });
        let observe: Observe = Arc::new(move |access| seen.lock().unwrap().push(access));
        let router = Gateway::new(&system, address.port(), invoke, observe).router();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { url: format!("http://{address}"), accesses, client }
    }

    async fn send(&self, request: http::request::Builder, body: impl Into<Bytes>) -> Response<Bytes> {
        let response = self.client.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }

    fn get(&self, path: &str) -> http::request::Builder {
        Request::get(format!("{}{path}", self.url))
    }

    fn post(&self) -> http::request::Builder {
        Request::post(format!("{}/echo", self.url)).header("content-type", "application/json")
    }
}

#[tokio::test]
async fn a_request_goes_through_a_function_and_back() {
    let api = TestApi::start(|event| {
        Ok(json!({ "statusCode": 201, "headers": { "x-seen": event["pathParameters"]["id"] }, "body": event["rawPath"] }))
    })
    .await;
    let response = api.send(api.get("/echo/a%20b"), "").await;
    assert_eq!((response.status().as_u16(), response.body().as_ref()), (201, &b"/echo/a b"[..]));
    assert_eq!(response.headers()["x-seen"], "a b");
    let access = api.accesses.lock().unwrap()[0].clone();
    assert_eq!(response.headers()["apigw-requestid"], access.request_id);
    assert_eq!((access.route_key.as_deref(), access.status), (Some("GET /echo/{id}"), 201));
}

#[tokio::test]
async fn refusals_are_api_gateways() {
    let failures: &[(Result<Value, CallError>, u16, &str)] = &[
        (Err(CallError::Function), 500, "Internal Server Error"),
        (Err(CallError::Unavailable), 503, "Service Unavailable"),
        (Ok(json!({ "statusCode": "x" })), 500, "Internal Server Error"),
    ];
    for (answer, status, message) in failures {
        let answer = answer.clone();
        let api = TestApi::start(move |_| answer.clone()).await;
        let response = api.send(api.get("/echo/1"), "").await;
        assert_eq!(response.status(), *status);
        assert_eq!(serde_json::from_slice::<Value>(response.body()).unwrap(), json!({ "message": message }));
    }
    let api = TestApi::start(|_| Ok(json!({}))).await;
    for path in ["/", "/echo", "/echo/1/2"] {
        let response = api.send(api.get(path), "").await;
        assert_eq!(
            (response.status().as_u16(), response.body().as_ref()),
            (404, &b"{\"message\":\"Not Found\"}"[..])
        );
    }
}

#[tokio::test]
async fn bodies_have_limits() {
    let api = TestApi::start(|event| Ok(json!(event["body"].as_str().map_or(0, str::len)))).await;
    for (size, status) in
        [(5_000_000, 200), (LARGEST_EVENT, 413), (LARGEST_BODY, 413), (LARGEST_BODY + 1, 413)]
    {
        let response = api.send(api.post(), vec![b'x'; size]).await;
        assert_eq!(response.status(), status, "{size}");
    }
    let response = api.send(api.post(), vec![b'x'; 5_000_000]).await;
    assert_eq!(response.body(), "5000000");
}

#[tokio::test]
async fn cors_is_the_gateways_business() {
    let api = TestApi::start(|_| {
        Ok(json!({ "statusCode": 200, "headers": { "access-control-allow-origin": "https://evil.example" } }))
    })
    .await;
    let origin = ("origin", "https://a.example");
    let preflight =
        Request::options(format!("{}/nowhere", api.url)).header("access-control-request-method", "GET");
    let response = api.send(preflight.header(origin.0, origin.1), "").await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["access-control-allow-methods"], "GET");
    assert_eq!(response.headers()["access-control-allow-origin"], "https://a.example");
    for path in ["/echo/1", "/nowhere"] {
        let response = api.send(api.get(path).header(origin.0, origin.1), "").await;
        assert_eq!(response.headers()["access-control-allow-origin"], "https://a.example", "{path}");
        assert_eq!(response.headers()["access-control-expose-headers"], "etag");
    }
    let response = api.send(api.get("/echo/1"), "").await;
    assert!(!response.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_thirty_seconds_is_too_late() {
    let settings = Settings {
        url: "http://local",
        stack_name: "shop",
        parameters: &BTreeMap::new(),
        secrets: &|_| Err("none".to_owned()),
    };
    let system = resolve(TEMPLATE, &settings).unwrap();
    let invoke: Invoke = Arc::new(|_| {
        async {
            tokio::time::sleep(Duration::from_secs(31)).await;
            Ok(Bytes::from_static(b"{}"))
        }
        .boxed()
    });
    let gateway = Gateway::new(&system, 0, invoke, Arc::new(|_| {}));
    let peer = ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1)));
    let request = Request::get("/echo/1").body(Body::empty()).unwrap();
    let response = handle(State(gateway), peer, request).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}
