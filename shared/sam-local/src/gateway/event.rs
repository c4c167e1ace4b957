//! A request as the event that a function gets: payload format 2.0.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HOST, USER_AGENT};
use http::request::Parts;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::routes::Match;
use crate::template::ACCOUNT;

/// What API Gateway knows of a request besides the request itself.
#[derive(Debug, Clone)]
pub struct Context<'c> {
    /// The API's id.
    pub api_id: &'c str,
    /// The id of this request.
    pub request_id: &'c str,
    /// Who is at the other end of the connection. What `X-Forwarded-For` claims is passed on, but never believed.
    pub peer: IpAddr,
    /// The port that the API listens on.
    pub port: u16,
    /// When the request arrived.
    pub now: Timestamp,
}

/// The event for a request that takes a route.
pub fn event(parts: &Parts, body: &Bytes, route: &Match<'_>, context: &Context<'_>) -> Value {
    // HTTP APIs decode the path, and lose what follows a question mark that was encoded in it.
    let decoded = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let path = decoded.split('?').next().unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    let host = parts.headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let domain = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let mut event = json!({
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers(&parts.headers, context),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": context.api_id,
            "domainName": domain,
            "domainPrefix": domain.split('.').next().unwrap_or_default(),
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", parts.version),
                "sourceIp": context.peer.to_string(),
                "userAgent": first(&parts.headers, USER_AGENT.as_str()),
            },
            "requestId": context.request_id,
            "routeKey": route.key,
            "stage": "$default",
            "time": context.now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": context.now.as_millisecond(),
        },
        "isBase64Encoded": false,
    });
    let cookies = cookies(&parts.headers);
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    let parameters = query_parameters(query);
    if !parameters.is_empty() {
        event["queryStringParameters"] = json!(parameters);
    }
    if !route.parameters.is_empty() {
        event["pathParameters"] = json!(route.parameters);
    }
    if !body.is_empty() {
        if let Some(text) = text(&parts.headers, body) {
            event["body"] = json!(text);
        } else {
            event["body"] = json!(STANDARD.encode(body));
            event["isBase64Encoded"] = json!(true);
        }
    }
    event
}

fn first<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Headers of one name are joined by commas; cookies have a place of their own.
fn headers(headers: &HeaderMap, context: &Context<'_>) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| **name != COOKIE) {
        let value = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str().to_owned())
            .and_modify(|known| {
                known.push(',');
                known.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    let peer = context.peer.to_string();
    joined
        .entry("x-forwarded-for".to_owned())
        .and_modify(|claimed| {
            claimed.push_str(", ");
            claimed.push_str(&peer);
        })
        .or_insert(peer);
    joined.insert("x-forwarded-port".to_owned(), context.port.to_string());
    joined.insert("x-forwarded-proto".to_owned(), "http".to_owned());
    joined
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(';'))
        .map(|cookie| cookie.trim().to_owned())
        .filter(|cookie| !cookie.is_empty())
        .collect()
}

