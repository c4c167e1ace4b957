//! Whatever is accepted at the edge keeps to its documented limits and is read the same once more; whatever is printed
//! is read back; whatever is refused is refused in a few words.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::appointment::payment::PaymentReference;
use crate::duration;
use crate::ids::{AppointmentId, UserId};
use crate::money::Currency;
use crate::offers::OfferCode;
use crate::text::{Description, Label, Notes, PersonName, Phone, turns_direction};
use crate::working_hours::{WEEKDAYS, WorkingHours};

/// The longest message that says what would be right, bytes.
const MAX_MESSAGE: usize = 200;

/// Every instant that there is, milliseconds since 1970.
const MILLISECONDS: RangeInclusive<i64> = -377_705_023_201_000..=253_402_207_200_000;

/// White space, line ends and characters that look like nothing, among some that do not.
const FRAGMENTS: [&str; 28] = [
    " ", "\t", "\n", "\r\n", "\r", "\0", "\u{b}", "\u{1b}", "\u{85}", "\u{a0}", "\u{2028}", "\u{2029}",
    "\u{202e}", "\u{200b}", "\u{feff}", "ß", "é", "e\u{301}", "日本", "😀", "٣", "a", "Z9", "-", "+", "(0)",
    ":", "<",
];

fn hostile() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        4 => select(&FRAGMENTS[..]).prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
        1 => "[a-zA-Z0-9 ]{1,40}",
    ];
    let repeated = (select(&FRAGMENTS[..]), 0..2_100_usize).prop_map(|(part, times)| part.repeat(times));
    prop_oneof![
        4 => vec(fragment, 0..60).prop_map(|parts| parts.concat()),
        1 => repeated.clone(),
        1 => ("[a-z]{0,3}", repeated, "[a-z]{0,3}").prop_map(|(start, middle, end)| start + &middle + &end),
    ]
}

/// Whether a text goes over more than one line, turns the direction of writing, or has characters that no text needs.
fn is_ragged(text: &str, line_breaks: bool) -> bool {
    let is_break = |c: char| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}');
    text.chars().any(|c| (c.is_control() && !is_break(c) && c != '\t') || (is_break(c) && !line_breaks))
        || (!line_breaks && text.chars().any(|c| c == '\t' || turns_direction(c)))
}

fn check_text<T>(text: &str, most: usize, line_breaks: bool, as_str: impl Fn(&T) -> &str)
where
    T: FromStr<Err: ToString> + PartialEq + std::fmt::Debug,
{
    let is_right = (1..=most).contains(&text.trim().chars().count()) && !is_ragged(text.trim(), line_breaks);
    match text.parse::<T>() {
        Ok(read) => {
            assert!(is_right, "{text:?} was accepted");
            assert_eq!(as_str(&read), text.trim());
            assert_eq!(as_str(&read).parse::<T>().ok(), Some(read));
        }
        Err(error) => {
            let can_be_seen = text.chars().any(|c| c.is_ascii_graphic());
            assert!(!is_right || !can_be_seen, "{text:?} was refused");
            assert!(error.to_string().len() <= MAX_MESSAGE, "{}", error.to_string());
        }
    }
}

/// Some parts of a duration, each a number and a unit.
fn durations() -> impl Strategy<Value = Vec<(u64, char)>> {
    let number = prop_oneof![4 => 0..100_000_u64, 1 => any::<u64>()];
    vec((number, select(&['s', 'm', 'h', 'd'][..])), 0..6)
}

