//! Requests as anybody may send them: what was meant is read, whatever is wrong is named in a few words, and a cursor is
//! good for its own list alone.

use std::collections::BTreeSet;

use axum::body::Body as Bytes;
use axum::extract::{FromRequest as _, FromRequestParts as _};
use chairbook_models::ids::ServiceId;
use chairbook_models::text::{Label, Notes};
use futures_util::FutureExt as _;
use http::{Request, StatusCode};
use jiff::civil::Date;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use crate::contract::RequestError;
use crate::dates::range;
use crate::error::ApiError;
use crate::fields::format::{Format as _, LocalDate, Source, whole};
use crate::fields::{Body, Fields, FromFields, MAX_BODY_BYTES, Query};
use crate::paging::Paging;
use crate::{cursor, error};

/// The most bytes that an error has, however much was wrong: what a request may have itself.
const MAX_ERROR_BYTES: usize = MAX_BODY_BYTES;

/// A request with a field of each kind.
#[derive(Debug, Clone, PartialEq)]
struct Sample {
    name: Label,
    notes: Option<Notes>,
    on: Option<Date>,
    services: Vec<ServiceId>,
    sure: bool,
    limit: usize,
}

const KNOWN: [&str; 6] = ["name", "notes", "on", "services", "sure", "limit"];

const MOST_SERVICES: usize = 5;

impl FromFields for Sample {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let name = fields.required("name");
        let notes = fields.optional("notes");
        let on = fields.optional_as("on", LocalDate);
        let services = fields.list("services", MOST_SERVICES);
        let sure = fields.flag("sure");
        let limit = fields.optional_as("limit", whole(1..=100_usize));
        Some(Self {
            name: name?,
            notes: notes?,
            on: on?,
            services: services?,
            sure: sure?,
            limit: limit?.unwrap_or(20),
        })
    }
}

fn samples() -> impl Strategy<Value = Sample> {
    // It is seen, and turns nothing round.
    let text = || "[a-zé日😀]([^\\p{Cc}\\p{Zl}\\p{Zp}\u{202a}-\u{202e}\u{2066}-\u{2069}]{0,40}[a-z&!])?";
    (
        text(),
        proptest::option::of(vec(text(), 1..4)),
        proptest::option::of((0_i16..=9999, 1_i8..=12, 1_i8..=28)),
        vec(any::<[u8; 16]>(), 0..=MOST_SERVICES),
        any::<bool>(),
        1_usize..=100,
    )
        .prop_map(|(name, notes, on, services, sure, limit)| Sample {
            name: name.parse().unwrap(),
            notes: notes.map(|notes| notes.join("\r\n").parse().unwrap()),
            on: on.map(|(year, month, day)| Date::new(year, month, day).unwrap()),
            services: services.into_iter().map(ServiceId::derived).collect(),
            sure,
            limit,
        })
}

/// Members of a body that says what a sample is, in which what is absent may be left out or `null`.
fn members(sample: &Sample, with_nulls: bool) -> Map<String, Value> {
    let all = json!({
        "name": sample.name.as_str(),
        "notes": sample.notes.as_ref().map(Notes::as_str),
        "on": sample.on,
        "services": sample.services,
        "sure": sample.sure,
        "limit": sample.limit,
    });
    let Value::Object(mut all) = all else { panic!("an object") };
    all.retain(|_, value| with_nulls || !value.is_null());
    all
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(&["2026-02-30", "svc_00000000000000000000000001", "a, b", "100", "true"][..])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A body's members: known and unknown ones, right and wrong.
fn some_members() -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof![3 => select(&KNOWN[..]).prop_map(str::to_owned), 1 => any::<String>(), 1 => "[a-z]{1,300}"];
    let few = btree_map(name, json_value(), 0..8);
    let many = btree_map("[a-z]{1,6}", Just(Value::Null), 0..2_000);
    let some = prop_oneof![8 => few, 1 => many];
    (some, proptest::option::of(samples())).prop_map(|(some, sample)| {
        let mut all = sample.map_or_else(Map::new, |sample| members(&sample, false));
        all.extend(some);
        all
    })
}

fn read_body<T: FromFields>(body: impl Into<Bytes>) -> Result<T, ApiError> {
    let request = Request::builder().header("content-type", "application/json").body(body.into()).unwrap();
    Body::from_request(request, &()).now_or_never().expect("all of it is there").map(|Body(read)| read)
}

fn read_query<T: FromFields>(query: &str) -> Option<Result<T, ApiError>> {
    let request = Request::builder().uri(format!("/?{query}")).body(()).ok()?;
    let (mut parts, ()) = request.into_parts();
    let read = Query::from_request_parts(&mut parts, &()).now_or_never().expect("all of it is there");
    Some(read.map(|Query(read)| read))
}

