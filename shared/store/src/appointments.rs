//! Table `appointments`: appointments, and each expert's days as cells that are there or not.
//!
//! Booking is one transaction: the appointment (condition: absent), the cells that it needs (condition: each
//! absent), the event. Nothing is read first, so nothing can change between a look and a write, and two
//! bookings that overlap collide whatever their lengths. See `docs/data-model.md` for the rows.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, TransactWriteItem};
use chairbook_models::appointment::{Appointment, Status};
use chairbook_models::day::{DayPart, ExpertDay, Holder, InTheWay, Span};
use chairbook_models::event::Event;
use chairbook_models::ids::{AppointmentId, ExpertId, UserId};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::item::{Item, from_item, instant, s, text, to_item};
use crate::transaction::{Outcome, Refusal, create, finish, update};
use crate::{Store, StoreError, keys, meter};

/// Over how many partitions of the index `holds` unpaid reservations are spread.
pub(crate) const HOLD_SHARDS: u8 = 4;

/// How often a booking tries to take over run-out holds before it gives the slot up as taken.
const TAKE_OVERS: u32 = 3;

/// What tells a repeated request from another one that reuses its key: the SHA-256 of what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The hash of the request.
    pub request_sha256: String,
}

/// What came of a booking.
#[derive(Debug, Clone, PartialEq)]
pub enum BookOutcome {
    /// It is booked.
    Booked,
    /// It had been booked by the same request before.
    Repeated(Box<Appointment>),
    /// Another request has used the same idempotency key.
    KeyReused,
    /// A cell that it needs is taken.
    Taken,
}

/// Where a page of appointments begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageKey {
    /// The last appointment of the page before.
    pub id: AppointmentId,
    /// When it was booked (UTC).
    pub created_at: Timestamp,
}

/// A page of appointments.
#[derive(Debug, Clone, PartialEq)]
pub struct AppointmentPage {
    /// The appointments.
    pub items: Vec<Appointment>,
    /// Where the next page begins, if there is one.
    pub next: Option<PageKey>,
}

/// The attribute of a cell: `c000` to `c287`.
fn cell(number: u16) -> String {
    format!("c{number:03}")
}

/// The attribute that says whose appointment begins at a cell: `a000` to `a287`.
fn holder(number: u16) -> String {
    format!("a{number:03}")
}

/// A holder, short: DynamoDB bills an update by the whole item's size, and a day has many. The id, how many
/// cells, and until when (seconds since 1970) a reservation is held.
fn holder_value(holder: &Holder) -> AttributeValue {
    let until = holder.until.map_or_else(String::new, |until| format!(" {}", until.as_second()));
    s(format!("{} {}{until}", holder.appointment_id, holder.cells))
}

fn read_holder(value: &str) -> Option<Holder> {
    let mut parts = value.split(' ');
    let appointment_id = parts.next()?.parse().ok()?;
    let cells = parts.next()?.parse().ok()?;
    let until = match parts.next() {
        None => None,
        Some(seconds) => Some(Timestamp::from_second(seconds.parse().ok()?).ok()?),
    };
    Some(Holder { appointment_id, cells, until })
}

fn read_day(item: &Item) -> ExpertDay {
    let place =
        |name: &str, kind: char| name.strip_prefix(kind).filter(|n| n.len() == 3)?.parse::<u16>().ok();
    let cells = item.keys().filter_map(|name| place(name, 'c'));
    let holders: BTreeMap<u16, Holder> = item
        .keys()
        .filter_map(|name| Some((place(name, 'a')?, text(item, name).and_then(read_holder)?)))
        .collect();
    ExpertDay::new(cells, holders)
}

/// The holder that an appointment leaves in one part of its span.
fn holder_of(appointment: &Appointment, part: DayPart) -> Holder {
    Holder { appointment_id: appointment.id, cells: part.len(), until: appointment.expires_at }
}

