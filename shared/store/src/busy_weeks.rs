//! Table `appointments`: experts' busy times week by week, beside each other for those who look for free ones.
//!
//! An expert's days decide what can be booked; these rows repeat it for whoever only looks, so that one query answers
//! for all experts. They change in the transactions that change the days, and nobody decides by them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use chairbook_models::appointment::Appointment;
use chairbook_models::day::{Busy, BusySpan, CELLS_PER_DAY};
use chairbook_models::ids::ExpertId;
use chairbook_models::week::Week;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::expert_days::parts;
use crate::item::{Item, text};
use crate::keys::Key;
use crate::transaction::{finish, update};
use crate::{Reader, StoreError, keys};

/// The number of changes of a row.
pub(crate) const REVISION: &str = "revision";

/// The sets of a row: of appointments and of reservations, that were moved an even or an odd number of times. An update
/// cannot both add to and delete from one set, and whoever moves within a week, or pays, changes to another.
pub(crate) const SETS: [&str; 4] = ["booked_even", "booked_odd", "held_even", "held_odd"];

/// An element is a decimal number: the second (since 1970) at which the hold ends, or zero; four digits of the first
/// cell in the week; three of the number of cells.
const FIRST_DIGITS: i64 = 1_000;
const UNTIL_DIGITS: i64 = 10_000 * FIRST_DIGITS;

/// Rows are read by their keys if these are at most one in so many of the experts, since each read is rounded up to
/// 4 KB (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>), in which a
/// query finds the rows of about eight.
const ROWS_PER_4_KB: usize = 8;

/// The keys of one `BatchGetItem`
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>).
const KEYS_PER_BATCH: usize = 100;

fn element(first: u16, cells: u16, until: Option<Timestamp>) -> String {
    let until = until.map_or(0, Timestamp::as_second);
    (until * UNTIL_DIGITS + i64::from(first) * FIRST_DIGITS + i64::from(cells)).to_string()
}

/// The first cell in the week, the number of cells, and the end of the hold.
fn read_element(element: &str) -> Option<(u16, u16, Option<Timestamp>)> {
    let number: i64 = element.parse().ok()?;
    let until = match number.div_euclid(UNTIL_DIGITS) {
        0 => None,
        until => Some(Timestamp::from_second(until).ok()?),
    };
    let first = number.rem_euclid(UNTIL_DIGITS) / FIRST_DIGITS;
    let cells = number.rem_euclid(FIRST_DIGITS);
    Some((u16::try_from(first).ok()?, u16::try_from(cells).ok()?, until))
}

/// The rows that an appointment is in, with the set and the element of each of its parts.
pub(crate) fn places(
    appointment: &Appointment,
) -> impl Iterator<Item = ((ExpertId, Week), (&'static str, String))> {
    let until = appointment.expires_at;
    let set = match (until, appointment.reschedules % 2) {
        (None, 0) => "booked_even",
        (None, _) => "booked_odd",
        (Some(_), 0) => "held_even",
        (Some(_), _) => "held_odd",
    };
    parts(appointment).into_iter().map(move |part| {
        let week = Week::of(part.date);
        let element = element(week.first_cell(&part), part.len(), until);
        ((appointment.expert_id, week), (set, element))
    })
}

/// The elements of each set that has any.
pub(crate) type Sets = BTreeMap<&'static str, BTreeSet<String>>;

#[derive(Debug, Default)]
struct WeekChange {
    add: Sets,
    delete: Sets,
}

/// The updates of the weeks that one appointment leaves, as it was `before`, and enters, as it is `after`.
pub(crate) fn week_writes(
    table: &str,
    before: Option<&Appointment>,
    after: Option<&Appointment>,
) -> Result<Vec<TransactWriteItem>, StoreError> {
    let places_of = |appointment: Option<&Appointment>| -> BTreeSet<_> {
        appointment.into_iter().flat_map(places).collect()
    };
    let (left, entered) = (places_of(before), places_of(after));
    let mut changes: BTreeMap<(ExpertId, Week), WeekChange> = BTreeMap::new();
    for (row, (set, element)) in left.difference(&entered) {
        changes.entry(*row).or_default().delete.entry(set).or_default().insert(element.clone());
    }
    for (row, (set, element)) in entered.difference(&left) {
        changes.entry(*row).or_default().add.entry(set).or_default().insert(element.clone());
    }
    changes
        .into_iter()
        .map(|((expert, week), change)| change.write(table, keys::busy_week(expert, week)))
        .collect()
}

impl WeekChange {
    fn write(self, table: &str, key: Key) -> Result<TransactWriteItem, StoreError> {
        let mut write = update(table, key)
            .expression_attribute_names("#revision", REVISION)
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        let mut sets = |sets: Sets| -> Vec<String> {
            let mut clauses = Vec::with_capacity(sets.len());
            for (set, elements) in sets {
                let elements = AttributeValue::Ns(elements.into_iter().collect());
                let builder = std::mem::take(&mut write);
                write = builder.expression_attribute_values(format!(":{set}"), elements);
                clauses.push(format!("{set} :{set}"));
            }
            clauses
        };
        let (mut add, delete) = (sets(self.add), sets(self.delete));
        add.push("#revision :one".to_owned());
        let mut expression = format!("ADD {}", add.join(", "));
        if !delete.is_empty() {
            expression = format!("{expression} DELETE {}", delete.join(", "));
        }
        finish(write.update_expression(expression))
    }
}

/// The expert and the week of a row.
pub(crate) fn read_key(row: &Item) -> Result<(ExpertId, Week), StoreError> {
    let read = || {
        let (monday, expert) = text(row, "sk")?.split_once('#')?;
        Some((expert.parse().ok()?, Week::of(monday.parse().ok()?)))
    };
    read().ok_or_else(|| StoreError::Malformed("a busy week without a week or an expert".to_owned()))
}

/// The spans of a row that begins so many cells after the first day that is looked at.
fn read_spans(row: &Item, offset: u32) -> impl Iterator<Item = BusySpan> + '_ {
    let elements = SETS.iter().filter_map(|set| row.get(*set)?.as_ns().ok()).flatten();
    elements.filter_map(move |element| {
        let (first, cells, until) = read_element(element)?;
        Some(BusySpan { first: offset + u32::from(first), cells, until })
    })
}

