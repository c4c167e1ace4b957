//! The calendar file that goes with every mail about an appointment, read by a parser that has nothing to do with its
//! writer.

use calcard::icalendar::{
    ICalendar, ICalendarParameterName, ICalendarParameterValue, ICalendarProperty, ICalendarValue,
};
use chairbook_mail::Rendered;
use chairbook_mail::text::{lines, single_line};
use chairbook_models::appointment::payment::{DeskPayment, PaymentMethod, pay};
use chairbook_models::appointment::{Appointment, ChangedBy, Status, cancel, expire};
use chairbook_models::booking::{self, Salon};
use chairbook_models::catalog::Settings;
use chairbook_models::event::{Actor, AppointmentFacts, Event, EventData, EventType};
use chairbook_models::ids::{AppointmentId, EventId, UserId};
use chairbook_models::reschedule::movable;
use chairbook_models::user::Profile;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use proptest::prelude::*;

use super::local_times::{SERVICE, catalog};
use super::{
    appointment, by_customer, customer, facts, hostile_mails, instant, mail, mail_of, moved, previous,
    profile, settings, stored,
};

/// The calendar of a mail, read by a parser that has nothing to do with the writer.
fn parsed(mail: &Rendered) -> ICalendar {
    let [attachment] = &mail.attachments[..] else { panic!("one attachment, not {:?}", mail.attachments) };
    assert_eq!(attachment.filename, "appointment.ics");
    let text = std::str::from_utf8(&attachment.content).unwrap();
    ICalendar::parse(text).unwrap_or_else(|entry| panic!("{entry:?} in {text}"))
}

/// A property of the calendar (component 0) or of its event (component 1), as text.
fn value(calendar: &ICalendar, component: usize, name: &ICalendarProperty) -> Option<String> {
    let entry = calendar.components[component].property(name)?;
    entry.values.first().map(|value| match value {
        ICalendarValue::Text(text) => text.clone(),
        ICalendarValue::Integer(number) => number.to_string(),
        ICalendarValue::PartialDateTime(time) => format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}{}",
            time.year.unwrap(),
            time.month.unwrap(),
            time.day.unwrap(),
            time.hour.unwrap(),
            time.minute.unwrap(),
            time.second.unwrap(),
            if time.tz_hour == Some(0) { "Z" } else { "" }
        ),
        other => format!("{other:?}"),
    })
}

#[test]
fn every_appointment_mail_carries_a_calendar_that_others_can_read() {
    for (event, status, method, entry_status, sequence) in [
        (
            by_customer(EventData::AppointmentConfirmed(facts())),
            Status::Confirmed,
            "Request",
            "Confirmed",
            "0",
        ),
        (by_customer(EventData::AppointmentReserved(facts())), Status::Reserved, "Request", "Tentative", "0"),
        (moved(Actor::System), Status::Confirmed, "Request", "Confirmed", "0"),
        (
            by_customer(EventData::AppointmentCancelled(facts())),
            Status::Cancelled,
            "Cancel",
            "Cancelled",
            "1",
        ),
        (by_customer(EventData::AppointmentExpired(facts())), Status::Expired, "Cancel", "Cancelled", "1"),
        (
            by_customer(EventData::AppointmentReminder(facts())),
            Status::Confirmed,
            "Request",
            "Confirmed",
            "0",
        ),
    ] {
        let mail = mail(&event, status);
        let upper = method.to_uppercase();
        assert_eq!(mail.attachments[0].content_type, format!("text/calendar; charset=utf-8; method={upper}"));
        let calendar = parsed(&mail);
        let of_calendar = |name| value(&calendar, 0, &name).unwrap();
        assert_eq!(of_calendar(ICalendarProperty::Version), "2.0");
        assert_eq!(of_calendar(ICalendarProperty::Prodid), "-//Chairbook//Chairbook//EN");
        assert_eq!(of_calendar(ICalendarProperty::Method), format!("Method({method})"));
        let of_event = |name| value(&calendar, 1, &name).unwrap();
        assert_eq!(
            of_event(ICalendarProperty::Uid),
            format!("{}@chairbook", AppointmentId::derived([2; 16]))
        );
        assert_eq!(of_event(ICalendarProperty::Sequence), sequence);
        assert_eq!(of_event(ICalendarProperty::Status), format!("Status({entry_status})"));
        assert_eq!(of_event(ICalendarProperty::Dtstamp), "20260228T143000Z");
        assert_eq!(of_event(ICalendarProperty::Dtstart), "20260303T090000Z");
        assert_eq!(of_event(ICalendarProperty::Dtend), "20260303T101500Z");
        assert_eq!(of_event(ICalendarProperty::Summary), "Haircut at Salon Lumière");
        assert_eq!(of_event(ICalendarProperty::Location), "Salon Lumière");
        assert!(of_event(ICalendarProperty::Organizer).contains("bookings@chairbook.example"));
        assert!(of_event(ICalendarProperty::Attendee).contains("ana@example.com"));
    }
}

