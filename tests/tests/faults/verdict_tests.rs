//! The verdict can be that something is wrong: each of these histories has one fault.

use chairbook_models::catalog::PayNow;
use chairbook_models::event::{AppointmentFacts, PreviousTime, Subjects};
use chairbook_models::ids::{EventId, ExpertId, ServiceId};
use chairbook_tests::Json;
use serde_json::json;

use super::*;
use crate::record::{Change, Setting};

const ADA: UserId = UserId::derived([1; 16]);
const DESK: UserId = UserId::derived([2; 16]);
const ID: AppointmentId = AppointmentId::derived([3; 16]);
const NINE: i64 = 1_772_528_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Paid at the desk.
fn paid(amount: i64) -> Value {
    json!({"state": "verified", "method": "cash", "amount": amount, "at": at(3), "by": DESK})
}

fn row(status: Status, changes: u32) -> Appointment {
    serde_json::from_value(json!({
        "id": ID,
        "user_id": ADA,
        "service_id": ServiceId::derived([4; 16]),
        "service_name": "Cut",
        "expert_id": ExpertId::derived([5; 16]),
        "expert_name": "Grace",
        "date": "2026-03-03",
        "time": "09:05:00",
        "time_zone": "UTC",
        "starts_at": at(NINE + 300),
        "ends_at": at(NINE + 3_900),
        "blocked_until": at(NINE + 3_900),
        "duration_minutes": 60,
        "status": status,
        "payment": (changes >= 3).then(|| paid(4_500)),
        "refund": (changes >= 4).then(|| json!({"amount": 4_500, "at": at(4)})),
        "total_price": 4_500,
        "currency": "EUR",
        "version": changes,
        "reschedules": 0,
        "created_at": at(1),
        "updated_at": at(i64::from(changes)),
    }))
    .unwrap()
}

fn shown(row: &Appointment) -> Shown {
    Shown {
        id: row.id,
        created_at: row.created_at,
        updated_at: row.updated_at,
        json: Json::new("GET /appointments/{id}", as_shown(row)),
    }
}

/// The facts of the appointment when it begins then.
fn facts(starts_at: i64) -> AppointmentFacts {
    AppointmentFacts { service_name: "Cut".parse().unwrap(), starts_at: at(starts_at) }
}

/// The move of the appointment from one time to five past nine.
fn moved_from(starts_at: i64) -> EventData {
    let previous = PreviousTime {
        starts_at: at(starts_at),
        expert_id: ExpertId::derived([5; 16]),
        expert_name: "Grace".parse().unwrap(),
    };
    EventData::AppointmentRescheduled { appointment: facts(NINE + 300), previous }
}

fn told(number: u8, data: EventData, by: Actor) -> Told {
    let id = EventId::derived([number; 16]);
    let subjects = Subjects { user_id: Some(ADA), appointment_id: Some(ID), ..Subjects::default() };
    let mut event = Event::new(id, data, at(i64::from(number)), by, Some(ADA), subjects);
    event.delivery = Some(Delivery::Sent);
    Told { event, message_id: Some(format!("mail {number}")), delivery_reason: None }
}

/// Reserved by Ada at nine, moved by her to five past, paid at the desk, cancelled by her without an answer.
fn sound() -> (Record, Evidence) {
    let (ada, desk) = (Actor::User(ADA), Actor::User(DESK));
    let events = vec![
        told(1, EventData::AppointmentReserved(facts(NINE)), ada),
        told(2, moved_from(NINE), ada),
        told(3, EventData::AppointmentConfirmed(facts(NINE + 300)), desk),
        told(4, EventData::AppointmentCancelled(facts(NINE + 300)), ada),
    ];
    let change =
        |kind, by, done: Option<Appointment>| Change { id: ID, kind, by, done: done.map(|row| shown(&row)) };
    let record = Record {
        orders: vec![Order { by: ADA, customer: ADA, made: Some(shown(&row(Status::Reserved, 1))) }],
        changes: vec![
            change(EventType::AppointmentRescheduled, ADA, Some(row(Status::Reserved, 2))),
            // Where it is already: nothing happened.
            change(EventType::AppointmentRescheduled, DESK, Some(row(Status::Reserved, 2))),
            change(EventType::AppointmentConfirmed, DESK, Some(row(Status::Confirmed, 3))),
            change(EventType::AppointmentCancelled, ADA, None),
        ],
        ..Record::default()
    };
    let evidence = Evidence {
        appointments: vec![row(Status::Cancelled, 4)],
        mails: events.iter().filter_map(|told| told.message_id.clone()).collect(),
        events,
        duplicates_allowed: 0,
        max_open: 1,
        now: at(NINE),
    };
    (record, evidence)
}

