//! When an expert works: ranges of local time for each weekday.

use serde::{Deserialize, Serialize};

/// A range of local time within one day, minutes after midnight; `to` may be 1440 (midnight at the day's end).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The first minute.
    pub from: u16,
    /// The first minute after.
    pub to: u16,
}

/// The ranges of each weekday, in order, not overlapping; index 0 is Monday.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingHours(pub [Vec<Range>; 7]);
