//! Addresses and tokens as strangers send them: each that is accepted has one form and can be used, and nothing but what
//! we made ourselves is a token.

use chairbook_mail::address::{Mailbox, in_ascii};
use chairbook_models::ids::{SessionId, UserId};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::access_token::{Claims, Signer, TokenError, key_id};
use crate::email_address::EmailAddress;
use crate::opaque_token::{RefreshToken, one_time, sha256_hex};
use crate::seal::{SealError, Sealer};

const ISSUER: &str = "https://salon.example";

/// Characters that local parts have, and others.
const LOCAL: [&str; 29] = [
    "ada",
    "ADA",
    "a",
    "Z9",
    ".",
    "..",
    "+",
    "-",
    "_",
    "'",
    "`{|}~",
    "!#$%&*/=?^",
    "\"",
    "\"a b\"",
    "\\",
    "\\\"",
    "@",
    ",",
    ";",
    "<",
    ">",
    "(x)",
    "é",
    "İ",
    "\u{212a}",
    "=?",
    "?=",
    "=?UTF-8?Q?eve=40evil.example=3E?=",
    "0123456789abcdef",
];

/// The same of domains.
const DOMAIN: [&str; 26] = [
    "example",
    "EXAMPLE",
    "com",
    "a",
    "1",
    "bücher",
    "BÜCHER",
    "xn--bcher-kva",
    "xn--",
    "xn--a",
    "-",
    "_",
    "ß",
    "例え",
    ".",
    "..",
    "\u{3002}",
    "\u{ff0e}",
    "\u{ad}",
    "\u{200d}",
    "[127.0.0.1]",
    "127",
    "@",
    " ",
    "\r\n",
    "0123456789abcdef",
];

fn address() -> impl Strategy<Value = String> {
    let words =
        |words: &'static [&'static str], most| vec(select(words), 1..most).prop_map(|words| words.concat());
    let labels = vec(prop_oneof![3 => words(&DOMAIN, 3), 1 => words(&DOMAIN, 20)], 1..5);
    let domain = labels.prop_map(|labels| labels.join("."));
    let built = (prop_oneof![3 => words(&LOCAL, 4), 1 => words(&LOCAL, 30)], domain)
        .prop_map(|(local, domain)| format!("{local}@{domain}"));
    let ordinary =
        "[a-zA-Z0-9]{1,10}([.+_-][a-zA-Z0-9]{1,10}){0,3}@[a-zA-Z0-9]{1,20}(-[a-z0-9]{1,9})?\\.[a-z]{2,6}";
    prop_oneof![4 => built, 2 => ordinary, 1 => any::<String>()]
}

fn signer() -> Signer {
    Signer::from_secret("a secret of the salon", ISSUER).unwrap()
}

/// A change of one character of a text: another one in its place, or none.
#[derive(Debug, Clone)]
struct Tampering {
    place: Index,
    replacement: String,
}

impl Tampering {
    /// Changes a text of ASCII characters.
    fn with(&self, text: &str) -> String {
        let place = self.place.index(text.len());
        format!("{}{}{}", &text[..place], self.replacement, &text[place + 1..])
    }
}

fn tampering() -> impl Strategy<Value = Tampering> {
    let replacement =
        prop_oneof!["[A-Za-z0-9_.=-]", Just(String::new()), any::<char>().prop_map(String::from)];
    (any::<Index>(), replacement).prop_map(|(place, replacement)| Tampering { place, replacement })
}

