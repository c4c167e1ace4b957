//! Answers that clients and caches may keep, as long as they ask whether they still stand.

use std::fmt::Display;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// A public answer that changes only with its version, such as the catalog's: it carries an `ETag`, and a client that has
/// it already gets 304 without a body.
#[derive(Debug)]
pub struct Revalidated {
    etag: String,
    body: Option<Value>,
}

impl Revalidated {
    /// The answer to a request with `headers`, made by `data` only if the client does not have it.
    pub fn new(
        headers: &HeaderMap,
        version: impl Display,
        message: &str,
        data: impl FnOnce() -> Value,
    ) -> Self {
        // A release may render the same catalog otherwise.
        let etag = format!(r#""{version}-{}""#, env!("CARGO_PKG_VERSION"));
        let has_it = headers
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|tag| tag.trim().trim_start_matches("W/"))
            .any(|tag| tag == etag || tag == "*");
        let body = (!has_it).then(|| json!({"success": true, "message": message, "data": data()}));
        Self { etag, body }
    }
}

impl IntoResponse for Revalidated {
    fn into_response(self) -> Response {
        let mut response = match self.body {
            Some(body) => Json(body).into_response(),
            None => StatusCode::NOT_MODIFIED.into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
        if let Ok(etag) = HeaderValue::from_str(&self.etag) {
            headers.insert(header::ETAG, etag);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_has_the_version_gets_no_body() {
        let mut headers = HeaderMap::new();
        let answer = |headers: &HeaderMap, version| {
            Revalidated::new(headers, version, "Here.", || json!([])).into_response()
        };
        let first = answer(&headers, 7);
        assert_eq!(first.status(), 200);
        headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(answer(&headers, 7).status(), 304);
        assert_eq!(answer(&headers, 8).status(), 200);
    }
}
