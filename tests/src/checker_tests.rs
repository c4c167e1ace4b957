//! The checker can fail: each of these tables has one fault.

use std::ops::Range;

use aws_sdk_dynamodb::primitives::Blob;

use super::*;

const EXPERT: &str = "EXPERT#exp_1";

fn item(attributes: &[(&str, &str)]) -> Item {
    attributes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), AttributeValue::S((*value).to_owned())))
        .collect()
}

/// The id of an appointment.
fn id(number: u8) -> String {
    AppointmentId::derived([number; 16]).to_string()
}

/// What holds so many cells for an appointment; for a reservation until eight o'clock.
fn holder(number: u8, cells: u8, is_reserved: bool) -> AttributeValue {
    let mut bytes = vec![number; 16];
    bytes.extend([0, cells]);
    if is_reserved {
        bytes.extend(&1_772_524_800_i64.to_be_bytes()[3..]);
    }
    AttributeValue::B(Blob::new(bytes))
}

fn appointment(number: u8, status: &str, starts_at: &str, blocked_until: &str) -> Item {
    let mut row = item(&[
        ("sk", "APT"),
        ("id", &id(number)),
        ("status", status),
        ("expert_id", "exp_1"),
        ("starts_at", starts_at),
        ("blocked_until", blocked_until),
    ]);
    if status == "reserved" {
        row.extend(item(&[("expires_at", "2026-03-03T08:00:00Z")]));
    }
    row
}

fn day(date: &str, cells: Range<u16>, holders: &[(u16, AttributeValue)]) -> Item {
    let mut day = item(&[("pk", EXPERT), ("sk", &format!("DAY#{date}"))]);
    day.extend(cells.map(|cell| (format!("c{cell:03}"), AttributeValue::Bool(true))));
    day.extend(holders.iter().map(|(first, holder)| (format!("a{first:03}"), holder.clone())));
    day
}

/// A paid appointment, and a reservation right after it that crosses midnight.
fn sound() -> Vec<Item> {
    vec![
        appointment(1, "confirmed", "2026-03-03T22:30:00Z", "2026-03-03T23:30:00Z"),
        appointment(2, "reserved", "2026-03-03T23:30:00Z", "2026-03-04T00:10:00Z"),
        appointment(3, "cancelled", "2026-03-03T23:00:00Z", "2026-03-04T01:00:00Z"),
        day("2026-03-03", 270..288, &[(270, holder(1, 12, false)), (282, holder(2, 6, true))]),
        day("2026-03-04", 0..2, &[(0, holder(2, 2, true))]),
        week(&[("booked_even", &["558012"]), ("held_even", &["17725248000570006", "17725248000576002"])]),
    ]
}

fn week(sets: &[(&str, &[&str])]) -> Item {
    let mut week = item(&[("pk", "BUSY#2026-03"), ("sk", "2026-03-02#exp_1")]);
    let set =
        |elements: &[&str]| AttributeValue::Ns(elements.iter().map(|&element| element.to_owned()).collect());
    week.extend(sets.iter().map(|(name, elements)| ((*name).to_owned(), set(elements))));
    week
}

#[test]
fn a_sound_table_passes() {
    check_appointments(&sound());
    check_appointments(&[]);
}

#[test]
#[should_panic(expected = "cells that no appointment accounts for: [(\"exp_1\", \"2026-03-04\", 2)]")]
fn a_leaked_cell_is_found() {
    let mut items = sound();
    items[4].insert("c002".to_owned(), AttributeValue::Bool(true));
    check_appointments(&items);
}

#[test]
#[should_panic(expected = "cells that no appointment accounts for")]
fn the_cells_of_a_cancelled_appointment_are_found() {
    let mut items = sound();
    items[0] = appointment(1, "cancelled", "2026-03-03T22:30:00Z", "2026-03-03T23:30:00Z");
    check_appointments(&items);
}

#[test]
#[should_panic(expected = "appointments without their cells: [((\"exp_1\", \"2026-03-04\", 1), \"apt_0")]
fn a_lost_cell_is_found() {
    let mut items = sound();
    items[4].remove("c001");
    check_appointments(&items);
}

#[test]
#[should_panic(expected = "appointments without their cells")]
fn a_lost_day_is_found() {
    let mut items = sound();
    items.remove(4);
    check_appointments(&items);
}

#[test]
#[should_panic(expected = "the holders are not those of the appointments")]
fn a_lost_holder_is_found() {
    let mut items = sound();
    items[3].remove("a282");
    check_appointments(&items);
}

#[test]
#[should_panic(expected = "the holders are not those of the appointments")]
fn a_holder_that_outlived_its_payment_is_found() {
    let mut items = sound();
    items[1] = appointment(2, "confirmed", "2026-03-03T23:30:00Z", "2026-03-04T00:10:00Z");
    check_appointments(&items);
}

#[test]
#[should_panic(expected = " overlaps another appointment at (\"exp_1\", \"2026-03-03\", 281)")]
fn an_overlap_is_found() {
    let mut items = sound();
    items.push(appointment(4, "completed", "2026-03-03T23:25:00Z", "2026-03-03T23:30:00Z"));
    check_appointments(&items);
}

#[test]
#[should_panic(expected = "appointments without their cells")]
fn an_appointment_that_came_back_without_its_cells_is_found() {
    let mut items = sound();
    items[2] = appointment(3, "confirmed", "2026-03-04T01:00:00Z", "2026-03-04T01:30:00Z");
    check_appointments(&items);
}

#[test]
#[should_panic(expected = "the busy weeks are not those of the appointments")]
fn a_busy_time_that_is_missing_is_found() {
    let mut items = sound();
    items[5].remove("booked_even");
    check_appointments(&items);
}

#[test]
#[should_panic(expected = "the busy weeks are not those of the appointments")]
fn a_busy_time_of_nobody_is_found() {
    let mut items = sound();
    items[5].insert("booked_odd".to_owned(), AttributeValue::Ns(vec!["12".to_owned()]));
    check_appointments(&items);
}
