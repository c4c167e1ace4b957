//! Events as requests: what Lambda hands to an HTTP function, made safe before anything reads it.
//!
//! A request that came by API Gateway is one or nothing: it never passes for an event by which the function is
//! invoked in another way (a schedule, a health probe), as it would if the library could not read it.
//!
//! API Gateway has chosen the route; its key and the values of its variables make the path anew. The path that the
//! client sent decides nothing here, so no value of a variable, however encoded (`..%2f`), leads to another handler.
//! Nor does the `Host` header, which reaches no handler.

use std::collections::HashMap;

use http::header::HOST;
use http::uri::Authority;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::request::LambdaRequest;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// The path of a request that no client can have meant; only [`request`] gives it.
pub(crate) const MALFORMED: &str = "/.malformed";

/// The path of an event that did not come by HTTP: a schedule's, or a health probe.
pub(crate) const INVOKED: &str = "/events";

/// The path that is no route.
const NOWHERE: &str = "/";

/// Bytes of a path and its query string that `http::Uri` is sure to take; it ends at 65,534.
const MAX_URI_BYTES: usize = 64_000;

/// What a query string may hold as it is, percent signs among it, is the rest (RFC 3986, section 3.4).
const NOT_IN_QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A request that API Gateway does not send in this form.
#[derive(Debug, thiserror::Error)]
#[error("the event is no HTTP API's request in payload format 2.0: {0}")]
pub(crate) struct UnknownEvent(#[from] serde_json::Error);

/// The request of an event.
///
/// # Errors
/// [`UnknownEvent`].
pub(crate) fn request(mut event: Value) -> Result<LambdaRequest, UnknownEvent> {
    if event.get("requestContext").is_none() {
        return Ok(LambdaRequest::PassThrough(event.to_string()));
    }
    if let Some(headers) = event.get_mut("headers") {
        clean_headers(headers);
    }
    let mut request: ApiGatewayV2httpRequest = serde_json::from_value(event)?;
    let has_good_host = request.headers.get(HOST).is_none_or(|host| is_host(host.as_bytes()));
    request.headers.remove(HOST);
    request.request_context.domain_name = None;
    let query = request.raw_query_string.take().unwrap_or_default();
    let query = utf8_percent_encode(&query, NOT_IN_QUERY).to_string();
    let path =
        request.request_context.route_key.as_deref().and_then(|key| path(key, &request.path_parameters));
    request.raw_path = match path {
        Some(path) if has_good_host && path.len() + query.len() < MAX_URI_BYTES => Some(path),
        _ => Some(MALFORMED.to_owned()),
    };
    request.raw_query_string = (request.raw_path.as_deref() != Some(MALFORMED)).then_some(query);
    Ok(LambdaRequest::ApiGatewayV2(request))
}

/// Returns true if a `Host` header has a name, and perhaps a port.
fn is_host(value: &[u8]) -> bool {
    Authority::try_from(value).is_ok_and(|authority| !authority.host().is_empty())
}

/// Takes out of header values what none may hold (RFC 9110, section 5.5): the library that reads the event refuses it
/// whole for one such character. What stands in its place is not ASCII, so nothing takes the value for a key or a
/// token.
fn clean_headers(headers: &mut Value) {
    let Value::Object(headers) = headers else { return };
    for value in headers.values_mut() {
        if let Value::String(text) = value {
            *text = text.replace(|c: char| c.is_ascii_control() && c != '\t', "\u{fffd}");
        }
    }
}

/// The path of a route, such as `GET /services/{id}`, with the values of its variables; `None` where one has none.
fn path(route_key: &str, values: &HashMap<String, String>) -> Option<String> {
    let (_, template) = route_key.split_once(' ')?;
    let mut path = String::new();
    for segment in template.strip_prefix('/')?.split('/') {
        path.push('/');
        match segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) {
            None => path.push_str(segment),
            Some(variable) => match values.get(variable)?.as_str() {
                // Even encoded, URLs take these for steps, so that nothing can be called so.
                "." | ".." => return Some(NOWHERE.to_owned()),
                value => path.extend(utf8_percent_encode(value, NON_ALPHANUMERIC)),
            },
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use lambda_http::Request;
    use serde_json::json;

    use super::*;

    fn event(route_key: &str, parameters: &Value) -> Value {
        json!({
            "version": "2.0", "routeKey": route_key, "rawPath": "/api/v1/anything/../else", "rawQueryString": "a=1",
            "headers": {"host": "salon.example", "x-kind": "a"}, "pathParameters": parameters,
            "requestContext": {"routeKey": route_key, "stage": "$default", "http": {"method": "GET"}},
            "isBase64Encoded": false,
        })
    }

    fn built(event: Value) -> Request {
        request(event).unwrap().into()
    }

    fn path_of(route_key: &str, parameters: &Value) -> String {
        built(event(route_key, parameters)).uri().path().to_owned()
    }

    #[test]
    fn the_route_and_its_variables_make_the_path() {
        assert_eq!(path_of("GET /api/v1/services", &Value::Null), "/api/v1/services");
        let two = json!({"id": "exp_1", "serviceId": "svc_2"});
        assert_eq!(
            path_of("PUT /experts/{id}/services/{serviceId}", &two),
            "/experts/exp%5F1/services/svc%5F2"
        );
        for (value, expected) in [
            ("../profile", "/users/%2E%2E%2Fprofile/role"),
            ("..%2fprofile", "/users/%2E%2E%252fprofile/role"),
            ("a/b", "/users/a%2Fb/role"),
            ("a\\b", "/users/a%5Cb/role"),
            ("a?b#c;d", "/users/a%3Fb%23c%3Bd/role"),
            ("\u{0}\r\n\t", "/users/%00%0D%0A%09/role"),
            ("é", "/users/%C3%A9/role"),
            (".", "/"),
            ("..", "/"),
            ("...", "/users/%2E%2E%2E/role"),
            ("", "/users//role"),
        ] {
            assert_eq!(path_of("PUT /users/{id}/role", &json!({"id": value})), expected, "{value:?}");
        }
    }

    #[test]
    fn what_no_client_can_have_meant_is_malformed() {
        let with = |change: fn(&mut Value)| {
            let mut event = event("GET /users/{id}", &json!({"id": "1"}));
            change(&mut event);
            built(event).uri().to_string()
        };
        assert_eq!(with(|_| {}), "/users/1?a=1");
        assert_eq!(with(|event| event["headers"] = json!({})), "/users/1?a=1");
        for host in ["[", "[::1", "a b", "a/b", "http://a", "a:b:c", ":", ":80", "\u{e9}", ""] {
            let mut event = event("GET /users/{id}", &json!({"id": "1"}));
            event["headers"]["host"] = json!(host);
            assert_eq!(built(event).uri(), MALFORMED, "{host:?}");
        }
        assert_eq!(with(|event| event["pathParameters"] = json!({})), MALFORMED);
        assert_eq!(with(|event| event["requestContext"]["routeKey"] = json!("$default")), MALFORMED);
        assert_eq!(with(|event| event["pathParameters"]["id"] = json!("%".repeat(30_000))), MALFORMED);
        assert_eq!(with(|event| event["rawQueryString"] = json!("a".repeat(70_000))), MALFORMED);
    }

    #[test]
    fn no_event_of_a_request_is_too_strange_to_be_one() {
        let mut event = event("GET /users", &Value::Null);
        event["headers"] =
            json!({"host": "a", "x-name": "Zoë\u{1f600}\u{0}\tx", "x-forwarded-proto": "no scheme"});
        event["rawQueryString"] = json!("a=\"<ü>\u{0}#`{|}^\\ %zz%&b");
        let request = built(event);
        assert_eq!(request.headers()["x-name"], "Zo\u{eb}\u{1f600}\u{fffd}\tx".as_bytes());
        assert_eq!(request.headers().get(HOST), None);
        assert_eq!(request.uri(), "/users?a=%22%3C%C3%BC%3E%00%23%60%7B%7C%7D%5E%5C%20%zz%&b");
    }

    #[test]
    fn only_what_is_no_request_is_passed_through() {
        for other in [
            json!({"source": "chairbook.health"}),
            json!({"source": "aws.events"}),
            json!({}),
            json!(null),
            json!([1]),
        ] {
            let passed = request(other.clone());
            assert!(matches!(passed, Ok(LambdaRequest::PassThrough(_))), "{other}");
        }
        let mut strange = event("GET /users", &Value::Null);
        strange["requestContext"]["http"] = json!({"method": "no method"});
        assert!(request(strange).is_err());
        assert!(request(json!({"requestContext": null, "source": "chairbook.health"})).is_err());
    }
}
