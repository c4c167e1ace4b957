//! An appointment for the customer's calendar: iCalendar (RFC 5545) as iTIP (RFC 5546) wants it, so that each
//! mail updates or removes the entry that the first one made, and so does the file that the API hands out.

use std::fmt::Write as _;

use chairbook_models::appointment::{Appointment, Status};
use chairbook_models::user::Profile;
use icalendar::{
    Attendee, Calendar, Component as _, Event, EventLike as _, EventStatus, PartStat, Property, Role,
};
use jiff::Timestamp;

use crate::address::{Mailbox, in_ascii};
use crate::appointment::{price, service_with_add_ons};
use crate::rendered::Attachment;
use crate::text;

/// Says which program wrote it (RFC 5545 §3.7.3).
const PRODID: &str = "-//Chairbook//Chairbook//EN";

/// The longest line, octets without its end (RFC 5545 §3.1).
const LINE_OCTETS: usize = 75;

/// The iTIP method: whether the entry stands or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Request,
    Cancel,
}

impl Method {
    const fn of(status: Status) -> Self {
        match status {
            // Whoever did not come had an appointment all the same, and no mail tells them of it.
            Status::Reserved | Status::Confirmed | Status::Completed | Status::NoShow => Self::Request,
            Status::Cancelled | Status::Expired => Self::Cancel,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "REQUEST",
            Self::Cancel => "CANCEL",
        }
    }
}

const fn event_status(status: Status) -> EventStatus {
    match status {
        Status::Reserved => EventStatus::Tentative,
        Status::Confirmed | Status::Completed | Status::NoShow => EventStatus::Confirmed,
        Status::Cancelled | Status::Expired => EventStatus::Cancelled,
    }
}

/// The appointment as it stands, as a file `appointment.ics` from the salon's address; without an attendee where the
/// customer is gone.
///
/// `UID` is made of the appointment's id alone, whatever host anybody asks at (RFC 7986 §5.3); `SEQUENCE` is the
/// appointment's version, and `DTSTAMP` the instant of its last change, so that the same state is always the same file
/// and a calendar knows which of two is newer.
#[must_use]
pub fn attachment(
    appointment: &Appointment,
    customer: Option<&Profile>,
    salon_name: &str,
    from: &Mailbox,
) -> Attachment {
    let method = Method::of(appointment.status);
    let mut event = Event::new();
    event
        .uid(&format!("{}@chairbook", appointment.id))
        .sequence(appointment.version)
        .summary(&format!(
            "{} at {}",
            text::single_line(&appointment.service_name),
            text::single_line(salon_name)
        ))
        .description(&description(appointment))
        .location(&text::single_line(salon_name))
        .status(event_status(appointment.status))
        .append_property(organizer(salon_name, from));
    if let Some(customer) = customer {
        event.attendee(attendee(appointment, customer));
    }
    for (name, instant) in [
        ("DTSTAMP", appointment.updated_at),
        ("CREATED", appointment.created_at),
        ("LAST-MODIFIED", appointment.updated_at),
        ("DTSTART", appointment.starts_at),
        ("DTEND", appointment.ends_at),
    ] {
        event.add_property(name, utc(instant));
    }

    let mut calendar = Calendar::empty();
    calendar
        .append_property(("VERSION", "2.0"))
        .append_property(("PRODID", PRODID))
        .append_property(("CALSCALE", "GREGORIAN"))
        .append_property(("METHOD", method.as_str()))
        .push(event.done());
    Attachment {
        filename: "appointment.ics".to_owned(),
        content_type: format!("text/calendar; charset=utf-8; method={}", method.as_str()),
        content: folded(&calendar.to_string()).into_bytes(),
    }
}

/// A calendar with lines of at most 75 octets, each ending in CRLF, folded between characters (RFC 5545 §3.1). The
/// library's own folding does not count the space that begins a folded line, so that some lines are an octet too long.
fn folded(calendar: &str) -> String {
    let mut folded = String::with_capacity(calendar.len());
    for line in calendar.replace("\r\n ", "").lines() {
        let mut octets = 0;
        for character in line.chars() {
            if octets + character.len_utf8() > LINE_OCTETS {
                folded.push_str("\r\n ");
                octets = 1;
            }
            octets += character.len_utf8();
            folded.push(character);
        }
        folded.push_str("\r\n");
    }
    folded
}

/// A date-time in UTC (RFC 5545 §3.3.5, form 2).
fn utc(instant: Timestamp) -> String {
    instant.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn description(appointment: &Appointment) -> String {
    let mut lines = vec![
        service_with_add_ons(appointment),
        format!("With {}", text::single_line(&appointment.expert_name)),
        price(appointment),
    ];
    if let Some(notes) = appointment.notes.as_deref().filter(|notes| !notes.trim().is_empty()) {
        lines.extend(text::lines(notes));
    }
    lines.join("\n")
}

fn organizer(salon_name: &str, from: &Mailbox) -> Property {
    let mut organizer = Property::new("ORGANIZER", mailto(from.address()));
    organizer.add_parameter("CN", &parameter(salon_name));
    organizer.done()
}

fn attendee(appointment: &Appointment, customer: &Profile) -> Attendee {
    // Whoever booked has said yes: no calendar needs to ask, and nobody at the sender's address reads replies.
    let said = if appointment.status == Status::Reserved { PartStat::Tentative } else { PartStat::Accepted };
    // As the mail was addressed: by it, a calendar finds whose entry it is.
    let address = in_ascii(&customer.email).unwrap_or_else(|_| customer.email.clone());
    Attendee::new(mailto(&address))
        .cn(parameter(&customer.name))
        .role(Role::ReqParticipant)
        .partstat(said)
        .rsvp(false)
}

/// A parameter's value: one line without the quotation mark, which no escape can say there (RFC 5545 §3.2), and without
/// the backslash, which means itself there, but which some readers take for an escape as elsewhere.
fn parameter(text: &str) -> String {
    text::single_line(text).replace('"', "'").replace('\\', "/")
}

/// An address as a URI (RFC 6068): what would end the address or the line is percent-encoded.
fn mailto(address: &str) -> String {
    address.bytes().fold("mailto:".to_owned(), |mut uri, byte| {
        if byte.is_ascii_alphanumeric() || b"@.!$'*+-=_~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _infallible = write!(uri, "%{byte:02X}");
        }
        uri
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_a_uri() {
        for (address, uri) in [
            ("ana@example.com", "mailto:ana@example.com"),
            ("ana+salon@example.com", "mailto:ana+salon@example.com"),
            ("a?b&c%@example.com", "mailto:a%3Fb%26c%25@example.com"),
            ("é@example.com", "mailto:%C3%A9@example.com"),
            ("a\r\nX:1@example.com", "mailto:a%0D%0AX%3A1@example.com"),
        ] {
            assert_eq!(mailto(address), uri);
        }
    }

    #[test]
    fn a_status_says_whether_the_entry_stands() {
        for (status, method, entry) in [
            (Status::Reserved, Method::Request, EventStatus::Tentative),
            (Status::Confirmed, Method::Request, EventStatus::Confirmed),
            (Status::Completed, Method::Request, EventStatus::Confirmed),
            (Status::Cancelled, Method::Cancel, EventStatus::Cancelled),
            (Status::Expired, Method::Cancel, EventStatus::Cancelled),
            (Status::NoShow, Method::Request, EventStatus::Confirmed),
        ] {
            assert_eq!((Method::of(status), event_status(status)), (method, entry), "{status:?}");
        }
    }
}
