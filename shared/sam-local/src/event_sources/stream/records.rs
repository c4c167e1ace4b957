//! Records of a stream on their way to the function.

use jiff::Timestamp;

use crate::dynamodb::SequenceNumber;

/// A record that the filter let through.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) sequence_number: SequenceNumber,
    pub(super) created: Timestamp,
    /// As the function gets it.
    pub(super) json: String,
}

/// Records to be handled together.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// The position once they are handled: after records that the filter left out, too.
    pub(super) end: SequenceNumber,
}
