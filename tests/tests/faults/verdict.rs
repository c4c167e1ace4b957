//! Whether what a walk left behind is what its clients were told: a comparison of plain data, which
//! `verdict_tests.rs` shows to fail when it should.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chairbook_models::appointment::payment::Payment;
use chairbook_models::appointment::{Appointment, Status};
use chairbook_models::event::{Actor, Delivery, Event, EventData, EventType};
use chairbook_models::ids::{AppointmentId, UserId};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::record::{Order, Record, Shown};

/// An event, and what became of its mail.
#[derive(Debug, Clone, Deserialize)]
pub struct Told {
    #[serde(flatten)]
    pub event: Event,
    /// SES's id of its mail.
    pub message_id: Option<String>,
    /// Why it was skipped.
    pub delivery_reason: Option<String>,
}

/// What is there when all has come to rest.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    pub appointments: Vec<Appointment>,
    pub events: Vec<Told>,
    /// The ids of the mails in the mailbox.
    pub mails: BTreeSet<String>,
    /// How many open reservations a customer may have.
    pub max_open: usize,
    /// Mails that may have been sent before their sender could say so.
    pub duplicates_allowed: usize,
    /// When it was looked at.
    pub now: Timestamp,
}

/// Everything in which the evidence is not what was told.
pub fn judge(record: &Record, evidence: &Evidence) -> Vec<String> {
    let mut histories: BTreeMap<AppointmentId, Vec<&Told>> = BTreeMap::new();
    for told in &evidence.events {
        if let (Some(id), Some(_)) = (told.event.subjects.appointment_id, rank(told.event.event_type())) {
            histories.entry(id).or_default().push(told);
        }
    }
    for history in histories.values_mut() {
        history.sort_by_key(|told| (told.event.at.as_millisecond(), rank(told.event.event_type())));
    }
    let mut problems = Vec::new();
    let rows: BTreeMap<_, _> = evidence.appointments.iter().map(|row| (row.id, row)).collect();
    if rows.len() != evidence.appointments.len() {
        problems.push("an appointment is there twice".to_owned());
    }
    for (id, row) in &rows {
        let history = histories.get(id).map_or(&[][..], Vec::as_slice);
        problems.extend(replay(row, history).err().map(|problem| format!("{id}: {problem}")));
        // That a payment was verified, nobody is told.
        let is_told = |told: &&&Told| told.event.event_type() != EventType::AppointmentPaymentVerified;
        problems.extend(unsent(history.iter().rev().find(is_told).copied(), row, evidence.now));
    }
    problems.extend(
        histories.keys().filter(|id| !rows.contains_key(id)).map(|id| format!("{id} has events, but no row")),
    );
    problems.extend(unexplained(record, &rows, &histories));
    problems.extend(deliveries(evidence));
    problems.extend(too_many_open(evidence, &histories));
    problems
}

/// Customers who have more open reservations than they may, of those that they booked and nobody else has moved.
fn too_many_open(evidence: &Evidence, histories: &BTreeMap<AppointmentId, Vec<&Told>>) -> Vec<String> {
    let mut open: BTreeMap<UserId, usize> = BTreeMap::new();
    for row in evidence.appointments.iter().filter(|row| row.is_open(evidence.now)) {
        let history = histories.get(&row.id).map_or(&[][..], Vec::as_slice);
        if history.iter().all(|told| told.event.actor == Actor::User(row.user_id)) {
            *open.entry(row.user_id).or_default() += 1;
        }
    }
    let many = open.into_iter().filter(|(_, count)| *count > evidence.max_open);
    many.map(|(user, count)| format!("{user} has {count} open reservations")).collect()
}

