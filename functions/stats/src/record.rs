//! Reading the stream's batch. A record that cannot be read is logged and left out: it would never become readable, and
//! while it is tried again nothing behind it in its shard moves.

use chairbook_models::event::EventType;
use chairbook_models::ids::{AppointmentId, EventId};
use jiff::Timestamp;
use serde_json::Value;

/// A stream record that is to be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The thing to be counted.
    pub subject: Subject,
    /// The stream's name for the record, by which it is given back.
    pub sequence_number: Option<String>,
}

/// A thing that is to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// This appointment, of which something has changed.
    Appointment(AppointmentId),
    /// Somebody whose e-mail address was verified.
    NewCustomer {
        /// The event that says so.
        event: EventId,
        /// The time of the verification (UTC).
        at: Timestamp,
    },
}

/// The batch's records, in the stream's order.
///
/// Reads the fields that matter and nothing else of a record
/// (<https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>), so that no change of another can stop the counting.
pub fn records(payload: &Value) -> Vec<Record> {
    let records = payload.get("Records").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    records.iter().filter_map(read).collect()
}

fn read(record: &Value) -> Option<Record> {
    let sequence_number =
        record.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str).map(str::to_owned);
    match subject(record) {
        Ok(subject) => Some(Record { subject: subject?, sequence_number }),
        Err(field) => {
            let event_id = record.pointer("/dynamodb/NewImage/id/S").and_then(Value::as_str);
            tracing::error!(
                event_id,
                sequence_number,
                field,
                "a record of the stream is left out: a field cannot be read"
            );
            None
        }
    }
}

/// Reads the subject of a record; `None` where it is nothing to count. The error is the field that cannot be read.
fn subject(record: &Value) -> Result<Option<Subject>, &'static str> {
    let text = |pointer: &'static str| record.pointer(pointer).and_then(Value::as_str).ok_or(pointer);
    let event_type = text("/dynamodb/NewImage/type/S")?;
    if event_type == EventType::UserVerified.as_str() {
        let (id, at) = ("/dynamodb/NewImage/id/S", "/dynamodb/NewImage/at/S");
        let event = text(id)?.parse().map_err(|_| id)?;
        return Ok(Some(Subject::NewCustomer { event, at: text(at)?.parse().map_err(|_| at)? }));
    }
    if event_type.starts_with("appointment.") {
        let id = "/dynamodb/NewImage/subjects/M/appointmentId/S";
        return Ok(Some(Subject::Appointment(text(id)?.parse().map_err(|_| id)?)));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(sequence_number: &str, image: &Value) -> Value {
        json!({
            "eventName": "INSERT",
            "dynamodb": {"SequenceNumber": sequence_number, "NewImage": image, "StreamViewType": "NEW_IMAGE"},
        })
    }

    #[test]
    fn appointments_and_verified_addresses_are_counted() {
        let (appointment, event) = (AppointmentId::derived([1; 16]), EventId::derived([2; 16]));
        let payload = json!({"Records": [
            record("1", &json!({
                "id": {"S": EventId::derived([3; 16]).to_string()},
                "type": {"S": "appointment.moved_to_a_new_kind_of_event"},
                "subjects": {"M": {"appointmentId": {"S": appointment.to_string()}, "userId": {"S": "usr_x"}}},
            })),
            record("2", &json!({
                "id": {"S": event.to_string()},
                "type": {"S": "user.verified"},
                "at": {"S": "2026-03-03T09:00:00.000Z"},
            })),
            record("3", &json!({"type": {"S": "user.logged_in"}})),
        ]});
        let at = "2026-03-03T09:00:00Z".parse().unwrap();
        assert_eq!(
            records(&payload),
            [
                Record { subject: Subject::Appointment(appointment), sequence_number: Some("1".to_owned()) },
                Record { subject: Subject::NewCustomer { event, at }, sequence_number: Some("2".to_owned()) },
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_does_not_stop_what_can() {
        let appointment = AppointmentId::derived([1; 16]);
        let image = |id: &str| json!({"type": {"S": "appointment.reserved"}, "subjects": {"M": {"appointmentId": {"S": id}}}});
        let verified =
            |id: &str, at: &str| json!({"type": {"S": "user.verified"}, "id": {"S": id}, "at": {"S": at}});
        let payload = json!({"Records": [
            null,
            "text",
            {},
            record("1", &json!({"type": {"N": "1"}})),
            record("2", &image("usr_1")),
            record("3", &json!({"type": {"S": "appointment.reserved"}})),
            record("4", &verified("evt_1", "2026-03-03T09:00:00Z")),
            record("5", &verified(&EventId::derived([2; 16]).to_string(), "yesterday")),
            record("6", &image(&appointment.to_string())),
        ]});
        let expected =
            Record { subject: Subject::Appointment(appointment), sequence_number: Some("6".to_owned()) };
        assert_eq!(records(&payload), [expected]);
        for empty in [json!({}), json!({"Records": null}), json!([])] {
            assert_eq!(records(&empty), []);
        }
    }
}