/// JSON of any shape that is not deep.
fn json_value() -> impl Strategy<Value = Value> {
    let clock = prop_oneof![
        (0..26_u16, 0..62_u16).prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}")),
        select(&["", "9:00", "24:00", "24:01", "+9:00", "09:0٣", "0900", "::"][..]).prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        4 => clock.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 10, |inner| {
        let range = (inner.clone(), inner.clone()).prop_map(|(from, to)| json!({"from": from, "to": to}));
        let name = select(&["from", "to", "monday", "a"][..]).prop_map(str::to_owned);
        prop_oneof![
            4 => range,
            2 => vec(inner.clone(), 0..10).prop_map(Value::from),
            1 => vec((name, inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The body that changes working hours.
fn week() -> impl Strategy<Value = Map<String, Value>> {
    let day = prop_oneof![6 => select(&WEEKDAYS[..]).prop_map(str::to_owned), 1 => hostile()];
    let range = (0..25_u16, 0..25_u16)
        .prop_map(|(from, to)| json!({"from": format!("{from:02}:00"), "to": format!("{to:02}:00")}));
    let ranges = vec(range, 0..4).prop_map(Value::from);
    vec((day, prop_oneof![3 => ranges, 1 => json_value()]), 0..8).prop_map(|days| days.into_iter().collect())
}

proptest! {
    #[test]
    fn texts_are_trimmed_and_within_their_limits(text in hostile()) {
        check_text(&text, 100, false, PersonName::as_str);
        check_text(&text, 100, false, Label::as_str);
        check_text(&text, 100, false, PaymentReference::as_str);
        check_text(&text, 500, true, Notes::as_str);
        check_text(&text, 2_000, true, Description::as_str);
    }

    #[test]
    fn an_accepted_telephone_number_is_digits(text in prop_oneof![hostile(), "[+ ()./0-9-]{0,30}"]) {
        match text.parse::<Phone>() {
            Ok(phone) => {
                let digits = phone.as_str().strip_prefix('+').unwrap_or(phone.as_str());
                prop_assert!((6..=20).contains(&digits.len()), "{}", digits);
                prop_assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{}", digits);
                let written: String = text.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
                prop_assert_eq!(phone.as_str(), written);
                prop_assert_eq!(phone.as_str().parse(), Ok(phone.clone()));
            }
            Err(error) => prop_assert!(error.to_string().len() <= MAX_MESSAGE),
        }
    }

    #[test]
    fn punctuation_makes_no_other_telephone_number(
        plus in any::<bool>(),
        digits in vec(("[0-9]", "[ ()./-]{0,2}"), 6..=20),
    ) {
        let sign = if plus { "+" } else { "" };
        let bare: String = digits.iter().map(|(digit, _)| digit.as_str()).collect();
        let written: String = digits.into_iter().map(|(digit, after)| digit + &after).collect();
        let phone: Phone = format!(" {sign}{written}").parse().unwrap();
        prop_assert_eq!(phone.as_str(), format!("{sign}{bare}"));
    }

    #[test]
    fn an_offer_s_code_has_one_form(text in prop_oneof![hostile(), " ?[a-zA-Z0-9-]{0,40} ?"]) {
        match text.parse::<OfferCode>() {
            Ok(code) => {
                prop_assert!((3..=32).contains(&code.as_str().len()));
                let is_plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
                prop_assert!(code.as_str().bytes().all(is_plain), "{}", code.as_str());
                for spelling in [code.as_str().to_owned(), code.as_str().to_ascii_lowercase(), text.clone()] {
                    prop_assert_eq!(spelling.parse(), Ok(code.clone()));
                }
            }
            Err(error) => prop_assert!(error.to_string().len() <= MAX_MESSAGE),
        }
    }

    #[test]
    fn an_id_is_read_back_and_has_one_spelling(bytes in any::<[u8; 16]>(), place in 0..30_usize, other in any::<char>()) {
        let id = AppointmentId::derived(bytes);
        let text = id.to_string();
        prop_assert_eq!(text.len(), 30);
        prop_assert_eq!(text.parse(), Ok(id));
        prop_assert_eq!(AppointmentId::derived(id.to_bytes()), id);
        prop_assert_eq!(serde_json::from_value(json!(id)).ok(), Some(id));
        prop_assert!(text.parse::<UserId>().is_err());
        prop_assert!(text.to_uppercase().parse::<AppointmentId>().is_err());
        // Another character is another id, or none.
        let mut changed: Vec<char> = text.chars().collect();
        changed[place] = other;
        let changed: String = changed.into_iter().collect();
        match changed.parse::<AppointmentId>() {
            Ok(read) => prop_assert_eq!(read.to_string(), changed),
            Err(error) => prop_assert!(error.to_string().len() <= MAX_MESSAGE),
        }
    }

    #[test]
    fn no_other_text_is_an_id(text in prop_oneof![hostile(), "apt_[0-9a-zA-Z]{24,28}", "[a-z]{3}_[0-7][0-9a-z]{25}"]) {
        if let Ok(id) = text.parse::<AppointmentId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn a_new_id_is_an_id_at_any_time(millisecond in MILLISECONDS, random in any::<[u8; 10]>()) {
        let at = Timestamp::from_millisecond(millisecond).unwrap();
        let id = UserId::new(at, random);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn a_duration_is_the_sum_of_its_parts(parts in durations()) {
        let text = parts.iter().map(|(number, unit)| format!("{number}{unit}")).collect::<Vec<_>>().concat();
        let seconds = parts.iter().try_fold(0_u64, |sum, (number, unit)| {
            let unit = match unit { 's' => 1, 'm' => 60, 'h' => 3_600, _ => 86_400 };
            sum.checked_add(number.checked_mul(unit)?)
        });
        let expected = seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
        prop_assert_eq!(duration::parse(&text).ok(), expected, "{}", text);
    }

    #[test]
    fn no_other_text_is_a_duration(text in prop_oneof![hostile(), "[0-9smhd ]{0,12}"]) {
        if duration::parse(&text).is_ok() {
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_digit() || b"smhd".contains(&byte)), "{}", text);
        }
    }

    #[test]
    fn an_amount_is_read_back(code in "[A-Z]{3}", amount in prop_oneof![any::<i64>(), -10_000..10_000_i64]) {
        let Ok(currency) = code.parse::<Currency>() else { return Ok(()) };
        prop_assert_eq!(currency.code(), code.as_str());
        let written = currency.format(amount);
        let number = written.strip_prefix(&format!("{code} ")).unwrap();
        let digits = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        prop_assert_eq!(digits, currency.minor_digits(), "{}", written);
        prop_assert_eq!(number.replace('.', "").parse(), Ok(amount), "{}", written);
    }

    #[test]
    fn no_other_text_is_a_currency(text in prop_oneof![hostile(), "[a-zA-Z]{2,4}"]) {
        if let Ok(currency) = text.parse::<Currency>() {
            prop_assert_eq!(currency.code(), text);
        }
    }

    #[test]
    fn accepted_working_hours_are_in_order_and_are_read_back(week in week()) {
        match WorkingHours::from_json(&week) {
            Ok(hours) => {
                for weekday in jiff::civil::Weekday::Monday.cycle_forward().take(7) {
                    let ranges = hours.on(weekday);
                    prop_assert!(ranges.len() <= 8);
                    prop_assert!(ranges.iter().all(|range| range.from < range.to && range.to <= 24 * 60));
                    prop_assert!(ranges.windows(2).all(|two| two[0].to <= two[1].from));
                }
                let written = serde_json::to_value(&hours).unwrap();
                prop_assert_eq!(WorkingHours::from_json(written.as_object().unwrap()), Ok(hours));
            }
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                for error in errors {
                    prop_assert!(error.message.len() <= MAX_MESSAGE, "{}", error);
                }
            }
        }
    }
}
