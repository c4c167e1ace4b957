//! An expert's day as five-minute cells of a UTC date: which are taken, by whom, and until when.
//!
//! Cells are what makes bookings of any lengths collide: two appointments overlap exactly if they need a common
//! cell.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::ids::AppointmentId;

/// The length of a cell, minutes.
pub const CELL_MINUTES: u32 = 5;

/// The cells of a UTC day.
pub const CELLS_PER_DAY: u16 = 288;

const CELL_SECONDS: i64 = 60 * CELL_MINUTES as i64;
const DAY_SECONDS: i64 = CELL_SECONDS * CELLS_PER_DAY as i64;

/// From one instant until another, which is not in it (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after.
    pub end: Timestamp,
}

/// The cells that a span touches in one UTC day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayPart {
    /// The UTC day.
    pub date: Date,
    /// The first cell, 0 to 287.
    pub first: u16,
    /// The cell after the last, 1 to 288.
    pub end: u16,
}

impl Span {
    /// The cells that it touches, day by day; none for a span without length.
    #[must_use]
    pub fn parts(&self) -> Vec<DayPart> {
        let part = |(day, cells): (i64, Range<u16>)| DayPart {
            date: utc_date(day),
            first: cells.start,
            end: cells.end,
        };
        self.cells().map(part).collect()
    }

    /// The same, counted from 1970 on: availability asks for thousands of spans.
    fn cells_since_1970(&self) -> Range<i64> {
        self.start.as_second().div_euclid(CELL_SECONDS)..-(-ceil_second(self.end)).div_euclid(CELL_SECONDS)
    }

    /// The same, with days counted from 1970 on.
    fn cells(&self) -> impl Iterator<Item = (i64, Range<u16>)> + use<> {
        let Range { start: first, end } = self.cells_since_1970();
        let day_of = |cell: i64| cell.div_euclid(i64::from(CELLS_PER_DAY));
        let days = if first < end { day_of(first)..day_of(end - 1) + 1 } else { 0..0 };
        days.map(move |day| {
            let midnight = day * i64::from(CELLS_PER_DAY);
            let place =
                |cell: i64| u16::try_from(cell - midnight).unwrap_or(CELLS_PER_DAY).min(CELLS_PER_DAY);
            (day, place(first.max(midnight))..place(end))
        })
    }
}

/// Seconds since 1970, upwards.
fn ceil_second(at: Timestamp) -> i64 {
    at.as_second() + i64::from(at.subsec_nanosecond() > 0)
}

fn utc_date(days_since_1970: i64) -> Date {
    Timestamp::from_second(days_since_1970 * DAY_SECONDS)
        .unwrap_or(Timestamp::MAX)
        .to_zoned(TimeZone::UTC)
        .date()
}

impl DayPart {
    /// Counts its cells.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a part is never empty")]
    pub const fn len(&self) -> u16 {
        self.end - self.first
    }

    /// Its cells.
    pub fn cells(&self) -> impl Iterator<Item = u16> + use<> {
        self.first..self.end
    }
}

/// The days from 1970 to a UTC date.
fn days_since_1970(date: Date) -> i64 {
    let midnight = date.to_zoned(TimeZone::UTC).map(|midnight| midnight.timestamp().as_second());
    midnight.unwrap_or(i64::MAX).div_euclid(DAY_SECONDS)
}

/// A set of cells of one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cells([u64; 5]);

impl Cells {
    const fn insert(&mut self, cell: u16) {
        if cell < CELLS_PER_DAY {
            self.0[cell as usize / 64] |= 1 << (cell % 64);
        }
    }

    const fn remove(&mut self, cell: u16) {
        if cell < CELLS_PER_DAY {
            self.0[cell as usize / 64] &= !(1 << (cell % 64));
        }
    }

    /// Returns true if it has any cell of a range.
    fn touches(&self, cells: &Range<u16>) -> bool {
        self.0.iter().zip((0..).step_by(64)).any(|(word, first)| word & mask(cells, first) != 0)
    }
}

/// Of the 64 cells from `first` on, those that are in a range.
const fn mask(cells: &Range<u16>, first: u16) -> u64 {
    /// The lowest bits, so many.
    const fn low(count: u16) -> u64 {
        if count >= 64 { u64::MAX } else { (1 << count) - 1 }
    }
    low(cells.end.saturating_sub(first)) & !low(cells.start.saturating_sub(first))
}

