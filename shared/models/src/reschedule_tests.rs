use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::civil::{Date, Time, date, time};

use super::*;
use crate::appointment::cancel;
use crate::appointment::payment::{DeskPayment, PaymentMethod, pay};
use crate::booking;
use crate::booking::tests::{at, catalog, expert, expert_id, service_id, sub_id, weekly};
use crate::catalog::{Catalog, OwnTerms};
use crate::ids::{AppointmentId, OfferId, UserId};
use crate::offers::{Discount, Offer};

const NOW: &str = "2026-03-02T12:00:00Z";
const DESK: booking::Payment = booking::Payment::AtDesk(UserId::derived([8; 16]));
const WORD: booking::Payment = booking::Payment::OnTheirWord;
const HOUR: std::time::Duration = std::time::Duration::from_hours(1);

fn staff() -> ChangedBy {
    ChangedBy::Staff
}

/// Two experts: the second asks more and needs longer.
fn salon_catalog() -> Catalog {
    let mut catalog = catalog("Europe/Paris");
    let mut second = expert(2, weekly(&[(540, 1020)]));
    let own = OwnTerms { price: Some(6_000), duration_minutes: Some(90) };
    second.services.insert(service_id(), own);
    catalog.experts.insert(second.id, second);
    catalog
}

/// The service and its first add-on by the first expert, on Tuesday at ten.
fn booked_appointment(catalog: &Catalog, payment: booking::Payment) -> Appointment {
    let salon = Salon::new(catalog).unwrap();
    let quotes = salon.quotes(service_id(), &[sub_id(1)], Some(expert_id(1))).unwrap();
    let booking = salon.book(&quotes[0], date(2026, 3, 3), time(10, 0, 0, 0), at(NOW)).unwrap();
    let (id, user) = (AppointmentId::derived([5; 16]), UserId::derived([6; 16]));
    booking.into_appointment(&salon, id, user, payment, None, at(NOW))
}

fn moved(catalog: &Catalog, before: &Appointment, to: (u8, Date, Time), now: Timestamp) -> Appointment {
    let salon = Salon::new(catalog).unwrap();
    let subs: Vec<_> = before.sub_services.iter().map(|sub| sub.id).collect();
    let quotes = salon.quotes(before.service_id, &subs, Some(expert_id(to.0))).unwrap();
    let booking = salon.book(&quotes[0], to.1, to.2, now).unwrap();
    movable(before, staff(), now).unwrap().to(&booking, &salon, now)
}

const WEDNESDAY: (Date, Time) = (date(2026, 3, 4), time(14, 30, 0, 0));

#[test]
fn a_moved_appointment_is_the_same_at_another_time() {
    let catalog = salon_catalog();
    for payment in [DESK, WORD, booking::Payment::Later(HOUR)] {
        let before = booked_appointment(&catalog, payment);
        let now = at("2026-03-02T12:30:00Z");
        let after = moved(&catalog, &before, (1, WEDNESDAY.0, WEDNESDAY.1), now);
        let expected = Appointment {
            date: WEDNESDAY.0,
            time: WEDNESDAY.1,
            starts_at: at("2026-03-04T13:30:00Z"),
            ends_at: at("2026-03-04T14:45:00Z"),
            blocked_until: at("2026-03-04T14:55:00Z"),
            version: 2,
            reschedules: 1,
            updated_at: now,
            ..before
        };
        assert_eq!(after, expected);
    }
}

