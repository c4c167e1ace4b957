//! Mails about an appointment, and what they all show of one.

use chairbook_models::appointment::{Appointment, PaymentStatus};
use chairbook_models::catalog::Settings;
use jiff::{SignedDuration, Timestamp};

use crate::rendered::{MailError, templates};
use crate::text::{self, Detail};
use crate::time;

/// The parts that mails about appointments have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The salon.
    pub salon: String,
    /// The name in the greeting.
    pub name: String,
    /// The service, without its add-ons.
    pub service: String,
    /// The start, as `Tuesday, 3 March 2026, 10:00`.
    pub when: String,
    /// The service, the time, the expert and the price, line by line.
    pub details: Vec<Detail>,
    /// A note on a payment of which only the customer speaks.
    pub payment_note: Option<String>,
}

/// The service with its add-ons: `Haircut + Beard trim + Wash`.
pub(crate) fn service_with_add_ons(appointment: &Appointment) -> String {
    let names =
        std::iter::once(&appointment.service_name).chain(appointment.sub_services.iter().map(|s| &s.name));
    names.map(|name| text::single_line(name)).collect::<Vec<_>>().join(" + ")
}

/// The price, whether the salon was paid, and what an offer took off it: `EUR 45.00, paid (Spring: EUR 5.00 off)`.
pub(crate) fn price(appointment: &Appointment) -> String {
    let amount = appointment.currency.format(appointment.total_price);
    let price = match appointment.payment_status() {
        PaymentStatus::Unpaid => amount,
        PaymentStatus::Paid if appointment.awaits_verification() => {
            format!("{amount}, payment to be verified")
        }
        PaymentStatus::Paid => format!("{amount}, paid"),
        PaymentStatus::Refunded => format!("{amount}, refunded"),
    };
    match &appointment.offer {
        Some(offer) => {
            let off = appointment.currency.format(offer.discount);
            format!("{price} ({}: {off} off)", text::single_line(&offer.name))
        }
        None => price,
    }
}

/// Returns a note that a customer says they have paid, and the salon knows nothing of it yet.
fn payment_note(appointment: &Appointment) -> Option<String> {
    let price = appointment.currency.format(appointment.total_price);
    appointment.awaits_verification().then(|| {
        format!(
            "When you booked, you told us that you have paid {price}. We have not verified this yet. If you have not \
             paid, please pay at the salon."
        )
    })
}

impl Summary {
    /// Summarises an appointment for a mail to the customer of this name, in the zone that it was booked in.
    ///
    /// # Errors
    /// [`MailError::UnknownTimeZone`].
    pub fn new(appointment: &Appointment, name: &str, settings: &Settings) -> Result<Self, MailError> {
        let start = time::local(appointment.starts_at, &appointment.time_zone)?;
        let end = time::local(appointment.ends_at, &appointment.time_zone)?;
        let minutes = appointment.duration_minutes;
        let mut details = vec![
            Detail::new("When", &time::in_full(&start)),
            Detail::new("Until", &format!("{} ({minutes} minutes)", time::time_of_day(&end))),
            Detail::new("Service", &service_with_add_ons(appointment)),
            Detail::new("With", &appointment.expert_name),
            Detail::new("Price", &price(appointment)),
        ];
        if let Some(notes) = appointment.notes.as_deref().filter(|notes| !notes.trim().is_empty()) {
            details.push(Detail { label: "Notes", lines: text::lines(notes) });
        }
        Ok(Self {
            salon: text::single_line(&settings.salon_name),
            name: text::single_line(name),
            service: text::single_line(&appointment.service_name),
            when: time::date_and_time(&start),
            details,
            payment_note: payment_note(appointment),
        })
    }
}

/// Until when the customer can cancel, written in full; `None` if that has passed at `now`.
///
/// # Errors
/// [`MailError::UnknownTimeZone`].
pub fn cancellable_until(
    appointment: &Appointment,
    settings: &Settings,
    now: Timestamp,
) -> Result<Option<String>, MailError> {
    let window = SignedDuration::from_mins(i64::from(settings.cancellation_window_minutes));
    match appointment.starts_at.checked_sub(window) {
        Ok(until) if until > now => Ok(Some(time::in_full(&time::local(until, &appointment.time_zone)?))),
        _ => Ok(None),
    }
}

/// It is booked and paid for, perhaps on the customer's word alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppointmentConfirmed {
    /// The appointment.
    pub summary: Summary,
    /// Until when it can be cancelled, if it can be.
    pub cancellable_until: Option<String>,
}

templates!(
    AppointmentConfirmed,
    "appointment_confirmed/subject",
    "appointment_confirmed/body.txt",
    "appointment_confirmed/body.html"
);

/// The hold of a reservation that is not paid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The price to be paid, without saying that it is not.
    pub price: String,
    /// Until when it is held.
    pub until: String,
}

impl Hold {
    /// Tells of the hold of a reservation.
    ///
    /// # Errors
    /// [`MailError::UnknownTimeZone`].
    pub fn of(reservation: &Appointment) -> Result<Self, MailError> {
        // A reservation without an end does not exist; if it did, it would be held until its start.
        let until = reservation.expires_at.unwrap_or(reservation.starts_at);
        Ok(Self {
            price: reservation.currency.format(reservation.total_price),
            until: time::in_full(&time::local(until, &reservation.time_zone)?),
        })
    }
}

/// It is booked and awaits payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppointmentReserved {
    /// The reservation.
    pub summary: Summary,
    /// Until when it is held.
    pub hold: Hold,
    /// Until when it can be cancelled, if it can be.
    pub cancellable_until: Option<String>,
}

templates!(
    AppointmentReserved,
    "appointment_reserved/subject",
    "appointment_reserved/body.txt",
    "appointment_reserved/body.html"
);

/// It was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppointmentRescheduled {
    /// The appointment as it is booked now.
    pub summary: Summary,
    /// The former time and expert, as `Tuesday, 3 March 2026, 10:00 (Europe/Paris) with Camille Moreau`.
    pub before: String,
    /// Set where the customer did it, and not the salon.
    pub by_customer: bool,
    /// Until when it is held, if it is not paid for.
    pub hold: Option<Hold>,
    /// Until when it can be cancelled, if it can be.
    pub cancellable_until: Option<String>,
}

templates!(
    AppointmentRescheduled,
    "appointment_rescheduled/subject",
    "appointment_rescheduled/body.txt",
    "appointment_rescheduled/body.html"
);

/// It was called off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppointmentCancelled {
    /// The appointment.
    pub summary: Summary,
    /// Set where the customer did it, and not the salon.
    pub by_customer: bool,
}

templates!(
    AppointmentCancelled,
    "appointment_cancelled/subject",
    "appointment_cancelled/body.txt",
    "appointment_cancelled/body.html"
);

/// It was not paid for in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppointmentExpired {
    /// The appointment.
    pub summary: Summary,
}

templates!(
    AppointmentExpired,
    "appointment_expired/subject",
    "appointment_expired/body.txt",
    "appointment_expired/body.html"
);

/// It is coming up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppointmentReminder {
    /// The appointment.
    pub summary: Summary,
    /// Until when it can be cancelled, if it can be.
    pub cancellable_until: Option<String>,
}

templates!(
    AppointmentReminder,
    "appointment_reminder/subject",
    "appointment_reminder/body.txt",
    "appointment_reminder/body.html"
);
