//! Reading the stream's batch. A record that cannot be read is logged and left out: it would never become
//! readable, and while it is tried again nothing behind it in its shard moves.

use chairbook_models::ids::EventId;
use serde_json::Value;

/// One event to announce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The event.
    pub event_id: EventId,
    /// The stream's name for the record, by which it is given back.
    pub sequence_number: Option<String>,
}

/// The batch's events, in the stream's order.
///
/// Reads the two fields that matter and nothing else of a record
/// (<https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>), so that no change of another can stop the mail.
pub fn announcements(payload: &Value) -> Vec<Announcement> {
    let records = payload.get("Records").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    records.iter().filter_map(announcement).collect()
}

fn announcement(record: &Value) -> Option<Announcement> {
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str);
    let sequence_number = text("/dynamodb/SequenceNumber").map(str::to_owned);
    match text("/dynamodb/NewImage/id/S").map(str::parse::<EventId>) {
        Some(Ok(event_id)) => Some(Announcement { event_id, sequence_number }),
        Some(Err(error)) => {
            tracing::error!(sequence_number, %error, "a record of the stream is left out: its id is malformed");
            None
        }
        None => {
            tracing::error!(sequence_number, "a record of the stream is left out: it has no NewImage.id.S");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(byte: u8) -> EventId {
        EventId::derived([byte; 16])
    }

    #[test]
    fn only_the_id_and_the_sequence_number_are_read_and_only_in_their_place() {
        let payload = json!({"Records": [
            {
                "eventID": "1",
                "eventName": "INSERT",
                "eventSource": "aws:dynamodb",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1_700_000_000,
                    "Keys": {"pk": {"S": format!("EVT#{}", id(1))}, "sk": {"S": "EVT"}},
                    "NewImage": {"id": {"S": id(1).to_string()}, "delivery": {"S": "pending"}},
                    "SequenceNumber": "111",
                    "StreamViewType": "NEW_IMAGE"
                }
            },
            {"dynamodb": {"NewImage": {"id": {"S": id(2).to_string()}}}},
        ]});
        assert_eq!(
            announcements(&payload),
            [
                Announcement { event_id: id(1), sequence_number: Some("111".to_owned()) },
                Announcement { event_id: id(2), sequence_number: None },
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_does_not_stop_what_can() {
        let payload = json!({"Records": [
            null,
            "text",
            {},
            {"dynamodb": {"SequenceNumber": "1"}},
            {"dynamodb": {"SequenceNumber": "2", "NewImage": {"id": {"N": "1"}}}},
            {"dynamodb": {"SequenceNumber": "3", "NewImage": {"id": {"S": "apt_1"}}}},
            {"dynamodb": {"SequenceNumber": "4", "NewImage": {"id": {"S": id(4).to_string()}}}},
        ]});
        assert_eq!(
            announcements(&payload),
            [Announcement { event_id: id(4), sequence_number: Some("4".to_owned()) }]
        );
        for empty in [json!({}), json!({"Records": null}), json!([])] {
            assert_eq!(announcements(&empty), []);
        }
    }
}
