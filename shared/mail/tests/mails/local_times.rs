//! The right local time: whatever the clocks do between the booking and the appointment, its mails say the time on the
//! wall that was booked, and its calendar the same instant.

use chairbook_models::appointment::Appointment;
use chairbook_models::booking::{Payment, Salon};
use chairbook_models::catalog::{Catalog, Expert, OwnTerms, Service, Settings};
use chairbook_models::event::{Actor, AppointmentFacts, Event, EventData};
use chairbook_models::ids::{AppointmentId, CategoryId, EventId, ExpertId, ServiceId};
use chairbook_models::working_hours::WorkingHours;
use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::{customer, instant, mail_of, profile};

pub(super) const SERVICE: ServiceId = ServiceId::derived([3; 16]);

const EVERY_DAY: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// The zones whose clocks have been changed in every way that the last decades know, and some that never are.
const ZONES: [&str; 12] = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/New_York",
    "America/Santiago",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Europe/London",
    "Pacific/Apia",
    "UTC",
];

/// A salon with one service of half an hour and one expert, who is there day and night.
pub(super) fn catalog(zone: &str) -> Catalog {
    let service = Service {
        id: SERVICE,
        category_id: CategoryId::derived([9; 16]),
        name: "Haircut".parse().unwrap(),
        description: None,
        price: 4_500,
        duration_minutes: 30,
        buffer_minutes: 5,
        is_active: true,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    };
    let all_day: &[(u16, u16)] = &[(0, 1_440)];
    let expert = Expert {
        id: ExpertId::derived([6; 16]),
        name: "Camille Moreau".parse().unwrap(),
        title: None,
        bio: None,
        image_url: None,
        rating: None,
        total_reviews: 0,
        is_active: true,
        services: [(SERVICE, OwnTerms::default())].into(),
        working_hours: WorkingHours::weekly(&EVERY_DAY.map(|weekday| (weekday, all_day))).unwrap(),
        time_off: Vec::new(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    };
    Catalog {
        version: 1,
        settings: Settings {
            salon_name: "Salon Lumière".parse().unwrap(),
            time_zone: zone.to_owned(),
            ..Settings::default()
        },
        services: [(SERVICE, service)].into(),
        experts: [(expert.id, expert)].into(),
        ..Catalog::default()
    }
}

/// Books a local time long before it; nothing if there is no such time on that day.
fn booked(catalog: &Catalog, local: DateTime, now: Timestamp) -> Option<Appointment> {
    let salon = Salon::new(catalog).unwrap();
    let quotes = salon.quotes(SERVICE, &[], None).unwrap();
    let booking = salon.book(&quotes[0], local.date(), local.time(), now).ok()?;
    let id = AppointmentId::derived([2; 16]);
    Some(booking.into_appointment(&salon, id, customer(), Payment::OnTheirWord, None, now))
}

/// A detail of a mail's plain text, with the lines that it goes on in.
fn detail(text: &str, label: &str) -> String {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&format!("{label}:")));
    let first = lines.next().unwrap().split_once(':').unwrap().1;
    let rest = lines.take_while(|line| line.starts_with("   "));
    std::iter::once(first).chain(rest).map(str::trim).collect::<Vec<_>>().join(" ")
}

fn line<'i>(file: &'i [u8], name: &str) -> &'i str {
    let file = std::str::from_utf8(file).unwrap();
    file.split("\r\n").find_map(|line| line.strip_prefix(name)).unwrap()
}

/// The local times around a clock change, every quarter of an hour on either side of what is skipped or repeated.
fn around(zone: &TimeZone, change: Timestamp) -> Vec<DateTime> {
    let before = zone.to_datetime(change - SignedDuration::from_secs(1));
    let after = zone.to_datetime(change);
    let (first, last) = (before.min(after) - 2.hours(), before.max(after) + 2.hours());
    let quarter =
        |at: DateTime| at.date().to_datetime(Time::midnight()) + (i64::from(at.hour()) * 60).minutes();
    quarter(first).series(15.minutes()).take_while(|local| *local <= last).collect()
}

#[test]
fn every_mail_says_the_time_on_the_wall_that_was_booked() {
    let (mut changes, mut told, mut skipped, mut repeated) = (0, 0, 0, 0);
    for zone in ZONES {
        let catalog = catalog(zone);
        let tz = TimeZone::get(zone).unwrap();
        let until = instant("2031-01-01T00:00:00Z");
        let transitions = tz.following(instant("2021-01-01T00:00:00Z"));
        let mut days: Vec<Timestamp> =
            transitions.map(|change| change.timestamp()).take_while(|change| *change < until).collect();
        changes += days.len();
        // Where clocks are never changed, any day will do.
        days.push(instant("2026-06-15T12:00:00Z"));
        for change in days {
            // A month before, where the clocks may show another hour.
            let now = change - SignedDuration::from_hours(30 * 24);
            for local in around(&tz, change) {
                let ambiguity = tz.to_ambiguous_timestamp(local).offset();
                let Some(appointment) = booked(&catalog, local, now) else {
                    assert!(matches!(ambiguity, AmbiguousOffset::Gap { .. }), "{local} in {zone} is refused");
                    skipped += 1;
                    continue;
                };
                assert_eq!((appointment.date, appointment.time), (local.date(), local.time()));
                let is_repeated = matches!(ambiguity, AmbiguousOffset::Fold { .. });
                repeated += usize::from(is_repeated);
                let variants: [fn(AppointmentFacts) -> EventData; 2] =
                    [EventData::AppointmentConfirmed, EventData::AppointmentReminder];
                for data in variants {
                    let id = EventId::derived([7; 16]);
                    let event = Event::about_appointment(id, data, now, Actor::System, &appointment);
                    let mail = mail_of(&event, &profile(), &appointment, &catalog.settings);
                    let on_the_wall = local.strftime("%A, %-d %B %Y, %H:%M").to_string();
                    let when = detail(&mail.text, "When");
                    assert!(mail.subject.ends_with(&format!(", {on_the_wall}")), "{}", mail.subject);
                    let offset = appointment.starts_at.to_zoned(tz.clone()).strftime(", UTC%:z").to_string();
                    let offset = if is_repeated { offset.as_str() } else { "" };
                    assert_eq!(when, format!("{on_the_wall} ({zone}{offset})"));
                    assert!(mail.html.contains(&when), "{when:?} is not in the HTML");
                    let end = tz.to_datetime(appointment.starts_at + SignedDuration::from_mins(30));
                    let until = detail(&mail.text, "Until");
                    assert_eq!(until, format!("{} (30 minutes)", end.strftime("%H:%M")), "{local} in {zone}");
                    // The instant, back on the wall.
                    let file = &mail.attachments[0].content;
                    for (name, expected) in [("DTSTART:", local), ("DTEND:", end)] {
                        let at = DateTime::strptime("%Y%m%dT%H%M%SZ", line(file, name)).unwrap();
                        let at = TimeZone::UTC.to_timestamp(at).unwrap();
                        assert_eq!(tz.to_datetime(at), expected, "{name} of {local} in {zone}");
                    }
                    told += 1;
                }
            }
        }
    }
    assert!(
        changes > 100 && told > 2_000 && skipped > 100 && repeated > 100,
        "{changes} changes, {told} mails, {skipped} skipped, {repeated} repeated"
    );
}
