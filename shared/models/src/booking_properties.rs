//! Whatever a salon is like, what it offers is exactly what it lets be booked, and both are what the clock on its wall
//! says.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::tests::{EVERY_DAY, ZONES, at, catalog, expert, expert_id, service_id, sub_id};
use super::*;
use crate::availability::Slot;
use crate::catalog::{OwnTerms, TimeOff};
use crate::day::{Busy, BusySpan, CELLS_PER_DAY, DayPart};
use crate::ids::TimeOffId;
use crate::working_hours::WorkingHours;

/// How many dates are looked at.
const DATES: i32 = 4;

/// The grids that a salon may have, minutes.
const GRIDS: [u32; 8] = [5, 10, 15, 20, 30, 40, 45, 60];

/// Something taken of an expert's time: from so many minutes after `now`, for so many.
#[derive(Debug, Clone, Copy)]
struct Taken {
    start: i64,
    minutes: i64,
    hold: Hold,
}

#[derive(Debug, Clone, Copy)]
enum Hold {
    Paid,
    Held,
    RunOut,
}

#[derive(Debug, Clone)]
struct SomeExpert {
    /// From Monday on.
    hours: Vec<Vec<(u16, u16)>>,
    /// Minutes after today's midnight, and how many.
    off: Vec<(i64, i64)>,
    own_duration: Option<u32>,
    taken: Vec<Taken>,
}

#[derive(Debug, Clone)]
struct Sample {
    zone: &'static str,
    now: Timestamp,
    grid: u32,
    lead: u32,
    horizon: u32,
    duration: u32,
    buffer: u32,
    add_on: u32,
    with_add_on: bool,
    experts: Vec<SomeExpert>,
}

/// Some ranges of a day, on the five minutes, which may touch.
fn ranges() -> impl Strategy<Value = Vec<(u16, u16)>> {
    let split = proptest::collection::btree_set(0_u16..=288, 0..=6).prop_map(|marks| {
        let marks: Vec<_> = marks.into_iter().map(|mark| mark * 5).collect();
        marks.chunks_exact(2).map(|two| (two[0], two[1])).collect()
    });
    let touching = (0_u16..144, 144_u16..=288).prop_map(|(from, to)| vec![(from * 5, 720), (720, to * 5)]);
    prop_oneof![
        4 => split,
        1 => touching.prop_map(|mut ranges: Vec<(u16, u16)>| {
            ranges.retain(|(from, to)| from < to);
            ranges
        }),
        1 => Just(vec![(0, 1_440)]),
    ]
}

fn taken() -> impl Strategy<Value = Taken> {
    let hold = prop_oneof![Just(Hold::Paid), Just(Hold::Held), Just(Hold::RunOut)];
    (0_i64..5 * 1_440, 1_i64..200, hold).prop_map(|(start, minutes, hold)| Taken { start, minutes, hold })
}

fn some_expert() -> impl Strategy<Value = SomeExpert> {
    let off = (0_i64..4 * 288, 1_i64..400).prop_map(|(from, length)| (from * 5, length * 5));
    let hours = prop_oneof![
        4 => proptest::collection::vec(ranges(), 7),
        // Through every midnight.
        1 => Just(vec![vec![(0, 1_440)]; 7]),
    ];
    (
        hours,
        proptest::collection::vec(off, 0..4),
        proptest::option::of(1_u32..300),
        proptest::collection::vec(taken(), 0..25),
    )
        .prop_map(|(hours, off, own_duration, taken)| SomeExpert { hours, off, own_duration, taken })
}

/// An instant from 2020 to 2030; where clocks are ever changed, most often a few days before they are.
fn instants(zone: &'static str) -> BoxedStrategy<Timestamp> {
    let any = (1_577_836_800_i64..1_893_456_000).prop_map(|second| Timestamp::from_second(second).unwrap());
    let tz = TimeZone::get(zone).unwrap();
    let changes: Vec<_> = tz
        .following(at("2020-01-01T00:00:00Z"))
        .map(|change| change.timestamp())
        .take_while(|change| *change < at("2030-01-01T00:00:00Z"))
        .collect();
    if changes.is_empty() {
        return any.boxed();
    }
    let before = (proptest::sample::select(changes), 0_i64..4 * 1_440 * 60)
        .prop_map(|(change, seconds)| change - SignedDuration::from_secs(seconds));
    prop_oneof![1 => any, 2 => before].boxed()
}

