//! Table `appointments`: booking an appointment, and whatever becomes of it.
//!
//! Booking is one transaction: the appointment (condition: absent), the cells that it needs (condition: each
//! absent), the event. Nothing is read first, so nothing can change between a look and a write, and two
//! bookings that overlap collide whatever their lengths. Moving is the same with an appointment that is there
//! already: its cells are freed where the new ones are taken. See `docs/data-model.md` for the rows.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use chairbook_models::appointment::{Appointment, Status};
use chairbook_models::day::{ExpertDay, InTheWay};
use chairbook_models::event::Event;
use chairbook_models::ids::AppointmentId;
use futures_util::future::try_join_all;
use jiff::Timestamp;

use crate::busy_weeks::week_writes;
use crate::expert_days::{DayWrite, day_writes, parts, read_day};
use crate::item::{Item, from_item, instant, s, text, to_item};
use crate::transaction::{Outcome, Refusal, check, create, finish, finish_check, update};
use crate::users::IS_ACCOUNT;
use crate::{Reader, Store, StoreError, keys};

/// Over how many partitions of the index `holds` unpaid reservations are spread.
pub(crate) const HOLD_SHARDS: u8 = 4;

/// Attempts to book over expired holds before the slot counts as taken.
const TAKE_OVERS: u32 = 3;

/// The difference between a repeated request and another one that reuses its key: the SHA-256 of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The hash of the request.
    pub request_sha256: String,
}

/// An appointment that is to be booked.
#[derive(Debug, Clone, Copy)]
pub struct NewAppointment<'a> {
    /// The appointment.
    pub appointment: &'a Appointment,
    /// The mark of its request, if that may be repeated.
    pub idempotency: Option<&'a Idempotency>,
    /// The precondition on its customer.
    pub customer: CustomerCheck,
    /// The event that tells of it.
    pub event: &'a Event,
}

/// A precondition on the customer of an appointment that is booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CustomerCheck {
    /// Nothing: they are calling, within their live session.
    Nothing,
    /// They may have only so many open reservations, this one included.
    MaxOpenReservations(u32),
    /// Somebody else books for them: they must have an account.
    HasAccount,
}

/// The outcome of a booking.
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
    /// The customer has as many open reservations as they may have.
    TooManyOpen,
    /// The customer has no account.
    NoAccount,
}

/// The outcome of moving an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RescheduleOutcome {
    /// It is moved.
    Rescheduled,
    /// A cell that it needs is taken; it stays where it was.
    Taken,
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

/// An appointment that wants cells.
struct Claim<'a> {
    /// The write of its row.
    row: TransactWriteItem,
    /// The appointment as it was, with the cells that it gives back, if there was one.
    before: Option<&'a Appointment>,
    /// The appointment as it is to be, with the cells that it takes.
    after: &'a Appointment,
    /// The event that tells of it.
    event: &'a Event,
    /// The precondition on its customer.
    customer: CustomerCheck,
}

/// The outcome of a claim.
enum Claimed {
    /// All of it is written.
    Yes,
    /// The condition on the appointment's row did not hold; the row, if there is one.
    RowRefused(Option<Item>),
    /// A cell is taken.
    Taken,
    /// The precondition on the customer does not hold.
    CustomerRefused,
}