/// Which of two changes of an appointment in one millisecond was first; nothing for what does not change one.
const fn rank(event_type: EventType) -> Option<u8> {
    match event_type {
        EventType::AppointmentReserved => Some(0),
        EventType::AppointmentConfirmed => Some(1),
        EventType::AppointmentRescheduled | EventType::AppointmentPaymentVerified => Some(2),
        EventType::AppointmentCancelled
        | EventType::AppointmentExpired
        | EventType::AppointmentCompleted
        | EventType::AppointmentNoShow => Some(3),
        _ => None,
    }
}

fn status_after(event_type: EventType, before: Option<Status>) -> Option<Status> {
    Some(match (event_type, before) {
        (EventType::AppointmentReserved, None) => Status::Reserved,
        (EventType::AppointmentConfirmed, None | Some(Status::Reserved)) => Status::Confirmed,
        (EventType::AppointmentRescheduled, Some(status @ (Status::Reserved | Status::Confirmed)))
        | (
            EventType::AppointmentPaymentVerified,
            Some(status @ (Status::Confirmed | Status::Completed | Status::NoShow)),
        ) => status,
        (EventType::AppointmentCancelled, Some(Status::Reserved | Status::Confirmed)) => Status::Cancelled,
        (EventType::AppointmentExpired, Some(Status::Reserved)) => Status::Expired,
        (EventType::AppointmentCompleted, Some(Status::Confirmed)) => Status::Completed,
        (EventType::AppointmentNoShow, Some(Status::Confirmed)) => Status::NoShow,
        _ => return None,
    })
}

/// Whose word an appointment's payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paid {
    Nobodys,
    Customers,
    Salons,
}

fn paid_after(event: &Event, row: &Appointment, before: Option<Status>, paid: Paid) -> Option<Paid> {
    Some(match event.event_type() {
        EventType::AppointmentConfirmed if before.is_none() && event.actor == Actor::User(row.user_id) => {
            Paid::Customers
        }
        EventType::AppointmentConfirmed => Paid::Salons,
        EventType::AppointmentPaymentVerified if paid == Paid::Customers => Paid::Salons,
        EventType::AppointmentPaymentVerified => return None,
        _ => paid,
    })
}

/// In what a row's payment is not what its events say; nothing if it is.
fn mispaid(row: &Appointment, paid: Paid) -> Option<String> {
    let is = match &row.payment {
        None => Paid::Nobodys,
        Some(Payment::Unverified { .. }) => Paid::Customers,
        Some(Payment::Verified(_)) => Paid::Salons,
    };
    let amount = row.verified_payment().map(|payment| payment.amount);
    let to_give_back = amount.filter(|_| row.status == Status::Cancelled);
    let given_back = row.refund.map(|refund| refund.amount);
    let is_right = is == paid && given_back == to_give_back && amount.is_none_or(|it| it == row.total_price);
    (!is_right)
        .then(|| format!("{paid:?} word is its payment, but it has {:?}, {:?}", row.payment, row.refund))
}

/// Goes through an appointment's events: they must lead to its row, one version each.
fn replay(row: &Appointment, history: &[&Told]) -> Result<(), String> {
    let (mut status, mut starts_at, mut paid) = (None, None, Paid::Nobodys);
    let names: Vec<_> = history.iter().map(|told| told.event.event_type().as_str()).collect();
    for told in history {
        let event = &told.event;
        paid = paid_after(event, row, status, paid).ok_or_else(|| format!("verified nothing: {names:?}"))?;
        status = Some(
            status_after(event.event_type(), status)
                .ok_or_else(|| format!("cannot have become {names:?}"))?,
        );
        match &event.data {
            EventData::AppointmentRescheduled { appointment, previous } => {
                let from = Some(previous.starts_at);
                if from != starts_at {
                    return Err(format!("was at {starts_at:?}, but moved from {from:?}"));
                }
                starts_at = Some(appointment.starts_at);
            }
            EventData::AppointmentReserved(made) | EventData::AppointmentConfirmed(made) => {
                starts_at = starts_at.or(Some(made.starts_at));
            }
            _ => {}
        }
    }
    if history.is_empty() {
        return Err("a row without events".to_owned());
    }
    if status != Some(row.status) {
        return Err(format!("is {:?} after {names:?}", row.status));
    }
    if let Some(problem) = mispaid(row, paid) {
        return Err(problem);
    }
    if starts_at != Some(row.starts_at) {
        return Err(format!("begins at {}, not at {starts_at:?}", row.starts_at));
    }
    if usize::try_from(row.version) != Ok(history.len()) {
        return Err(format!("has version {} after {names:?}", row.version));
    }
    Ok(())
}

