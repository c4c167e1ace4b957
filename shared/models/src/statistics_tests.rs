use jiff::Timestamp;
use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::appointment::payment::{DeskPayment, Payment, PaymentMethod, Refund, pay};
use crate::appointment::{ChangedBy, Closing, anonymise, cancel, close, expire};
use crate::ids::{AppointmentId, UserId};

const START: i64 = 1_772_528_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A reservation for 2026-03-03 at 10:30 of 45.00, held until a minute before.
fn reserved() -> Appointment {
    Appointment {
        id: AppointmentId::derived([1; 16]),
        user_id: UserId::derived([2; 16]),
        service_id: ServiceId::derived([3; 16]),
        service_name: "Cut".parse().unwrap(),
        sub_services: Vec::new(),
        expert_id: ExpertId::derived([4; 16]),
        expert_name: "Ada".parse().unwrap(),
        date: date(2026, 3, 3),
        time: jiff::civil::time(10, 30, 0, 0),
        time_zone: "Europe/Paris".to_owned(),
        starts_at: at(START),
        ends_at: at(START + 3_600),
        blocked_until: at(START + 3_600),
        duration_minutes: 60,
        status: Status::Reserved,
        total_price: 4_500,
        currency: Currency::EUR,
        offer: None,
        expires_at: Some(at(START - 60)),
        payment: None,
        refund: None,
        reminded_for: None,
        notes: Some("A fringe".parse().unwrap()),
        version: 1,
        reschedules: 0,
        created_at: at(0),
        updated_at: at(0),
    }
}

fn paid_for(appointment: &Appointment) -> Appointment {
    let by = UserId::derived([8; 16]);
    let cash = DeskPayment { method: PaymentMethod::Cash, reference: None, amount: 4_500, by };
    pay(appointment, cash, at(0)).unwrap().appointment().clone()
}

fn paid() -> Appointment {
    paid_for(&reserved())
}

/// Confirmed on the customer's word that they have paid.
fn claimed() -> Appointment {
    let payment = Some(Payment::Unverified { at: at(0) });
    Appointment { status: Status::Confirmed, expires_at: None, payment, ..reserved() }
}

#[test]
fn what_an_appointment_contributes_follows_from_where_it_stands() {
    let cancelled = |appointment: &Appointment| cancel(appointment, ChangedBy::Staff, at(0)).unwrap();
    let closed = |appointment: &Appointment, closing| close(appointment, closing, at(START)).unwrap();
    for (appointment, status, [revenue, refunded, unverified, unpaid]) in [
        (reserved(), Status::Reserved, [0, 0, 0, 4_500]),
        (paid(), Status::Confirmed, [4_500, 0, 0, 0]),
        (claimed(), Status::Confirmed, [0, 0, 4_500, 0]),
        (paid_for(&claimed()), Status::Confirmed, [4_500, 0, 0, 0]),
        (cancelled(&reserved()), Status::Cancelled, [0; 4]),
        (cancelled(&paid()), Status::Cancelled, [0, 4_500, 0, 0]),
        (cancelled(&claimed()), Status::Cancelled, [0; 4]),
        (cancelled(&paid_for(&claimed())), Status::Cancelled, [0, 4_500, 0, 0]),
        (expire(&reserved(), at(START)).unwrap(), Status::Expired, [0; 4]),
        (closed(&paid(), Closing::Completed), Status::Completed, [4_500, 0, 0, 0]),
        (closed(&paid(), Closing::NoShow), Status::NoShow, [4_500, 0, 0, 0]),
        (closed(&claimed(), Closing::Completed), Status::Completed, [0, 0, 4_500, 0]),
        (closed(&claimed(), Closing::NoShow), Status::NoShow, [0, 0, 4_500, 0]),
        (paid_for(&closed(&claimed(), Closing::NoShow)), Status::NoShow, [4_500, 0, 0, 0]),
    ] {
        let contribution = Contribution::of(&appointment);
        let found = (
            contribution.status,
            [contribution.revenue, contribution.refunded, contribution.unverified, contribution.unpaid],
        );
        assert_eq!(found, (status, [revenue, refunded, unverified, unpaid]));
        assert_eq!((contribution.day, contribution.hour), (date(2026, 3, 3), 10));
        let mut totals = Totals::default();
        totals.count(&contribution);
        let standing = i64::from(stands(status));
        for (measure, expected) in [
            (Measure::Status(status), 1),
            (Measure::Hour(10), standing),
            (Measure::Service(appointment.service_id), standing),
            (Measure::Expert(appointment.expert_id), standing),
            (Measure::ServiceRevenue(appointment.service_id, Currency::EUR), revenue),
            (Measure::ExpertRevenue(appointment.expert_id, Currency::EUR), revenue),
            (Measure::Revenue(Currency::EUR), revenue),
            (Measure::Refunded(Currency::EUR), refunded),
            (Measure::Unverified(Currency::EUR), unverified),
            (Measure::Unpaid(Currency::EUR), unpaid),
        ] {
            assert_eq!(totals.get(measure), expected, "{status:?} {measure:?}");
        }
    }
}