#[track_caller]
fn check(fault: impl FnOnce(&mut Record, &mut Evidence), expected: &str) {
    check_in(sound(), fault, expected);
}

#[track_caller]
fn check_in(
    (mut record, mut evidence): (Record, Evidence),
    fault: impl FnOnce(&mut Record, &mut Evidence),
    expected: &str,
) {
    fault(&mut record, &mut evidence);
    let problems = judge(&record, &evidence);
    assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:#?}");
}

#[test]
fn a_sound_history_passes() {
    let (record, evidence) = sound();
    assert_eq!(judge(&record, &evidence), [""; 0]);
}

#[test]
fn lost_and_invented_bookings_are_found() {
    check(|_, evidence| evidence.appointments.clear(), "was booked, but is lost");
    check(|_, evidence| evidence.appointments.clear(), "has events, but no row");
    check(|record, _| record.orders.clear(), "was booked by nobody");
    check(|_, evidence| evidence.appointments[0].user_id = DESK, "was booked, but is lost");
    check(|record, _| record.orders[0].by = DESK, "its event says otherwise");
    check(|_, evidence| evidence.events.clear(), "a row without events");
    check(
        |record, _| {
            let again = record.orders[0].clone();
            record.orders.push(again);
        },
        "was answered to two orders",
    );
    check(
        |_, evidence| {
            let again = evidence.appointments[0].clone();
            evidence.appointments.push(again);
        },
        "an appointment is there twice",
    );
}

#[test]
fn lost_and_invented_changes_are_found() {
    check(
        |_, evidence| {
            evidence.events.remove(2);
        },
        "AppointmentConfirmed was answered, but is lost",
    );
    check(
        |record, _| {
            record.changes.pop();
        },
        "nobody asked for AppointmentCancelled",
    );
    check(|record, _| record.changes[2].by = ADA, "nobody asked for AppointmentConfirmed");
    check(
        |_, evidence| {
            evidence.events.pop();
        },
        "is Cancelled after",
    );
    check(|_, evidence| evidence.appointments[0].version = 5, "has version 5");
    check(|_, evidence| evidence.appointments[0].starts_at = at(NINE), "begins at");
    check(
        |_, evidence| {
            evidence.events[1].event.data = moved_from(NINE + 900);
        },
        "but moved from",
    );
    check(
        |_, evidence| evidence.events[3].event.data = EventData::AppointmentNoShow(facts(NINE)),
        "is Cancelled after",
    );
    check(
        |_, evidence| evidence.events[2].event.data = EventData::AppointmentExpired(facts(NINE)),
        "cannot have become",
    );
    check(
        |record, evidence| {
            record.changes[3].done = Some(shown(&row(Status::Cancelled, 4)));
            evidence.appointments[0].expert_id = ExpertId::derived([6; 16]);
        },
        "was shown as",
    );
}

/// The same, but booked by Ada's word that she has paid, which the desk verifies.
fn on_her_word() -> (Record, Evidence) {
    let (mut record, mut evidence) = sound();
    evidence.events[0].event.data = EventData::AppointmentConfirmed(facts(NINE));
    evidence.events[2].event.data = EventData::AppointmentPaymentVerified(facts(NINE + 300));
    evidence.events[2].event.delivery = None;
    record.changes[2].kind = EventType::AppointmentPaymentVerified;
    let unverified = Some(Payment::Unverified { at: at(1) });
    let before = |changes| Appointment { payment: unverified.clone(), ..row(Status::Confirmed, changes) };
    record.orders[0].made = Some(shown(&before(1)));
    for change in &mut record.changes[..2] {
        change.done = Some(shown(&before(2)));
    }
    evidence.mails.remove("mail 3");
    evidence.events[2].message_id = None;
    (record, evidence)
}

