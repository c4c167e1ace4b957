//! A salon with as many experts and appointments as a test counts the cost for.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chairbook_models::booking::{Payment, Salon};
use chairbook_models::catalog::{Expert, OwnTerms, Service};
use chairbook_models::ids::{AppointmentId, ExpertId, ServiceId, UserId};
use chairbook_models::working_hours::WorkingHours;
use chairbook_platform::{clock, random};
use chairbook_store::CatalogRow;
use jiff::ToSpan as _;
use jiff::civil::Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::{TestStack, appointment};

/// The demo's service and expert that those here are like.
const CUT: &str = "svc_00000000000000000000000001";
const MAREK: &str = "exp_00000000000000000000000002";

/// So many days from today (UTC).
///
/// # Panics
/// When there is no such day.
pub fn day(days: i64) -> Date {
    clock::now().to_zoned(TimeZone::UTC).date() + days.days()
}

/// The expert of a number, beginning with 1.
pub fn expert(number: u8) -> ExpertId {
    ExpertId::derived([number; 16])
}

/// So many experts who all do one service every day between these minutes of it; returns the service.
pub async fn hire(stack: &TestStack, experts: u8, hours: (u16, u16)) -> Service {
    let store = stack.stack.store();
    let catalog = store.catalog().await.unwrap();
    let model = &catalog.services[&CUT.parse().unwrap()];
    let service =
        Service { id: ServiceId::derived([7; 16]), name: "Consultation".parse().unwrap(), ..model.clone() };
    let hours = &[hours][..];
    let hours = [Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday].map(|day| (day, hours));
    let marek = &catalog.experts[&MAREK.parse().unwrap()];
    let experts = (1..=experts).map(|number| {
        CatalogRow::Expert(Box::new(Expert {
            id: expert(number),
            name: format!("Expert {number}").parse().unwrap(),
            services: BTreeMap::from([(service.id, OwnTerms::default())]),
            working_hours: WorkingHours::weekly(&hours).unwrap(),
            ..marek.clone()
        }))
    });
    let mut rows = vec![CatalogRow::Service(service.clone())];
    rows.extend(experts);
    // A transaction has room for a hundred.
    for rows in rows.chunks(90) {
        stack.write_catalog(rows).await;
    }
    service
}

/// So many days from today (UTC) to so many.
pub fn days(days: RangeInclusive<i64>) -> Vec<Date> {
    let today = day(0);
    days.map(|days| today + days.days()).collect()
}

/// Books these hours of each expert on all of these days, and returns the number of appointments.
pub async fn fill(
    stack: &TestStack,
    service: &Service,
    experts: u8,
    (days, hours): (&[Date], &[i8]),
) -> usize {
    let store = stack.stack.store();
    let catalog = store.catalog().await.unwrap();
    let salon = Salon::new(&catalog).unwrap();
    let now = clock::now();
    let mut count = 0;
    for number in 1..=experts {
        let quotes = salon.quotes(service.id, &[], Some(expert(number))).unwrap();
        for &day in days {
            for &hour in hours {
                let booking = salon.book(&quotes[0], day, Time::constant(hour, 0, 0, 0), now).unwrap();
                let id = AppointmentId::new(now, random::bytes());
                let made =
                    booking.into_appointment(&salon, id, UserId::NOBODY, Payment::OnTheirWord, None, now);
                appointment::put(&store, &made, now).await;
                count += 1;
            }
        }
    }
    count
}
