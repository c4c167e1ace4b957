//! Reading a message of the queue.

use aws_lambda_events::sqs::SqsMessage;
use chairbook_models::ids::EventId;
use jiff::Timestamp;
use serde::Deserialize;

/// Why a message's body cannot be read. The body is not repeated: whoever wrote it did not follow the rule that
/// it holds ids only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body must be {{\"eventId\":\"evt_…\"}}")]
pub struct MalformedMessage;

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// The event whose mail is to be sent.
    pub event_id: EventId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    event_id: EventId,
}

impl Message {
    /// Reads a message's body.
    pub fn parse(record: &SqsMessage) -> Result<Self, MalformedMessage> {
        let body = record.body.as_deref().ok_or(MalformedMessage)?;
        let body: Body = serde_json::from_str(body).map_err(|_| MalformedMessage)?;
        Ok(Self { event_id: body.event_id })
    }
}

/// How often the message was received, this time included; 1 if the queue does not say.
pub fn receive_count(record: &SqsMessage) -> u32 {
    record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// The instant (UTC) at which the message was sent to the queue, if the queue says.
pub fn sent_at(record: &SqsMessage) -> Option<Timestamp> {
    let milliseconds = record.attributes.get("SentTimestamp")?.parse().ok()?;
    Timestamp::from_millisecond(milliseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(body: Option<&str>) -> SqsMessage {
        let mut record = SqsMessage::default();
        record.body = body.map(str::to_owned);
        record
    }

    #[test]
    fn a_message_says_an_event_s_id() {
        let event_id = EventId::derived([7; 16]);
        let body = format!(r#"{{"eventId":"{event_id}","addedLater":1}}"#);
        assert_eq!(Message::parse(&record(Some(&body))), Ok(Message { event_id }));
        for bad in [
            None,
            Some(""),
            Some("evt_1"),
            Some("{}"),
            Some(r#"{"eventId":7}"#),
            Some(r#"{"eventId":"evt_1"}"#),
            Some(r#"{"eventId":"apt_00000000000000000000000000"}"#),
        ] {
            assert_eq!(Message::parse(&record(bad)), Err(MalformedMessage), "{bad:?}");
        }
    }

    #[test]
    fn the_receive_count_is_the_queue_s() {
        let mut record = record(None);
        assert_eq!(receive_count(&record), 1);
        record.attributes.insert("ApproximateReceiveCount".to_owned(), "4".to_owned());
        assert_eq!(receive_count(&record), 4);
    }

    #[test]
    fn a_message_is_as_old_as_the_queue_says() {
        let mut record = record(None);
        assert_eq!(sent_at(&record), None);
        for (text, sent) in [("1700000000123", Some(1_700_000_000_123)), ("soon", None), ("", None)] {
            record.attributes.insert("SentTimestamp".to_owned(), text.to_owned());
            assert_eq!(sent_at(&record).map(Timestamp::as_millisecond), sent, "{text}");
        }
    }
}
