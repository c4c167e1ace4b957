//! Addresses as mail is sent with them, and who a mail is from: an address with, perhaps, a name before it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use email_address::EmailAddress;

use crate::text;

/// The bytes of a name that fit one encoded word: 75 characters (RFC 2047 §2) less `=?UTF-8?B?` and `?=` hold 60
/// of base64, which say 45.
const BYTES_PER_ENCODED_WORD: usize = 45;

/// A text that is not a sender's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an e-mail address, or a name followed by the address in angle brackets; with ASCII characters only and no \
     quotation marks before the @"
)]
pub struct AddressError;

/// An address as SES takes it: 7-bit ASCII, with the domain in Punycode, since SES knows no SMTPUTF8
/// (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html>); without what some mail servers
/// would read as an encoded word (RFC 2047), and send elsewhere.
///
/// # Errors
/// [`AddressError`] when there is no such form of it.
pub fn in_ascii(address: &str) -> Result<String, AddressError> {
    let (local, domain) = address
        .rsplit_once('@')
        .filter(|(local, _)| local.is_ascii() && !local.contains("=?"))
        .ok_or(AddressError)?;
    let domain = idna::domain_to_ascii_strict(domain).map_err(|_| AddressError)?;
    Ok(format!("{local}@{domain}"))
}

/// An address, and the name that mail programs show for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    name: Option<String>,
    address: String,
}

impl Mailbox {
    /// The name, if there is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The address alone, [in ASCII](in_ascii).
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The mailbox as a header's value: a name with special characters is quoted (RFC 5322 §3.2.4), one beyond
    /// ASCII becomes encoded words (RFC 2047), as SES wants its senders.
    #[must_use]
    pub fn header(&self) -> String {
        match &self.name {
            None => self.address.clone(),
            Some(name) => format!("{} <{}>", phrase(name), self.address),
        }
    }
}

fn phrase(name: &str) -> String {
    // What looks like an encoded word would be read as one.
    if !name.is_ascii() || name.contains("=?") {
        return encoded_words(name);
    }
    if name.chars().all(|c| c.is_ascii_alphanumeric() || " !#$%&'*+-/=?^_`{|}~".contains(c)) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A name as it was before somebody put it in quotation marks (RFC 5322 §3.2.4).
fn unquoted(name: &str) -> Cow<'_, str> {
    let Some(inner) = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return name.into();
    };
    let mut characters = inner.chars();
    let mut plain = String::with_capacity(inner.len());
    while let Some(character) = characters.next() {
        plain.push(if character == '\\' { characters.next().unwrap_or(character) } else { character });
    }
    plain.into()
}

fn encoded_words(text: &str) -> String {
    let mut chunks = vec![String::new()];
    for character in text.chars() {
        match chunks.last_mut() {
            Some(chunk) if chunk.len() + character.len_utf8() <= BYTES_PER_ENCODED_WORD => {
                chunk.push(character);
            }
            _ => chunks.push(character.to_string()),
        }
    }
    let words: Vec<_> =
        chunks.iter().map(|chunk| format!("=?UTF-8?B?{}?=", BASE64_STANDARD.encode(chunk))).collect();
    words.join(" ")
}