fn appointment_item(appointment: &Appointment, idempotency: Option<&str>) -> Result<Item, StoreError> {
    let mut item = to_item(keys::appointment(appointment.id), appointment)?;
    for (name, at) in [
        ("created_at", Some(appointment.created_at)),
        ("starts_at", Some(appointment.starts_at)),
        ("expires_at", appointment.expires_at),
        ("reminded_for", appointment.reminded_for),
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

impl Reader {
    /// The outcome of the request that used the same idempotency key before, if there was one: for a repeat that
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

    /// One appointment.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be read.
    pub async fn appointment(&self, id: AppointmentId) -> Result<Option<Appointment>, StoreError> {
        self.get(self.appointments()?, keys::appointment(id), true).await?.map(from_item).transpose()
    }
}

impl Store {
    /// Books an appointment, or says why not; all of it, or nothing.
    ///
    /// Reservations that have run out but have not been swept yet do not stand in the way: `expire` says what
    /// becomes of one, and it is expired before the booking is tried again; `expired` is called for each that was.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be booked or not.
    pub async fn book(
        &self,
        new: NewAppointment<'_>,
        now: Timestamp,
        expire: impl Fn(Appointment) -> Option<Expiry> + Send + Sync,
        expired: fn(),
    ) -> Result<BookOutcome, StoreError> {
        let NewAppointment { appointment, idempotency, customer, event } = new;
        let sha256 = idempotency.map(|idempotency| idempotency.request_sha256.as_str());
        let row = create(self.appointments()?, appointment_item(appointment, sha256)?)?;
        let claim = Claim { row, before: None, after: appointment, event, customer };
        match self.claim(&claim, now, expire, expired).await? {
            Claimed::Yes => Ok(BookOutcome::Booked),
            Claimed::RowRefused(found) => repeated(found.unwrap_or_default(), idempotency),
            Claimed::Taken => Ok(BookOutcome::Taken),
            Claimed::CustomerRefused if customer == CustomerCheck::HasAccount => Ok(BookOutcome::NoAccount),
            Claimed::CustomerRefused => Ok(BookOutcome::TooManyOpen),
        }
    }

    /// Moves an appointment (`before` becomes `after`) to other cells, perhaps of another expert; all of it, or
    /// nothing. Its own cells do not stand in its way, nor do reservations that have run out, as in [`Self::book`].
    ///
    /// # Errors
    /// [`StoreError::Changed`] when it is no longer as `before` says.
    pub async fn reschedule(
        &self,
        before: &Appointment,
        after: &Appointment,
        event: &Event,
        now: Timestamp,
        expire: impl Fn(Appointment) -> Option<Expiry> + Send + Sync,
        expired: fn(),
    ) -> Result<RescheduleOutcome, StoreError> {
        let row = appointment_write(self.appointments()?, before, after)?;
        let claim = Claim { row, before: Some(before), after, event, customer: CustomerCheck::Nothing };
        match self.claim(&claim, now, expire, expired).await? {
            Claimed::Yes => Ok(RescheduleOutcome::Rescheduled),
            Claimed::RowRefused(_) => Err(StoreError::Changed),
            // Nothing is asked of the customer, so nothing is refused for their sake.
            Claimed::Taken | Claimed::CustomerRefused => Ok(RescheduleOutcome::Taken),
        }
    }

    async fn claim(
        &self,
        claim: &Claim<'_>,
        now: Timestamp,
        expire: impl Fn(Appointment) -> Option<Expiry> + Send + Sync,
        expired: fn(),
    ) -> Result<Claimed, StoreError> {
        for _ in 0..=TAKE_OVERS {
            let (days, writes) = self.claim_writes(claim)?;
            let refusals = match self.transact(writes).await? {
                Outcome::Committed => return Ok(Claimed::Yes),
                Outcome::Refused(refusals) => refusals,
            };
            let (row, rest) = refusals.split_first().unwrap_or((&NOT_REFUSED, &[]));
            if row.failed {
                return Ok(Claimed::RowRefused(row.found.clone()));
            }
            if claim.customer != CustomerCheck::Nothing
                && let Some(customer) = rest.last().filter(|customer| customer.failed)
            {
                let open = customer.found.as_ref();
                let is_limit = matches!(claim.customer, CustomerCheck::MaxOpenReservations(_));
                // Some may have ended since.
                if is_limit && self.close_ended_reservations(claim.after.user_id, open, now).await? {
                    continue;
                }
                return Ok(Claimed::CustomerRefused);
            }
            // Some holds in the way have run out, or an earlier look at them is out of date: look again.
            let Some(holds) = self.holds_in_the_way(claim, &days, rest, now).await? else {
                return Ok(Claimed::Taken);
            };
            let holders = try_join_all(holds.into_iter().map(|id| self.appointment(id))).await?;
            // Having run out, they end whatever becomes of this claim. One that is none by now was ended by somebody
            // else, and its cells may be free.
            for expiry in holders.into_iter().flatten().filter_map(&expire) {
                match self.end_appointment(&expiry.reserved, &expiry.expired, &expiry.event).await {
                    Ok(()) => expired(),
                    Err(StoreError::Changed) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(Claimed::Taken)
    }

    /// The appointment's row, the days, the weeks, the event, and what must hold of the customer; and which days these
    /// are.
    fn claim_writes(&self, claim: &Claim<'_>) -> Result<(Vec<DayWrite>, Vec<TransactWriteItem>), StoreError> {
        let table = self.appointments()?;
        let days = day_writes(table, claim.before, Some(claim.after))?;
        let mut writes = vec![claim.row.clone()];
        writes.extend(days.iter().map(|day| day.write.clone()));
        writes.extend(week_writes(table, claim.before, Some(claim.after))?);
        writes.push(self.event_write(claim.event)?);
        // The last, where a refusal of it is looked for.
        let customer = claim.after.user_id;
        match claim.customer {
            CustomerCheck::Nothing => {}
            CustomerCheck::MaxOpenReservations(limit) => {
                writes.push(self.open_reservation_write(customer, claim.after.id, limit)?);
            }
            CustomerCheck::HasAccount => {
                let profile = check(self.users()?, keys::profile(customer));
                writes.push(finish_check(profile.condition_expression(IS_ACCOUNT))?);
            }
        }
        Ok((days, writes))
    }

    /// The run-out reservations in the way of a claim that was refused, each once; `None` when a cell is taken for
    /// good.
    async fn holds_in_the_way(
        &self,
        claim: &Claim<'_>,
        days: &[DayWrite],
        refusals: &[Refusal],
        now: Timestamp,
    ) -> Result<Option<Vec<AppointmentId>>, StoreError> {
        let expert = claim.after.expert_id;
        let mut holds: Vec<AppointmentId> = Vec::new();
        for part in parts(claim.after) {
            // The failed condition brought the day's item along; a part whose condition held is looked up.
            let refused = days
                .iter()
                .zip(refusals)
                .find(|(day, refusal)| (day.expert, day.date) == (expert, part.date) && refusal.failed);
            let day = if let Some(item) = refused.and_then(|(_, refusal)| refusal.found.as_ref()) {
                read_day(item)
            } else {
                let key = keys::expert_day(expert, part.date);
                let item = self.get(self.appointments()?, key, true).await?;
                item.as_ref().map_or_else(ExpertDay::default, read_day)
            };
            match day.without(claim.after.id).in_the_way(part, now) {
                InTheWay::Nothing => {}
                InTheWay::RunOutHolds(found) => {
                    holds.extend(found.into_iter().map(|(_, holder)| holder.appointment_id));
                }
                InTheWay::Taken => return Ok(None),
            }
        }
        // One across midnight is in the way of both parts.
        holds.dedup();
        Ok(Some(holds))
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
        self.write_change(before, after, None, event).await
    }

    /// Changes where an appointment stands, or its payment (`before` becomes `after`, which is paid for, completed or
    /// missed), while it keeps its cells; their holder follows.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when it is no longer as `before` says.
    pub async fn change_appointment(
        &self,
        before: &Appointment,
        after: &Appointment,
        event: &Event,
    ) -> Result<(), StoreError> {
        self.write_change(before, after, Some(after), event).await
    }

    /// Makes an appointment stand as `after` says. It gives back the cells that it has; `occupant` is the one that takes
    /// cells in its place, if any.
    async fn write_change(
        &self,
        before: &Appointment,
        after: &Appointment,
        occupant: Option<&Appointment>,
        event: &Event,
    ) -> Result<(), StoreError> {
        let table = self.appointments()?;
        let mut writes = vec![appointment_write(table, before, after)?];
        writes.extend(day_writes(table, Some(before), occupant)?.into_iter().map(|day| day.write));
        writes.extend(week_writes(table, Some(before), occupant)?);
        writes.push(self.event_write(event)?);
        self.transact_or_changed(writes).await
    }
}

/// The refusal of the first write by a transaction that names no reasons.
const NOT_REFUSED: Refusal = Refusal { failed: false, found: None };

/// Reads the row that was found under a new appointment's id as the outcome of the booking.
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
