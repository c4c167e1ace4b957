//! A salon that never closes: every expert offers every service around the clock, so that only appointments stand in
//! each other's way, and a test knows what is free without the rules of working hours.

use std::ops::Range;

use chairbook_models::catalog::{Category, Expert, OwnTerms, Service, Settings, SubService};
use chairbook_models::ids::{CategoryId, ExpertId, ServiceId, SubServiceId};
use chairbook_models::working_hours::WorkingHours;
use chairbook_store::CatalogRow;
use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use serde_json::{Value, json};

/// Appointments begin at multiples of so many minutes.
pub const GRID: u32 = 5;

/// Minutes of each service, and of its buffer.
pub const SERVICES: [(u32, u32); 5] = [(20, 0), (35, 5), (50, 10), (90, 15), (15, 0)];

/// The shortest service.
pub const SHORTEST: u8 = 4;

/// Minutes of the two add-ons of each service.
pub const ADD_ONS: [u32; 2] = [10, 25];

const fn bytes(number: u8) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[15] = number + 1;
    bytes
}

/// The service at a place of [`SERVICES`].
pub fn service(place: u8) -> ServiceId {
    ServiceId::derived(bytes(place))
}

/// The add-on of a service at a place of [`ADD_ONS`].
pub fn add_on(service: u8, place: u8) -> SubServiceId {
    SubServiceId::derived(bytes(service * 2 + place))
}

/// An expert, from 0.
pub fn expert(place: u8) -> ExpertId {
    ExpertId::derived(bytes(place))
}

/// The salon's catalog: so many experts, in a time zone.
///
/// # Panics
/// Never.
pub fn rows(experts: u8, time_zone: &str, now: Timestamp) -> Vec<CatalogRow> {
    let mut rows = vec![
        CatalogRow::Settings(Settings {
            time_zone: time_zone.to_owned(),
            slot_grid_minutes: GRID,
            lead_time_minutes: 0,
            ..Settings::default()
        }),
        CatalogRow::Category(Category {
            id: CategoryId::derived(bytes(0)),
            name: "Everything".parse().unwrap(),
            description: None,
            position: 1,
            is_active: true,
            created_at: now,
            updated_at: now,
        }),
    ];
    for (place, (duration_minutes, buffer_minutes)) in (0..).zip(SERVICES) {
        rows.push(CatalogRow::Service(Service {
            id: service(place),
            category_id: CategoryId::derived(bytes(0)),
            name: format!("{duration_minutes} minutes").parse().unwrap(),
            description: None,
            price: 1_000,
            duration_minutes,
            buffer_minutes,
            is_active: true,
            created_at: now,
            updated_at: now,
        }));
        rows.extend((0..).zip(ADD_ONS).map(|(other, duration_minutes)| {
            CatalogRow::SubService(SubService {
                id: add_on(place, other),
                service_id: service(place),
                name: format!("{duration_minutes} more").parse().unwrap(),
                description: None,
                price: 100,
                duration_minutes,
                is_active: true,
            })
        }));
    }
    let all_day: &[(u16, u16)] = &[(0, 24 * 60)];
    let always: Vec<_> = Weekday::Monday.cycle_forward().take(7).map(|weekday| (weekday, all_day)).collect();
    rows.extend((0..experts).map(|place| {
        let services = (0..).zip(SERVICES).map(|(place, _)| service(place));
        expert_row(expert(place), services, WorkingHours::weekly(&always).unwrap(), now)
    }));
    rows
}

/// An expert who does services on the salon's terms.
pub fn expert_row(
    id: ExpertId,
    services: impl IntoIterator<Item = ServiceId>,
    working_hours: WorkingHours,
    now: Timestamp,
) -> CatalogRow {
    CatalogRow::Expert(Box::new(Expert {
        id,
        name: format!("Expert {id}").parse().unwrap(),
        title: None,
        bio: None,
        image_url: None,
        rating: None,
        total_reviews: 0,
        is_active: true,
        services: services.into_iter().map(|service| (service, OwnTerms::default())).collect(),
        working_hours,
        time_off: Vec::new(),
        created_at: now,
        updated_at: now,
    }))
}

/// What a client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The place of the service.
    pub service: u8,
    /// The places of its add-ons.
    pub add_ons: Vec<u8>,
    /// Minutes after the local midnight.
    pub start: u32,
}

impl Wish {
    /// How long the expert would be busy, minutes.
    pub fn length(&self) -> u32 {
        let (duration, buffer) = SERVICES[usize::from(self.service)];
        duration + buffer + self.add_ons.iter().map(|place| ADD_ONS[usize::from(*place)]).sum::<u32>()
    }

    /// When the expert would be busy, minutes after the local midnight.
    pub fn span(&self) -> Range<u32> {
        self.start..self.start + self.length()
    }

    /// The request that books it, paid at once.
    pub fn request(&self, date: Date, expert: Option<ExpertId>) -> Value {
        let add_ons: Vec<_> = self.add_ons.iter().map(|place| add_on(self.service, *place)).collect();
        json!({
            "serviceId": service(self.service),
            "subServiceIds": add_ons,
            "date": date,
            "time": clock_time(self.start),
            "expertId": expert,
            "payNow": true,
        })
    }
}

/// A minute of the day as the API writes it.
pub fn clock_time(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// The minute of the day that the API writes so.
///
/// # Panics
/// When it is none.
pub fn minute(time: &str) -> u32 {
    let (hours, minutes) = time.split_once(':').unwrap();
    hours.parse::<u32>().unwrap() * 60 + minutes.parse::<u32>().unwrap()
}

/// Whether two spans have a minute in common.
pub fn overlap(a: &Range<u32>, b: &Range<u32>) -> bool {
    a.start < b.end && b.start < a.end
}

/// Splits into as many that follow one another without overlap as the greedy choice finds, and the rest, each of which
/// overlaps one of them.
pub fn without_overlap(mut wishes: Vec<Wish>) -> (Vec<Wish>, Vec<Wish>) {
    wishes.sort_by_key(|wish| wish.span().end);
    let mut end = 0;
    wishes.into_iter().partition(|wish| {
        let fits = wish.start >= end;
        if fits {
            end = wish.span().end;
        }
        fits
    })
}
