//! From the stream of the events table to the queue of notifications.
//!
//! The event source mapping hands over only rows that were inserted with a delivery pending. Of each, the id
//! goes to the queue and nothing else, so that no personal data leaves the tables. What SQS does not take is
//! tried again for a few seconds; then the batch is given back to the stream from there on. An event that is
//! announced twice is mailed once: the e-mail function claims each delivery on the event's row.

mod queue;
mod record;

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use aws_sdk_sqs::Client;
use chairbook_platform::{COUNTED, health_probe};
use futures_util::{StreamExt as _, stream};
use lambda_runtime::Error;
use serde_json::Value;

use crate::queue::send_with_retries;
use crate::record::Announcement;

/// How many messages SQS takes at once
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>).
const MESSAGES_PER_CALL: usize = 10;

/// How many calls are under way side by side: a batch of 100 is ten of them.
const CALLS_SIDE_BY_SIDE: usize = 5;

/// The function: a queue and its address.
#[derive(Debug, Clone)]
pub struct Relay {
    queue: Client,
    queue_url: String,
}

impl Relay {
    /// A relay to a queue. Makes no call.
    #[must_use]
    pub const fn new(queue: Client, queue_url: String) -> Self {
        Self { queue, queue_url }
    }

    /// Handles one batch of the stream, or a health probe.
    ///
    /// # Errors
    /// When a record that could not be relayed has no sequence number to give it back by: the stream then keeps
    /// the whole batch.
    pub async fn handle(&self, payload: Value) -> Result<Value, Error> {
        if health_probe::is_probe(&payload) {
            return Ok(health_probe::response());
        }
        let announcements = record::announcements(&payload);
        let chunks: Vec<_> = announcements.chunks(MESSAGES_PER_CALL).collect();
        let failed: Vec<usize> = stream::iter(chunks.into_iter().enumerate())
            .map(|(number, chunk)| async move {
                let failed = send_with_retries(chunk, async |left: &[&Announcement]| {
                    queue::send_once(&self.queue, &self.queue_url, left).await
                });
                let first = number * MESSAGES_PER_CALL;
                failed.await.into_iter().map(|position| first + position).collect::<Vec<_>>()
            })
            .buffer_unordered(CALLS_SIDE_BY_SIDE)
            .concat()
            .await;
        let relayed = announcements.len() - failed.len();
        tracing::info!(target: COUNTED, relayed, failed = failed.len(), "events relayed");
        Ok(serde_json::to_value(response(&announcements, &failed)?)?)
    }
}

/// What the stream is told. It goes on from the lowest sequence number that is reported, and gives everything
/// from there on again, so that one is enough
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>).
fn response(announcements: &[Announcement], failed: &[usize]) -> Result<DynamoDbEventResponse, Error> {
    let mut response = DynamoDbEventResponse::default();
    if let Some(first) = failed.iter().min().and_then(|&position| announcements.get(position)) {
        if first.sequence_number.is_none() {
            return Err(format!("{} could not be relayed and has no sequence number", first.event_id).into());
        }
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier.clone_from(&first.sequence_number);
        response.batch_item_failures.push(failure);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use chairbook_models::ids::EventId;

    use serde_json::json;

    use super::*;

    fn announcement(byte: u8, sequence_number: Option<&str>) -> Announcement {
        Announcement {
            event_id: EventId::derived([byte; 16]),
            sequence_number: sequence_number.map(str::to_owned),
        }
    }

    #[test]
    fn the_stream_goes_on_from_the_first_that_failed() {
        let announcements: Vec<_> = (0..4)
            .map(|byte| announcement(byte, Some(["100", "101", "102", "103"][usize::from(byte)])))
            .collect();
        for (failed, told) in [
            (&[][..], json!({"batchItemFailures": []})),
            (&[3, 1, 2][..], json!({"batchItemFailures": [{"itemIdentifier": "101"}]})),
            (&[0][..], json!({"batchItemFailures": [{"itemIdentifier": "100"}]})),
        ] {
            assert_eq!(serde_json::to_value(response(&announcements, failed).unwrap()).unwrap(), told);
        }
    }

    #[test]
    fn without_a_sequence_number_the_whole_batch_is_given_back() {
        let announcements = [announcement(1, None)];
        assert!(response(&announcements, &[0]).is_err());
        assert!(response(&announcements, &[]).is_ok());
    }

    #[tokio::test]
    async fn a_health_probe_and_an_empty_batch_call_nothing() {
        let config = aws_sdk_sqs::Config::builder().behavior_version_latest().build();
        let relay = Relay::new(Client::from_conf(config), "https://queue.example/notifications".to_owned());
        assert_eq!(relay.handle(health_probe::event()).await.unwrap(), health_probe::response());
        let empty = json!({"batchItemFailures": []});
        assert_eq!(relay.handle(json!({"Records": []})).await.unwrap(), empty);
        assert_eq!(relay.handle(json!({"Records": [{"dynamodb": {}}]})).await.unwrap(), empty);
    }
}
