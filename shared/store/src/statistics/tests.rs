use aws_sdk_dynamodb::types::Update;
use chairbook_models::appointment::Status;
use chairbook_models::ids::{ExpertId, ServiceId};
use jiff::civil::date;

use super::*;

/// DynamoDB's limits of an expression: bytes, and operators and functions.
const EXPRESSION_BYTES: usize = 4096;
const OPERATORS: usize = 300;

/// Its limit of a transaction.
const ACTIONS: usize = 100;

/// As many currencies as appointments can have before and after.
const CURRENCIES: [&str; 2 * APPOINTMENTS_AT_ONCE] = [
    "AED", "AUD", "BGN", "BRL", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HUF", "INR", "JPY", "MXN", "NOK",
    "NZD", "PLN", "RON", "SEK", "USD",
];

fn contribution(byte: u8, day: Date, status: Status) -> Contribution {
    Contribution {
        day,
        hour: i8::try_from(byte % 24).unwrap(),
        status,
        service_id: ServiceId::derived([byte; 16]),
        service_name: "x".repeat(100).parse().unwrap(),
        expert_id: ExpertId::derived([byte; 16]),
        expert_name: "y".repeat(100).parse().unwrap(),
        // A part of what was paid was given back, in a currency of its own.
        currency: CURRENCIES[usize::from(byte)].parse().unwrap(),
        revenue: 100_000_000,
        refunded: 100_000_000,
        unverified: 100_000_000,
        unpaid: 100_000_000,
    }
}

/// As many appointments as are counted at once, each moved from one day to another with all that can be different.
fn changes(days: impl Fn(u8) -> (Date, Date)) -> Vec<Change> {
    (0..u8::try_from(APPOINTMENTS_AT_ONCE).unwrap())
        .map(|place| Change {
            id: AppointmentId::derived([place; 16]),
            before: Counted {
                revision: 3,
                contribution: Some(contribution(2 * place, days(place).0, Status::Confirmed)),
            },
            after: Some(contribution(2 * place + 1, days(place).1, Status::NoShow)),
        })
        .collect()
}

fn day_updates(writes: &[TransactWriteItem]) -> Vec<&Update> {
    writes.iter().filter_map(TransactWriteItem::update).collect()
}

#[test]
fn as_many_as_are_counted_at_once_fit_a_transaction() {
    let one_day = changes(|_| (date(2026, 3, 3), date(2026, 3, 3)));
    let one_day = writes("table", &one_day).unwrap();
    let updates = day_updates(&one_day);
    assert_eq!((one_day.len(), updates.len()), (APPOINTMENTS_AT_ONCE + 1, 1));
    let expression = updates[0].update_expression();
    assert!(expression.len() <= EXPRESSION_BYTES, "{}", expression.len());
    let clauses = expression.matches(':').count();
    assert!((150..=OPERATORS).contains(&clauses), "{clauses}");

    let many_days = changes(|place| {
        let day = i8::try_from(place).unwrap();
        (date(2026, 3, 1 + day), date(2026, 4, 1 + day))
    });
    let many_days = writes("table", &many_days).unwrap();
    assert_eq!(day_updates(&many_days).len(), 2 * APPOINTMENTS_AT_ONCE);
    assert_eq!(many_days.len(), 5 * APPOINTMENTS_AT_ONCE);
    assert!(many_days.len() <= ACTIONS);
}

/// Checks the writes of a change of one appointment: conditions of puts, how many deletions, and how many days.
#[track_caller]
fn check(
    before: Counted,
    after: Option<Contribution>,
    conditions: &[Option<&str>],
    deleted: usize,
    days: usize,
) {
    let change = Change { id: AppointmentId::derived([1; 16]), before, after };
    let writes = writes("table", &[change]).unwrap();
    let puts: Vec<_> =
        writes.iter().filter_map(|write| write.put()).map(|put| put.condition_expression()).collect();
    assert_eq!(puts, conditions);
    assert_eq!(writes.iter().filter(|write| write.delete().is_some()).count(), deleted);
    assert_eq!(day_updates(&writes).len(), days);
}

#[test]
fn each_change_is_on_the_condition_of_what_was_counted() {
    let (first, other) = (date(2026, 3, 3), date(2026, 3, 4));
    let on = |day, status| Some(contribution(1, day, status));
    let counted = |contribution| Counted { revision: 4, contribution };
    let absent = Some("attribute_not_exists(revision)");
    let known = Some("revision = :revision");
    // New; served; moved; gone; back again.
    check(Counted::default(), on(first, Status::Confirmed), &[absent, None], 0, 1);
    check(counted(on(first, Status::Confirmed)), on(first, Status::Completed), &[known], 0, 1);
    check(counted(on(first, Status::Confirmed)), on(other, Status::Confirmed), &[known, None], 1, 2);
    check(counted(on(first, Status::Confirmed)), None, &[known], 1, 1);
    check(counted(None), on(first, Status::Confirmed), &[known, None], 0, 1);
}