/// Whose cells begin somewhere, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The appointment.
    pub appointment_id: AppointmentId,
    /// The number of cells that it holds on this day.
    pub cells: u16,
    /// Until when a reservation holds them (UTC); a paid appointment holds them for good.
    pub until: Option<Timestamp>,
}

impl Holder {
    fn has_run_out(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// Obstacles to taking some cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InTheWay {
    /// Nothing.
    Nothing,
    /// Only reservations that have run out and were not swept yet, by their first cells.
    RunOutHolds(Vec<(u16, Holder)>),
    /// At least one cell is taken.
    Taken,
}

/// The taken part of an expert's day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpertDay {
    cells: Cells,
    holders: BTreeMap<u16, Holder>,
}

impl ExpertDay {
    /// A day of which these cells are taken, with the holders by their first cells.
    #[must_use]
    pub fn new(cells: impl IntoIterator<Item = u16>, holders: BTreeMap<u16, Holder>) -> Self {
        let mut taken = Cells::default();
        for cell in cells {
            taken.insert(cell);
        }
        Self { cells: taken, holders }
    }

    /// The appointments that hold cells of it.
    pub fn appointments(&self) -> impl Iterator<Item = AppointmentId> + '_ {
        self.holders.values().map(|holder| holder.appointment_id)
    }

    /// Finds the obstacles to taking a part of this day.
    #[must_use]
    pub fn in_the_way(&self, part: DayPart, now: Timestamp) -> InTheWay {
        let cells = part.first..part.end;
        if !self.cells.touches(&cells) {
            return InTheWay::Nothing;
        }
        if self.held(now).touches(&cells) {
            return InTheWay::Taken;
        }
        let holds = self
            .holders
            .iter()
            .filter(|(first, holder)| **first < part.end && *first + holder.cells > part.first)
            .map(|(first, holder)| (*first, *holder))
            .collect();
        InTheWay::RunOutHolds(holds)
    }

    /// The day as it would be without what an appointment holds of it.
    #[must_use]
    pub fn without(mut self, appointment: AppointmentId) -> Self {
        let is_its = |_: &u16, holder: &mut Holder| holder.appointment_id == appointment;
        for (first, holder) in self.holders.extract_if(.., is_its) {
            for cell in first..first.saturating_add(holder.cells) {
                self.cells.remove(cell);
            }
        }
        self
    }

    /// The cells that are taken, without those of reservations that have run out.
    fn held(&self, now: Timestamp) -> Cells {
        let mut held = self.cells;
        for (&first, holder) in self.holders.iter().filter(|(_, holder)| holder.has_run_out(now)) {
            for cell in first..first.saturating_add(holder.cells) {
                held.remove(cell);
            }
        }
        held
    }
}

/// A stretch of an expert's time that is taken, without its appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusySpan {
    /// The first cell, counted from the beginning of the first day that is looked at.
    pub first: u32,
    /// The number of cells.
    pub cells: u16,
    /// The end of the hold of an unpaid reservation (UTC); absent for what is taken for good.
    pub until: Option<Timestamp>,
}

/// The taken part of an expert's time within some UTC days, as it stands at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Busy {
    /// The first cell, counted from 1970 on.
    begin: i64,
    /// A bit for each cell from there on, which is set if the cell is taken; cells beyond are free.
    taken: Vec<u64>,
}

impl Busy {
    /// Puts together the spans that are taken at `now`, from the UTC day `from` on. Expired reservations take nothing.
    #[must_use]
    pub fn new(from: Date, spans: impl IntoIterator<Item = BusySpan>, now: Timestamp) -> Self {
        let mut busy =
            Self { begin: days_since_1970(from).saturating_mul(i64::from(CELLS_PER_DAY)), taken: Vec::new() };
        for span in spans.into_iter().filter(|span| span.until.is_none_or(|until| until > now)) {
            let first = usize::try_from(span.first).unwrap_or(usize::MAX);
            busy.take(first..first.saturating_add(usize::from(span.cells)));
        }
        busy
    }

    fn take(&mut self, cells: Range<usize>) {
        let words = cells.end.div_ceil(WORD);
        if self.taken.len() < words {
            self.taken.resize(words, 0);
        }
        for (word, mask) in masks(cells) {
            if let Some(word) = self.taken.get_mut(word) {
                *word |= mask;
            }
        }
    }