#[test]
fn what_is_given_back_in_part_is_kept_in_part() {
    let appointment = Appointment {
        refund: Some(Refund { amount: 1_500, at: at(0) }),
        ..cancel(&paid(), ChangedBy::Staff, at(0)).unwrap()
    };
    let contribution = Contribution::of(&appointment);
    assert_eq!((contribution.revenue, contribution.refunded), (3_000, 1_500));
}

#[test]
fn who_it_was_contributes_nothing() {
    for appointment in [reserved(), paid(), claimed()] {
        assert_eq!(Contribution::of(&anonymise(&appointment, at(5))), Contribution::of(&appointment));
    }
}

#[test]
fn currencies_are_never_added_up() {
    let gbp: Currency = "GBP".parse().unwrap();
    let mut totals = Totals::default();
    totals.count(&Contribution::of(&paid()));
    totals.count(&Contribution { currency: gbp, ..Contribution::of(&paid()) });
    assert_eq!(
        (totals.get(Measure::Revenue(Currency::EUR)), totals.get(Measure::Revenue(gbp))),
        (4_500, 4_500)
    );
    assert_eq!(totals.get(Measure::Service(paid().service_id)), 2);
}

/// Any contribution to one of a few days, so that many meet on one.
fn any_contribution() -> impl Strategy<Value = Contribution> {
    let status = prop::sample::select(Status::ALL.to_vec());
    let currency = prop::sample::select(vec!["EUR", "GBP", "JPY"]);
    (1..4_i8, 0..24_i8, status, 0..3_u8, 0..3_u8, currency, 0..4_usize, 0..10_000_i64).prop_map(
        |(day, hour, status, service, expert, currency, kind, amount)| {
            let amounts = [0, 1, 2, 3].map(|place| if place == kind { amount } else { 0 });
            Contribution {
                day: date(2026, 3, day),
                hour,
                status,
                service_id: ServiceId::derived([service; 16]),
                service_name: format!("Service {service}").parse().unwrap(),
                expert_id: ExpertId::derived([expert; 16]),
                expert_name: format!("Expert {expert}").parse().unwrap(),
                currency: currency.parse().unwrap(),
                revenue: amounts[0],
                refunded: amounts[1],
                unverified: amounts[2],
                unpaid: amounts[3],
            }
        },
    )
}

/// The sums alone, of the days that have any.
fn totals(days: &BTreeMap<Date, DayStatistics>) -> BTreeMap<Date, Totals> {
    let days = days.iter().map(|(date, day)| (*date, day.totals.clone()));
    days.filter(|(_, totals)| !totals.is_empty()).collect()
}

proptest! {
    /// Whatever becomes of whichever appointments, in whatever order it is counted: the sum of the differences is what
    /// a recount of the appointments as they stand at the end finds.
    #[test]
    fn the_sum_of_the_differences_is_the_recount(
        changes in prop::collection::vec((0..5_usize, prop::option::weighted(0.9, any_contribution())), 0..60),
        batch in 1..8_usize,
    ) {
        let mut counted: [Option<Contribution>; 5] = [const { None }; 5];
        let mut rows: BTreeMap<Date, DayStatistics> = BTreeMap::new();
        for changes in changes.chunks(batch) {
            let mut moved = BTreeMap::new();
            for (place, after) in changes {
                count_change(&mut moved, counted[*place].as_ref(), after.as_ref());
                counted[*place].clone_from(after);
            }
            for (date, change) in moved {
                rows.entry(date).or_default().totals.merge(&change.totals);
            }
        }
        let mut recount: BTreeMap<Date, Vec<&Contribution>> = BTreeMap::new();
        for contribution in counted.iter().flatten() {
            recount.entry(contribution.day).or_default().push(contribution);
        }
        let recount = recount.into_iter().map(|(date, all)| (date, DayStatistics::recounted(all, 0))).collect();
        prop_assert_eq!(totals(&rows), totals(&recount));
    }

    /// What is counted twice in one place and taken away again leaves nothing behind, not even a zero.
    #[test]
    fn nothing_is_left_of_what_is_taken_away(contribution in any_contribution()) {
        let mut totals = Totals::default();
        totals.count(&contribution);
        totals.discount(&contribution);
        prop_assert!(totals.is_empty());
        let mut days = BTreeMap::new();
        count_change(&mut days, Some(&contribution), Some(&contribution));
        prop_assert!(days.values().all(|day| day.totals.is_empty()));
    }
}