impl Reader {
    /// Reads what is taken of some experts' time from one UTC date to another, as it stands at `now`; with a consistent
    /// read, after all that was booked or freed before. Experts who are missing have nothing to do. `in_all` is the
    /// number of all experts, by which the cheaper way to read is chosen.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be read.
    pub async fn busy(
        &self,
        experts: &BTreeSet<ExpertId>,
        in_all: usize,
        dates: (Date, Date),
        now: Timestamp,
        consistent_read: bool,
    ) -> Result<BTreeMap<ExpertId, Busy>, StoreError> {
        let weeks: Vec<Week> = Week::through(dates).collect();
        let Some(first) = weeks.first() else { return Ok(BTreeMap::new()) };
        let is_few = experts.len() * ROWS_PER_4_KB <= in_all && experts.len() * weeks.len() <= KEYS_PER_BATCH;
        let rows = if is_few {
            let keys =
                experts.iter().flat_map(|expert| weeks.iter().map(|week| keys::busy_week(*expert, *week)));
            self.batch_get(self.appointments()?, keys.collect(), consistent_read).await?
        } else {
            self.busy_weeks(&weeks, consistent_read).await?
        };
        let mut spans: BTreeMap<ExpertId, Vec<BusySpan>> = BTreeMap::new();
        for row in &rows {
            let (expert, week) = read_key(row)?;
            if experts.contains(&expert) {
                let days = u32::try_from((week.monday() - first.monday()).get_days()).unwrap_or_default();
                spans.entry(expert).or_default().extend(read_spans(row, days * u32::from(CELLS_PER_DAY)));
            }
        }
        let busy = spans.into_iter().map(|(expert, spans)| (expert, Busy::new(first.monday(), spans, now)));
        Ok(busy.collect())
    }

