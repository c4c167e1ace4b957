//! A CloudFront distribution in front of the API, if there is one.
//!
//! API Gateway then sees the distribution's servers and no clients, which would all count as one. What names the client is
//! `X-Forwarded-For`, to which CloudFront appends the address that it sees; but anybody can send that header, to CloudFront
//! and to API Gateway. So the distribution sends a secret in a header of its own, requests without it are refused, and of
//! the others the address is believed that CloudFront has appended, and none before it.

use std::net::IpAddr;
use std::sync::OnceLock;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use chairbook_platform::env::{self, ConfigError};
use http::HeaderMap;

/// The variable that holds the secret, or two with a comma between them while it is replaced.
const VARIABLE: &str = "CLOUDFRONT_SECRET";

/// The header by which the distribution sends it.
const HEADER: &str = "x-origin-verify";

/// The header to which each proxy appends the address of whom it got the request from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The least length of a secret, characters.
const MIN_SECRET: usize = 32;

/// The distribution whose requests are served.
#[derive(Debug)]
pub(crate) struct CloudFront {
    secrets: Vec<String>,
}

impl CloudFront {
    /// From the environment: `CLOUDFRONT_SECRET`, without which there is no distribution.
    ///
    /// # Errors
    /// [`ConfigError`] when a secret could be guessed.
    pub(crate) fn from_env() -> Result<Option<Self>, ConfigError> {
        let Some(secrets) = env::optional(VARIABLE) else { return Ok(None) };
        let secrets: Vec<_> = secrets.split(',').map(|secret| secret.trim().to_owned()).collect();
        if secrets.iter().any(|secret| secret.len() < MIN_SECRET) {
            let problem = format!(
                "must be a secret of {MIN_SECRET} characters or more, or two with a comma between them"
            );
            return Err(ConfigError::invalid(VARIABLE, problem));
        }
        Ok(Some(Self { secrets }))
    }

    /// The one that this process was started with.
    pub(crate) fn of_process() -> Option<&'static Self> {
        static OF_PROCESS: OnceLock<Option<CloudFront>> = OnceLock::new();
        OF_PROCESS.get_or_init(|| Self::from_env().ok().flatten()).as_ref()
    }

    /// Returns true if a request came by the distribution.
    pub(crate) fn sent(&self, headers: &HeaderMap) -> bool {
        let Some(shown) = headers.get(HEADER) else { return false };
        let is_shown = |secret: &String| verify_slices_are_equal(secret.as_bytes(), shown.as_bytes()).is_ok();
        self.secrets.iter().any(is_shown)
    }
}

/// The client's address, as CloudFront saw it: the last in `X-Forwarded-For`, or the last but one where API Gateway has
/// appended `edge` behind it, the address that it got the request from.
pub(crate) fn client_address(headers: &HeaderMap, edge: Option<&str>) -> Option<String> {
    let lines = headers.get_all(FORWARDED_FOR).into_iter().filter_map(|line| line.to_str().ok());
    let mut addresses = lines.flat_map(|line| line.split(',')).map(str::trim).collect::<Vec<_>>();
    if addresses.last().copied() == edge {
        addresses.pop();
    }
    addresses.pop().filter(|address| address.parse::<IpAddr>().is_ok()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_the_whole_secret_is_one() {
        let (old, new) = ("o".repeat(MIN_SECRET), "n".repeat(MIN_SECRET));
        let front = CloudFront { secrets: vec![old.clone(), new.clone()] };
        assert!(front.sent(&headers(&[(HEADER, &old)])) && front.sent(&headers(&[(HEADER, &new)])));
        for wrong in ["", "o", &old[1..], &format!("{old}o"), &format!("{old},{new}")] {
            assert!(!front.sent(&headers(&[(HEADER, wrong)])), "{wrong}");
        }
        assert!(!front.sent(&headers(&[])));
    }

    #[test]
    fn the_address_is_the_one_that_cloudfront_has_appended() {
        let edge = Some("203.0.113.9");
        for (forwarded, address) in [
            ("192.0.2.1, 203.0.113.9", Some("192.0.2.1")),
            ("192.0.2.1", Some("192.0.2.1")),
            ("198.51.100.7, 192.0.2.1, 203.0.113.9", Some("192.0.2.1")),
            ("198.51.100.7,192.0.2.1", Some("192.0.2.1")),
            ("2001:db8::1, 203.0.113.9", Some("2001:db8::1")),
            ("203.0.113.9", None),
            ("192.0.2.1, nonsense, 203.0.113.9", None),
            ("", None),
        ] {
            let headers = headers(&[(FORWARDED_FOR, forwarded)]);
            assert_eq!(client_address(&headers, edge).as_deref(), address, "{forwarded}");
        }
        let two = headers(&[(FORWARDED_FOR, "198.51.100.7"), (FORWARDED_FOR, "192.0.2.1, 203.0.113.9")]);
        assert_eq!(client_address(&two, edge).as_deref(), Some("192.0.2.1"));
        assert_eq!(client_address(&headers(&[]), edge), None);
    }
}