/// What came last of an appointment is told, unless it tells by itself that nobody needs to hear of it.
fn unsent(last: Option<&Told>, row: &Appointment, now: Timestamp) -> Option<String> {
    let last = last?;
    let delivery = last.event.delivery?;
    let is_over = last.delivery_reason.as_deref() == Some("appointment_over") && row.ends_at <= now;
    (delivery != Delivery::Sent && !is_over).then(|| {
        format!("{}: nobody was told of {:?}: {:?}", row.id, last.event.event_type(), last.delivery_reason)
    })
}

/// A change of one appointment by somebody, or by nobody: what it was, and its millisecond.
type Deed = (AppointmentId, EventType, Option<UserId>, i64);

/// Answers without an event, and events that nobody asked for.
fn unexplained(
    record: &Record,
    rows: &BTreeMap<AppointmentId, &Appointment>,
    histories: &BTreeMap<AppointmentId, Vec<&Told>>,
) -> Vec<String> {
    let mut problems = Vec::new();
    let mut deeds: BTreeSet<Deed> = BTreeSet::new();
    for (id, history) in histories {
        // The first event is the booking itself.
        for event in history.iter().skip(1).map(|told| &told.event) {
            let by = match event.actor {
                Actor::System if event.event_type() == EventType::AppointmentExpired => continue,
                Actor::System => None,
                Actor::User(user) => Some(user),
            };
            if !deeds.insert((*id, event.event_type(), by, event.at.as_millisecond())) {
                problems.push(format!("{id}: {:?} is there twice", event.event_type()));
            }
        }
    }
    let shown = record.changes.iter().filter_map(|change| change.done.as_ref());
    let shown = shown.chain(record.orders.iter().filter_map(|order| order.made.as_ref()));
    problems.extend(shown.filter_map(|shown| differs(shown, rows.get(&shown.id)?)));
    let mut unknown: BTreeMap<(AppointmentId, EventType, UserId), usize> = BTreeMap::new();
    for change in &record.changes {
        let Some(done) = &change.done else {
            *unknown.entry((change.id, change.kind, change.by)).or_default() += 1;
            continue;
        };
        let at = done.updated_at.as_millisecond();
        let history = histories.get(&change.id).map_or(&[][..], Vec::as_slice);
        // Who moves something to where it is, is shown it as it was left.
        let is_as_it_was = change.kind == EventType::AppointmentRescheduled
            && history.iter().any(|told| told.event.at.as_millisecond() == at);
        if !deeds.remove(&(change.id, change.kind, Some(change.by), at)) && !is_as_it_was {
            problems
                .push(format!("{}: {:?} was answered, but is lost: {}", change.id, change.kind, done.json));
        }
    }
    for (id, kind, by, at) in deeds {
        let asked = by.and_then(|user| unknown.get_mut(&(id, kind, user)).filter(|left| **left > 0));
        match asked {
            Some(left) => *left -= 1,
            None => problems.push(format!("{id}: nobody asked for {kind:?} at {at}, of {by:?}")),
        }
    }
    problems.extend(orders(&record.orders, rows, histories));
    problems
}

