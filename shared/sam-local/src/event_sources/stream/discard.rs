//! The message about records that were given up, as Lambda sends it to an on-failure destination
//! (<https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>).

use jiff::{Timestamp, Unit};
use serde_json::json;
use uuid::Uuid;

use super::Mapping;
use super::records::Entry;

/// Why records were given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    RetryAttemptsExhausted,
    RecordAgeExceeded,
}

/// The invocation before records were given up.
#[derive(Debug, Clone)]
pub(super) struct LastResponse {
    pub(super) request_id: String,
    pub(super) is_function_error: bool,
}

/// Records that were given up.
pub(super) struct Discarded<'b> {
    /// At least one.
    pub(super) entries: &'b [Entry],
    pub(super) condition: Condition,
    pub(super) invocations: u32,
    /// `None` when they were never sent.
    pub(super) last_response: Option<&'b LastResponse>,
}

impl Discarded<'_> {
    /// The message's body. It names the records and does not hold them.
    pub(super) fn message(&self, mapping: &Mapping, now: Timestamp) -> String {
        let condition = match self.condition {
            Condition::RetryAttemptsExhausted => "RetryAttemptsExhausted",
            Condition::RecordAgeExceeded => "RecordAgeExceeded",
        };
        let request_id =
            self.last_response.map_or_else(|| Uuid::new_v4().to_string(), |last| last.request_id.clone());
        let (first, last) = (self.entries.first(), self.entries.last());
        let mut message = json!({
            "requestContext": {
                "requestId": request_id,
                "functionArn": mapping.function_arn,
                "condition": condition,
                "approximateInvokeCount": self.invocations,
            },
            "version": "1.0",
            "timestamp": now.round(Unit::Millisecond).unwrap_or(now).to_string(),
            "DDBStreamBatchInfo": {
                "shardId": mapping.reader.shard_id(),
                "startSequenceNumber": first.map(|entry| entry.sequence_number.to_string()),
                "endSequenceNumber": last.map(|entry| entry.sequence_number.to_string()),
                "approximateArrivalOfFirstRecord": first.map(|entry| entry.created.to_string()),
                "approximateArrivalOfLastRecord": last.map(|entry| entry.created.to_string()),
                "batchSize": self.entries.len(),
                "streamArn": mapping.reader.arn(),
            },
        });
        if let Some(last) = self.last_response {
            message["responseContext"] = json!({ "statusCode": 200, "executedVersion": "$LATEST" });
            if last.is_function_error {
                message["responseContext"]["functionError"] = json!("Unhandled");
            }
        }
        message.to_string()
    }
}
