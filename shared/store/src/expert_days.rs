//! Table `appointments`: each expert's days as cells that are there or not, and whose they are.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use chairbook_models::appointment::Appointment;
use chairbook_models::day::{DayPart, ExpertDay, Holder, Span};
use chairbook_models::ids::{AppointmentId, ExpertId};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::item::Item;
use crate::transaction::{finish, update};
use crate::{StoreError, keys};

/// The attribute of a cell: `c000` to `c287`.
fn cell(number: u16) -> String {
    format!("c{number:03}")
}

/// The attribute that says whose appointment begins at a cell: `a000` to `a287`.
fn holder(number: u16) -> String {
    format!("a{number:03}")
}

/// The leading bytes, of eight, of a hold's last second that are left out, since they are zero until the year 36812.
const ZEROS: usize = 3;

/// A holder, short: DynamoDB bills an update by the whole item's size, and a day has many. The id in 16 bytes, how
/// many cells in 2, and in 5 until when (seconds since 1970) a reservation is held; all of them big-endian.
fn holder_value(holder: &Holder) -> AttributeValue {
    let mut bytes = holder.appointment_id.to_bytes().to_vec();
    bytes.extend(holder.cells.to_be_bytes());
    if let Some(until) = holder.until {
        bytes.extend(until.as_second().to_be_bytes().into_iter().skip(ZEROS));
    }
    AttributeValue::B(Blob::new(bytes))
}

fn read_holder(bytes: &[u8]) -> Option<Holder> {
    let (id, rest) = bytes.split_first_chunk::<16>()?;
    let (cells, until) = rest.split_first_chunk::<2>()?;
    let until = match until {
        [] => None,
        until => {
            let mut second = [0; 8];
            second.get_mut(ZEROS..).filter(|second| second.len() == until.len())?.copy_from_slice(until);
            Some(Timestamp::from_second(i64::from_be_bytes(second)).ok()?)
        }
    };
    Some(Holder { appointment_id: AppointmentId::derived(*id), cells: u16::from_be_bytes(*cells), until })
}

/// The cell that an attribute's name gives, if it is of that kind.
fn place(name: &str, kind: char) -> Option<u16> {
    name.strip_prefix(kind).filter(|number| number.len() == 3)?.parse().ok()
}

pub(crate) fn read_day(item: &Item) -> ExpertDay {
    let cells = item.keys().filter_map(|name| place(name, 'c'));
    ExpertDay::new(cells, read_holders(item))
}

fn read_holders(item: &Item) -> BTreeMap<u16, Holder> {
    let holder = |(name, value): (&String, &AttributeValue)| {
        Some((place(name, 'a')?, read_holder(value.as_b().ok()?.as_ref())?))
    };
    item.iter().filter_map(holder).collect()
}

/// The parts of experts' days that an appointment needs.
pub(crate) fn parts(appointment: &Appointment) -> Vec<DayPart> {
    Span { start: appointment.starts_at, end: appointment.blocked_until }.parts()
}

/// The holder that an appointment leaves in one part of its span, by its first cell.
fn holder_of(appointment: &Appointment, part: DayPart) -> (u16, Holder) {
    let until = appointment.expires_at;
    (part.first, Holder { appointment_id: appointment.id, cells: part.len(), until })
}

/// The update of one expert's day.
#[derive(Debug)]
pub(crate) struct DayWrite {
    /// The day (UTC).
    pub(crate) date: Date,
    /// Whose day it is.
    pub(crate) expert: ExpertId,
    /// The update.
    pub(crate) write: TransactWriteItem,
}

