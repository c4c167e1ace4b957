//! Answers that clients and caches may keep, as long as they ask whether they still stand.

use std::marker::PhantomData;

use axum::response::{IntoResponse, Response};
use chairbook_auth::opaque_token::sha256_hex;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::contract::RequestError;
use crate::reply::Body;

/// The number of hexadecimal digits of a body's SHA-256 in its tag: 128 bits.
const TAG_LENGTH: usize = 32;

/// A public answer with an `ETag`, made of its body, so that it changes with whatever changes the body: the catalog,
/// the day, a release. A client that has it already gets 304 without a body.
#[derive(Debug)]
pub struct Revalidated<T> {
    etag: String,
    body: Option<String>,
    of: PhantomData<fn() -> T>,
}

impl<T: Serialize> Revalidated<T> {
    /// The answer to a request with `headers`.
    ///
    /// # Errors
    /// 500 when `data` is not JSON.
    pub fn new(headers: &HeaderMap, message: &str, data: &T) -> Result<Self, RequestError> {
        let body =
            serde_json::to_string(&Body::new(message, data)).map_err(|error| RequestError::bug(&error))?;
        let mut digest = sha256_hex(&body);
        digest.truncate(TAG_LENGTH);
        let etag = format!("\"{digest}\"");
        let has_it = headers
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|tag| tag.trim().trim_start_matches("W/"))
            .any(|tag| tag == etag || tag == "*");
        Ok(Self { etag, body: (!has_it).then_some(body), of: PhantomData })
    }
}

impl<T> IntoResponse for Revalidated<T> {
    fn into_response(self) -> Response {
        let mut response = match self.body {
            Some(body) => {
                let json = HeaderValue::from_static("application/json");
                ([(header::CONTENT_TYPE, json)], body).into_response()
            }
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
    use serde_json::json;

    use super::*;

    #[test]
    fn a_client_that_has_the_body_does_not_get_it_again() {
        let mut headers = HeaderMap::new();
        let answer =
            |headers: &HeaderMap, data| Revalidated::new(headers, "Here.", &data).unwrap().into_response();
        let first = answer(&headers, json!([1]));
        assert_eq!(first.status(), 200);
        assert_eq!(first.headers()[header::CONTENT_TYPE], "application/json");
        headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(answer(&headers, json!([1])).status(), 304);
        assert_eq!(answer(&headers, json!([2])).status(), 200);
    }
}