#[test]
fn the_price_is_the_agreed_one_unless_the_salon_was_not_paid_and_it_goes_to_another_expert() {
    let then = salon_catalog();
    let mut today = then.clone();
    today.services.get_mut(&service_id()).unwrap().price = 9_000;
    let add_on = today.sub_services.get_mut(&sub_id(1)).unwrap();
    (add_on.price, add_on.duration_minutes) = (2_000, 30);
    let (euro, yen) = (then.settings.currency, "JPY".parse().unwrap());
    today.settings.currency = yen;
    for (payment, expert, total, currency, add_on, duration) in [
        (booking::Payment::Later(HOUR), 1, 5_500, euro, 1_000, 90),
        (booking::Payment::Later(HOUR), 2, 8_000, yen, 2_000, 120),
        (WORD, 1, 5_500, euro, 1_000, 90),
        (WORD, 2, 8_000, yen, 2_000, 120),
        (DESK, 1, 5_500, euro, 1_000, 90),
        (DESK, 2, 5_500, euro, 1_000, 120),
    ] {
        let before = booked_appointment(&then, payment);
        let after = moved(&today, &before, (expert, WEDNESDAY.0, WEDNESDAY.1), at(NOW));
        let found = (after.total_price, after.currency, after.sub_services[0].price, after.duration_minutes);
        assert_eq!(found, (total, currency, add_on, duration), "{payment:?} to expert {expert}");
        assert_eq!((after.expert_id, after.sub_services[0].duration_minutes), (expert_id(expert), 30));
        assert_eq!((after.status, &after.payment), (before.status, &before.payment));
    }
}

#[test]
fn an_offer_goes_where_its_price_goes() {
    let offer = |byte: u8, percent, code: Option<&str>| Offer {
        id: OfferId::derived([byte; 16]),
        name: format!("Offer {byte}").parse().unwrap(),
        description: None,
        discount: Discount::Percent(percent),
        code: code.map(|text| text.parse().unwrap()),
        service_ids: BTreeSet::new(),
        valid_from: None,
        valid_to: None,
        is_active: true,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    };
    let with = |offers: &[Offer]| Catalog {
        offers: offers.iter().map(|offer| (offer.id, offer.clone())).collect(),
        ..salon_catalog()
    };
    let asked_for = offer(1, 20, Some("TWENTY"));
    let until_tuesday = Offer { valid_to: Some(date(2026, 3, 3)), ..asked_for.clone() };
    let not_for_this =
        Offer { service_ids: [crate::ids::ServiceId::derived([9; 16])].into(), ..asked_for.clone() };
    let switched_off = Offer { is_active: false, ..asked_for.clone() };
    let halved = Offer { discount: Discount::Percent(10), ..asked_for.clone() };
    let (five, ten, half) = (offer(2, 5, None), offer(3, 10, None), offer(4, 50, None));

    // What the first expert and an add-on cost, less a fifth.
    let then = with(std::slice::from_ref(&asked_for));
    let before = |payment| {
        let whole = booked_appointment(&then, payment);
        let salon = Salon::new(&then).unwrap();
        let quotes = salon.quotes(service_id(), &[sub_id(1)], Some(expert_id(1))).unwrap();
        let code = asked_for.code.as_ref();
        let offers = salon.offers(service_id(), whole.date, code, at(NOW)).unwrap();
        let booking = salon.book(&quotes[0], whole.date, whole.time, at(NOW)).unwrap().with_best_of(&offers);
        booking.into_appointment(&salon, whole.id, whole.user_id, payment, None, at(NOW))
    };
    let hold = booking::Payment::Later(HOUR);
    let of = |appointment: &Appointment| {
        let offer = appointment.offer.as_ref().map(|offer| (offer.id.to_bytes()[0], offer.discount));
        (appointment.total_price, offer)
    };
    assert_eq!(of(&before(hold)), (4_400, Some((1, 1_100))));

    // The price that was agreed stays, with its offer, whatever has become of that.
    for today in [vec![], vec![until_tuesday.clone()], vec![switched_off.clone(), half.clone()]] {
        for (payment, expert) in [(hold, 1), (WORD, 1), (DESK, 1), (DESK, 2)] {
            let before = before(payment);
            let after = moved(&with(&today), &before, (expert, WEDNESDAY.0, WEDNESDAY.1), at(NOW));
            assert_eq!((after.total_price, &after.offer), (4_400, &before.offer), "{payment:?} {expert}");
        }
    }
    // A new price, 70.00, gets the same offer as far as it fits, and else the best that applies by itself.
    for (what, today, expected) in [
        ("as it was", vec![asked_for.clone()], (5_600, Some((1, 1_400)))),
        ("though another is better by now", vec![asked_for.clone(), half], (5_600, Some((1, 1_400)))),
        ("as it is today", vec![halved], (6_300, Some((1, 700)))),
        ("for other dates", vec![until_tuesday, five.clone()], (6_650, Some((2, 350)))),
        ("for other services", vec![not_for_this, ten.clone()], (6_300, Some((3, 700)))),
        ("switched off", vec![switched_off, five, ten], (6_300, Some((3, 700)))),
        ("deleted", vec![], (7_000, None)),
    ] {
        let after = moved(&with(&today), &before(hold), (2, WEDNESDAY.0, WEDNESDAY.1), at(NOW));
        assert_eq!(of(&after), expected, "{what}");
    }
    // And one that had none gets what applies by itself.
    let whole = booked_appointment(&with(&[]), hold);
    let after = moved(&with(&[offer(3, 10, None)]), &whole, (2, WEDNESDAY.0, WEDNESDAY.1), at(NOW));
    assert_eq!(of(&after), (6_300, Some((3, 700))));
}

