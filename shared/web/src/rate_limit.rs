//! The rate limit: a number of requests per client and window, counted exactly by one write per request.
//!
//! Windows are fixed and the same for everybody. Headers are those of the IETF draft
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/>).

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use chairbook_store::{Store, StoreError};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;

use crate::error::ApiError;

/// The limit of a client's requests in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The policy's name, such as `default` or `login`.
    pub name: &'static str,
    /// Requests per client and window.
    pub requests: u64,
    /// Length of the window.
    pub window: Duration,
    /// Set where requests count by source address and by session, unset where they count by user if there is one.
    pub is_tight: bool,
}

/// A client's standing after a request was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    policy: Policy,
    counted: u64,
    /// Seconds until the window ends.
    reset: u64,
}

impl Policy {
    /// Counts a request.
    pub(crate) async fn count(
        self,
        store: &Store,
        client: &str,
        now: Timestamp,
    ) -> Result<Standing, StoreError> {
        let counted = store.count_request(self.name, client, self.window, now).await?;
        Ok(self.standing(counted, now))
    }

    /// The standing of a client that is over the limit.
    pub(crate) fn exhausted(self, now: Timestamp) -> Standing {
        self.standing(self.requests.saturating_add(1), now)
    }

    /// The end (UTC) of the window that `now` is in.
    pub(crate) fn window_end(self, now: Timestamp) -> Timestamp {
        let seconds = i64::try_from(self.reset(now)).unwrap_or(i64::MAX);
        Timestamp::from_second(now.as_second().saturating_add(seconds)).unwrap_or(Timestamp::MAX)
    }

    /// Seconds until the window that `now` is in ends.
    fn reset(self, now: Timestamp) -> u64 {
        let length = self.window.as_secs().max(1);
        length - u64::try_from(now.as_second()).unwrap_or(0) % length
    }

    fn standing(self, counted: u64, now: Timestamp) -> Standing {
        Standing { policy: self, counted, reset: self.reset(now) }
    }
}

impl Standing {
    /// The standing of the two that leaves less.
    pub(crate) fn tighter(self, other: Self) -> Self {
        if other.counted > self.counted { other } else { self }
    }

    /// The refusal of a request over the limit.
    pub(crate) fn refusal(&self) -> Option<ApiError> {
        (self.counted > self.policy.requests).then(|| {
            ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limited",
                format!("Too many requests. Please try again in {} seconds.", self.reset),
            )
            .with_retry_after(self.reset)
        })
    }

    /// The response to a request over the limit.
    pub(crate) fn respond(&self) -> Response {
        self.complete(StatusCode::TOO_MANY_REQUESTS.into_response())
    }

    /// The response with the rate limit's headers, or its refusal instead.
    pub(crate) fn complete(&self, response: Response) -> Response {
        let mut response = self.refusal().map_or(response, IntoResponse::into_response);
        self.write_headers(response.headers_mut());
        response
    }

    /// Writes `RateLimit-Policy` and `RateLimit`.
    fn write_headers(&self, headers: &mut HeaderMap) {
        let Policy { name, requests, window, .. } = self.policy;
        let remaining = requests.saturating_sub(self.counted);
        for (header, value) in [
            ("ratelimit-policy", format!(r#""{name}";q={requests};w={}"#, window.as_secs())),
            ("ratelimit", format!(r#""{name}";r={remaining};t={}"#, self.reset)),
        ] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(header), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy =
        Policy { name: "default", requests: 3, window: Duration::from_mins(15), is_tight: false };

    #[test]
    fn the_request_after_the_last_is_refused_until_the_window_ends() {
        let now = Timestamp::from_second(900 * 7 + 100).unwrap();
        assert_eq!(POLICY.standing(3, now).refusal(), None);
        let refusal = POLICY.standing(4, now).refusal().unwrap();
        assert_eq!((refusal.status.as_u16(), refusal.retry_after), (429, Some(800)));
        assert_eq!(POLICY.exhausted(now).refusal(), Some(refusal));
        assert_eq!(POLICY.window_end(now).as_second(), 900 * 8);
        assert_eq!(POLICY.window_end(POLICY.window_end(now)).as_second(), 900 * 9);
    }

    #[test]
    fn the_headers_say_what_is_left() {
        let mut headers = HeaderMap::new();
        POLICY.standing(2, Timestamp::from_second(899).unwrap()).write_headers(&mut headers);
        assert_eq!(headers["ratelimit-policy"], r#""default";q=3;w=900"#);
        assert_eq!(headers["ratelimit"], r#""default";r=1;t=1"#);
    }
}