#[test]
fn calendar_lines_end_and_fold_as_the_standard_says() {
    let mut settings = settings();
    settings.salon_name = stored(&"é".repeat(300));
    let mail = mail_of(
        &by_customer(EventData::AppointmentConfirmed(facts())),
        &profile(),
        &appointment(Status::Confirmed),
        &settings,
    );
    let text = String::from_utf8(mail.attachments[0].content.clone()).unwrap();
    assert!(text.ends_with("END:VCALENDAR\r\n"));
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
    for line in text.split("\r\n") {
        assert!(line.len() <= 75, "{} octets: {line}", line.len());
    }
    let calendar = parsed(&mail);
    assert_eq!(value(&calendar, 1, &ICalendarProperty::Location).unwrap(), "é".repeat(300));
}

#[test]
fn nothing_that_anybody_wrote_adds_to_the_calendar() {
    for (name, mail) in hostile_mails().into_iter().filter(|(_, mail)| !mail.attachments.is_empty()) {
        let calendar = parsed(&mail);
        assert_eq!(calendar.components.len(), 2, "{name}");
        assert_eq!(value(&calendar, 1, &ICalendarProperty::Dtend).unwrap(), "20260303T101500Z", "{name}");
        let description = value(&calendar, 1, &ICalendarProperty::Description).unwrap();
        assert!(description.contains("Bcc: victim@example.com"), "{name}: {description}");
        let attendees = calendar.components[1].properties(&ICalendarProperty::Attendee).count();
        assert_eq!(attendees, 1, "{name}");
    }
}

/// An instant as the calendar writes it: UTC, whole seconds.
fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Makes the data of an event from the facts of its appointment.
type AboutAppointment = fn(AppointmentFacts) -> EventData;

fn rescheduled(appointment: AppointmentFacts) -> EventData {
    EventData::AppointmentRescheduled { appointment, previous: previous() }
}

/// What happens to one appointment after the other event, by the rules of booking: the events with the appointment as
/// each leaves it.
fn lives() -> Vec<Vec<(AboutAppointment, Appointment)>> {
    use EventData::{
        AppointmentCancelled, AppointmentConfirmed, AppointmentExpired, AppointmentReminder,
        AppointmentReserved,
    };

    let catalog = catalog("Europe/Paris");
    let salon = Salon::new(&catalog).unwrap();
    let quotes = salon.quotes(SERVICE, &[], None).unwrap();
    let now = |minute: i64| instant("2026-03-01T12:00:00Z") + jiff::SignedDuration::from_mins(minute);
    let place = |date: &str, time: &str, minute| {
        let (date, time): (Date, Time) = (date.parse().unwrap(), time.parse().unwrap());
        salon.book(&quotes[0], date, time, now(minute)).unwrap()
    };
    let hold = booking::Payment::Later(std::time::Duration::from_hours(4));
    let booked = |payment| {
        let booking = place("2026-03-03", "10:00", 0);
        booking.into_appointment(&salon, AppointmentId::derived([2; 16]), customer(), payment, None, now(0))
    };
    let reserved = booked(hold);
    let by = UserId::derived([9; 16]);
    let cash = DeskPayment { method: PaymentMethod::Cash, reference: None, amount: reserved.total_price, by };
    let paid = pay(&reserved, cash, now(1)).unwrap().appointment().clone();
    let moved = movable(&paid, ChangedBy::Staff, now(2)).unwrap();
    let moved = moved.to(&place("2026-03-29", "03:00", 2), &salon, now(2));
    let reminded = Appointment { reminded_for: Some(moved.starts_at), ..moved.clone() };
    let cancelled = cancel(&reminded, ChangedBy::Staff, now(3)).unwrap();
    let expired = expire(&reserved, now(300)).unwrap();
    vec![
        vec![
            (AppointmentReserved, reserved.clone()),
            (AppointmentConfirmed, paid),
            (rescheduled, moved),
            (AppointmentReminder, reminded),
            (AppointmentCancelled, cancelled),
        ],
        vec![(AppointmentReserved, reserved), (AppointmentExpired, expired)],
        vec![(AppointmentConfirmed, booked(booking::Payment::OnTheirWord))],
    ]
}

/// The event that tells an appointment's customer of a change.
fn told(data: AboutAppointment, appointment: &Appointment) -> Event {
    let id = EventId::derived([7; 16]);
    let actor = Actor::User(customer());
    Event::about_appointment(id, data, appointment.updated_at, actor, appointment)
}