#[test]
fn a_hold_is_not_prolonged_and_ends_before_the_new_start() {
    let catalog = salon_catalog();
    let before = booked_appointment(&catalog, booking::Payment::Later(HOUR * 20));
    assert_eq!(before.expires_at, Some(at("2026-03-03T08:00:00Z")));
    let later = moved(&catalog, &before, (1, WEDNESDAY.0, WEDNESDAY.1), at("2026-03-02T13:00:00Z"));
    assert_eq!(later.expires_at, before.expires_at);
    let earlier =
        moved(&catalog, &before, (1, date(2026, 3, 2), time(15, 0, 0, 0)), at("2026-03-02T13:00:00Z"));
    assert_eq!(earlier.expires_at, Some(at("2026-03-02T14:00:00Z")));
}

#[test]
fn only_what_is_to_come_is_moved() {
    let catalog = salon_catalog();
    let reserved = booked_appointment(&catalog, booking::Payment::Later(HOUR));
    let by = UserId::derived([8; 16]);
    let cash = DeskPayment { method: PaymentMethod::Cash, reference: None, amount: 5_500, by };
    let paid = pay(&reserved, cash, at(NOW)).unwrap();
    let cancelled = cancel(&reserved, staff(), at(NOW)).unwrap();
    let expires_at = reserved.expires_at.unwrap();
    let just_before = expires_at - SignedDuration::from_secs(1);
    for (what, appointment, now, refused) in [
        ("held", &reserved, just_before, None),
        ("run out", &reserved, expires_at, Some(Status::Expired)),
        ("paid", paid.appointment(), expires_at, None),
        ("cancelled", &cancelled, at(NOW), Some(Status::Cancelled)),
    ] {
        let found = movable(appointment, staff(), now).map(drop);
        assert_eq!(
            found,
            refused.map_or(Ok(()), |status| Err(RescheduleError::InvalidTransition(status))),
            "{what}"
        );
    }
}

#[test]
fn customers_move_as_long_as_they_can_cancel() {
    let confirmed = booked_appointment(&salon_catalog(), WORD);
    for (window_minutes, before_start, refused) in
        [(60, 3_600, false), (60, 3_599, true), (0, 0, false), (0, -1, true)]
    {
        let now = confirmed.starts_at - SignedDuration::from_secs(before_start);
        let customer = ChangedBy::Customer { window_minutes };
        let expected = if refused { Err(RescheduleError::TooLate(window_minutes)) } else { Ok(()) };
        assert_eq!(movable(&confirmed, customer, now).map(drop), expected, "{window_minutes} {before_start}");
        assert_eq!(cancel(&confirmed, customer, now).is_err(), refused, "{window_minutes} {before_start}");
        assert!(movable(&confirmed, staff(), now).is_ok());
    }
}