/// Values of one name are joined by commas.
fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        joined
            .entry(name.into_owned())
            .and_modify(|known| {
                known.push(',');
                known.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    joined
}

/// The body as text, when it is of a type that API Gateway passes on as text.
fn text<'b>(headers: &HeaderMap, body: &'b Bytes) -> Option<&'b str> {
    let content_type = first(headers, CONTENT_TYPE.as_str()).to_ascii_lowercase();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let is_text = essence.is_empty()
        || essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || matches!(essence, "application/json" | "application/javascript" | "application/xml");
    if !is_text || headers.contains_key(CONTENT_ENCODING) {
        return None;
    }
    std::str::from_utf8(body).ok()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn event_of(request: http::request::Builder, body: &'static [u8]) -> Value {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let parameters = BTreeMap::from([("id".to_owned(), "a b".to_owned())]);
        let route = Match { key: "GET /things/{id}", function: "ThingsFunction", parameters };
        let context = Context {
            api_id: "Api",
            request_id: "r-1",
            peer: IpAddr::from([127, 0, 0, 9]),
            port: 3000,
            now: Timestamp::from_millisecond(1_583_348_638_390).unwrap(),
        };
        event(&parts, &Bytes::from_static(body), &route, &context)
    }

    #[test]
    fn everything_has_its_place() {
        let request = Request::get("/things/a%20b?x=1&x=2%20&y=&z")
            .header("Host", "localhost:3000")
            .header("User-Agent", "test/1")
            .header("X-Two", "1")
            .header("X-Two", "2")
            .header("Cookie", "a=1; b=2")
            .header("Cookie", "c=3")
            .header("X-Forwarded-For", "10.0.0.1");
        let mut expected = json!({
            "version": "2.0",
            "routeKey": "GET /things/{id}",
            "rawPath": "/things/a b",
            "rawQueryString": "x=1&x=2%20&y=&z",
            "cookies": ["a=1", "b=2", "c=3"],
            "headers": {
                "host": "localhost:3000",
                "user-agent": "test/1",
                "x-two": "1,2",
                "x-forwarded-for": "10.0.0.1, 127.0.0.9",
                "x-forwarded-port": "3000",
                "x-forwarded-proto": "http",
            },
            "queryStringParameters": { "x": "1,2 ", "y": "", "z": "" },
            "pathParameters": { "id": "a b" },
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "Api",
                "domainName": "localhost",
                "domainPrefix": "localhost",
                "http": {
                    "method": "GET",
                    "path": "/things/a b",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.9",
                    "userAgent": "test/1",
                },
                "requestId": "r-1",
                "routeKey": "GET /things/{id}",
                "stage": "$default",
                "time": "04/Mar/2020:19:03:58 +0000",
                "timeEpoch": 1_583_348_638_390_u64,
            },
            "isBase64Encoded": false,
        });
        assert_eq!(event_of(request, b""), expected.take());
    }

    #[test]
    fn an_encoded_question_mark_adds_no_query() {
        let event = event_of(Request::get("/things/a%3Fadmin=true?x=1"), b"");
        assert_eq!(event["rawPath"], "/things/a");
        assert_eq!(event["rawQueryString"], "x=1");
    }

    #[test]
    fn text_stays_text_and_everything_else_becomes_base64() {
        for (content_type, encoding, body, is_base64) in [
            ("application/json", None, &b"{}"[..], false),
            ("application/problem+json; charset=utf-8", None, b"{}", false),
            ("TEXT/plain", None, b"{}", false),
            ("", None, b"{}", false),
            ("application/x-www-form-urlencoded", None, b"a=b", true),
            ("image/png", None, b"{}", true),
            ("application/json", Some("gzip"), b"{}", true),
            ("application/json", None, b"\xff", true),
        ] {
            let mut request = Request::post("/");
            if !content_type.is_empty() {
                request = request.header("Content-Type", content_type);
            }
            if let Some(encoding) = encoding {
                request = request.header("Content-Encoding", encoding);
            }
            let event = event_of(request, body);
            assert_eq!(event["isBase64Encoded"], is_base64, "{content_type} {encoding:?}");
            let sent = event["body"].as_str().unwrap();
            let decoded = if is_base64 { STANDARD.decode(sent).unwrap() } else { sent.as_bytes().to_vec() };
            assert_eq!(decoded, body);
        }
    }

    #[test]
    fn a_real_function_reads_it() {
        let event = event_of(Request::post("/things/1").header("Content-Type", "application/json"), b"{}");
        let read: aws_lambda_events::apigw::ApiGatewayV2httpRequest = serde_json::from_value(event).unwrap();
        assert_eq!(read.request_context.http.method, "POST");
        assert_eq!(read.body.as_deref(), Some("{}"));
        assert_eq!(read.path_parameters["id"], "a b");
    }
}