#[test]
fn money_that_nobody_has_seen_is_found() {
    check(|_, evidence| evidence.appointments[0].payment = None, "word is its payment");
    check(|_, evidence| evidence.appointments[0].refund = None, "word is its payment");
    check(
        |_, evidence| evidence.events[0].event.data = EventData::AppointmentConfirmed(facts(NINE)),
        "cannot have",
    );

    let (record, evidence) = on_her_word();
    assert_eq!(judge(&record, &evidence), [""; 0]);
    // Given back though the desk had not verified it; verified, but not in the row.
    check_in(on_her_word(), |_, evidence| drop(evidence.events.remove(2)), "Customers word is its payment");
    check_in(
        on_her_word(),
        |_, evidence| evidence.appointments[0].payment = Some(Payment::Unverified { at: at(1) }),
        "Salons word is its payment",
    );
    // What the desk booked was paid, and is not verified; nor is anything twice.
    check_in(
        on_her_word(),
        |_, evidence| evidence.events[0].event.actor = Actor::User(DESK),
        "verified nothing",
    );
    check_in(
        on_her_word(),
        |_, evidence| {
            let mut again = evidence.events[2].clone();
            again.event.id = EventId::derived([9; 16]);
            evidence.events.push(again);
        },
        "verified nothing",
    );
}

#[test]
fn one_open_reservation_too_many_is_found() {
    let open = |number: u8| {
        let id = AppointmentId::derived([number; 16]);
        let payment = Some(Payment::Unverified { at: at(1) });
        let row = Appointment { id, payment, ..row(Status::Confirmed, 1) };
        let mut told = told(number, EventData::AppointmentConfirmed((&row).into()), Actor::User(ADA));
        told.event.subjects.appointment_id = Some(id);
        (row, told)
    };
    let with = |numbers: &[u8]| {
        let (appointments, events): (Vec<_>, Vec<_>) = numbers.iter().map(|number| open(*number)).unzip();
        let mails = events.iter().filter_map(|told| told.message_id.clone()).collect();
        let orders =
            appointments.iter().map(|row| Order { by: ADA, customer: ADA, made: Some(shown(row)) }).collect();
        let record = Record { orders, ..Record::default() };
        let evidence =
            Evidence { appointments, events, mails, max_open: 1, now: at(NINE), ..Evidence::default() };
        judge(&record, &evidence)
    };
    assert_eq!(with(&[1]), [""; 0]);
    assert_eq!(with(&[1, 2]), [format!("{ADA} has 2 open reservations")]);
}

#[test]
fn a_setting_holds_while_it_is_written_and_until_the_next_is() {
    let begun = std::time::Instant::now();
    let second = |count: u64| begun + std::time::Duration::from_secs(count);
    let setting = |pay_now, from, until| Setting { pay_now, begun: second(from), ended: second(until) };
    let settings =
        vec![setting(PayNow::Anyone, 0, 1), setting(PayNow::Staff, 5, 6), setting(PayNow::Anyone, 8, 9)];
    let record = Record { settings, ..Record::default() };
    for (from, until, anyone, staff) in [
        (2, 4, true, false),
        (2, 5, true, true),
        (6, 7, true, true),
        (7, 7, false, true),
        (10, 11, true, false),
    ] {
        let can_be = |pay_now| record.can_have_been(pay_now, second(from), second(until));
        let found = (can_be(PayNow::Anyone), can_be(PayNow::Staff));
        assert_eq!(found, (anyone, staff), "{from} to {until}");
    }
}

#[test]
fn lost_and_repeated_mails_are_found() {
    check(|_, evidence| evidence.mails.clear(), "its mail is lost");
    check(
        |_, evidence| {
            evidence.mails.insert("mail 5".to_owned());
        },
        "1 mails came once more, 0 may have",
    );
    for open in [Delivery::Pending, Delivery::Sending, Delivery::Failed] {
        check(|_, evidence| evidence.events[1].event.delivery = Some(open), "its delivery is");
    }
    check(|_, evidence| evidence.events[3].event.delivery = Some(Delivery::Skipped), "nobody was told");
    check(
        |_, evidence| evidence.events[0].message_id = Some("mail 2".to_owned()),
        "its mail is another event's",
    );
    let (record, mut evidence) = sound();
    evidence.events[1].event.delivery = Some(Delivery::Skipped);
    evidence.duplicates_allowed = 1;
    assert_eq!(
        judge(&record, &evidence),
        [""; 0],
        "it was sent, its sender killed, and then it had been moved again"
    );
}
