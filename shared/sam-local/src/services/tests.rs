//! The services over real connections, as the SDKs see them.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use axum::routing::post;
use bytes::Bytes;
use tempfile::TempDir;
use tokio::sync::watch;

use super::*;
use crate::dynamodb::DynamoDb;
use crate::dynamodb::tests::{plain_table, text};
use crate::sqs::{self, Sqs};

const KEY: &str = "ABCDEFGHIJKLMNOPQRST";

struct TestServices {
    port: u16,
    end: watch::Sender<bool>,
    _dynamodb: DynamoDb,
    _directory: TempDir,
}

impl TestServices {
    async fn start(listen: Option<IpAddr>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let dynamodb = DynamoDb::start(&directory.path().join("dynamodb.sqlite"), &[plain_table()]).unwrap();
        let sqs =
            Sqs::open(&directory.path().join("local.sqlite"), &[], "http://127.0.0.1/_local/sqs").unwrap();
        let local = sqs::router(sqs).route(
            "/2015-03-31/functions/{function}/invocations",
            post(async |body: Bytes| format!("{} bytes", body.len())),
        );
        let (port, listeners) = super::listen(Some(0), listen).await.unwrap();
        let router = router(KEY.to_owned(), listen, local, dynamodb.service());
        let (end, ended) = watch::channel(false);
        for listener in listeners {
            tokio::spawn(server::serve(listener, router.clone(), ended.clone()));
        }
        Self { port, end, _dynamodb: dynamodb, _directory: directory }
    }

    fn dynamodb(&self, host: &str, key: &str) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(format!("http://{host}:{}", self.port))
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::from_keys(key, "any", None))
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }
}

impl Drop for TestServices {
    fn drop(&mut self) {
        self.end.send_replace(true);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_endpoint_has_the_services() {
    let services = TestServices::start(None).await;
    let dynamodb = services.dynamodb("127.0.0.1", KEY);
    dynamodb.put_item().table_name("plain").item("pk", text("A")).send().await.unwrap();
    let read = services.dynamodb("localhost", KEY).get_item().table_name("plain").key("pk", text("A"));
    assert!(read.send().await.unwrap().item.is_some());
    let missing = dynamodb.get_item().table_name("nowhere").key("pk", text("A")).send().await.unwrap_err();
    assert!(missing.as_service_error().unwrap().is_resource_not_found_exception(), "{missing:?}");

    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(format!("http://127.0.0.1:{}", services.port))
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::from_keys(KEY, "any", None))
        .build();
    let sqs = aws_sdk_sqs::Client::from_conf(config);
    let url = sqs.create_queue().queue_name("work").send().await.unwrap().queue_url.unwrap();
    sqs.send_message().queue_url(&url).message_body("hello").send().await.unwrap();
    let received = sqs.receive_message().queue_url(&url).send().await.unwrap();
    assert_eq!(received.messages()[0].body(), Some("hello"));

    let client = reqwest::Client::new();
    let signed = format!("AWS4-HMAC-SHA256 Credential={KEY}/20260302/eu-central-1/lambda/aws4_request");
    let ask = |path: &str| {
        let url = format!("http://127.0.0.1:{}{path}", services.port);
        client.post(url).header("authorization", &signed).body("{}").send()
    };
    let invoked = ask("/2015-03-31/functions/WorkFunction/invocations?Qualifier=$LATEST").await.unwrap();
    assert_eq!(invoked.text().await.unwrap(), "2 bytes");
    for path in ["/", "/_local/sqs", "/_local/mail", "/api/v1/services"] {
        assert_eq!(ask(path).await.unwrap().status(), 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_key_and_pages_get_nothing() {
    let services = TestServices::start(None).await;
    let refused = services.dynamodb("127.0.0.1", "local").list_tables().send().await.unwrap_err();
    assert_eq!(refused.code(), Some("UnrecognizedClientException"), "{refused:?}");
    let message = refused.message().unwrap_or_default();
    assert!(message.contains("`env` prints the one to sign with"), "{message}");

    let client = reqwest::Client::new();
    let list = |headers: &[(&'static str, &str)]| {
        let mut request = client
            .post(format!("http://127.0.0.1:{}/", services.port))
            .header("x-amz-target", "DynamoDB_20120810.ListTables")
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-date", "20260302T090000Z")
            .body("{}");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        async { request.send().await.unwrap() }
    };
    let signed = format!(
        "AWS4-HMAC-SHA256 Credential={KEY}/20260302/eu-central-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00"
    );
    let signed = ("authorization", signed.as_str());
    assert_eq!(list(&[]).await.status(), 403);
    for (status, page) in [
        (403, ("origin", "http://evil.example")),
        (403, ("sec-fetch-site", "cross-site")),
        (421, ("host", "evil.example")),
        (421, ("host", "172.17.0.1:4566")),
        (421, ("host", "host.docker.internal.evil.example")),
    ] {
        let answer = list(&[signed, page]).await;
        assert_eq!(answer.status(), status, "{page:?}");
        assert!(!answer.headers().contains_key("access-control-allow-origin"));
    }
    for name in ["localhost:4566", "host.docker.internal:4566", "127.0.0.1"] {
        let answer = list(&[signed, ("host", name)]).await;
        assert_eq!(answer.status(), 200, "{name}");
    }
    // A page asks first, and is told nothing.
    let url = format!("http://127.0.0.1:{}/", services.port);
    let preflight = client.request(http::Method::OPTIONS, url).header("origin", "http://evil.example");
    let answer = preflight.header("access-control-request-method", "POST").send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_was_asked_for_is_a_name_too() {
    // Not every machine has it.
    let asked: IpAddr = "127.0.0.2".parse().unwrap();
    if TcpListener::bind((asked, 0)).await.is_err() {
        return;
    }
    let services = TestServices::start(Some(asked)).await;
    for host in ["127.0.0.1", "127.0.0.2"] {
        services.dynamodb(host, KEY).list_tables().send().await.unwrap();
    }
    let is_own =
        |listen: Option<&str>, host: &str| is_own(listen.map(|address| address.parse().unwrap()), host);
    for (listen, host, expected) in [
        (None, "localhost", true),
        (None, "172.17.0.1", false),
        (Some("172.17.0.1"), "172.17.0.1", true),
        (Some("172.17.0.1"), "172.17.0.2", false),
        (Some("172.17.0.1"), "evil.example", false),
        (Some("0.0.0.0"), "192.168.1.7", true),
        (Some("::"), "[fd00::1]", true),
        (Some("fd00::1"), "[fd00::1]", true),
        (Some("0.0.0.0"), "evil.example", false),
        (Some("0.0.0.0"), "127.0.0.1.evil.example", false),
    ] {
        assert_eq!(is_own(listen, host), expected, "{listen:?} {host}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_refused_if_it_was_asked_for() {
    let (port, held) = listen(Some(0), None).await.unwrap();
    let (address, error) = listen(Some(port), None).await.unwrap_err();
    assert_eq!((address.port(), error.kind()), (port, std::io::ErrorKind::AddrInUse));
    drop(held);
    tokio::time::sleep(Duration::from_millis(10)).await;
    // The usual one may be somebody else's here: then it is another.
    let (first, _held) = listen(None, None).await.unwrap();
    let (second, _held) = listen(None, None).await.unwrap();
    assert_ne!(first, second);
    assert_ne!(second, PORT);
}
