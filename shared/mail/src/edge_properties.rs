//! Senders as a deployment may name them: the header that comes of each says what was meant, to a reader that has
//! nothing to do with its writer.

use mail_parser::MessageParser;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::address::{Mailbox, in_ascii};
use crate::text;

/// What names are made of that gives headers trouble.
const NAME: [&str; 26] = [
    "Salon",
    "Lumière",
    "日本",
    "👩🏽‍🦰",
    "\u{202e}",
    "\u{a0}",
    "\u{2028}",
    " ",
    "  ",
    ",",
    ";",
    ":",
    ".",
    "@",
    "\"",
    "\\",
    "\\\"",
    "(",
    ")",
    "[",
    "<",
    "&",
    "=?UTF-8?B?QQ==?=",
    "=?",
    "'",
    "x-1",
];

fn name() -> impl Strategy<Value = String> {
    let part = prop_oneof![8 => select(&NAME[..]).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    prop_oneof![4 => vec(part.clone(), 0..8), 1 => vec(part, 0..60)].prop_map(|parts| parts.concat())
}

fn address() -> impl Strategy<Value = String> {
    let domain = select(&["example.com", "bücher.example", "XN--bcher-kva.example", "a-b.example"][..]);
    ("[a-zA-Z0-9]{1,9}([.+_'-][a-z]{1,5})?", domain).prop_map(|(local, domain)| format!("{local}@{domain}"))
}

/// A name as somebody writes it before an address: in quotation marks where it needs them (RFC 5322 §3.2.4).
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

#[track_caller]
fn check_header(mailbox: &Mailbox) {
    let header = mailbox.header();
    assert!(header.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{header:?}");
    // RFC 2047 §2.
    assert!(header.split(' ').all(|word| word.len() <= 75 || !word.starts_with("=?")), "{header}");
    let message = format!("From: {header}\r\n\r\n");
    let message = MessageParser::default().parse(&message).unwrap();
    let from = message.from().and_then(|from| from.as_list()).unwrap_or_default();
    let [from] = from else { panic!("{header} is {from:?}") };
    assert_eq!((from.name(), from.address()), (mailbox.name(), Some(mailbox.address())), "{header}");
}

proptest! {
    #[test]
    fn a_sender_s_header_says_who_it_is(name in name(), address in address()) {
        let mailbox = format!("{} <{address}>", quoted(&name)).parse::<Mailbox>();
        if name.chars().any(char::is_control) {
            prop_assert!(mailbox.is_err());
            return Ok(());
        }
        let mailbox = mailbox.unwrap();
        let name = text::single_line(&name);
        prop_assert_eq!(mailbox.name(), (!name.is_empty()).then_some(name.as_str()));
        prop_assert_eq!(mailbox.address(), in_ascii(&address).unwrap());
        check_header(&mailbox);
        // What is printed is read back, unless it is encoded, which nobody writes by hand.
        if name.is_ascii() && !name.contains("=?") {
            prop_assert_eq!(mailbox.header().parse(), Ok(mailbox.clone()));
        }
        let alone: Mailbox = address.parse().unwrap();
        prop_assert_eq!((alone.name(), alone.address()), (None, mailbox.address()));
    }

    #[test]
    fn whatever_else_is_a_sender_is_one(text in prop_oneof![
        (name(), address()).prop_map(|(name, address)| format!("{name}<{address}>")),
        (name(), address(), name()).prop_map(|(before, address, after)| before + &address + &after),
        any::<String>(),
    ]) {
        match text.parse::<Mailbox>() {
            Ok(mailbox) => check_header(&mailbox),
            Err(error) => prop_assert!(error.to_string().len() <= 200),
        }
    }

    #[test]
    fn a_single_line_is_one_and_stays_so(text in prop_oneof![name(), any::<String>()]) {
        let line = text::single_line(&text);
        prop_assert!(!line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202e}')), "{:?}", line);
        prop_assert!(line.len() <= text.len() && line.trim() == line);
        prop_assert_eq!(text::single_line(&line), line);
        for line in text::lines(&text) {
            prop_assert_eq!(text::single_line(&line), line);
        }
    }
}
