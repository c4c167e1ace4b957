//! docs/cost.md says what the program says that prints its tables; and what is sent most is sent small.

use std::io::Read as _;

use chairbook_tests::busy_salon::{day, hire};
use chairbook_tests::{Actor, TestStack};
use flate2::read::GzDecoder;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, VARY};
use reqwest::{Method, StatusCode};

#[tokio::test]
async fn the_document_shows_what_is_counted() {
    let document = include_str!("../../docs/cost.md");
    let tables = chairbook_tests::cost::tables().await;
    let differ = tables.iter().any(|table| !document.contains(table));
    let advice = "docs/cost.md differs from what `cargo run -p chairbook-tests --example cost` prints";
    assert!(!differ, "{advice}:\n\n{}", tables.join("\n"));
}

/// The headers and the bytes of a response to a client that takes an encoding.
async fn get(visitor: &Actor, path: &str, encoding: &str) -> (HeaderMap, Vec<u8>) {
    let request = visitor.request(Method::GET, path).header(ACCEPT_ENCODING, encoding);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    (response.headers().clone(), response.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn free_times_are_compressed_for_clients_that_take_it() {
    let stack = TestStack::start().await;
    let service = hire(&stack, 10, (540, 1_080)).await;
    let visitor = stack.visitor();
    let path = format!("/availability?serviceId={}&from={}&to={}", service.id, day(2), day(32));

    let (headers, plain) = get(&visitor, &path, "identity").await;
    assert_eq!(headers.get(CONTENT_ENCODING), None);
    assert_eq!(headers[VARY], "accept-encoding");
    let (headers, compressed) = get(&visitor, &path, "gzip, deflate, br, zstd").await;
    for (name, value) in
        [(CONTENT_ENCODING, "gzip"), (VARY, "accept-encoding"), (CONTENT_TYPE, "application/json")]
    {
        assert_eq!(headers[&name], value, "{name}");
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(compressed.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(String::from_utf8(unpacked), String::from_utf8(plain.clone()));
    assert!(compressed.len() * 8 < plain.len(), "{} of {} bytes", compressed.len(), plain.len());

    // Nothing else is: what is compressed beside a secret may tell it by its size.
    let mut ada = stack.customer().await;
    for path in ["/profile", "/profile/export", "/appointments/my", "/services", "/settings"] {
        assert_eq!(get(&ada, path, "gzip").await.0.get(CONTENT_ENCODING), None, "{path}");
    }
    ada.access_token = None;
    let credentials = serde_json::json!({"email": ada.email, "password": ada.password});
    let request = ada.request(Method::POST, "/auth/login").header(ACCEPT_ENCODING, "gzip").json(&credentials);
    let response = request.send().await.unwrap();
    assert_eq!((response.status(), response.headers().get(CONTENT_ENCODING)), (StatusCode::OK, None));
    stack.finish().await;
}
