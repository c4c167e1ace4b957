//! Positions in a stream.

use std::fmt;
use std::str::FromStr;

/// A stream record's position. It reads as 21 digits, as DynamoDB's do, and is stored without the leading one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SequenceNumber(pub(super) i64);

impl SequenceNumber {
    const OFFSET: u128 = 100_000_000_000_000_000_000;
    /// Before every record.
    pub const START: Self = Self(0);
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", Self::OFFSET + u128::from(self.0.unsigned_abs()))
    }
}

impl FromStr for SequenceNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let stored = text.parse::<u128>().ok().and_then(|number| number.checked_sub(Self::OFFSET));
        stored
            .and_then(|number| i64::try_from(number).ok())
            .map(Self)
            .ok_or_else(|| format!("'{text}' is no sequence number of this stream"))
    }
}