/// A `REQUEST` with the same `SEQUENCE` confirms what is there without moving it (RFC 5546 §3.2.2); what has changed
/// comes with a greater one (§2.1.4).
#[test]
fn one_entry_follows_an_appointment_through_its_life() {
    for life in lives() {
        let mut latest: Option<(u32, Vec<u8>)> = None;
        for (data, appointment) in &life {
            let event = told(*data, appointment);
            let event_type = event.event_type();
            let mail = mail_of(&event, &profile(), appointment, &settings());
            let calendar = parsed(&mail);
            let of_event = |name| value(&calendar, 1, &name).unwrap();
            assert_eq!(of_event(ICalendarProperty::Uid), format!("{}@chairbook", appointment.id));
            let sequence: u32 = of_event(ICalendarProperty::Sequence).parse().unwrap();
            let file = mail.attachments[0].content.clone();
            if let Some((before, file_before)) = latest {
                let is_reminder = event_type == EventType::AppointmentReminder;
                assert_eq!(sequence, if is_reminder { before } else { before + 1 }, "{event_type:?}");
                assert_eq!(file == file_before, is_reminder, "{event_type:?}");
            }
            latest = Some((sequence, file));
            for (name, at) in [
                (ICalendarProperty::Dtstart, appointment.starts_at),
                (ICalendarProperty::Dtend, appointment.ends_at),
                (ICalendarProperty::Dtstamp, appointment.updated_at),
                (ICalendarProperty::LastModified, appointment.updated_at),
                (ICalendarProperty::Created, appointment.created_at),
            ] {
                assert_eq!(of_event(name), utc(at), "{event_type:?}");
            }
            let (method, status, said) = match appointment.status {
                Status::Reserved => ("Request", "Tentative", "Tentative"),
                Status::Confirmed => ("Request", "Confirmed", "Accepted"),
                _ => ("Cancel", "Cancelled", "Accepted"),
            };
            assert_eq!(value(&calendar, 0, &ICalendarProperty::Method).unwrap(), format!("Method({method})"));
            assert_eq!(of_event(ICalendarProperty::Status), format!("Status({status})"), "{event_type:?}");
            let attendee = calendar.components[1].property(&ICalendarProperty::Attendee).unwrap();
            let said_so = attendee.parameter(&ICalendarParameterName::Partstat).unwrap();
            assert_eq!(format!("{said_so:?}"), format!("Partstat({said})"), "{event_type:?}");
            assert_eq!(
                attendee.parameter(&ICalendarParameterName::Rsvp),
                Some(&ICalendarParameterValue::Bool(false))
            );
            assert!(of_event(ICalendarProperty::Attendee).contains("ana@example.com"));
            assert!(of_event(ICalendarProperty::Organizer).contains("bookings@chairbook.example"));
        }
    }
}

#[test]
fn an_attendee_s_domain_is_in_punycode() {
    let profile = Profile { email: "Ana@Bücher.example".to_owned(), ..profile() };
    let event = by_customer(EventData::AppointmentConfirmed(facts()));
    let mail = mail_of(&event, &profile, &appointment(Status::Confirmed), &settings());
    let attendee = value(&parsed(&mail), 1, &ICalendarProperty::Attendee).unwrap();
    assert!(attendee.contains("mailto:Ana@xn--bcher-kva.example"), "{attendee}");
}

/// What gives readers of calendars trouble.
const CHARACTERS: [&str; 24] = [
    ",",
    ";",
    ":",
    "\\",
    "\\n",
    "\\,",
    "\"",
    "'",
    "=",
    "^",
    "^n",
    "%",
    "<",
    "&",
    "ä",
    "ß",
    "é",
    "日本",
    "א",
    "👩🏽‍🦰",
    "🇫🇷",
    "✂️",
    "a",
    "Z9",
];

fn written() -> impl Strategy<Value = String> {
    let word = prop::collection::vec(prop::sample::select(&CHARACTERS[..]), 1..24);
    let words = prop::collection::vec(word.prop_map(|characters| characters.concat()), 1..8);
    words.prop_map(|words| words.join(" "))
}

/// A parameter's text.
fn parameter(calendar: &ICalendar, property: &ICalendarProperty) -> String {
    let entry = calendar.components[1].property(property).unwrap();
    match entry.parameter(&ICalendarParameterName::Cn) {
        Some(ICalendarParameterValue::Text(text)) => text.clone(),
        other => panic!("{other:?}"),
    }
}

/// What may be in a text that nobody has looked at: it ends lines, turns them round, or looks like a line of a calendar.
fn hostile() -> impl Strategy<Value = String> {
    let fragments = [
        "\r\n",
        "\n",
        "\r",
        "\n ",
        "\r\n\t",
        "\0",
        "\u{b}",
        "\u{c}",
        "\u{85}",
        "\u{2028}",
        "\u{2029}",
        "\u{feff}",
        "\u{202e}",
        "ATTENDEE:mailto:eve@example.com",
        "END:VEVENT",
        "BEGIN:VALARM",
        ":",
        ";",
        ",",
        "\\",
        "\"",
        "^n",
        "%0D%0A",
    ];
    let fragment = prop_oneof![
        6 => prop::sample::select(fragments.to_vec()).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[a-z]{1,90}",
    ];
    prop::collection::vec(fragment, 0..20).prop_map(|fragments| fragments.concat())
}

