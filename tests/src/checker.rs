//! Rebuilds every expert's days from the appointments and compares them with the cells that are taken: no overlap, no
//! leaked cell, no lost booking.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_models::day::Span;
use chairbook_models::ids::AppointmentId;
use jiff::{Timestamp, ToSpan as _};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An item: its attributes by name.
pub type Item = HashMap<String, AttributeValue>;

/// Every item of a table.
pub async fn items(client: &Client, table: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut start = None;
    loop {
        let scan = client.scan().table_name(table).consistent_read(true).set_exclusive_start_key(start);
        let page = scan.send().await.unwrap();
        items.extend(page.items.unwrap_or_default());
        start = page.last_evaluated_key;
        if start.is_none() {
            return items;
        }
    }
}

/// An item as the value that it was written from, such as an appointment or an event.
///
/// # Panics
/// When it is no such value.
pub fn read<T: DeserializeOwned>(item: &Item) -> T {
    let members = item.iter().map(|(name, value)| (name.clone(), json(value)));
    serde_json::from_value(Value::Object(members.collect()))
        .unwrap_or_else(|error| panic!("{item:?}: {error}"))
}

fn json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::String(text.clone()),
        AttributeValue::N(number) => serde_json::from_str(number).unwrap(),
        AttributeValue::Bool(flag) => Value::Bool(*flag),
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::Ss(texts) => texts.iter().map(|text| Value::String(text.clone())).collect(),
        AttributeValue::L(list) => list.iter().map(json).collect(),
        AttributeValue::M(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), json(value))).collect())
        }
        other => panic!("no table has {other:?}"),
    }
}

/// An attribute as a text that is the same whenever the attribute is: what is in no order is put into one.
fn in_order(value: &AttributeValue) -> String {
    match value {
        AttributeValue::M(members) => item_in_order(members),
        AttributeValue::L(list) => format!("{:?}", list.iter().map(in_order).collect::<Vec<_>>()),
        AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => {
            format!("{:?}", texts.iter().collect::<BTreeSet<_>>())
        }
        other => format!("{other:?}"),
    }
}

/// The same of a whole item.
pub(crate) fn item_in_order(item: &Item) -> String {
    let attributes: BTreeMap<_, _> = item.iter().map(|(name, value)| (name, in_order(value))).collect();
    format!("{attributes:?}")
}

pub(crate) fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

fn instant(item: &Item, name: &str) -> Timestamp {
    text(item, name).parse().unwrap()
}

fn number(item: &Item, name: &str) -> i64 {
    item.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default()
}

/// The expert and the cell of a day: `(expert, date, cell)`.
type Cell = (String, String, u16);

/// An element of a set in the row of a busy week: `(pk, sk, set, element)`.
type Busy = (String, String, String, String);

/// Checks the items of the table of appointments.
///
/// # Panics
/// When two appointments overlap, a cell is taken by none, an appointment lacks a cell or its holder, or the rows of busy
/// weeks say something else.
pub fn check_appointments(items: &[Item]) {
    let mut wanted: BTreeMap<Cell, String> = BTreeMap::new();
    let mut holders: BTreeMap<Cell, Vec<u8>> = BTreeMap::new();
    let mut busy: BTreeSet<Busy> = BTreeSet::new();
    for item in items.iter().filter(|item| text(item, "sk") == "APT") {
        if !matches!(text(item, "status"), "reserved" | "confirmed" | "completed" | "no_show") {
            continue;
        }
        let id = text(item, "id");
        let span = Span { start: instant(item, "starts_at"), end: instant(item, "blocked_until") };
        let expert = text(item, "expert_id");
        for part in span.parts() {
            let cell = |number| (expert.to_owned(), part.date.to_string(), number);
            for number in part.cells() {
                let other = wanted.insert(cell(number), id.to_owned());
                assert_eq!(other, None, "{id} overlaps another appointment at {:?}", cell(number));
            }
            let mut holder = id.parse::<AppointmentId>().unwrap().to_bytes().to_vec();
            holder.extend(part.len().to_be_bytes());
            if text(item, "status") == "reserved" {
                holder.extend(&instant(item, "expires_at").as_second().to_be_bytes()[3..]);
            }
            holders.insert(cell(part.first), holder);
            let weekday = part.date.weekday().to_monday_zero_offset();
            let monday = part.date.saturating_sub(weekday.days()).to_string();
            let until = match text(item, "status") {
                "reserved" => instant(item, "expires_at").as_second(),
                _ => 0,
            };
            let place = i64::from(weekday) * 288 + i64::from(part.first);
            let is_odd = number(item, "reschedules") % 2 == 1;
            let set = if until == 0 { "booked" } else { "held" };
            let set = format!("{set}_{}", if is_odd { "odd" } else { "even" });
            let element = until * 10_000_000 + place * 1_000 + i64::from(part.len());
            busy.insert((
                format!("BUSY#{}", &monday[..7]),
                format!("{monday}#{expert}"),
                set,
                element.to_string(),
            ));
        }
    }
    let mut taken: BTreeSet<Cell> = BTreeSet::new();
    let mut held: BTreeMap<Cell, Vec<u8>> = BTreeMap::new();
    for item in items {
        let Some(expert) = text(item, "pk").strip_prefix("EXPERT#") else { continue };
        let date = text(item, "sk").strip_prefix("DAY#").unwrap();
        for (name, value) in item {
            let place = |kind| name.strip_prefix(kind).filter(|rest| rest.len() == 3)?.parse::<u16>().ok();
            if let Some(number) = place('c') {
                taken.insert((expert.to_owned(), date.to_owned(), number));
            }
            if let Some(number) = place('a') {
                held.insert(
                    (expert.to_owned(), date.to_owned(), number),
                    value.as_b().unwrap().clone().into_inner(),
                );
            }
        }
    }
    let leaked: Vec<_> = taken.iter().filter(|cell| !wanted.contains_key(*cell)).collect();
    assert!(leaked.is_empty(), "cells that no appointment accounts for: {leaked:?}");
    let lost: Vec<_> = wanted.iter().filter(|(cell, _)| !taken.contains(*cell)).collect();
    assert!(lost.is_empty(), "appointments without their cells: {lost:?}");
    assert_eq!(held, holders, "the holders are not those of the appointments");
    let rows = items.iter().filter(|item| text(item, "pk").starts_with("BUSY#"));
    let found = rows.flat_map(|item| {
        let sets = item.iter().filter_map(|(name, value)| Some((name, value.as_ns().ok()?)));
        let key = (text(item, "pk").to_owned(), text(item, "sk").to_owned());
        sets.flat_map(move |(set, elements)| {
            let key = key.clone();
            elements.iter().map(move |element| (key.0.clone(), key.1.clone(), set.clone(), element.clone()))
        })
    });
    assert_eq!(found.collect::<BTreeSet<_>>(), busy, "the busy weeks are not those of the appointments");
}

#[cfg(test)]
#[path = "checker_tests.rs"]
mod tests;