fn samples() -> impl Strategy<Value = Sample> {
    let place = proptest::sample::select(&ZONES[..]).prop_flat_map(|zone| (Just(zone), instants(zone)));
    let settings = (
        proptest::sample::select(&GRIDS[..]),
        prop_oneof![Just(0_u32), 0_u32..2_000],
        prop_oneof![3 => Just(90_u32), 1 => 1_u32..5],
    );
    let service = (1_u32..200, 0_u32..60, 0_u32..120, any::<bool>());
    (place, settings, service, proptest::collection::vec(some_expert(), 1..4)).prop_map(
        |((zone, now), (grid, lead, horizon), (duration, buffer, add_on, with_add_on), experts)| Sample {
            zone,
            now,
            grid,
            lead,
            horizon,
            duration,
            buffer,
            add_on,
            with_add_on,
            experts,
        },
    )
}

/// An expert by their place in the sample.
fn whose(place: usize) -> ExpertId {
    expert_id(u8::try_from(place).unwrap() + 1)
}

impl Sample {
    fn zone(&self) -> TimeZone {
        TimeZone::get(self.zone).unwrap()
    }

    fn today(&self) -> Date {
        self.now.to_zoned(self.zone()).date()
    }

    fn last(&self) -> Date {
        self.today() + (DATES - 1).days()
    }

    fn off(&self, expert: &SomeExpert) -> Vec<(DateTime, DateTime)> {
        let midnight = self.today().to_datetime(Time::midnight());
        let off = expert.off.iter();
        off.map(|(from, length)| (midnight + from.minutes(), midnight + (from + length).minutes())).collect()
    }

    /// The salon's catalog.
    fn catalog(&self) -> Catalog {
        let mut catalog = catalog(self.zone);
        catalog.settings.slot_grid_minutes = self.grid;
        catalog.settings.lead_time_minutes = self.lead;
        catalog.settings.horizon_days = self.horizon;
        let service = catalog.services.get_mut(&service_id()).unwrap();
        service.duration_minutes = self.duration;
        service.buffer_minutes = self.buffer;
        catalog.sub_services.get_mut(&sub_id(1)).unwrap().duration_minutes = self.add_on;
        catalog.experts.clear();
        for (place, some) in self.experts.iter().enumerate() {
            let weekly: Vec<_> =
                EVERY_DAY.into_iter().zip(&some.hours).map(|(day, ranges)| (day, &**ranges)).collect();
            let hours = WorkingHours::weekly(&weekly).unwrap();
            let mut expert = expert(u8::try_from(place).unwrap() + 1, hours);
            let own = OwnTerms { price: None, duration_minutes: some.own_duration };
            expert.services.insert(service_id(), own);
            expert.time_off = self
                .off(some)
                .into_iter()
                .map(|(from, to)| TimeOff { id: TimeOffId::derived([1; 16]), from, to, reason: None })
                .collect();
            catalog.experts.insert(expert.id, expert);
        }
        catalog
    }

    /// How long an expert is busy with one appointment, minutes.
    fn length(&self, expert: &SomeExpert) -> u32 {
        let add_on = if self.with_add_on { self.add_on } else { 0 };
        expert.own_duration.unwrap_or(self.duration) + add_on + self.buffer
    }

    /// What is taken of an expert's time, the first of those that overlap.
    fn taken(&self, expert: &SomeExpert) -> Vec<(Span, Hold)> {
        let mut kept: Vec<(Span, Hold)> = Vec::new();
        for taken in &expert.taken {
            let start = self.now + SignedDuration::from_mins(taken.start);
            let span = Span { start, end: start + SignedDuration::from_mins(taken.minutes) };
            if kept.iter().all(|(other, _)| !share_a_cell(other, &span)) {
                kept.push((span, taken.hold));
            }
        }
        kept
    }