fn span(appointment: &Appointment) -> Span {
    Span { start: appointment.starts_at, end: appointment.blocked_until }
}

fn appointment_item(appointment: &Appointment, idempotency: Option<&str>) -> Result<Item, StoreError> {
    let mut item = to_item(keys::appointment(appointment.id), appointment)?;
    for (name, at) in [
        ("created_at", Some(appointment.created_at)),
        ("starts_at", Some(appointment.starts_at)),
        ("expires_at", appointment.expires_at),
    ] {
        if let Some(at) = at {
            item.insert(name.to_owned(), s(instant(at)));
        }
    }
    if appointment.status == Status::Reserved {
        let shard = appointment.id.to_bytes()[15] % HOLD_SHARDS;
        item.insert("hold_shard".to_owned(), s(shard.to_string()));
    }
    if let Some(sha256) = idempotency {
        item.insert("request_sha256".to_owned(), s(sha256));
    }
    Ok(item)
}

/// The change of an expert's day that frees the cells of holders and takes others.
struct DayChange {
    take: Vec<u16>,
    take_as: Option<(u16, Holder)>,
    free: Vec<(u16, Holder)>,
}

impl DayChange {
    /// Takes a part of an appointment's span; the cells of `run_out` holders may be in the way.
    fn take(appointment: &Appointment, part: DayPart, run_out: Vec<(u16, Holder)>) -> Self {
        Self {
            take: part.cells().collect(),
            take_as: Some((part.first, holder_of(appointment, part))),
            free: run_out,
        }
    }

    /// Frees a part of an appointment's span.
    fn free(appointment: &Appointment, part: DayPart) -> Self {
        Self { take: Vec::new(), take_as: None, free: vec![(part.first, holder_of(appointment, part))] }
    }

