//! Reminding customers of what they have booked.
//!
//! A reminder is no change of the appointment: its version, and with it the calendar's `SEQUENCE`, stays. What stays
//! known is the start that was reminded of ([`Appointment::reminded_for`]), so that each start is reminded of once, and
//! an appointment that is moved afterwards is due again for its new one.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Appointment, Status};
use crate::duration::minutes;
use crate::ids::UserId;

/// The farthest that local clocks are behind UTC, and ahead of it (Baker Island, Kiritimati).
const BEHIND: SignedDuration = SignedDuration::from_hours(12);
const AHEAD: SignedDuration = SignedDuration::from_hours(14);

/// Returns true if the customer of an appointment is to be reminded of it at `now`, with a reminder so many minutes
/// before the start (0 for never).
///
/// It must be confirmed and not have begun, and its customer not have been reminded of this start. Whoever booked, paid
/// or moved it after the reminder fell due has just got a mail that says the same; that their payment was verified, they
/// got none.
#[must_use]
pub fn reminder_due(appointment: &Appointment, lead_minutes: u32, now: Timestamp) -> bool {
    let starts_at = appointment.starts_at;
    let falls_due = starts_at.checked_sub(minutes(lead_minutes)).unwrap_or(Timestamp::MIN);
    lead_minutes > 0
        && appointment.status == Status::Confirmed
        && appointment.user_id != UserId::NOBODY
        && (falls_due..starts_at).contains(&now)
        && (appointment.updated_at < falls_due || was_verified_last(appointment))
        && appointment.reminded_for != Some(starts_at)
}

/// Returns true if the last change of an appointment was the salon's verification of a claimed payment.
fn was_verified_last(appointment: &Appointment) -> bool {
    let verified = appointment.verified_payment().filter(|payment| payment.claimed_at.is_some());
    verified.is_some_and(|payment| payment.at == appointment.updated_at)
}

/// The first and the last local date on which an appointment can start that is due at `now`, whatever zone it was
/// booked in.
#[must_use]
pub fn dates_of_due(lead_minutes: u32, now: Timestamp) -> (Date, Date) {
    let date = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    let first = now.checked_sub(BEHIND).unwrap_or(Timestamp::MIN);
    let last = now.checked_add(minutes(lead_minutes) + AHEAD).unwrap_or(Timestamp::MAX);
    (date(first), date(last))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::payment::{DeskPayment, PaymentMethod, pay};
    use super::super::tests::{ALL, START, appointment, at, claimed};
    use super::super::{ChangedBy, anonymise, cancel};
    use super::*;

    /// A day.
    const LEAD: u32 = 1_440;
    const DUE: i64 = START - 86_400;

    fn booked_before_it_was_due() -> Appointment {
        Appointment { updated_at: at(DUE - 1), ..appointment(Status::Confirmed, None) }
    }

    #[test]
    fn a_reminder_is_due_from_its_lead_until_the_start() {
        let appointment = booked_before_it_was_due();
        for (now, due) in [(DUE - 1, false), (DUE, true), (START - 1, true), (START, false)] {
            assert_eq!(reminder_due(&appointment, LEAD, at(now)), due, "{now}");
        }
    }

    #[test]
    fn only_what_is_confirmed_is_reminded_of() {
        for status in ALL {
            let appointment = Appointment { status, ..booked_before_it_was_due() };
            assert_eq!(reminder_due(&appointment, LEAD, at(DUE)), status == Status::Confirmed, "{status:?}");
        }
        let cancelled = cancel(&booked_before_it_was_due(), ChangedBy::Staff, at(DUE - 1)).unwrap();
        assert!(!reminder_due(&cancelled, LEAD, at(DUE)));
    }

    #[test]
    fn nobody_is_reminded_who_has_just_heard_of_it() {
        for (updated_at, due) in [(DUE - 1, true), (DUE, false), (DUE + 1, false)] {
            let appointment = Appointment { updated_at: at(updated_at), ..booked_before_it_was_due() };
            assert_eq!(reminder_due(&appointment, LEAD, at(DUE + 2)), due, "{updated_at}");
        }
    }

    #[test]
    fn whose_payment_was_verified_has_heard_nothing() {
        let cash =
            DeskPayment { method: PaymentMethod::Cash, reference: None, amount: 4_500, by: UserId::NOBODY };
        let paid =
            |before: &Appointment| pay(before, cash.clone(), at(DUE + 1)).unwrap().appointment().clone();
        let verified = paid(&Appointment { updated_at: at(DUE - 1), ..claimed(Status::Confirmed) });
        assert!(reminder_due(&verified, LEAD, at(DUE + 2)));
        let moved = Appointment { updated_at: at(DUE + 2), ..verified };
        assert!(!reminder_due(&moved, LEAD, at(DUE + 3)));
        // A reservation that is paid for is confirmed by a mail.
        let confirmed = paid(&appointment(Status::Reserved, Some(START)));
        assert!(!reminder_due(&confirmed, LEAD, at(DUE + 2)));
    }

    #[test]
    fn each_start_is_reminded_of_once() {
        let reminded = Appointment { reminded_for: Some(at(START)), ..booked_before_it_was_due() };
        assert!(!reminder_due(&reminded, LEAD, at(DUE)));
        let later = START + 864_000;
        let moved = Appointment { starts_at: at(later), updated_at: at(DUE + 60), ..reminded };
        assert!(!reminder_due(&moved, LEAD, at(DUE + 61)), "nothing comes of the old start");
        assert!(reminder_due(&moved, LEAD, at(later - 86_400)));
    }

    #[test]
    fn nobody_is_reminded_of_what_is_nobody_s_or_where_reminders_are_off() {
        let appointment = booked_before_it_was_due();
        let nobody_s = Appointment { updated_at: at(0), ..anonymise(&appointment, at(0)) };
        assert!(!reminder_due(&nobody_s, LEAD, at(DUE)));
        for now in [START - 1, START] {
            assert!(!reminder_due(&appointment, 0, at(now)));
        }
    }

    proptest! {
        #[test]
        fn what_is_due_starts_on_one_of_the_dates(
            lead in 1_u32..=10_080,
            now in 1_577_836_800_i64..1_893_456_000,
            before in 0_i64..604_800,
            offset in -12_i8..=14,
        ) {
            let now = at(now);
            let starts_at = now + SignedDuration::from_secs(before);
            let appointment = Appointment { starts_at, updated_at: at(0), ..booked_before_it_was_due() };
            let (first, last) = dates_of_due(lead, now);
            if reminder_due(&appointment, lead, now) {
                let local = starts_at.to_zoned(TimeZone::fixed(jiff::tz::offset(offset))).date();
                prop_assert!((first..=last).contains(&local), "{local} in {first} to {last}");
            }
        }
    }
}