/// The updates of the days whose cells an appointment gives back, as it was `before`, and takes, as it is `after`: each
/// cell that it takes must be free, or be freed by the same update, since a transaction may write a row once.
pub(crate) fn day_writes(
    table: &str,
    before: Option<&Appointment>,
    after: Option<&Appointment>,
) -> Result<Vec<DayWrite>, StoreError> {
    let mut changes: BTreeMap<(ExpertId, Date), DayChange> = BTreeMap::new();
    let holders = |appointment: &Appointment| {
        let (expert, parts) = (appointment.expert_id, parts(appointment));
        parts.into_iter().map(|part| ((expert, part.date), holder_of(appointment, part))).collect::<Vec<_>>()
    };
    for (day, taken) in after.map(holders).into_iter().flatten() {
        changes.entry(day).or_default().take = Some(taken);
    }
    for (day, freed) in before.map(holders).into_iter().flatten() {
        changes.entry(day).or_default().free = Some(freed);
    }
    changes
        .into_iter()
        .filter(|(_, change)| !change.is_nothing())
        .map(|((expert, date), change)| {
            Ok(DayWrite { date, expert, write: change.write(table, expert, date)? })
        })
        .collect()
}

/// The changes of one day: holders by their first cells.
#[derive(Debug, Default)]
struct DayChange {
    take: Option<(u16, Holder)>,
    free: Option<(u16, Holder)>,
}

fn cells_of((first, holder): &(u16, Holder)) -> std::ops::Range<u16> {
    *first..first.saturating_add(holder.cells)
}

impl DayChange {
    /// Returns true if the same cells are taken and freed for the same holder.
    fn is_nothing(&self) -> bool {
        self.take == self.free
    }