    fn write(self, table: &str, expert: ExpertId, date: Date) -> Result<TransactWriteItem, StoreError> {
        let freed: Vec<u16> =
            self.free.iter().flat_map(|(first, holder)| *first..first + holder.cells).collect();
        let mut set: Vec<String> = self.take.iter().map(|&number| format!("{} = :y", cell(number))).collect();
        let mut remove: Vec<String> =
            freed.iter().filter(|number| !self.take.contains(number)).map(|&number| cell(number)).collect();
        let mut conditions: Vec<String> = self
            .take
            .iter()
            .filter(|number| !freed.contains(number))
            .map(|&number| format!("attribute_not_exists({})", cell(number)))
            .collect();
        let mut write = update(table, keys::expert_day(expert, date));
        for (place, (first, held)) in self.free.iter().enumerate() {
            let name = holder(*first);
            // Only what still belongs to this appointment is freed.
            conditions.push(format!("{name} = :free{place}"));
            write = write.expression_attribute_values(format!(":free{place}"), holder_value(held));
            if self.take_as.as_ref().is_none_or(|(taken, _)| taken != first) {
                remove.push(name);
            }
        }
        if let Some((first, held)) = &self.take_as {
            set.push(format!("{} = :holder", holder(*first)));
            write = write
                .expression_attribute_values(":holder", holder_value(held))
                .expression_attribute_values(":y", AttributeValue::Bool(true));
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

/// A reservation that has run out, and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Expiry {
    /// The reservation as it stands.
    pub reserved: Appointment,
    /// The same, expired.
    pub expired: Appointment,
    /// The event that tells of it.
    pub event: Event,
}

impl Store {
    /// Books an appointment, or says why not; all of it, or nothing.
    ///
    /// Reservations that have run out but have not been swept yet do not stand in the way: `expire` says what
    /// becomes of one, and it is expired in the transaction that books.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be booked or not.
    pub async fn book(
        &self,
        appointment: &Appointment,
        idempotency: Option<&Idempotency>,
        event: &Event,
        now: Timestamp,
        expire: impl Fn(Appointment) -> Option<Expiry> + Send + Sync,
    ) -> Result<BookOutcome, StoreError> {
        let parts = span(appointment).parts();
        let mut expiries: Vec<Expiry> = Vec::new();
        let mut run_out: Vec<Vec<(u16, Holder)>> = vec![Vec::new(); parts.len()];
        'look: for _ in 0..=TAKE_OVERS {
            let writes = self.booking_writes(appointment, idempotency, event, &parts, run_out, &expiries)?;
            let refusals = match self.transact(writes).await? {
                Outcome::Committed => return Ok(BookOutcome::Booked),
                Outcome::Refused(refusals) => refusals,
            };
            if let Some(Refusal { failed: true, found }) = refusals.first() {
                return repeated(found.clone().unwrap_or_default(), idempotency);
            }
            // Some holds in the way have run out, or an earlier look at them is out of date: look again.
            let Some(holds) = self.holds_in_the_way(appointment, &parts, &refusals, now).await? else {
                return Ok(BookOutcome::Taken);
            };
            expiries.clear();
            run_out = vec![Vec::new(); parts.len()];
            for id in holds.iter().flatten().map(|(_, holder)| holder.appointment_id) {
                if expiries.iter().any(|expiry| expiry.reserved.id == id) {
                    continue;
                }
                let Some(expiry) = self.appointment(id).await?.and_then(&expire) else {
                    // Somebody has ended it since the day was looked at: its cells may be free by now.
                    expiries.clear();
                    continue 'look;
                };
                expiries.push(expiry);
            }
            run_out = holds;
        }
        Ok(BookOutcome::Taken)
    }

    /// What came of the request that used the same idempotency key before, if there was one: for a repeat that
    /// the rules would refuse by now.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be looked up.
    pub async fn repeated(
        &self,
        id: AppointmentId,
        idempotency: &Idempotency,
    ) -> Result<Option<BookOutcome>, StoreError> {
        let found = self.get(self.appointments()?, keys::appointment(id), true).await?;
        found.map(|found| repeated(found, Some(idempotency))).transpose()
    }

    fn booking_writes(
        &self,
        appointment: &Appointment,
        idempotency: Option<&Idempotency>,
        event: &Event,
        parts: &[DayPart],
        run_out: Vec<Vec<(u16, Holder)>>,
        expiries: &[Expiry],
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let table = self.appointments()?;
        let sha256 = idempotency.map(|idempotency| idempotency.request_sha256.as_str());
        let mut writes = vec![create(table, appointment_item(appointment, sha256)?)?];
        for (part, run_out) in parts.iter().zip(run_out) {
            let change = DayChange::take(appointment, *part, run_out);
            writes.push(change.write(table, appointment.expert_id, part.date)?);
        }
        writes.push(self.event_write(event)?);
        for expiry in expiries {
            writes.push(appointment_write(table, &expiry.reserved, &expiry.expired)?);
            writes.push(self.event_write(&expiry.event)?);
            // A run-out hold may reach into a day that the new appointment does not touch.
            for part in span(&expiry.reserved).parts() {
                if parts.iter().all(|taken| taken.date != part.date) {
                    let change = DayChange::free(&expiry.reserved, part);
                    writes.push(change.write(table, expiry.reserved.expert_id, part.date)?);
                }
            }
        }
        Ok(writes)
    }

    /// For each part of an appointment's span the run-out holds in its way; `None` when a cell is taken for
    /// good.
    async fn holds_in_the_way(
        &self,
        appointment: &Appointment,
        parts: &[DayPart],
        refusals: &[Refusal],
        now: Timestamp,
    ) -> Result<Option<Vec<Vec<(u16, Holder)>>>, StoreError> {
        let mut holds = Vec::with_capacity(parts.len());
        for (place, part) in parts.iter().enumerate() {
            // The failed condition brought the day's item along; a part whose condition held is looked up.
            let found = refusals.get(place + 1).filter(|refusal| refusal.failed);
            let day = if let Some(item) = found.and_then(|refusal| refusal.found.as_ref()) {
                read_day(item)
            } else {
                let key = keys::expert_day(appointment.expert_id, part.date);
                let item = self.get(self.appointments()?, key, true).await?;
                item.as_ref().map_or_else(ExpertDay::default, read_day)
            };
            match day.in_the_way(*part, now) {
                InTheWay::Nothing => holds.push(Vec::new()),
                InTheWay::RunOutHolds(found) => holds.push(found),
                InTheWay::Taken => return Ok(None),
            }
        }
        Ok(Some(holds))
    }

    /// One appointment.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be read.
    pub async fn appointment(&self, id: AppointmentId) -> Result<Option<Appointment>, StoreError> {
        self.get(self.appointments()?, keys::appointment(id), true).await?.map(from_item).transpose()
    }

    /// A customer's appointments, the latest booked first; those of one status if given.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn appointments_of(
        &self,
        user: UserId,
        keep: impl Fn(&Appointment) -> bool,
        limit: usize,
        after: Option<PageKey>,
    ) -> Result<AppointmentPage, StoreError> {
        let mut start = after.map(|key| {
            let primary = keys::appointment(key.id);
            Item::from([
                ("pk".to_owned(), s(primary.pk)),
                ("sk".to_owned(), s(primary.sk)),
                ("user_id".to_owned(), s(user.to_string())),
                ("created_at".to_owned(), s(instant(key.created_at))),
            ])
        });
        let mut items: Vec<Appointment> = Vec::new();
        loop {
            let call = self
                .client
                .query()
                .table_name(self.appointments()?)
                .index_name("by_user")
                .key_condition_expression("user_id = :user")
                .expression_attribute_values(":user", s(user.to_string()))
                .scan_index_forward(false)
                .limit(i32::try_from(limit.saturating_add(1)).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send();
            let page = meter::metered(call).await?;
            for item in page.items.unwrap_or_default() {
                let appointment = from_item(item)?;
                if keep(&appointment) {
                    items.push(appointment);
                }
            }
            start = page.last_evaluated_key;
            if items.len() > limit || start.is_none() {
                break;
            }
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next =
            items.last().filter(|_| more).map(|last| PageKey { id: last.id, created_at: last.created_at });
        Ok(AppointmentPage { items, next })
    }

    /// The days of an expert from one UTC date to another, those on which anything is booked.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn expert_days(
        &self,
        expert: ExpertId,
        from: Date,
        to: Date,
    ) -> Result<Vec<(Date, ExpertDay)>, StoreError> {
        let first = keys::expert_day(expert, from);
        let last = keys::expert_day(expert, to);
        let mut days = Vec::new();
        let mut start = None;
        loop {
            let call = self
                .client
                .query()
                .table_name(self.appointments()?)
                .key_condition_expression("pk = :expert AND sk BETWEEN :from AND :to")
                .expression_attribute_values(":expert", s(&first.pk))
                .expression_attribute_values(":from", s(&first.sk))
                .expression_attribute_values(":to", s(&last.sk))
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send();
            let page = meter::metered(call).await?;
            for item in page.items.unwrap_or_default() {
                let date = text(&item, "sk")
                    .and_then(|sk| sk.strip_prefix("DAY#"))
                    .and_then(|date| date.parse().ok())
                    .ok_or_else(|| StoreError::Malformed("an expert's day without a date".to_owned()))?;
                days.push((date, read_day(&item)));
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(days);
            }
        }
    }

    /// Ends an appointment (`before` becomes `after`, which is cancelled or expired) and frees its cells.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when it is no longer as `before` says.
    pub async fn end_appointment(
        &self,
        before: &Appointment,
        after: &Appointment,
        event: &Event,
    ) -> Result<(), StoreError> {
        let table = self.appointments()?;
        let mut writes = vec![appointment_write(table, before, after)?];
        for part in span(before).parts() {
            writes.push(DayChange::free(before, part).write(table, before.expert_id, part.date)?);
        }
        writes.push(self.event_write(event)?);
        self.transact_or_changed(writes).await
    }

    /// The shards of the index of unpaid reservations.
    pub fn hold_shards() -> impl Iterator<Item = u8> {
        0..HOLD_SHARDS
    }

    /// A page of a shard's reservations whose hold has run out, the longest overdue first.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn run_out_holds(
        &self,
        shard: u8,
        now: Timestamp,
        limit: i32,
    ) -> Result<Vec<Appointment>, StoreError> {
        let call = self
            .client
            .query()
            .table_name(self.appointments()?)
            .index_name("holds")
            .key_condition_expression("hold_shard = :shard AND expires_at <= :now")
            .expression_attribute_values(":shard", s(shard.to_string()))
            .expression_attribute_values(":now", s(instant(now)))
            .limit(limit)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send();
        meter::metered(call).await?.items.unwrap_or_default().into_iter().map(from_item).collect()
    }
}