/// The name of each line of a calendar, before its value and parameters.
fn line_names(calendar: &str) -> Vec<String> {
    let unfolded = calendar.replace("\r\n ", "");
    let lines = unfolded.split("\r\n").filter(|line| !line.is_empty());
    lines.map(|line| line.split([':', ';']).next().unwrap_or_default().to_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_adds_a_line_or_a_property(
        service in hostile(),
        add_on in hostile(),
        expert in hostile(),
        salon in hostile(),
        name in hostile(),
        notes in prop::option::of(hostile()),
    ) {
        let event = by_customer(EventData::AppointmentConfirmed(facts()));
        let harmless = mail_of(&event, &profile(), &appointment(Status::Confirmed), &settings());
        let harmless = line_names(std::str::from_utf8(&harmless.attachments[0].content).unwrap());
        let mut appointment = Appointment {
            service_name: stored(&service),
            expert_name: stored(&expert),
            notes: notes.as_deref().map(stored),
            ..appointment(Status::Confirmed)
        };
        for sub_service in &mut appointment.sub_services {
            sub_service.name = stored(&add_on);
        }
        let profile = Profile { name: stored(&name), ..profile() };
        let settings = Settings { salon_name: stored(&salon), ..settings() };
        let mail = mail_of(&event, &profile, &appointment, &settings);
        prop_assert!(!mail.subject.chars().any(char::is_control), "{:?}", mail.subject);

        let text = std::str::from_utf8(&mail.attachments[0].content).unwrap();
        prop_assert_eq!(line_names(text), harmless);
        prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        prop_assert!(text.split("\r\n").all(|line| line.len() <= 75), "{}", text);
        let calendar = parsed(&mail);
        prop_assert_eq!(calendar.components.len(), 2);
        let of_event = |name| value(&calendar, 1, &name).unwrap_or_default();
        let (service, salon) = (single_line(&service), single_line(&salon));
        prop_assert_eq!(of_event(ICalendarProperty::Summary), format!("{service} at {salon}"));
        prop_assert_eq!(of_event(ICalendarProperty::Location), salon);
        let description = of_event(ICalendarProperty::Description);
        let notes = notes.filter(|notes| !notes.trim().is_empty()).map_or(Vec::new(), |notes| lines(&notes));
        prop_assert_eq!(description.split('\n').count(), 3 + notes.len(), "{}", description);
        prop_assert!(description.ends_with(&notes.join("\n")), "{}", description);
    }

    #[test]
    fn what_people_write_comes_back_as_they_wrote_it(
        service in written(),
        expert in written(),
        salon in written(),
        name in written(),
        notes in prop::collection::vec(written(), 1..4),
    ) {
        let appointment = Appointment {
            service_name: stored(&service),
            sub_services: Vec::new(),
            expert_name: stored(&expert),
            notes: Some(stored(&notes.join("\r\n"))),
            ..appointment(Status::Confirmed)
        };
        let profile = Profile { name: stored(&name), ..profile() };
        let settings = Settings { salon_name: stored(&salon), ..settings() };
        for event_type in [EventData::AppointmentConfirmed(facts()), EventData::AppointmentReminder(facts())] {
            let mail = mail_of(&by_customer(event_type), &profile, &appointment, &settings);
            let calendar = parsed(&mail);
            prop_assert_eq!(calendar.components.len(), 2);
            let of_event = |name| value(&calendar, 1, &name).unwrap();
            prop_assert_eq!(of_event(ICalendarProperty::Summary), format!("{service} at {salon}"));
            prop_assert_eq!(of_event(ICalendarProperty::Location), salon.clone());
            prop_assert_eq!(
                of_event(ICalendarProperty::Description),
                format!("{service}\nWith {expert}\nEUR 65.00, paid\n{}", notes.join("\n"))
            );
            // A parameter cannot say everything.
            let in_parameter = |text: &str| text.replace('"', "'").replace('\\', "/");
            prop_assert_eq!(parameter(&calendar, &ICalendarProperty::Attendee), in_parameter(&name));
            prop_assert_eq!(parameter(&calendar, &ICalendarProperty::Organizer), in_parameter(&salon));
            let text = std::str::from_utf8(&mail.attachments[0].content).unwrap();
            prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
            prop_assert!(text.split("\r\n").all(|line| line.len() <= 75), "{}", text);
        }
    }
}