    fn write(&self, table: &str, expert: ExpertId, date: Date) -> Result<TransactWriteItem, StoreError> {
        let freed: BTreeSet<u16> = self.free.iter().flat_map(cells_of).collect();
        let taken: BTreeSet<u16> = self.take.iter().flat_map(cells_of).collect();
        let claimed = || taken.difference(&freed);
        let mut set: Vec<String> = claimed().map(|&number| format!("{} = :y", cell(number))).collect();
        let mut remove: Vec<String> = freed.difference(&taken).map(|&number| cell(number)).collect();
        let mut conditions: Vec<String> =
            claimed().map(|&number| format!("attribute_not_exists({})", cell(number))).collect();
        let mut write = update(table, keys::expert_day(expert, date));
        // DynamoDB refuses a value that no expression mentions.
        if !set.is_empty() {
            write = write.expression_attribute_values(":y", AttributeValue::Bool(true));
        }
        if let Some((first, held)) = &self.free {
            let name = holder(*first);
            // Only what still belongs to the appointment is freed.
            conditions.push(format!("{name} = :free"));
            write = write.expression_attribute_values(":free", holder_value(held));
            if self.take.is_none_or(|(taken, _)| taken != *first) {
                remove.push(name);
            }
        }
        if let Some((first, held)) = &self.take {
            set.push(format!("{} = :holder", holder(*first)));
            write = write.expression_attribute_values(":holder", holder_value(held));
        }
        let mut expression = Vec::new();
        if !set.is_empty() {
            expression.push(format!("SET {}", set.join(", ")));
        }
        if !remove.is_empty() {
            expression.push(format!("REMOVE {}", remove.join(", ")));
        }
        finish(write.update_expression(expression.join(" ")).condition_expression(conditions.join(" AND ")))
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::Update;
    use chairbook_models::booking::MAX_BLOCKED_MINUTES;
    use chairbook_models::day::{CELL_MINUTES, CELLS_PER_DAY};
    use proptest::prelude::*;

    use super::*;
    use crate::item::s;

    /// DynamoDB's limit on the length of an expression, bytes.
    const EXPRESSION_BYTES: usize = 4096;

    /// DynamoDB's limit on the operators and functions of an update expression.
    const OPERATORS: usize = 300;

    fn held(byte: u8, first: u16, cells: u16, until: Option<i64>) -> (u16, Holder) {
        let until = until.map(|second| Timestamp::from_second(second).unwrap());
        (first, Holder { appointment_id: AppointmentId::derived([byte; 16]), cells, until })
    }

    fn written(take: Option<(u16, Holder)>, free: Option<(u16, Holder)>) -> Update {
        let change = DayChange { take, free };
        let write = change.write("table", ExpertId::derived([1; 16]), jiff::civil::date(2026, 3, 3)).unwrap();
        write.update().unwrap().clone()
    }

    #[track_caller]
    fn check(update: &Update, expression: &str, condition: &str) {
        assert_eq!(update.update_expression(), expression);
        assert_eq!(update.condition_expression(), Some(condition));
        let values = update.expression_attribute_values().unwrap();
        for name in values.keys() {
            assert!(expression.contains(name) || condition.contains(name), "{name} is not used");
        }
    }

    #[test]
    fn a_holder_is_read_back_as_it_was_written() {
        for until in [None, Some(1_800_000_000)] {
            let (_, holder) = held(9, 0, 12, until);
            let AttributeValue::B(bytes) = holder_value(&holder) else { panic!("bytes") };
            assert_eq!(bytes.as_ref().len(), if until.is_some() { 23 } else { 18 });
            assert_eq!(read_holder(bytes.as_ref()), Some(holder));
            for cut in [0, 15, 17, 20, 22] {
                assert_eq!(read_holder(&bytes.as_ref()[..cut.min(bytes.as_ref().len() - 1)]), None, "{cut}");
            }
        }
    }

    #[test]
    fn a_day_is_read_from_its_attributes_alone() {
        let (first, holder) = held(9, 108, 2, None);
        let item = Item::from([
            ("pk".to_owned(), s("EXPERT#x")),
            ("c108".to_owned(), AttributeValue::Bool(true)),
            ("c109".to_owned(), AttributeValue::Bool(true)),
            ("a108".to_owned(), holder_value(&holder)),
        ]);
        assert_eq!(read_day(&item), ExpertDay::new([108, 109], BTreeMap::from([(first, holder)])));
    }

    #[test]
    fn taking_and_freeing() {
        check(
            &written(Some(held(1, 7, 2, None)), None),
            "SET c007 = :y, c008 = :y, a007 = :holder",
            "attribute_not_exists(c007) AND attribute_not_exists(c008)",
        );
        check(&written(None, Some(held(1, 7, 2, None))), "REMOVE c007, c008, a007", "a007 = :free");
    }

    #[test]
    fn what_is_taken_and_freed_on_one_day_is_one_update() {
        // A little later on the same day, with an overlap.
        check(
            &written(Some(held(1, 8, 3, None)), Some(held(1, 7, 2, None))),
            "SET c009 = :y, c010 = :y, a008 = :holder REMOVE c007, a007",
            "attribute_not_exists(c009) AND attribute_not_exists(c010) AND a007 = :free",
        );
        // The same cells, paid for.
        check(
            &written(Some(held(1, 7, 2, None)), Some(held(1, 7, 2, Some(5)))),
            "SET a007 = :holder",
            "a007 = :free",
        );
    }

    #[test]
    fn a_day_of_which_nothing_changes_is_not_written() {
        let kept = held(1, 7, 2, None);
        assert!(DayChange { take: Some(kept), free: Some(kept) }.is_nothing());
        for (take, free) in
            [(Some(kept), Some(held(1, 7, 2, Some(5)))), (None, Some(kept)), (Some(kept), None)]
        {
            assert!(!DayChange { take, free }.is_nothing());
        }
    }

    proptest! {
        #[test]
        fn the_longest_move_fits_an_expression(take in 0_u16..CELLS_PER_DAY, free in 0_u16..CELLS_PER_DAY) {
            prop_assume!(take != free);
            let longest = u16::try_from(MAX_BLOCKED_MINUTES / CELL_MINUTES).unwrap();
            let part = |first: u16| held(1, first, longest.min(CELLS_PER_DAY - first), Some(1_800_000_000));
            let update = written(Some(part(take)), Some(part(free)));
            let condition = update.condition_expression().unwrap_or_default();
            prop_assert!(update.update_expression().len() <= EXPRESSION_BYTES);
            prop_assert!(condition.len() <= EXPRESSION_BYTES);
            let operators = ["(", " AND ", " = "].map(|operator| condition.matches(operator).count());
            prop_assert!(operators.iter().sum::<usize>() <= OPERATORS);
        }
    }
}