proptest! {
    #[test]
    fn an_accepted_address_has_one_form_to_which_mail_can_be_sent(text in address()) {
        let address: EmailAddress = match text.parse() {
            Ok(address) => address,
            Err(error) => {
                prop_assert!(error.to_string().len() <= 200);
                return Ok(());
            }
        };
        let (written, canonical) = (address.as_written(), address.canonical());
        prop_assert_eq!(written, text.trim());
        prop_assert!(written.len() <= 254 && canonical.len() <= 254);
        prop_assert!(canonical.bytes().all(|byte| byte.is_ascii_graphic()), "{}", canonical);
        prop_assert_eq!(canonical, canonical.to_ascii_lowercase());
        let (local, domain) = canonical.rsplit_once('@').unwrap();
        prop_assert!((1..=64).contains(&local.len()), "{}", canonical);
        prop_assert!(domain.contains('.'), "{}", canonical);
        for label in domain.split('.') {
            prop_assert!((1..=63).contains(&label.len()), "{}", canonical);
            prop_assert!(label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{}", canonical);
        }

        // The form that is a key stands for itself, and every spelling for it.
        let again: EmailAddress = canonical.parse().unwrap();
        prop_assert_eq!((again.as_written(), again.canonical()), (canonical, canonical));
        for spelling in [written.to_uppercase(), written.to_lowercase()] {
            // Some letters have no upper case of their own, and are another letter then, or none.
            if spelling.to_lowercase() == written.to_lowercase() {
                let again: EmailAddress = spelling.parse().unwrap();
                prop_assert_eq!(again.canonical(), canonical);
            }
        }

        // Both go into a mail's header as they are, and come out of it.
        for form in [written, canonical] {
            let sent = in_ascii(form).unwrap();
            let mailbox: Mailbox = form.parse().unwrap();
            prop_assert_eq!(mailbox.address(), sent.as_str());
            prop_assert_eq!(sent.to_ascii_lowercase(), canonical);
            let header = format!("To: {}\r\n\r\n", mailbox.header());
            let message = mail_parser::MessageParser::default().parse(&header).unwrap();
            let read = message.to().and_then(|to| to.first()).and_then(|to| to.address());
            prop_assert_eq!(read, Some(sent.as_str()));
            prop_assert_eq!(message.to().and_then(|to| to.as_list()).map(<[_]>::len), Some(1));
        }
    }

    #[test]
    fn a_refresh_token_is_read_back_and_has_one_spelling(
        user in any::<[u8; 16]>(),
        session in any::<[u8; 16]>(),
        random in any::<[u8; 32]>(),
        next in any::<[u8; 16]>(),
        tampering in tampering(),
    ) {
        let token = RefreshToken::new(UserId::derived(user), SessionId::derived(session), random);
        prop_assert_eq!(RefreshToken::decode(&token.encode()), Some(token));
        let next = token.next(next);
        prop_assert_eq!(next.family_sha256(), token.family_sha256());
        let other = tampering.with(&token.encode());
        if let Some(read) = RefreshToken::decode(&other) {
            prop_assert_eq!(read.encode(), other);
        }
    }

    #[test]
    fn no_other_text_is_a_refresh_token(text in prop_oneof![any::<String>(), "[A-Za-z0-9_=-]{80,90}", "[A-Za-z0-9_-]{86}"]) {
        if let Some(read) = RefreshToken::decode(&text) {
            prop_assert_eq!(read.encode(), text);
        }
    }

    #[test]
    fn a_one_time_token_fits_a_link(random in any::<[u8; 32]>()) {
        let token = one_time(random);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        prop_assert!(token.len() == 43 && token.bytes().all(is_plain), "{}", token);
        let hash = sha256_hex(&token);
        prop_assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }

    #[test]
    fn an_access_token_says_what_was_signed_until_it_ends(
        user in any::<[u8; 16]>(),
        session in any::<[u8; 16]>(),
        second in 0..253_402_200_000_i64,
        lifetime in prop_oneof![1_i64..100_000, 1..=i64::MAX],
        tampering in tampering(),
    ) {
        let signer = signer();
        let key = signer.verification_key();
        let (sub, sid) = (UserId::derived(user), SessionId::derived(session));
        let now = Timestamp::from_second(second).unwrap();
        let token = signer.sign(sub, sid, now, lifetime).unwrap();
        prop_assert_eq!(key_id(&token), Ok(key.kid.clone()));
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub,
            sid,
            iat: second,
            exp: second.saturating_add(lifetime),
        };
        let last = claims.exp.saturating_sub(1).min(Timestamp::MAX.as_second());
        for (second, expected) in [(second, Ok(claims.clone())), (last, Ok(claims.clone())), (claims.exp, Err(TokenError::Expired))] {
            if let Ok(at) = Timestamp::from_second(second) {
                prop_assert_eq!(key.verify(&token, ISSUER, at), expected);
            }
        }
        // Every character counts.
        let other = tampering.with(&token);
        if other != token {
            prop_assert_eq!(key.verify(&other, ISSUER, now), Err(TokenError::Invalid), "{}", other);
        }
    }

    #[test]
    fn no_other_text_is_an_access_token(
        text in prop_oneof![
            any::<String>(),
            "[A-Za-z0-9_.=-]{0,200}",
            ("[A-Za-z0-9_-]{0,60}", "[A-Za-z0-9_-]{0,60}").prop_map(|(claims, signature)| {
                // {"alg":"EdDSA","kid":"0123456789012345678901234567890123456789012"}
                let header = "eyJhbGciOiJFZERTQSIsImtpZCI6IjAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIifQ";
                format!("{header}.{claims}.{signature}")
            }),
        ],
    ) {
        if let Ok(kid) = key_id(&text) {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            prop_assert!(kid.len() == 43 && kid.bytes().all(is_plain), "{}", kid);
        }
        let refused = signer().verification_key().verify(&text, ISSUER, Timestamp::UNIX_EPOCH);
        prop_assert_eq!(refused, Err(TokenError::Invalid));
    }

    #[test]
    fn only_what_was_sealed_opens_and_only_where_it_belongs(
        text in any::<String>(),
        context in any::<String>(),
        elsewhere in any::<String>(),
        tampering in tampering(),
    ) {
        let sealer = Sealer::from_secret("a secret of the salon").unwrap();
        let sealed = sealer.seal(&text, &context).unwrap();
        prop_assert_eq!(sealer.unseal(&sealed, &context), Ok(text));
        if elsewhere != context {
            prop_assert_eq!(sealer.unseal(&sealed, &elsewhere), Err(SealError::Forged));
        }
        let other = tampering.with(&sealed);
        if other != sealed {
            prop_assert_eq!(sealer.unseal(&other, &context), Err(SealError::Forged), "{}", other);
        }
    }
}
