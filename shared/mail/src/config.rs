//! What every mail needs to know of the deployment that sends it.

use http::Uri;

use crate::address::{AddressError, Mailbox};

/// Reasons why a deployment's mail settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The base of links.
    #[error("must be a URL such as https://api.chairbook.example")]
    PublicUrl,
    /// The sender.
    #[error("the sender {0}")]
    From(#[from] AddressError),
}

/// The addresses to which links lead and from which mails are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailConfig {
    public_url: String,
    from: Mailbox,
}

impl MailConfig {
    /// Reads the base of links (`https://api.chairbook.example`; a slash at its end is dropped) and the sender
    /// (`Chairbook <bookings@chairbook.example>`).
    ///
    /// # Errors
    /// [`ConfigError`] says which of the two is wrong.
    pub fn new(public_url: &str, from: &str) -> Result<Self, ConfigError> {
        let uri: Uri = public_url.parse().map_err(|_| ConfigError::PublicUrl)?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.query().is_some() {
            return Err(ConfigError::PublicUrl);
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(ConfigError::PublicUrl);
        }
        Ok(Self { public_url: public_url.trim_end_matches('/').to_owned(), from: from.parse()? })
    }

    /// The base of links, without a slash at its end.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The sender.
    #[must_use]
    pub const fn from(&self) -> &Mailbox {
        &self.from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_of_the_base_is_dropped() {
        for (url, public_url) in [
            ("https://api.chairbook.example", "https://api.chairbook.example"),
            ("http://127.0.0.1:3000/", "http://127.0.0.1:3000"),
            ("https://salon.example/booking", "https://salon.example/booking"),
        ] {
            assert_eq!(MailConfig::new(url, "a@b.example").unwrap().public_url(), public_url);
        }
    }

    #[test]
    fn what_cannot_be_the_base_of_a_link_is_refused() {
        for bad in [
            "",
            "chairbook.example",
            "/path",
            "ftp://chairbook.example",
            "https://a.example/?q=1",
            "javascript:x",
        ] {
            assert_eq!(MailConfig::new(bad, "a@b.example"), Err(ConfigError::PublicUrl), "{bad}");
        }
        let from = MailConfig::new("https://a.example", "nobody");
        assert_eq!(from, Err(ConfigError::From(AddressError)));
    }
}