/// What the row found under a new appointment's id means.
fn repeated(found: Item, idempotency: Option<&Idempotency>) -> Result<BookOutcome, StoreError> {
    let same = idempotency
        .is_some_and(|asked| text(&found, "request_sha256") == Some(asked.request_sha256.as_str()));
    if same { Ok(BookOutcome::Repeated(Box::new(from_item(found)?))) } else { Ok(BookOutcome::KeyReused) }
}

/// The update that makes an appointment's row say `after`, provided that it says `before`.
pub(crate) fn appointment_write(
    table: &str,
    before: &Appointment,
    after: &Appointment,
) -> Result<TransactWriteItem, StoreError> {
    let old = appointment_item(before, None)?;
    let new = appointment_item(after, None)?;
    let mut write = update(table, keys::appointment(before.id))
        .condition_expression("#version = :before")
        .expression_attribute_names("#version", "version")
        .expression_attribute_values(":before", AttributeValue::N(before.version.to_string()));
    let mut set = Vec::new();
    let mut remove = Vec::new();
    for (place, (name, value)) in new.iter().filter(|(name, value)| old.get(*name) != Some(value)).enumerate()
    {
        let alias = if name == "version" { "#version".to_owned() } else { format!("#s{place}") };
        set.push(format!("{alias} = :s{place}"));
        write = write
            .expression_attribute_names(alias, name)
            .expression_attribute_values(format!(":s{place}"), value.clone());
    }
    for (place, name) in old.keys().filter(|name| !new.contains_key(*name)).enumerate() {
        remove.push(format!("#r{place}"));
        write = write.expression_attribute_names(format!("#r{place}"), name);
    }
    let mut expression = format!("SET {}", set.join(", "));
    if !remove.is_empty() {
        expression = format!("{expression} REMOVE {}", remove.join(", "));
    }
    finish(write.update_expression(expression))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_read_back_as_it_was_written() {
        for until in [None, Some(Timestamp::from_second(1_800_000_000).unwrap())] {
            let holder = Holder { appointment_id: AppointmentId::derived([9; 16]), cells: 12, until };
            let AttributeValue::S(text) = holder_value(&holder) else { panic!("a string") };
            assert_eq!(read_holder(&text), Some(holder));
        }
    }

    #[test]
    fn a_day_is_read_from_its_attributes_alone() {
        let id = AppointmentId::derived([9; 16]);
        let item = Item::from([
            ("pk".to_owned(), s("EXPERT#x")),
            ("c108".to_owned(), AttributeValue::Bool(true)),
            ("c109".to_owned(), AttributeValue::Bool(true)),
            ("a108".to_owned(), s(format!("{id} 2"))),
        ]);
        let holder = Holder { appointment_id: id, cells: 2, until: None };
        assert_eq!(read_day(&item), ExpertDay::new([108, 109], BTreeMap::from([(108, holder)])));
    }
}
