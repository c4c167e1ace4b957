//! CORS as an HTTP API does it: preflights are answered by the gateway, and its headers replace the function's.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::template::model::Cors;

/// Whether a request asks for leave rather than for a resource.
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The headers of a preflight's answer; none for an origin that is not allowed.
pub fn preflight(cors: &Cors, request: &HeaderMap) -> HeaderMap {
    let mut headers = common(cors, request);
    if !headers.is_empty() {
        set(&mut headers, ACCESS_CONTROL_ALLOW_METHODS, &cors.allow_methods.join(","));
        set(&mut headers, ACCESS_CONTROL_ALLOW_HEADERS, &cors.allow_headers.join(","));
        if let Some(seconds) = cors.max_age {
            set(&mut headers, ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
        }
    }
    headers
}

/// Replaces whatever a function said about CORS by what the API is configured to say.
pub fn apply(cors: &Cors, request: &HeaderMap, response: &mut HeaderMap) {
    for name in [
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE,
    ] {
        response.remove(name);
    }
    let mut headers = common(cors, request);
    if !headers.is_empty() {
        set(&mut headers, ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose_headers.join(","));
    }
    response.extend(headers);
}

/// What every answer to an allowed origin carries; empty without an origin, or for one that is not allowed.
fn common(cors: &Cors, request: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(origin) = request.get(ORIGIN).and_then(|value| value.to_str().ok()) else { return headers };
    let Some(allowed) = allowed_origin(cors, origin) else { return headers };
    set(&mut headers, ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    if cors.allow_credentials {
        set(&mut headers, ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
    }
    headers
}

fn allowed_origin<'o>(cors: &Cors, origin: &'o str) -> Option<&'o str> {
    if cors.allow_origins.iter().any(|allowed| allowed == "*") {
        return Some("*");
    }
    let fits = |allowed: &String| match allowed.strip_suffix('*') {
        Some(scheme) => origin.starts_with(scheme),
        None => allowed == origin,
    };
    cors.allow_origins.iter().any(fits).then_some(origin)
}

/// Sets a header unless its value is empty.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if !value.is_empty()
        && let Ok(value) = HeaderValue::from_str(value)
    {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        Cors {
            allow_origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            allow_methods: vec!["GET".to_owned(), "POST".to_owned()],
            allow_headers: vec!["authorization".to_owned()],
            expose_headers: vec!["etag".to_owned(), "retry-after".to_owned()],
            allow_credentials: false,
            max_age: Some(600),
        }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn only_a_complete_preflight_is_one() {
        let complete = headers(&[("origin", "https://a.example"), ("access-control-request-method", "POST")]);
        assert!(is_preflight(&Method::OPTIONS, &complete));
        assert!(!is_preflight(&Method::POST, &complete));
        assert!(!is_preflight(&Method::OPTIONS, &headers(&[("origin", "https://a.example")])));
    }

    #[test]
    fn preflights() {
        let request = headers(&[("origin", "https://a.example")]);
        let answer = preflight(&cors(&["*"]), &request);
        assert_eq!(
            answer,
            headers(&[
                ("access-control-allow-origin", "*"),
                ("access-control-allow-methods", "GET,POST"),
                ("access-control-allow-headers", "authorization"),
                ("access-control-max-age", "600"),
            ])
        );
        let allowed =
            |origins: &[&str]| preflight(&cors(origins), &request).get(ACCESS_CONTROL_ALLOW_ORIGIN).cloned();
        assert_eq!(allowed(&["https://a.example"]).unwrap(), "https://a.example");
        assert_eq!(allowed(&["https://*"]).unwrap(), "https://a.example");
        assert_eq!(allowed(&["http://*"]), None);
        assert_eq!(allowed(&["https://b.example"]), None);
        assert!(preflight(&cors(&["https://b.example"]), &request).is_empty());
    }

    #[test]
    fn the_gateways_headers_replace_the_functions() {
        let request = headers(&[("origin", "https://a.example")]);
        let mut response =
            headers(&[("access-control-allow-origin", "https://evil.example"), ("x-kept", "1")]);
        apply(&cors(&["https://a.example"]), &request, &mut response);
        assert_eq!(
            response,
            headers(&[
                ("x-kept", "1"),
                ("access-control-allow-origin", "https://a.example"),
                ("access-control-expose-headers", "etag,retry-after"),
            ])
        );
        let mut response = headers(&[("access-control-allow-origin", "*")]);
        apply(&cors(&["https://a.example"]), &HeaderMap::new(), &mut response);
        assert!(response.is_empty());
    }

    #[test]
    fn credentials_are_allowed_when_configured() {
        let cors = Cors { allow_credentials: true, ..cors(&["https://a.example"]) };
        let answer = preflight(&cors, &headers(&[("origin", "https://a.example")]));
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
    }
}