    /// The same as the tables have it.
    fn busy(&self, expert: &SomeExpert) -> Busy {
        let from = self.now.to_zoned(TimeZone::UTC).date() - 3.days();
        let place = |part: DayPart| {
            let days = u32::try_from((part.date - from).get_days()).unwrap();
            days * u32::from(CELLS_PER_DAY) + u32::from(part.first)
        };
        let taken = self.taken(expert).into_iter().flat_map(|(span, hold)| {
            let until = match hold {
                Hold::Paid => None,
                Hold::Held => Some(self.now + SignedDuration::from_secs(1)),
                Hold::RunOut => Some(self.now),
            };
            let busy = move |part: DayPart| BusySpan { first: place(part), cells: part.len(), until };
            span.parts().into_iter().map(busy)
        });
        Busy::new(from, taken, self.now)
    }

    fn everybody_busy(&self) -> BTreeMap<ExpertId, Busy> {
        self.experts.iter().enumerate().map(|(place, expert)| (whose(place), self.busy(expert))).collect()
    }

    /// Whether nobody who still holds it stands in a span.
    fn is_free(&self, expert: &SomeExpert, span: &Span) -> bool {
        let taken = self.taken(expert);
        taken.iter().all(|(other, hold)| matches!(hold, Hold::RunOut) || !share_a_cell(other, span))
    }

    /// Whether clocks are put back while anything of this lasts: then a time on the wall means two instants.
    fn has_fold(&self) -> bool {
        let zone = self.zone();
        let far = self.now + SignedDuration::from_hours(24 * i64::from(DATES + 2));
        zone.following(self.now - SignedDuration::from_hours(48))
            .take_while(|change| change.timestamp() < far)
            .any(|change| {
                let before = change.timestamp() - SignedDuration::from_secs(1);
                change.offset() < zone.to_offset(before)
            })
    }

    /// Whether an expert works at an instant, by the clock on the wall.
    fn works_at(&self, expert: &SomeExpert, instant: Timestamp) -> bool {
        let local = instant.to_zoned(self.zone()).datetime();
        let ranges = &expert.hours[usize::try_from(local.weekday().to_monday_zero_offset()).unwrap()];
        let minute = u16::try_from(local.hour()).unwrap() * 60 + u16::try_from(local.minute()).unwrap();
        ranges.iter().any(|(from, to)| (*from..*to).contains(&minute))
            && self.off(expert).iter().all(|(from, to)| !(*from..*to).contains(&local))
    }

    /// What can be booked, found without any of the rules: each start on the grid, each five minutes of it, the wall's
    /// clock.
    fn by_the_wall(&self) -> Vec<(Date, Time, Vec<ExpertId>)> {
        let zone = self.zone();
        let begin = self.now.as_second().div_euclid(300) * 300 - 86_400;
        let works: Vec<Vec<bool>> = self
            .experts
            .iter()
            .map(|expert| {
                let instants = (0..288 * (i64::from(DATES) + 4)).map(|cell| begin + cell * 300);
                instants
                    .map(|second| self.works_at(expert, Timestamp::from_second(second).unwrap()))
                    .collect()
            })
            .collect();
        let earliest = self.now + SignedDuration::from_mins(i64::from(self.lead));
        let step = usize::try_from(self.grid).unwrap();
        let mut found = Vec::new();
        for date in self.today().series(1.day()).take(usize::try_from(DATES).unwrap()) {
            if date > self.today() + i64::from(self.horizon).days() {
                continue;
            }
            for minute in (0..24 * 60).step_by(step) {
                let time = Time::midnight() + i64::from(minute).minutes();
                let Ok(start) = zone.to_ambiguous_timestamp(date.to_datetime(time)).unambiguous() else {
                    continue;
                };
                if start <= self.now || start < earliest {
                    continue;
                }
                let can = |place: &usize| {
                    let expert = &self.experts[*place];
                    let length = i64::from(self.length(expert));
                    let span = Span { start, end: start + SignedDuration::from_mins(length) };
                    let first = usize::try_from((start.as_second() - begin) / 300).unwrap();
                    let cells = usize::try_from(length).unwrap().div_ceil(5);
                    works[*place][first..first + cells].iter().all(|works| *works)
                        && self.is_free(expert, &span)
                };
                let who: Vec<_> = (0..self.experts.len()).filter(can).map(whose).collect();
                if !who.is_empty() {
                    found.push((date, time, who));
                }
            }
        }
        found
    }
}

