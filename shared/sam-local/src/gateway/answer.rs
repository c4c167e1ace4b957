//! What a function returned as the response that a client gets: payload format 2.0's inference.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

/// The response for a function's payload; `None` when API Gateway could make nothing of it.
pub fn response(payload: &[u8]) -> Option<Response<Bytes>> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    match value.as_object() {
        Some(map) if map.contains_key("statusCode") => explicit(&value),
        _ => inferred(&value),
    }
}

/// A payload without `statusCode` is the body of a 200.
fn inferred(value: &Value) -> Option<Response<Bytes>> {
    let body = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Response::builder().header(CONTENT_TYPE, "application/json").body(body.into()).ok()
}

fn explicit(value: &Value) -> Option<Response<Bytes>> {
    let status = match &value["statusCode"] {
        Value::Number(number) => u16::try_from(number.as_u64()?).ok()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    let mut response = Response::new(body(value)?);
    *response.status_mut() = StatusCode::from_u16(status).ok().filter(|status| status.as_u16() < 600)?;
    match &value["headers"] {
        Value::Null => {}
        Value::Object(headers) => {
            for (name, value) in headers {
                let value = match value {
                    Value::String(text) => text.clone(),
                    Value::Number(_) | Value::Bool(_) => value.to_string(),
                    _ => return None,
                };
                let name: HeaderName = name.parse().ok()?;
                // The connection is the gateway's own.
                if ![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) {
                    response.headers_mut().append(name, HeaderValue::from_str(&value).ok()?);
                }
            }
        }
        _ => return None,
    }
    for cookie in value["cookies"].as_array().map(Vec::as_slice).unwrap_or_default() {
        response.headers_mut().append(SET_COOKIE, HeaderValue::from_str(cookie.as_str()?).ok()?);
    }
    if !response.body().is_empty() && !response.headers().contains_key(CONTENT_TYPE) {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=utf-8"));
    }
    Some(response)
}

fn body(value: &Value) -> Option<Bytes> {
    let text = match &value["body"] {
        Value::Null => return Some(Bytes::new()),
        Value::String(text) => text,
        _ => return None,
    };
    if value["isBase64Encoded"] == true {
        STANDARD.decode(text).ok().map(Bytes::from)
    } else {
        Some(Bytes::from(text.clone()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: &Value) -> Option<Response<Bytes>> {
        response(value.to_string().as_bytes())
    }

    #[test]
    fn a_whole_response() {
        let response = of(&json!({
            "statusCode": 201,
            "headers": { "Content-Type": "application/json", "X-Number": 5, "Content-Length": "999" },
            "multiValueHeaders": { "x-ignored": ["1"] },
            "cookies": ["a=1; Secure", "b=2"],
            "body": "{\"ok\":true}",
        }))
        .unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["x-number"], "5");
        assert!(
            !response.headers().contains_key("content-length")
                && !response.headers().contains_key("x-ignored")
        );
        let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1; Secure", "b=2"]);
        assert_eq!(response.body(), "{\"ok\":true}");
    }

    #[test]
    fn base64_bodies_are_decoded_and_text_has_a_default_type() {
        let response = of(&json!({ "statusCode": 200, "body": "AP8=", "isBase64Encoded": true })).unwrap();
        assert_eq!(response.body().as_ref(), b"\x00\xff");
        let response = of(&json!({ "statusCode": "200", "body": "hi" })).unwrap();
        assert_eq!(response.headers()["content-type"], "text/plain;charset=utf-8");
        let response = of(&json!({ "statusCode": 204 })).unwrap();
        assert!(response.body().is_empty() && response.headers().is_empty());
    }

    #[test]
    fn without_a_status_code_the_payload_is_the_body() {
        for (payload, body) in [
            (json!({ "message": "hello" }), "{\"message\":\"hello\"}"),
            (json!("hello"), "hello"),
            (json!([1, 2]), "[1,2]"),
            (json!(null), "null"),
        ] {
            let response = of(&payload).unwrap();
            assert_eq!((response.status().as_u16(), response.body().as_ref()), (200, body.as_bytes()));
            assert_eq!(response.headers()["content-type"], "application/json");
        }
    }

    #[test]
    fn malformed_responses_are_none() {
        for payload in [
            json!({ "statusCode": "many" }),
            json!({ "statusCode": 99 }),
            json!({ "statusCode": 1000 }),
            json!({ "statusCode": null }),
            json!({ "statusCode": 200, "body": { "not": "text" } }),
            json!({ "statusCode": 200, "body": "%%%", "isBase64Encoded": true }),
            json!({ "statusCode": 200, "headers": { "bad name": "x" } }),
            json!({ "statusCode": 200, "headers": { "x": ["y"] } }),
            json!({ "statusCode": 200, "headers": { "x": "a\nb" } }),
            json!({ "statusCode": 200, "headers": "x" }),
            json!({ "statusCode": 200, "cookies": [5] }),
        ] {
            assert!(of(&payload).is_none(), "{payload}");
        }
        assert!(response(b"not json").is_none());
        assert!(response(b"").is_none());
    }
}
