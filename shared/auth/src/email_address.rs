//! E-mail addresses: as people write them, and in the one form that is a key.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress as Syntax, Options};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// The longest address (RFC 5321, section 4.5.3.1.3, less the angle brackets).
const MAX_BYTES: usize = 254;

/// An e-mail address.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress {
    written: String,
    canonical: String,
}

/// Reasons why a text is not an e-mail address to which mail can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailAddressError {
    /// It is no address at all.
    #[error("must be an e-mail address such as ada@example.com")]
    Malformed,
    /// SES takes 7-bit ASCII there, and there is no other form to write it in, as domains have one
    /// (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html>).
    #[error(
        "must have ASCII characters only before the @, such as mueller@example.com: mail reaches no others"
    )]
    LocalPart,
    /// Few mail servers have mailboxes that need quotation marks (RFC 5321, section 4.1.2, advises against them), SES
    /// sends to none, and an address in needless ones would be another spelling of the same.
    #[error(
        "must have no quotation marks before the @, such as ada@example.com: mail reaches no such address"
    )]
    Quoted,
}

impl EmailAddress {
    /// The address as it was written, without white space around it: what people are shown.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.written
    }

    /// Lower case, with the domain in ASCII (IDNA): two spellings of one address have one canonical form.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

/// The canonical form of an address as a profile keeps it. One that would not be taken any more, since it has quotation
/// marks, has one, too.
///
/// # Errors
/// [`EmailAddressError`] when it is no address to which mail could ever be sent.
pub fn canonical_form(written: &str) -> Result<String, EmailAddressError> {
    let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
    let malformed = EmailAddressError::Malformed;
    let syntax = Syntax::parse_with_options(written, options).map_err(|_| malformed)?;
    let domain = idna::domain_to_ascii_strict(syntax.domain()).map_err(|_| malformed)?;
    if !syntax.local_part().is_ascii() {
        return Err(EmailAddressError::LocalPart);
    }
    let canonical = format!("{}@{domain}", syntax.local_part().to_lowercase());
    if written.len() > MAX_BYTES || canonical.len() > MAX_BYTES {
        return Err(malformed);
    }
    Ok(canonical)
}

impl FromStr for EmailAddress {
    type Err = EmailAddressError;

    fn from_str(text: &str) -> Result<Self, EmailAddressError> {
        let written = text.trim();
        let canonical = canonical_form(written)?;
        if canonical.starts_with('"') {
            return Err(EmailAddressError::Quoted);
        }
        // Some mail servers read it as an encoded word (RFC 2047), and send to the address that it says.
        if canonical.contains("=?") {
            return Err(EmailAddressError::Malformed);
        }
        Ok(Self { written: written.to_owned(), canonical })
    }
}

impl JsonSchema for EmailAddress {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "EmailAddress".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An e-mail address; upper and lower case are the same.",
            "type": "string",
            "format": "email",
            "maxLength": MAX_BYTES,
            "examples": ["ada@example.com"],
        })
    }
}

/// Shows no address: logs must not hold any.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_have_one_canonical_form() {
        for (written, canonical) in [
            ("ada@example.com", "ada@example.com"),
            ("  Ada@Example.COM ", "ada@example.com"),
            ("ada+salon@example.com", "ada+salon@example.com"),
            ("ada@bücher.example", "ada@xn--bcher-kva.example"),
            ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ] {
            let address: EmailAddress = written.parse().unwrap();
            assert_eq!(address.canonical(), canonical);
            assert_eq!(address.as_written(), written.trim());
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(250));
        for bad in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "ada@example",
            "a b@example.com",
            "Ada <ada@example.com>",
            "ada@[127.0.0.1]",
            "ada@example..com",
            "ada@-example.com",
            "ada@example.com\nBcc: eve@example.com",
            "=?UTF-8?Q?eve=40evil.example=3E?=@example.com",
            &long,
        ] {
            assert_eq!(bad.parse::<EmailAddress>(), Err(EmailAddressError::Malformed), "{bad}");
        }
    }

    #[test]
    fn an_address_that_has_no_form_in_ascii_is_refused() {
        for bad in ["müller@example.com", "üñí@bücher.example", "ада@example.com"] {
            assert_eq!(bad.parse::<EmailAddress>(), Err(EmailAddressError::LocalPart), "{bad}");
        }
    }

    #[test]
    fn an_address_in_quotation_marks_is_refused() {
        for bad in [
            r#""a b"@example.com"#,
            r#""bob"@example.com"#,
            r#""bob@x"@example.com"#,
            r#""a\"b"@example.com"#,
            r#"""@example.com"#,
        ] {
            let error = bad.parse::<EmailAddress>().unwrap_err();
            assert!(
                matches!(error, EmailAddressError::Quoted | EmailAddressError::Malformed),
                "{bad}: {error}"
            );
        }
        for bad in [r#""a b"@example.com"#, r#""bob"@example.com"#, r#""bob"@bücher.example"#] {
            assert_eq!(bad.parse::<EmailAddress>(), Err(EmailAddressError::Quoted), "{bad}");
        }
        assert_eq!(canonical_form(r#""A b"@Example.com"#).as_deref(), Ok(r#""a b"@example.com"#));
        for fine in ["o'brien@example.com", "a!#$%&*+-/=^?_`{|}~b@example.com", "a.b@example.com"] {
            assert!(fine.parse::<EmailAddress>().is_ok(), "{fine}");
        }
    }

    #[test]
    fn debug_shows_no_address() {
        let address: EmailAddress = "ada@example.com".parse().unwrap();
        assert!(!format!("{address:?}").contains("ada"));
    }
}
