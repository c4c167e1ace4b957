//! Free times: the booking rules, applied to every slot.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::booking::{MAX_BLOCKED_MINUTES, Quote, Salon, fit};
use crate::day::{Busy, Span};
use crate::duration::minutes;
use crate::ids::ExpertId;

/// A start that can be booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The local date.
    pub date: Date,
    /// The local time.
    pub time: Time,
    /// The instant (UTC).
    pub starts_at: Timestamp,
    /// The experts who are free then, in the order of the quotes.
    pub expert_ids: Vec<ExpertId>,
}

/// The slots of one local date, in order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaySlots {
    /// The local date.
    pub date: Date,
    /// Its slots.
    pub slots: Vec<Slot>,
}

impl Salon<'_> {
    /// The first and the last UTC day that appointments which begin on some local dates can touch.
    #[must_use]
    pub fn utc_days(&self, from: Date, to: Date) -> (Date, Date) {
        let utc = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
        let first = self.day(from).map_or(from, |day| utc(day.start));
        let last = self
            .day(to)
            .and_then(|day| day.end.checked_add(minutes(MAX_BLOCKED_MINUTES)).ok())
            .map_or(to, utc);
        (first, last)
    }

    /// The local date of an instant.
    #[must_use]
    pub fn today(&self, now: Timestamp) -> Date {
        now.to_zoned(self.zone.clone()).date()
    }

    /// A local date, from midnight to midnight.
    #[must_use]
    pub fn day(&self, date: Date) -> Option<Span> {
        let midnight = |date: Date| self.instant(date.to_datetime(Time::midnight()));
        Some(Span { start: midnight(date)?, end: midnight(date.tomorrow().ok()?)? })
    }

    /// The slots of each local date from one to another, both included; dates without any are there too. Each date is
    /// looked at when it is asked for.
    ///
    /// `busy` says what is taken of each expert's days; an expert who is not in it is free.
    pub fn availability<'s>(
        &'s self,
        quotes: &'s [Quote<'_>],
        busy: &'s BTreeMap<ExpertId, Busy>,
        from: Date,
        to: Date,
        now: Timestamp,
    ) -> impl Iterator<Item = DaySlots> + 's {
        let grid = i64::from(self.catalog.settings.slot_grid_minutes.max(1));
        let times: Vec<Time> = Time::midnight().series(grid.minutes()).collect();
        from.series(1.day())
            .take_while(move |date| *date <= to)
            .map(move |date| DaySlots { date, slots: self.slots(quotes, busy, date, &times, now) })
    }

    fn slots(
        &self,
        quotes: &[Quote<'_>],
        busy: &BTreeMap<ExpertId, Busy>,
        date: Date,
        times: &[Time],
        now: Timestamp,
    ) -> Vec<Slot> {
        if self.check_date(date, now).is_err() {
            return Vec::new();
        }
        let open: Vec<_> = quotes.iter().map(|quote| self.open(quote.expert, date)).collect();
        let spans = || open.iter().flatten();
        let (Some(first), Some(end)) =
            (spans().map(|span| span.start).min(), spans().map(|span| span.end).max())
        else {
            return Vec::new();
        };
        // Before anybody works, no time is asked for its instant, which costs more than all the rest. A later local
        // time is never an earlier instant, since of a time that comes twice the first is meant.
        let opening = first.to_zoned(self.zone.clone()).datetime();
        let times = times.iter().filter(|time| date.to_datetime(**time) >= opening);
        let starts = times.filter_map(|time| Some((*time, self.start_on(date, *time, now).ok()?)));
        let experts: Vec<_> =
            quotes.iter().zip(open).map(|(quote, open)| (quote, open, busy.get(&quote.expert.id))).collect();
        let slot = |(time, starts_at)| {
            let mut expert_ids = Vec::with_capacity(experts.len());
            expert_ids.extend(experts.iter().filter_map(|(quote, open, busy)| {
                let booking = fit(quote, date, time, starts_at, open).ok()?;
                busy.is_none_or(|busy| busy.is_free(&booking.blocked)).then_some(quote.expert.id)
            }));
            (!expert_ids.is_empty()).then_some(Slot { date, time, starts_at, expert_ids })
        };
        starts.take_while(|(_, starts_at)| *starts_at < end).filter_map(slot).collect()
    }
}