impl FromStr for Mailbox {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.chars().any(char::is_control) {
            return Err(AddressError);
        }
        let (name, address) = match text.trim().strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
            Some((name, address)) => (text::single_line(&unquoted(name.trim())), address),
            None => (String::new(), text.trim()),
        };
        let address = EmailAddress::from_str(address).map_err(|_| AddressError)?;
        if !address.display_part().is_empty() || address.local_part().starts_with('"') {
            return Err(AddressError);
        }
        Ok(Self { name: (!name.is_empty()).then_some(name), address: in_ascii(&address.email())? })
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.header())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        for (text, name, address, header) in [
            (
                "Chairbook <bookings@chairbook.example>",
                Some("Chairbook"),
                "bookings@chairbook.example",
                "Chairbook <bookings@chairbook.example>",
            ),
            ("bookings@chairbook.example", None, "bookings@chairbook.example", "bookings@chairbook.example"),
            ("<a@b.example>", None, "a@b.example", "a@b.example"),
            ("Hair, Inc. <a@b.example>", Some("Hair, Inc."), "a@b.example", "\"Hair, Inc.\" <a@b.example>"),
            (
                "\"Hair, Inc.\" <a@b.example>",
                Some("Hair, Inc."),
                "a@b.example",
                "\"Hair, Inc.\" <a@b.example>",
            ),
            (
                r#""The \"Best\" Hair" <a@b.example>"#,
                Some(r#"The "Best" Hair"#),
                "a@b.example",
                r#""The \"Best\" Hair" <a@b.example>"#,
            ),
            (
                "=?UTF-8?B?QQ==?= <a@b.example>",
                Some("=?UTF-8?B?QQ==?="),
                "a@b.example",
                "=?UTF-8?B?PT9VVEYtOD9CP1FRPT0/PQ==?= <a@b.example>",
            ),
            (
                "Salon Lumière <a@b.example>",
                Some("Salon Lumière"),
                "a@b.example",
                "=?UTF-8?B?U2Fsb24gTHVtacOocmU=?= <a@b.example>",
            ),
            (
                "Salon <Termine@Bücher.example>",
                Some("Salon"),
                "Termine@xn--bcher-kva.example",
                "Salon <Termine@xn--bcher-kva.example>",
            ),
        ] {
            let mailbox: Mailbox = text.parse().unwrap();
            assert_eq!(mailbox.name(), name, "{text}");
            assert_eq!(mailbox.address(), address, "{text}");
            assert_eq!(mailbox.header(), header, "{text}");
        }
    }

    #[test]
    fn only_the_domain_of_an_address_changes_its_form() {
        for (address, form) in [
            ("ada@example.com", Ok("ada@example.com")),
            ("Ada+Salon@Bücher.example", Ok("Ada+Salon@xn--bcher-kva.example")),
            ("ada@xn--bcher-kva.example", Ok("ada@xn--bcher-kva.example")),
            ("\"a@b\"@bücher.example", Ok("\"a@b\"@xn--bcher-kva.example")),
            ("müller@example.com", Err(AddressError)),
            ("ada@b_ü.example", Err(AddressError)),
            ("=?UTF-8?Q?eve=40evil.example=3E?=@example.com", Err(AddressError)),
            ("ada", Err(AddressError)),
        ] {
            assert_eq!(in_ascii(address), form.map(str::to_owned), "{address}");
        }
    }

    #[test]
    fn what_is_not_a_sender_is_refused() {
        for bad in [
            "",
            "Chairbook",
            "Chairbook <>",
            "Chairbook <a@>",
            "a@b.example\r\nBcc: c@d.example",
            "<<a@b.c>>",
            "Salon <grüße@b.example>",
            r#"Salon <"a b"@b.example>"#,
            r#""bookings"@b.example"#,
        ] {
            assert_eq!(bad.parse::<Mailbox>(), Err(AddressError), "{bad}");
        }
    }

    #[test]
    fn a_long_name_becomes_words_of_75_characters_at_most_that_split_no_character() {
        let name = "é".repeat(60);
        let header = Mailbox { name: Some(name.clone()), address: "a@b.example".to_owned() }.header();
        let words: Vec<_> = header.split(' ').filter(|word| word.starts_with("=?")).collect();
        assert!(words.len() > 1);
        assert!(words.iter().all(|word| word.len() <= 75), "{header}");
        let decoded: String = words
            .iter()
            .map(|word| {
                let inner = word.strip_prefix("=?UTF-8?B?").unwrap().strip_suffix("?=").unwrap();
                String::from_utf8(BASE64_STANDARD.decode(inner).unwrap()).unwrap()
            })
            .collect();
        assert_eq!(decoded, name);
    }
}
