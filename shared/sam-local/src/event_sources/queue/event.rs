//! The event that a function gets for messages
//! (<https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>).

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::event_sources::filter;
use crate::runtime::SYNCHRONOUS_PAYLOAD_LIMIT;
use crate::sqs::{Message, MessageAttribute};
use crate::template::REGION;
use crate::template::model::SqsSource;

/// `{"Records":[]}`.
const ENVELOPE: usize = 14;

/// The messages of one invocation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// The id and the receipt handle of each.
    pub(super) messages: Vec<(String, String)>,
    /// The records as JSON, separated by commas.
    records: String,
}

impl Batch {
    pub(super) fn payload(&self) -> Bytes {
        Bytes::from(format!("{{\"Records\":[{}]}}", self.records))
    }

    pub(super) fn handles(&self) -> Vec<String> {
        self.messages.iter().map(|(_, handle)| handle.clone()).collect()
    }
}

/// Received messages, sorted by what is to be done with them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sorted {
    /// The batches to invoke the function with, each of which fits in an invocation.
    pub(super) batches: Vec<Batch>,
    /// Handles of the messages that the filters leave out.
    pub(super) unwanted: Vec<String>,
}

pub(super) fn sort(messages: Vec<Message>, source: &SqsSource) -> Sorted {
    let mut sorted = Sorted::default();
    for message in messages {
        let record = record(&message, &source.queue_arn);
        if !source.filters.is_empty() && !filter::matches(&source.filters, &with_parsed_body(&record)) {
            sorted.unwanted.push(message.receipt_handle);
            continue;
        }
        let record = record.to_string();
        let is_full = sorted.batches.last().is_none_or(|batch| {
            ENVELOPE + batch.records.len() + 1 + record.len() > SYNCHRONOUS_PAYLOAD_LIMIT
        });
        if is_full {
            sorted.batches.push(Batch::default());
        }
        let Some(batch) = sorted.batches.last_mut() else { continue };
        if !batch.records.is_empty() {
            batch.records.push(',');
        }
        batch.records.push_str(&record);
        batch.messages.push((message.message_id, message.receipt_handle));
    }
    sorted
}

fn record(message: &Message, queue_arn: &str) -> Value {
    let attributes: Map<String, Value> =
        message.message_attributes.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
    let mut record = json!({
        "messageId": message.message_id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": message.attributes,
        "messageAttributes": attributes,
        "md5OfBody": message.md5_of_body,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    });
    if let Some(digest) = message.md5_of_message_attributes() {
        record["md5OfMessageAttributes"] = digest.into();
    }
    record
}

fn attribute(attribute: &MessageAttribute) -> Value {
    let mut value =
        json!({ "stringListValues": [], "binaryListValues": [], "dataType": attribute.data_type });
    let values = [("stringValue", &attribute.string_value), ("binaryValue", &attribute.binary_value)];
    for (name, text) in values {
        if let Some(text) = text {
            value[name] = text.as_str().into();
        }
    }
    value
}

/// Filters look into a body that is a JSON object, and take any other as text.
fn with_parsed_body(record: &Value) -> Value {
    let mut record = record.clone();
    let parsed =
        record["body"].as_str().and_then(|body| serde_json::from_str::<Map<String, Value>>(body).ok());
    if let Some(body) = parsed {
        record["body"] = body.into();
    }
    record
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::sort;
    use crate::runtime::SYNCHRONOUS_PAYLOAD_LIMIT;
    use crate::sqs::{Message, MessageAttribute};
    use crate::template::model::SqsSource;

    fn message(id: usize, body: String) -> Message {
        Message {
            message_id: id.to_string(),
            receipt_handle: format!("handle {id}"),
            body,
            md5_of_body: String::new(),
            attributes: BTreeMap::new(),
            message_attributes: BTreeMap::new(),
        }
    }

    fn source() -> SqsSource {
        SqsSource {
            queue_arn: "arn:aws:sqs:us-east-1:000000000000:mail".to_owned(),
            batch_size: 10,
            batching_window: Duration::ZERO,
            report_batch_item_failures: true,
            maximum_concurrency: None,
            filters: Vec::new(),
        }
    }

    #[test]
    fn what_is_too_large_for_one_invocation_is_split() {
        let messages = (0..10).map(|id| message(id, "x".repeat(1_000_000))).collect();
        let batches = sort(messages, &source()).batches;
        let sizes: Vec<usize> = batches.iter().map(|batch| batch.messages.len()).collect();
        assert_eq!(sizes, [6, 4]);
        for batch in &batches {
            assert!(batch.payload().len() <= SYNCHRONOUS_PAYLOAD_LIMIT);
            let event: Value = serde_json::from_slice(&batch.payload()).unwrap();
            assert_eq!(event["Records"].as_array().unwrap().len(), batch.messages.len());
        }
        assert_eq!(batches[1].handles()[0], "handle 6");
    }

    #[test]
    fn message_attributes_are_written_as_lambda_does() {
        let mut message = message(1, "x".to_owned());
        let attribute = |data_type: &str, text: Option<&str>, binary: Option<&str>| MessageAttribute {
            data_type: data_type.to_owned(),
            string_value: text.map(str::to_owned),
            binary_value: binary.map(str::to_owned),
        };
        message.message_attributes.insert("a".to_owned(), attribute("Number", Some("1"), None));
        message.message_attributes.insert("b".to_owned(), attribute("Binary", None, Some("AA==")));
        let sorted = sort(vec![message], &source());
        let event: Value = serde_json::from_slice(&sorted.batches[0].payload()).unwrap();
        let record = &event["Records"][0];
        let lists = |mut value: Value| {
            value["stringListValues"] = json!([]);
            value["binaryListValues"] = json!([]);
            value
        };
        assert_eq!(
            record["messageAttributes"],
            json!({
                "a": lists(json!({ "dataType": "Number", "stringValue": "1" })),
                "b": lists(json!({ "dataType": "Binary", "binaryValue": "AA==" })),
            })
        );
        assert_eq!(record["md5OfMessageAttributes"].as_str().map(str::len), Some(32));
    }
}