/// A query string with every byte of a value escaped.
fn escaped(pairs: &[(&str, String)]) -> String {
    let escape = |value: &str| value.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    pairs.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect::<Vec<_>>().join("&")
}

#[track_caller]
fn check_error(error: &ApiError) {
    let written = error.body("a-request").to_string();
    assert!(written.len() <= MAX_ERROR_BYTES, "{} bytes", written.len());
    assert!(error.fields.len() <= error::MAX_FIELD_ERRORS);
    for field in &error.fields {
        assert!(field.field.chars().count() <= 100, "{}", field.field);
        assert!(field.message.len() <= 300, "{}", field.message);
    }
    let is_known = match error.status {
        StatusCode::BAD_REQUEST => {
            ["malformed_json", "malformed_query", "validation_failed"].contains(&error.code)
        }
        StatusCode::PAYLOAD_TOO_LARGE => error.code == "body_too_large",
        _ => false,
    };
    assert!(is_known, "{} {}", error.status, error.code);
    assert_eq!(error.code == "validation_failed", !error.fields.is_empty());
}

fn position_of(list: &str, given: &str) -> Result<Option<String>, RequestError> {
    cursor::decode(list, Some(given), |position| Some(position.to_owned()))
}

proptest! {
    #[test]
    fn what_was_meant_is_read(sample in samples(), with_nulls in any::<bool>()) {
        let body = Value::Object(members(&sample, with_nulls)).to_string();
        prop_assert_eq!(read_body(body), Ok(sample.clone()));

        // In a query string, a flag has no meaning, and a list is one text.
        let services: Vec<_> = sample.services.iter().map(ToString::to_string).collect();
        let mut pairs = vec![
            ("name", sample.name.as_str().to_owned()),
            ("services", services.join(",")),
            ("limit", sample.limit.to_string()),
        ];
        pairs.extend(sample.notes.as_ref().map(|notes| ("notes", notes.as_str().to_owned())));
        pairs.extend(sample.on.map(|on| ("on", on.to_string())));
        prop_assert_eq!(read_query(&escaped(&pairs)), Some(Ok(Sample { sure: false, ..sample.clone() })));
        for (name, value) in pairs.clone() {
            let twice: Vec<_> = pairs.iter().cloned().chain([(name, value)]).collect();
            let error = read_query::<Sample>(&escaped(&twice)).unwrap().unwrap_err();
            prop_assert_eq!(&error.fields[0].field, name);
        }
    }

    #[test]
    fn whatever_is_wrong_is_named(members in some_members()) {
        let unknown: BTreeSet<_> = members.keys().filter(|name| !KNOWN.contains(&name.as_str())).cloned().collect();
        match read_body::<Sample>(Value::Object(members.clone()).to_string()) {
            Ok(sample) => {
                prop_assert!(unknown.is_empty(), "{:?}", unknown);
                prop_assert_eq!(&members["name"].as_str().unwrap().trim(), &sample.name.as_str());
                prop_assert!(sample.services.len() <= MOST_SERVICES && (1..=100).contains(&sample.limit));
            }
            Err(error) => {
                check_error(&error);
                let named: BTreeSet<_> = error.fields.iter().map(|error| error.field.clone()).collect();
                for name in &named {
                    let whole = name.split('[').next().unwrap_or_default();
                    let shown = |unknown: &String| unknown.chars().take(100).eq(name.chars());
                    prop_assert!(KNOWN.contains(&whole) || unknown.iter().any(shown), "{} is no field", name);
                }
                if error.fields.len() < error::MAX_FIELD_ERRORS {
                    for name in &unknown {
                        prop_assert!(named.contains(&name.chars().take(100).collect::<String>()), "{} is not named", name);
                    }
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_a_request_or_are_refused(
        start in select(&["", "{", "{\"name\":\"", "{\"name\":\"a\",\"services\":[", "[", "{\"a\":{\"a\":"][..]),
        bytes in prop_oneof![
            vec(any::<u8>(), 0..200),
            any::<String>().prop_map(String::into_bytes),
            (select(&["[", "{\"a\":", "\"", "0,", "\\ud800", " "][..]), 0..20_000_usize)
                .prop_map(|(part, times)| part.repeat(times).into_bytes()),
        ],
    ) {
        let body = [start.as_bytes(), &bytes].concat();
        match read_body::<Sample>(body.clone()) {
            Ok(sample) => {
                let value: Value = serde_json::from_slice(&body).unwrap();
                prop_assert_eq!(value["name"].as_str().map(str::trim), Some(sample.name.as_str()));
            }
            Err(error) => {
                check_error(&error);
                prop_assert_eq!(error.status == 413, body.len() > MAX_BODY_BYTES);
            }
        }
    }

    #[test]
    fn any_query_string_is_a_request_or_is_refused(
        query in prop_oneof![
            "[!-~]{0,200}",
            vec(("[a-z]{1,3}|name|on|services|limit", "([a-z0-9,_-]|%[0-9a-fA-F]{2}|%|\\+){0,20}"), 0..12)
                .prop_map(|pairs| pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")),
            ("[a-z&=,]{1,4}", 0..2_000_usize).prop_map(|(part, times)| part.repeat(times)),
        ],
    ) {
        match read_query::<Sample>(&query) {
            Some(Err(error)) => check_error(&error),
            Some(Ok(sample)) => prop_assert!(!sample.sure),
            None => {}
        }
    }

    #[test]
    fn a_date_is_read_as_it_is_written(year in 0_i16..=9999, month in 1_i8..=12, day in 1_i8..=31, text in any::<String>()) {
        if let Ok(day) = Date::new(year, month, day) {
            prop_assert_eq!(LocalDate.read(json!(day.to_string()), Source::Query), Ok(day));
        }
        for text in [text, format!("{year}-{month}-{day}"), format!("{year:04}-{month:02}-{day:02}")] {
            if let Ok(read) = LocalDate.read(json!(text), Source::Body) {
                prop_assert_eq!(read.to_string(), text);
            }
        }
    }

    #[test]
    fn a_range_has_as_many_days_as_it_may(from in 0_i32..3_652_000, days in -3_i32..500, at_most in 1_i32..400) {
        let first = Date::new(0, 1, 1).unwrap();
        let day = |number: i32| first.saturating_add(jiff::Span::new().days(number));
        let (from, to) = (day(from), day(from + days));
        let days = (from.duration_until(to).as_hours() / 24) + 1;
        match range(from, to, at_most) {
            Ok(read) => {
                prop_assert_eq!(read, (from, to));
                prop_assert!((1..=i64::from(at_most)).contains(&days));
            }
            Err(error) => {
                check_error(&error.into());
                prop_assert!(days < 1 || days > i64::from(at_most));
            }
        }
    }

    #[test]
    fn a_cursor_is_good_for_its_own_place_in_its_own_list(
        list in any::<String>(),
        position in any::<String>(),
        cut in any::<Index>(),
        other_list in any::<String>(),
        place in any::<Index>(),
        replacement in "[A-Za-z0-9_=-]?",
    ) {
        let given = cursor::encode(&list, &position);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        prop_assert!(given.bytes().all(is_plain), "{}", given);
        prop_assert_eq!(position_of(&list, &given), Ok(Some(position.clone())));

        // Neither another list's, nor where the border between list and position is drawn elsewhere.
        let whole = format!("{list}{position}");
        let cut = whole.char_indices().map(|(place, _)| place).nth(cut.index(whole.len() + 1)).unwrap_or(whole.len());
        for other in [&other_list, &whole[..cut]] {
            if *other != list {
                let refused = position_of(other, &given).unwrap_err();
                check_error(&refused.clone().into());
                prop_assert_eq!(&refused.fields()[0].field, "cursor");
            }
        }
        let place = place.index(given.len());
        let changed = format!("{}{replacement}{}", &given[..place], &given[place + 1..]);
        if changed != given {
            prop_assert!(position_of(&list, &changed).is_err(), "{}", changed);
        }
    }

    #[test]
    fn no_other_text_is_a_cursor(list in any::<String>(), text in prop_oneof![any::<String>(), "[A-Za-z0-9_-]{0,60}"]) {
        prop_assert!(position_of(&list, &text).is_err());
    }

    #[test]
    fn pages_have_every_item_once(count in 0_usize..250, limit in 1_usize..=100) {
        let all: Vec<_> = (0..count).collect();
        let (mut seen, mut query) = (Vec::new(), format!("limit={limit}"));
        loop {
            let paging: Paging = read_query(&query).unwrap().unwrap();
            let page = paging.page("all", &all, ToString::to_string, |item| *item).unwrap();
            prop_assert!(page.items.len() <= limit);
            seen.extend(page.items.iter().map(|item| item.get().parse::<usize>().unwrap()));
            let Some(next) = page.next_cursor else { break };
            query = format!("limit={limit}&cursor={next}");
        }
        prop_assert_eq!(seen, all);
    }
}
