//! A week of a calendar: the unit in which busy times are kept beside each other for those who look for free ones.

use jiff::ToSpan;
use jiff::civil::Date;

use crate::day::{CELLS_PER_DAY, DayPart};

/// A week of UTC days from Monday to Sunday, as ISO 8601 counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Week {
    monday: Date,
}

impl Week {
    /// The week of a UTC date.
    #[must_use]
    pub fn of(date: Date) -> Self {
        Self { monday: date.saturating_sub(date.weekday().to_monday_zero_offset().days()) }
    }

    /// Its first day.
    #[must_use]
    pub const fn monday(self) -> Date {
        self.monday
    }

    /// Its last day.
    #[must_use]
    pub fn sunday(self) -> Date {
        self.monday.saturating_add(6.days())
    }

    /// The weeks of the UTC dates from one to another, both included.
    pub fn through((from, to): (Date, Date)) -> impl Iterator<Item = Self> {
        let next = |week: &Self| Some(Self { monday: week.monday.checked_add(7.days()).ok()? });
        std::iter::successors(Some(Self::of(from)), next).take_while(move |week| week.monday <= to)
    }

    /// The first of these cells, counted from the beginning of the week: 0 to 2,015. The part must be in this week.
    #[must_use]
    pub fn first_cell(self, part: &DayPart) -> u16 {
        let weekday = part.date.weekday().to_monday_zero_offset();
        u16::try_from(weekday).unwrap_or_default() * CELLS_PER_DAY + part.first
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn weeks_begin_on_monday_also_at_the_turn_of_a_year() {
        for (day, monday) in [
            (date(2026, 11, 23), date(2026, 11, 23)),
            (date(2026, 11, 29), date(2026, 11, 23)),
            (date(2027, 1, 1), date(2026, 12, 28)),
            (date(2028, 2, 29), date(2028, 2, 28)),
        ] {
            assert_eq!(Week::of(day).monday(), monday, "{day}");
        }
        let weeks: Vec<_> = Week::through((date(2026, 12, 27), date(2027, 1, 4))).collect();
        let mondays = [date(2026, 12, 21), date(2026, 12, 28), date(2027, 1, 4)];
        assert_eq!(weeks, mondays.map(Week::of));
        assert_eq!(weeks[1].sunday(), date(2027, 1, 3));
        assert_eq!(Week::through((date(2027, 1, 4), date(2027, 1, 3))).count(), 0);
    }

    #[test]
    fn the_last_cell_of_a_week() {
        let sunday = date(2026, 11, 29);
        let part = DayPart { date: sunday, first: 287, end: 288 };
        assert_eq!(Week::of(sunday).first_cell(&part), 2_015);
    }

    proptest! {
        #[test]
        fn a_date_is_in_its_week_alone(days in -3_000_i32..40_000) {
            let date = date(2000, 1, 1) + days.days();
            let week = Week::of(date);
            prop_assert!(week.monday() <= date && date <= week.sunday());
            prop_assert_eq!(Week::through((date, date)).collect::<Vec<_>>(), [week]);
        }
    }
}
