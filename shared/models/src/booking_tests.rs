use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::{Weekday, date, time};
use jiff::tz::AmbiguousOffset;

use super::*;
use crate::appointment::payment::VerifiedPayment;
use crate::availability::DaySlots;
use crate::catalog::{OwnTerms, Settings, TimeOff};
use crate::catalog_change::OfferDetails;
use crate::ids::{CategoryId, OfferId, TimeOffId};
use crate::offers::Discount;
use crate::working_hours::WorkingHours;

pub(super) const EVERY_DAY: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

pub(crate) fn service_id() -> ServiceId {
    ServiceId::derived([1; 16])
}

pub(crate) fn sub_id(byte: u8) -> SubServiceId {
    SubServiceId::derived([byte; 16])
}

pub(crate) fn expert_id(byte: u8) -> ExpertId {
    ExpertId::derived([byte; 16])
}

pub(crate) fn weekly(ranges: &[(u16, u16)]) -> WorkingHours {
    WorkingHours::weekly(&EVERY_DAY.map(|weekday| (weekday, ranges))).unwrap()
}

pub(crate) fn expert(byte: u8, hours: WorkingHours) -> Expert {
    Expert {
        id: expert_id(byte),
        name: format!("Expert {byte}").parse().unwrap(),
        title: None,
        bio: None,
        image_url: None,
        rating: None,
        total_reviews: 0,
        is_active: true,
        services: BTreeMap::from([(service_id(), OwnTerms::default())]),
        working_hours: hours,
        time_off: Vec::new(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

fn sub_service(byte: u8, price: i64, duration_minutes: u32) -> SubService {
    SubService {
        id: sub_id(byte),
        service_id: service_id(),
        name: format!("Add-on {byte}").parse().unwrap(),
        description: None,
        price,
        duration_minutes,
        is_active: true,
    }
}

/// One service of 60 minutes with a buffer of 10 and two add-ons, and expert 1, who works from 9 to 17.
pub(crate) fn catalog(zone: &str) -> Catalog {
    let service = Service {
        id: service_id(),
        category_id: CategoryId::derived([9; 16]),
        name: "Cut".parse().unwrap(),
        description: None,
        price: 4_500,
        duration_minutes: 60,
        buffer_minutes: 10,
        is_active: true,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    };
    Catalog {
        version: 1,
        settings: Settings { time_zone: zone.to_owned(), lead_time_minutes: 0, ..Settings::default() },
        services: BTreeMap::from([(service.id, service)]),
        sub_services: [sub_service(1, 1_000, 15), sub_service(2, 500, 500)].map(|sub| (sub.id, sub)).into(),
        experts: BTreeMap::from([(expert_id(1), expert(1, weekly(&[(540, 1020)])))]),
        ..Catalog::default()
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn only<'c>(salon: &Salon<'c>) -> Quote<'c> {
    salon.quotes(service_id(), &[], None).unwrap().remove(0)
}

/// Books on Tuesday 2026-03-03 as seen from Monday noon, UTC.
fn book(catalog: &Catalog, on: Date, at_time: Time) -> Result<Span, StartError> {
    let salon = Salon::new(catalog).unwrap();
    salon.book(&only(&salon), on, at_time, at("2026-03-02T12:00:00Z")).map(|booking| booking.blocked)
}

#[test]
fn a_quote_adds_up() {
    let mut catalog = catalog("UTC");
    let salon = Salon::new(&catalog).unwrap();
    let quote = salon.quotes(service_id(), &[sub_id(1)], Some(expert_id(1))).unwrap().remove(0);
    assert_eq!((quote.total_price, quote.duration_minutes, quote.buffer_minutes), (5_500, 75, 10));
    let own = OwnTerms { price: Some(6_000), duration_minutes: Some(45) };
    catalog.experts.get_mut(&expert_id(1)).unwrap().services.insert(service_id(), own);
    let salon = Salon::new(&catalog).unwrap();
    let quote = salon.quotes(service_id(), &[sub_id(1)], None).unwrap().remove(0);
    assert_eq!((quote.total_price, quote.duration_minutes), (7_000, 60));
}

#[test]
fn what_cannot_be_quoted_is_named() {
    let quotes = |catalog: &Catalog, service, subs: &[SubServiceId], expert| {
        Salon::new(catalog).unwrap().quotes(service, subs, expert).map(|quotes| quotes.len())
    };
    let salon = catalog("UTC");
    let unknown = ServiceId::derived([7; 16]);
    assert_eq!(quotes(&salon, unknown, &[], None), Err(ServiceError::UnknownService.into()));
    assert_eq!(quotes(&salon, service_id(), &[], Some(expert_id(7))), Err(ExpertError::UnknownExpert.into()));
    let stranger = sub_id(7);
    let refused = quotes(&salon, service_id(), &[stranger], None);
    assert_eq!(refused, Err(ServiceError::UnknownSubService(stranger).into()));
    let refused = quotes(&salon, service_id(), &[sub_id(1), sub_id(1)], None);
    assert_eq!(refused, Err(ServiceError::RepeatedSubService(sub_id(1)).into()));
    assert_eq!(quotes(&salon, service_id(), &[sub_id(1), sub_id(2)], None), Ok(1));
    let mut too_long = catalog("UTC");
    too_long.sub_services.get_mut(&sub_id(2)).unwrap().duration_minutes = 531;
    assert_eq!(quotes(&too_long, service_id(), &[sub_id(2)], None), Err(ServiceError::TooLong.into()));
    let mut inactive = catalog("UTC");
    inactive.services.get_mut(&service_id()).unwrap().is_active = false;
    assert_eq!(quotes(&inactive, service_id(), &[], None), Err(ServiceError::UnknownService.into()));
    let mut nobody = catalog("UTC");
    nobody.experts.get_mut(&expert_id(1)).unwrap().services.clear();
    assert_eq!(quotes(&nobody, service_id(), &[], None), Err(ServiceError::NobodyOffersService.into()));
    let refused = quotes(&nobody, service_id(), &[], Some(expert_id(1)));
    assert_eq!(refused, Err(ExpertError::ExpertDoesNotOfferService.into()));
}

#[test]
fn a_time_is_allowed_or_named() {
    let salon = catalog("UTC");
    let tuesday = date(2026, 3, 3);
    for (on, hour, minute, expected) in [
        (tuesday, 9, 0, None),
        // 60 minutes and 10 of buffer must end by 17:00.
        (tuesday, 15, 45, None),
        (tuesday, 16, 0, Some(StartError::Closed(70))),
        (tuesday, 8, 45, Some(StartError::Closed(70))),
        (tuesday, 9, 5, Some(StartError::OffGrid(15))),
        (date(2026, 3, 1), 9, 0, Some(StartError::DateInPast)),
        (date(2026, 3, 2), 9, 0, Some(StartError::TimeInPast)),
        (date(2026, 3, 2), 12, 0, Some(StartError::TimeInPast)),
        (date(2026, 3, 2), 12, 15, None),
        (date(2026, 5, 31), 9, 0, None),
        (date(2026, 6, 1), 9, 0, Some(StartError::TooFarAhead(90))),
        (Date::MAX, 9, 0, Some(StartError::TooFarAhead(90))),
        (Date::MIN, 9, 0, Some(StartError::DateInPast)),
    ] {
        let booked = book(&salon, on, time(hour, minute, 0, 0));
        assert_eq!(booked.err(), expected, "{on} {hour}:{minute}");
    }
    assert_eq!(book(&salon, tuesday, time(9, 0, 30, 0)), Err(StartError::OffGrid(15)));
    let mut lead = catalog("UTC");
    lead.settings.lead_time_minutes = 60;
    assert_eq!(book(&lead, date(2026, 3, 2), time(12, 45, 0, 0)), Err(StartError::TooSoon(60)));
    assert!(book(&lead, date(2026, 3, 2), time(13, 0, 0, 0)).is_ok());
}

#[test]
fn time_off_and_breaks_are_closed() {
    let mut salon = catalog("UTC");
    let expert = salon.experts.get_mut(&expert_id(1)).unwrap();
    expert.working_hours = weekly(&[(540, 720), (720, 780), (840, 1020)]);
    expert.time_off.push(TimeOff {
        id: TimeOffId::derived([1; 16]),
        from: date(2026, 3, 3).at(15, 30, 0, 0),
        to: date(2026, 3, 4).at(9, 30, 0, 0),
        reason: None,
    });
    let open = |on, hour, minute| book(&salon, on, time(hour, minute, 0, 0)).is_ok();
    let tuesday = date(2026, 3, 3);
    // Ranges that touch are one.
    assert!(open(tuesday, 11, 30));
    assert!(!open(tuesday, 12, 0), "into the break");
    assert!(open(tuesday, 14, 15), "until the time off begins, within a quarter of an hour");
    assert!(!open(tuesday, 14, 30), "into the time off");
    assert!(!open(date(2026, 3, 4), 9, 15), "before they are back");
    assert!(open(date(2026, 3, 4), 9, 30), "when they are back");
}

#[test]
fn an_appointment_may_cross_midnight_where_hours_do() {
    let mut salon = catalog("UTC");
    let hours = WorkingHours::weekly(&[
        (Weekday::Tuesday, &[(1_200, 1_440)]),
        (Weekday::Wednesday, &[(0, 60)]),
        (Weekday::Friday, &[(1_200, 1_440)]),
    ]);
    salon.experts.get_mut(&expert_id(1)).unwrap().working_hours = hours.unwrap();
    let span = book(&salon, date(2026, 3, 3), time(23, 30, 0, 0)).unwrap();
    assert_eq!(span.end, at("2026-03-04T00:40:00Z"));
    assert_eq!(book(&salon, date(2026, 3, 6), time(23, 30, 0, 0)), Err(StartError::Closed(70)));
}

#[test]
fn an_appointment_says_what_was_booked() {
    let catalog = catalog("Europe/Paris");
    let salon = Salon::new(&catalog).unwrap();
    let quote = salon.quotes(service_id(), &[sub_id(1)], None).unwrap().remove(0);
    let now = at("2026-03-02T12:00:00.250Z");
    let ids = (AppointmentId::derived([5; 16]), UserId::derived([6; 16]));
    let made = |payment| {
        let booking = salon.book(&quote, date(2026, 3, 3), time(9, 0, 0, 0), now).unwrap();
        booking.into_appointment(&salon, ids.0, ids.1, payment, None, now)
    };
    let paid = made(Payment::OnTheirWord);
    assert_eq!((paid.status, paid.expires_at), (Status::Confirmed, None));
    assert_eq!(paid.payment, Some(payment::Payment::Unverified { at: now }));
    let admin = UserId::derived([7; 16]);
    let taken = VerifiedPayment {
        method: PaymentMethod::Other,
        reference: None,
        amount: 5_500,
        at: now,
        by: admin,
        claimed_at: None,
    };
    let at_desk = made(Payment::AtDesk(admin));
    assert_eq!((at_desk.status, at_desk.expires_at), (Status::Confirmed, None));
    assert_eq!(at_desk.verified_payment(), Some(&taken));
    assert_eq!(paid.starts_at, at("2026-03-03T08:00:00Z"));
    assert_eq!(paid.ends_at, at("2026-03-03T09:15:00Z"), "without the buffer");
    assert_eq!(paid.blocked_until, at("2026-03-03T09:25:00Z"), "with it");
    assert_eq!((paid.total_price, paid.duration_minutes), (5_500, 75));
    let held = made(Payment::Later(Duration::from_secs(5)));
    assert_eq!(held.expires_at, Some(at("2026-03-02T12:00:06Z")), "upwards to a whole second");
    assert_eq!((held.status, &held.payment), (Status::Reserved, &None));
    let long = made(Payment::Later(Duration::from_hours(48)));
    assert_eq!(long.expires_at, Some(long.starts_at), "not beyond the start");
}

#[test]
fn who_may_say_that_it_is_paid_is_up_to_the_salon() {
    let (admin, hold) = (UserId::derived([7; 16]), Duration::from_hours(4));
    let (customer, desk) = (Booker::Customer, Booker::Staff(admin));
    let (later, shorter) = (Payment::Later(hold), Payment::Later(Duration::from_mins(30)));
    for (pay_now, hold_minutes, asked, booker, expected) in [
        (PayNow::Anyone, None, false, customer, Ok(later)),
        (PayNow::Anyone, Some(30), false, desk, Ok(shorter)),
        (PayNow::Anyone, None, true, customer, Ok(Payment::OnTheirWord)),
        (PayNow::Anyone, None, true, desk, Ok(Payment::AtDesk(admin))),
        (PayNow::Staff, None, false, customer, Ok(later)),
        (PayNow::Staff, Some(30), true, customer, Err(PaymentRequiredAtSalon)),
        (PayNow::Staff, None, true, desk, Ok(Payment::AtDesk(admin))),
    ] {
        let mut catalog = catalog("Europe/Paris");
        (catalog.settings.pay_now, catalog.settings.reservation_hold_minutes) = (pay_now, hold_minutes);
        let found = Salon::new(&catalog).unwrap().payment(asked, booker, hold);
        assert_eq!(found, expected, "{pay_now:?} {asked} {booker:?}");
    }
}

#[test]
fn an_appointment_costs_what_its_offer_leaves() {
    let mut catalog = catalog("Europe/Paris");
    let details = OfferDetails {
        name: "Spring".parse().unwrap(),
        description: None,
        discount: Discount::Percent(15),
        code: None,
        service_ids: BTreeSet::new(),
        valid_from: None,
        valid_to: None,
        is_active: None,
    };
    let spring = catalog.create_offer(OfferId::derived([1; 16]), &details, Timestamp::UNIX_EPOCH).unwrap();
    catalog.offers.insert(spring.id, spring);
    let salon = Salon::new(&catalog).unwrap();
    let quote = salon.quotes(service_id(), &[sub_id(1)], None).unwrap().remove(0);
    let (on, now) = (date(2026, 3, 3), at("2026-03-02T12:00:00Z"));
    let ids = (AppointmentId::derived([5; 16]), UserId::derived([6; 16]));
    let made = |offers: &[&Offer]| {
        let booking = salon.book(&quote, on, time(9, 0, 0, 0), now).unwrap().with_best_of(offers);
        booking.into_appointment(&salon, ids.0, ids.1, Payment::OnTheirWord, None, now)
    };
    let offers = salon.offers(service_id(), on, None, now).unwrap();
    let made_cheaper = made(&offers);
    let applied = AppliedOffer {
        id: OfferId::derived([1; 16]),
        name: "Spring".parse().unwrap(),
        code: None,
        discount: 825,
    };
    assert_eq!((made_cheaper.total_price, made_cheaper.offer), (4_675, Some(applied)));
    assert_eq!(made_cheaper.sub_services[0].price, 1_000, "it is off the whole");
    let whole = made(&[]);
    assert_eq!((whole.total_price, whole.offer), (5_500, None));
}

/// Every offer of three days around an instant, for an expert with these hours.
fn offers_around(catalog: &Catalog, around: Timestamp) -> Vec<DaySlots> {
    let salon = Salon::new(catalog).unwrap();
    let day = around.to_zoned(salon.zone.clone()).date();
    let now = around - SignedDuration::from_hours(24 * 7);
    let quotes = salon.quotes(service_id(), &[], None).unwrap();
    let (from, to) = (day.yesterday().unwrap(), day.tomorrow().unwrap());
    let days: Vec<_> = salon.availability(&quotes, &BTreeMap::new(), from, to, now).collect();
    for slot in days.iter().flat_map(|day| &day.slots) {
        let booked = salon.book(&quotes[0], slot.date, slot.time, now);
        assert_eq!(booked.map(|booking| booking.blocked.start), Ok(slot.starts_at), "{slot:?}");
    }
    days
}

/// The zones whose clocks have been changed in every way that the last decades know, and some that never are.
pub(super) const ZONES: [&str; 12] = [
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

#[test]
fn every_clock_change_of_ten_years_offers_each_wall_clock_time_once() {
    let mut changes = 0;
    for zone in ZONES {
        let mut salon = catalog(zone);
        salon.services.get_mut(&service_id()).unwrap().duration_minutes = 20;
        let tz = TimeZone::get(zone).unwrap();
        let until = at("2031-01-01T00:00:00Z");
        for transition in tz.following(at("2018-01-01T00:00:00Z")) {
            if transition.timestamp() >= until {
                break;
            }
            changes += 1;
            salon.experts.get_mut(&expert_id(1)).unwrap().working_hours = weekly(&[(0, 1_440)]);
            for day in offers_around(&salon, transition.timestamp()) {
                let times: Vec<_> = day.slots.iter().map(|slot| slot.time).collect();
                let on_the_wall: Vec<_> = Time::midnight()
                    .series(15.minutes())
                    .filter(|time| {
                        let offset = tz.to_ambiguous_timestamp(day.date.to_datetime(*time)).offset();
                        !matches!(offset, AmbiguousOffset::Gap { .. })
                    })
                    .collect();
                assert_eq!(times, on_the_wall, "{zone} {}", day.date);
                assert!(
                    day.slots.windows(2).all(|two| two[0].starts_at < two[1].starts_at),
                    "{zone} {}",
                    day.date
                );
                for slot in &day.slots {
                    let local = slot.starts_at.to_zoned(tz.clone());
                    assert_eq!((local.date(), local.time()), (slot.date, slot.time), "{zone}");
                    let first = tz.to_ambiguous_timestamp(local.datetime()).earlier().unwrap();
                    assert_eq!(slot.starts_at, first, "{zone}: of two, the first is meant");
                }
            }
            // A night shift from 00:30 to 05:15 by the wall clock ends by the wall clock.
            salon.experts.get_mut(&expert_id(1)).unwrap().working_hours = weekly(&[(30, 315)]);
            for slot in offers_around(&salon, transition.timestamp()).iter().flat_map(|day| &day.slots) {
                let end = (slot.starts_at + minutes(30)).to_zoned(tz.clone());
                assert!(slot.time >= time(0, 30, 0, 0), "{zone} {slot:?}");
                assert!((end.date(), end.time()) <= (slot.date, time(5, 15, 0, 0)), "{zone} {slot:?}");
            }
        }
    }
    assert!(changes > 150, "{changes} changes seen");
}
