//! Moving an appointment to another time, and perhaps to another expert.
//!
//! Whatever stays the same was agreed when it was booked; what changes follows the catalog of today:
//! - the service and its add-ons stay, and take as long as they take today;
//! - the price stays, unless it goes to another expert before the salon was paid: then it is what that expert asks
//!   today, in today's currency. What the salon was paid stays paid, whoever does it; a customer's word that they have
//!   paid keeps no price;
//! - the offer stays with the price that it made, whatever the new date. A price that is asked anew gets the same offer
//!   again if that still fits the service and the new date, else the best of those that apply by themselves;
//! - a reservation is held as long as it was, but never past its new start.

use jiff::Timestamp;

use crate::appointment::{Appointment, BookedSubService, ChangedBy, Status, window};
use crate::booking::{Booking, Salon, booked};
use crate::duration::minutes;

/// Reasons why an appointment cannot be moved, wherever to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RescheduleError {
    /// It is over, one way or another.
    #[error("This appointment can no longer be moved: it is {}.", .0.as_str())]
    InvalidTransition(Status),
    /// The customer is too late; the front desk may still move it.
    #[error("Appointments can be moved until {}. Please call us.", window(*.0))]
    TooLate(u32),
}

/// An appointment that may be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movable<'a>(&'a Appointment);

/// An appointment, if it may be moved at `now`: a reservation that is held or a confirmed one, within the window in
/// which its customer could cancel it.
///
/// # Errors
/// [`RescheduleError`] when it may not.
pub fn movable(
    appointment: &Appointment,
    by: ChangedBy,
    now: Timestamp,
) -> Result<Movable<'_>, RescheduleError> {
    let status = appointment.effective_status(now);
    if !matches!(status, Status::Reserved | Status::Confirmed) {
        return Err(RescheduleError::InvalidTransition(status));
    }
    match by.closed_window(appointment.starts_at, now) {
        Some(window_minutes) => Err(RescheduleError::TooLate(window_minutes)),
        None => Ok(Movable(appointment)),
    }
}

impl Movable<'_> {
    /// The appointment at its new time, unless somebody else takes one of its cells first. `booking` is of the same
    /// service and add-ons.
    #[must_use]
    pub fn to(self, booking: &Booking<'_, '_>, salon: &Salon<'_>, now: Timestamp) -> Appointment {
        let Self(before) = self;
        let quote = booking.quote;
        let keeps_price = quote.expert.id == before.expert_id || before.verified_payment().is_some();
        let (total_price, currency, offer) = if keeps_price {
            (before.total_price, before.currency, before.offer.clone())
        } else {
            let offer = salon.offer_again(before.offer.as_ref(), quote, booking.date);
            let total_price = quote.total_price - offer.as_ref().map_or(0, |offer| offer.discount);
            (total_price, salon.catalog.settings.currency, offer)
        };
        let sub_services = quote.sub_services.iter().map(|sub| {
            let agreed = before.sub_services.iter().find(|agreed| agreed.id == sub.id);
            let today = booked(sub);
            let price = agreed.filter(|_| keeps_price).map_or(today.price, |agreed| agreed.price);
            BookedSubService { price, ..today }
        });
        Appointment {
            service_name: quote.service.name.clone(),
            sub_services: sub_services.collect(),
            expert_id: quote.expert.id,
            expert_name: quote.expert.name.clone(),
            date: booking.date,
            time: booking.time,
            time_zone: salon.catalog.settings.time_zone.clone(),
            starts_at: booking.blocked.start,
            ends_at: booking.blocked.end - minutes(quote.buffer_minutes),
            blocked_until: booking.blocked.end,
            duration_minutes: quote.duration_minutes,
            total_price,
            currency,
            offer,
            expires_at: before.expires_at.map(|until| until.min(booking.blocked.start)),
            version: before.version.saturating_add(1),
            reschedules: before.reschedules.saturating_add(1),
            updated_at: now,
            ..before.clone()
        }
    }
}

#[cfg(test)]
#[path = "reschedule_tests.rs"]
mod tests;