    /// The taken cells of a span, word by word.
    fn taken_of(&self, span: &Span) -> impl Iterator<Item = u64> + '_ {
        let cells = span.cells_since_1970();
        let place = |cell: i64| usize::try_from(cell.saturating_sub(self.begin)).unwrap_or_default();
        let words = masks(place(cells.start)..place(cells.end));
        words.map_while(|(word, mask)| self.taken.get(word).map(|taken| taken & mask))
    }

    /// Returns true if nothing is taken in a span.
    #[must_use]
    pub fn is_free(&self, span: &Span) -> bool {
        self.taken_of(span).all(|taken| taken == 0)
    }

    /// Counts the cells that are taken in a span.
    #[must_use]
    pub fn taken_in(&self, span: &Span) -> u32 {
        self.taken_of(span).map(u64::count_ones).sum()
    }
}

/// The bits of a word.
const WORD: usize = u64::BITS as usize;

/// The words that some bits are in, by their places, each with the mask of those bits.
fn masks(bits: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
    let words = if bits.is_empty() { 0..0 } else { bits.start / WORD..bits.end.div_ceil(WORD) };
    words.map(move |word| {
        let first = bits.start.saturating_sub(word * WORD);
        let end = (bits.end - word * WORD).min(WORD);
        (word, (u64::MAX >> (WORD - end)) & (u64::MAX << first))
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn holder(byte: u8, cells: u16, until: Option<i64>) -> Holder {
        Holder { appointment_id: AppointmentId::derived([byte; 16]), cells, until: until.map(at) }
    }

    #[test]
    fn a_span_is_cut_at_midnight_and_rounded_outwards() {
        let span = |start: &str, end: &str| Span { start: start.parse().unwrap(), end: end.parse().unwrap() };
        let one = span("2026-03-03T09:00:00Z", "2026-03-03T10:00:00Z").parts();
        assert_eq!(one, [DayPart { date: date(2026, 3, 3), first: 108, end: 120 }]);
        let odd = span("2026-03-03T09:01:00Z", "2026-03-03T09:06:00.001Z").parts();
        assert_eq!(odd, [DayPart { date: date(2026, 3, 3), first: 108, end: 110 }]);
        let two = span("2026-03-03T23:30:00Z", "2026-03-04T00:10:00Z").parts();
        assert_eq!(
            two,
            [
                DayPart { date: date(2026, 3, 3), first: 282, end: 288 },
                DayPart { date: date(2026, 3, 4), first: 0, end: 2 },
            ]
        );
        assert_eq!(span("2026-03-03T09:00:00Z", "2026-03-03T09:00:00Z").parts(), []);
        let before_1970 = span("1969-12-31T23:55:00Z", "1970-01-01T00:00:00Z").parts();
        assert_eq!(before_1970, [DayPart { date: date(1969, 12, 31), first: 287, end: 288 }]);
    }

    #[test]
    fn only_holds_that_have_run_out_can_be_taken_over() {
        let paid = (10, holder(1, 2, None));
        let run_out = (12, holder(2, 3, Some(100)));
        let held = (20, holder(3, 1, Some(101)));
        let day = ExpertDay::new([10, 11, 12, 13, 14, 20], BTreeMap::from([paid, run_out, held]));
        let part = |first, end| DayPart { date: date(2026, 3, 3), first, end };
        for (part, now, expected) in [
            (part(0, 10), 100, InTheWay::Nothing),
            (part(15, 20), 100, InTheWay::Nothing),
            (part(14, 20), 100, InTheWay::RunOutHolds(vec![run_out])),
            (part(12, 13), 100, InTheWay::RunOutHolds(vec![run_out])),
            (part(12, 13), 99, InTheWay::Taken),
            (part(11, 13), 100, InTheWay::Taken),
            (part(14, 21), 100, InTheWay::Taken),
            (part(14, 21), 101, InTheWay::RunOutHolds(vec![run_out, held])),
        ] {
            assert_eq!(day.in_the_way(part, at(now)), expected, "{part:?} at {now}");
        }
    }

    #[test]
    fn an_appointment_is_not_in_its_own_way() {
        let (own, other) = ((10, holder(1, 3, None)), (13, holder(2, 2, None)));
        let day = ExpertDay::new(10..15, BTreeMap::from([own, other]));
        let part = |first, end| DayPart { date: date(2026, 3, 3), first, end };
        let without = day.clone().without(own.1.appointment_id);
        assert_eq!(without, ExpertDay::new(13..15, BTreeMap::from([other])));
        assert_eq!(without.in_the_way(part(9, 13), at(0)), InTheWay::Nothing);
        assert_eq!(without.in_the_way(part(12, 14), at(0)), InTheWay::Taken);
        assert_eq!(day.clone().without(AppointmentId::derived([9; 16])), day);
    }

    #[test]
    fn a_taken_cell_without_a_holder_is_never_free() {
        let day = ExpertDay::new([10], BTreeMap::new());
        let part = DayPart { date: date(2026, 3, 3), first: 10, end: 11 };
        assert_eq!(day.in_the_way(part, Timestamp::MAX), InTheWay::Taken);
    }

    #[test]
    fn what_is_taken_is_counted_within_a_span() {
        let day = 1_772_496_000;
        let spans = [
            BusySpan { first: 19, cells: 1, until: None },
            BusySpan { first: 20, cells: 3, until: Some(at(100)) },
            BusySpan { first: 288, cells: 2, until: None },
        ];
        let span = Span { start: at(day + 20 * 300), end: at(day + 289 * 300) };
        let busy = |now| Busy::new(date(2026, 3, 3), spans, at(now));
        assert_eq!((busy(99).taken_in(&span), busy(100).taken_in(&span)), (4, 1));
        assert!(!busy(99).is_free(&span));
        let hold = Span { start: span.start, end: at(day + 23 * 300) };
        assert!(busy(100).is_free(&hold) && !busy(99).is_free(&hold));
        let beyond = Span { start: at(day - 86_400), end: at(day + 19 * 300) };
        assert!(busy(99).is_free(&beyond) && !busy(99).is_free(&Span { end: at(day + 20 * 300), ..beyond }));
        assert!(busy(99).is_free(&Span { start: at(day + 290 * 300), end: at(day + 999 * 300) }));
    }

    proptest! {
        #[test]
        fn spans_share_a_cell_whenever_they_overlap(a in 0_i64..200_000, b in 0_i64..200_000, la in 1_i64..40_000, lb in 1_i64..40_000) {
            let one = Span { start: at(a), end: at(a + la) };
            let other = Span { start: at(b), end: at(b + lb) };
            let share = one.parts().iter().any(|p| {
                other.parts().iter().any(|q| p.date == q.date && p.first < q.end && q.first < p.end)
            });
            let overlap = a < b + lb && b < a + la;
            prop_assert!(share || !overlap);
            // On the grid of the cells, they share one only if they overlap.
            if [a, b, la, lb].iter().all(|n| n % CELL_SECONDS == 0) {
                prop_assert_eq!(share, overlap);
            }
        }

        #[test]
        fn cells_are_found_one_by_one_and_all_at_once(
            taken in prop::collection::btree_set(0..CELLS_PER_DAY, 0..40),
            first in 0..CELLS_PER_DAY,
            length in 1..=CELLS_PER_DAY,
        ) {
            let mut cells = Cells::default();
            for cell in &taken {
                cells.insert(*cell);
            }
            let range = first..(first + length).min(CELLS_PER_DAY);
            let found = taken.range(range.clone()).count();
            prop_assert_eq!(cells.touches(&range), found > 0);
            let one = |cell: &u16| BusySpan { first: u32::from(*cell), cells: 1, until: None };
            let busy = Busy::new(date(1970, 1, 1), taken.iter().map(one), at(0));
            let second = |cell: u16| at(i64::from(cell) * CELL_SECONDS);
            let span = Span { start: second(range.start), end: second(range.end) };
            prop_assert_eq!(busy.taken_in(&span), u32::try_from(found).unwrap());
            prop_assert_eq!(busy.is_free(&span), found == 0);
            let long = BusySpan { first: u32::from(range.start), cells: range.end - range.start, until: None };
            let busy = Busy::new(date(1970, 1, 1), [long], at(0));
            prop_assert_eq!(busy.taken_in(&span), u32::from(long.cells));
            prop_assert_eq!(busy.taken_in(&Span { start: at(0), end: at(86_400) }), u32::from(long.cells));
        }

        #[test]
        fn parts_cover_a_span_without_gaps(start in -400_000_i64..400_000, cells in 1_i64..600) {
            let start = start * CELL_SECONDS;
            let span = Span { start: at(start), end: at(start + cells * CELL_SECONDS) };
            let parts = span.parts();
            let total: u16 = parts.iter().map(DayPart::len).sum();
            prop_assert_eq!(i64::from(total), cells);
            prop_assert!(parts.windows(2).all(|two| two[0].end == CELLS_PER_DAY && two[1].first == 0));
        }
    }
}