fn share_a_cell(one: &Span, other: &Span) -> bool {
    let mut parts = one.parts().into_iter();
    parts.any(|a| other.parts().iter().any(|b| a.date == b.date && a.first < b.end && b.first < a.end))
}

fn offers(
    salon: &Salon<'_>,
    quotes: &[Quote<'_>],
    sample: &Sample,
    busy: &BTreeMap<ExpertId, Busy>,
) -> Vec<Slot> {
    let days = salon.availability(quotes, busy, sample.today(), sample.last(), sample.now);
    days.flat_map(|day| day.slots).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_offered_is_exactly_what_can_be_booked(sample in samples()) {
        let catalog = sample.catalog();
        let salon = Salon::new(&catalog).unwrap();
        let add_ons: &[SubServiceId] = if sample.with_add_on { &[sub_id(1)] } else { &[] };
        let quotes = salon.quotes(service_id(), add_ons, None).unwrap();
        let busy = sample.everybody_busy();
        let offered = offers(&salon, &quotes, &sample, &busy);

        // Every minute that is offered can be booked with each of those experts, and no other minute with anybody who
        // is free then.
        let mut left = offered.iter().peekable();
        let minutes = Time::midnight().series(1.minute());
        let around = sample.today().yesterday().unwrap().series(1.day()).take(usize::try_from(DATES + 2).unwrap());
        for (date, time) in around.flat_map(|date| minutes.clone().map(move |time| (date, time))) {
            let slot = left.next_if(|slot| (slot.date, slot.time) == (date, time));
            // Off the grid, one expert is as good as another.
            let asked = if i64::from(time.minute()) % 5 == 0 { quotes.len() } else { 1 };
            for (quote, some) in quotes.iter().zip(&sample.experts).take(asked) {
                let is_offered = slot.is_some_and(|slot| slot.expert_ids.contains(&quote.expert.id));
                match salon.book(quote, date, time, sample.now) {
                    Ok(booking) => {
                        let in_question = date <= sample.last();
                        let is_free = sample.is_free(some, &booking.blocked);
                        prop_assert_eq!(is_offered, is_free && in_question, "{} {}", date, time);
                        if let Some(slot) = slot {
                            prop_assert_eq!(slot.starts_at, booking.blocked.start);
                        }
                    }
                    Err(error) => prop_assert!(!is_offered, "{} {}: {}", date, time, error),
                }
            }
        }
        prop_assert_eq!(left.next(), None, "offered twice, or out of order");

        if !sample.has_fold() {
            let offered: Vec<_> =
                offered.into_iter().map(|slot| (slot.date, slot.time, slot.expert_ids)).collect();
            prop_assert_eq!(offered, sample.by_the_wall());
        }
    }

    #[test]
    fn the_days_that_are_read_are_all_that_appointments_can_touch(sample in samples()) {
        let catalog = sample.catalog();
        let salon = Salon::new(&catalog).unwrap();
        let quotes = salon.quotes(service_id(), &[], None).unwrap();
        let (first, last) = salon.utc_days(sample.today(), sample.last());
        for slot in offers(&salon, &quotes, &sample, &BTreeMap::new()) {
            for quote in quotes.iter().filter(|quote| slot.expert_ids.contains(&quote.expert.id)) {
                let end = slot.starts_at + minutes(quote.blocked_minutes());
                for part in (Span { start: slot.starts_at, end }).parts() {
                    prop_assert!(first <= part.date && part.date <= last);
                }
            }
        }
    }
}