    /// The rows of all experts of some weeks, which follow each other. Each month that a week begins in is a query.
    pub(crate) async fn busy_weeks(
        &self,
        weeks: &[Week],
        consistent_read: bool,
    ) -> Result<Vec<Item>, StoreError> {
        let mut months: BTreeMap<String, RangeInclusive<Week>> = BTreeMap::new();
        for &week in weeks {
            let month = months.entry(keys::busy_month(week)).or_insert(week..=week);
            *month = *month.start()..=week;
        }
        let months = months.into_iter().map(async |(month, weeks)| {
            let (from, _) = keys::busy_experts(*weeks.start());
            let (_, to) = keys::busy_experts(*weeks.end());
            let query = self.partition_query(self.appointments()?, month, Some((from, to)), consistent_read);
            Self::read_all(query).await
        });
        Ok(try_join_all(months).await?.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::item::s;

    fn appointment(start: &str, end: &str, until: Option<&str>, reschedules: u32) -> Appointment {
        let mut appointment = json!({
            "id": "apt_00000000000000000000000001", "user_id": "usr_00000000000000000000000001",
            "service_id": "svc_00000000000000000000000001", "service_name": "Cut",
            "expert_id": "exp_00000000000000000000000001", "expert_name": "Marek", "date": "2026-03-03",
            "time": "10:00:00", "time_zone": "UTC", "starts_at": start, "ends_at": end, "blocked_until": end,
            "duration_minutes": 60, "status": "confirmed", "total_price": 100, "currency": "EUR", "version": 1,
            "reschedules": reschedules, "created_at": start, "updated_at": start,
        });
        if let Some(until) = until {
            appointment["expires_at"] = json!(until);
        }
        serde_json::from_value(appointment).unwrap()
    }

    #[track_caller]
    fn check(before: Option<&Appointment>, after: Option<&Appointment>, expected: &[(&str, &str, &str)]) {
        let writes = week_writes("table", before, after).unwrap();
        let written: Vec<_> = writes
            .iter()
            .map(|write| {
                let update = write.update().unwrap();
                let mut values: Vec<_> = update
                    .expression_attribute_values()
                    .unwrap()
                    .iter()
                    .filter_map(|(name, value)| Some(format!("{name} {}", value.as_ns().ok()?.join(" "))))
                    .collect();
                values.sort_unstable();
                let key = update.key()["sk"].as_s().unwrap().split_once('#').unwrap().0;
                (key.to_owned(), update.update_expression().to_owned(), values.join(", "))
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(key, expression, values)| {
                ((*key).to_owned(), (*expression).to_owned(), (*values).to_owned())
            })
            .collect();
        assert_eq!(written, expected);
    }

    #[test]
    fn booking_moving_paying_and_ending() {
        let (ten, eleven, twelve) = ("2026-03-03T10:00:00Z", "2026-03-03T11:00:00Z", "2026-03-03T12:00:00Z");
        let held = appointment(ten, eleven, Some("2026-03-03T08:00:00Z"), 0);
        let paid = appointment(ten, eleven, None, 0);
        let moved = appointment(eleven, twelve, None, 1);
        let hold = "17725248000408012";
        check(
            None,
            Some(&held),
            &[("2026-03-02", "ADD held_even :held_even, #revision :one", &format!(":held_even {hold}"))],
        );
        check(
            Some(&held),
            Some(&paid),
            &[(
                "2026-03-02",
                "ADD booked_even :booked_even, #revision :one DELETE held_even :held_even",
                &format!(":booked_even 408012, :held_even {hold}"),
            )],
        );
        check(
            Some(&paid),
            Some(&moved),
            &[(
                "2026-03-02",
                "ADD booked_odd :booked_odd, #revision :one DELETE booked_even :booked_even",
                ":booked_even 408012, :booked_odd 420012",
            )],
        );
        check(
            Some(&moved),
            None,
            &[("2026-03-02", "ADD #revision :one DELETE booked_odd :booked_odd", ":booked_odd 420012")],
        );
        check(Some(&paid), Some(&paid), &[]);
    }

    #[test]
    fn a_night_between_two_days_and_one_between_two_weeks() {
        let wednesday = appointment("2026-03-03T23:30:00Z", "2026-03-04T00:10:00Z", None, 0);
        check(
            None,
            Some(&wednesday),
            &[("2026-03-02", "ADD booked_even :booked_even, #revision :one", ":booked_even 570006 576002")],
        );
        let monday = appointment("2026-03-08T23:30:00Z", "2026-03-09T00:10:00Z", None, 0);
        check(
            None,
            Some(&monday),
            &[
                ("2026-03-02", "ADD booked_even :booked_even, #revision :one", ":booked_even 2010006"),
                ("2026-03-09", "ADD booked_even :booked_even, #revision :one", ":booked_even 2"),
            ],
        );
    }

    #[test]
    fn a_row_is_found_by_its_week_and_expert() {
        let expert = "exp_00000000000000000000000001".parse().unwrap();
        let week = Week::of(date(2026, 3, 1));
        let key = keys::busy_week(expert, week);
        assert_eq!(
            (key.pk.as_str(), key.sk.as_str()),
            ("BUSY#2026-02", "2026-02-23#exp_00000000000000000000000001")
        );
        let (from, to) = keys::busy_experts(week);
        assert!(from < key.sk && key.sk < to);
        assert_eq!(read_key(&Item::from([("sk".to_owned(), s(key.sk))])).unwrap(), (expert, week));
        assert!(read_key(&Item::from([("sk".to_owned(), s("VERSION"))])).is_err());
    }

    proptest! {
        #[test]
        fn an_element_is_read_back(first in 0_u16..2_016, cells in 1_u16..=288, until in proptest::option::of(1_i64..253_402_207_200)) {
            let until = until.map(|second| Timestamp::from_second(second).unwrap());
            prop_assert_eq!(read_element(&element(first, cells, until)), Some((first, cells, until)));
        }
    }
}