/// What the API shows of a row, as far as a walk keeps it.
fn as_shown(row: &Appointment) -> Value {
    json!({
        "status": row.status,
        "paymentStatus": row.payment_status(),
        "payment": payment_as_shown(row),
        "refund": row.refund,
        "expertId": row.expert_id,
        "date": row.date,
        "startsAt": row.starts_at,
        "endsAt": row.ends_at,
        "totalPrice": row.total_price,
    })
}

fn payment_as_shown(row: &Appointment) -> Value {
    match &row.payment {
        None => Value::Null,
        Some(Payment::Unverified { at }) => {
            json!({"method": "unverified", "reference": null, "amount": row.total_price, "at": at})
        }
        Some(Payment::Verified(paid)) => {
            json!({"method": paid.method, "reference": paid.reference, "amount": paid.amount, "at": paid.at})
        }
    }
}

/// In what a row is not as it was last shown; nothing if it has changed since.
fn differs(shown: &Shown, row: &Appointment) -> Option<String> {
    let is = as_shown(row);
    let is_last = shown.updated_at == row.updated_at;
    let differs = is.as_object()?.iter().any(|(name, value)| shown.json[name.as_str()] != *value);
    (is_last && differs).then(|| format!("{} was shown as {}, but is {is}", row.id, shown.json))
}

/// Bookings that are lost, and appointments that nobody booked.
fn orders(
    orders: &[Order],
    rows: &BTreeMap<AppointmentId, &Appointment>,
    histories: &BTreeMap<AppointmentId, Vec<&Told>>,
) -> Vec<String> {
    let mut problems = Vec::new();
    let mut unknown: HashMap<(Actor, UserId), usize> = HashMap::new();
    let mut made: BTreeSet<AppointmentId> = BTreeSet::new();
    let booker = |id| histories.get(id)?.first().map(|told| told.event.actor);
    for order in orders {
        let by = Actor::User(order.by);
        let Some(shown) = &order.made else {
            *unknown.entry((by, order.customer)).or_default() += 1;
            continue;
        };
        if !made.insert(shown.id) {
            problems.push(format!("{} was answered to two orders", shown.id));
        }
        let is_there =
            |row: &&Appointment| (row.user_id, row.created_at) == (order.customer, shown.created_at);
        if !rows.get(&shown.id).is_some_and(is_there) {
            problems.push(format!("{} was booked, but is lost", shown.id));
        }
        if booker(&shown.id) != Some(by) {
            problems.push(format!("{} was booked by {by:?}, its event says otherwise", shown.id));
        }
    }
    for row in rows.values().filter(|row| !made.contains(&row.id)) {
        let asked =
            booker(&row.id).and_then(|by| unknown.get_mut(&(by, row.user_id)).filter(|left| **left > 0));
        match asked {
            Some(left) => *left -= 1,
            None => problems.push(format!("{} was booked by nobody", row.id)),
        }
    }
    problems
}

/// Every event came to its end, and every mail is one event's; but for those whose sender was killed.
fn deliveries(evidence: &Evidence) -> Vec<String> {
    let mut problems = Vec::new();
    let mut sent: BTreeSet<&str> = BTreeSet::new();
    for told in &evidence.events {
        let what = || format!("{} ({})", told.event.id, told.event.event_type().as_str());
        match (told.event.delivery, told.message_id.as_deref()) {
            (Some(Delivery::Sent), Some(id)) => {
                if !evidence.mails.contains(id) {
                    problems.push(format!("{}: its mail is lost", what()));
                }
                if !sent.insert(id) {
                    problems.push(format!("{}: its mail is another event's", what()));
                }
            }
            (None | Some(Delivery::Skipped), _) => {}
            (delivery, _) => problems.push(format!("{}: its delivery is {delivery:?}", what())),
        }
    }
    let others = evidence.mails.iter().filter(|id| !sent.contains(id.as_str())).count();
    if others > evidence.duplicates_allowed {
        let allowed = evidence.duplicates_allowed;
        problems.push(format!("{others} mails came once more, {allowed} may have"));
    }
    problems
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
