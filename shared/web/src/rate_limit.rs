//! The rate limit: so many requests per client and window, counted exactly by one write per request.
//!
//! Windows are fixed and the same for everybody; a client is a user when the token's signature is good, else an
//! address. Headers are those of the IETF draft
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/>).

use std::time::Duration;

use chairbook_store::{Store, StoreError};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;

use crate::error::ApiError;

/// What a client may do in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The policy's name, such as `default` or `login`.
    pub name: &'static str,
    /// How many requests.
    pub requests: u64,
    /// In how long.
    pub window: Duration,
}

/// Where a client stands after a request was counted.
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

    fn standing(self, counted: u64, now: Timestamp) -> Standing {
        let length = self.window.as_secs().max(1);
        let into = u64::try_from(now.as_second()).unwrap_or(0) % length;
        Standing { policy: self, counted, reset: length - into }
    }
}

impl Standing {
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

    /// Writes `RateLimit-Policy` and `RateLimit`.
    pub(crate) fn write_headers(&self, headers: &mut HeaderMap) {
        let Policy { name, requests, window } = self.policy;
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

    const POLICY: Policy = Policy { name: "default", requests: 3, window: Duration::from_mins(15) };

    #[test]
    fn the_request_after_the_last_is_refused_until_the_window_ends() {
        let now = Timestamp::from_second(900 * 7 + 100).unwrap();
        assert_eq!(POLICY.standing(3, now).refusal(), None);
        let refusal = POLICY.standing(4, now).refusal().unwrap();
        assert_eq!((refusal.status.as_u16(), refusal.retry_after), (429, Some(800)));
    }

    #[test]
    fn the_headers_say_what_is_left() {
        let mut headers = HeaderMap::new();
        POLICY.standing(2, Timestamp::from_second(899).unwrap()).write_headers(&mut headers);
        assert_eq!(headers["ratelimit-policy"], r#""default";q=3;w=900"#);
        assert_eq!(headers["ratelimit"], r#""default";r=1;t=1"#);
    }
}
