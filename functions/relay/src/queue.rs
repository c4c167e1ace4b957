//! Sending to the queue, and again what it did not take.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use chairbook_models::backoff::Backoff;
use serde_json::json;
use tracing::field::display;

use crate::record::Announcement;

/// How often a message is offered to SQS before its record is given back to the stream. With five seconds for
/// each call this stays under the function's timeout.
const ATTEMPTS: u32 = 4;

const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(100), factor: 2, longest: Duration::from_millis(400) };

/// Sends a chunk, and again what failed of it. `send` answers with the positions, among those it was given, of
/// the messages that were not taken. Returns the positions of those that nothing helped.
pub async fn send_with_retries(
    chunk: &[Announcement],
    send: impl AsyncFn(&[&Announcement]) -> Vec<usize>,
) -> Vec<usize> {
    let mut left: Vec<usize> = (0..chunk.len()).collect();
    for attempt in 1..=ATTEMPTS {
        let offered: Vec<_> = left.iter().filter_map(|&position| chunk.get(position)).collect();
        let failed = send(&offered).await;
        left = failed.into_iter().filter_map(|position| left.get(position).copied()).collect();
        if left.is_empty() {
            break;
        }
        if attempt < ATTEMPTS {
            let random = u32::from_ne_bytes(chairbook_platform::random::bytes());
            tokio::time::sleep(BACKOFF.pause(attempt, random)).await;
        }
    }
    left
}

/// Offers messages to the queue once, all in one call; answers with the positions of those not taken.
pub async fn send_once(queue: &Client, queue_url: &str, announcements: &[&Announcement]) -> Vec<usize> {
    let all = || (0..announcements.len()).collect();
    let entries: Result<Vec<_>, _> = announcements.iter().enumerate().map(entry).collect();
    let entries = match entries {
        Ok(entries) => entries,
        Err(error) => {
            tracing::error!(%error, "a message could not be built");
            return all();
        }
    };
    match queue.send_message_batch().queue_url(queue_url).set_entries(Some(entries)).send().await {
        Ok(output) => {
            let failed = output.failed().iter();
            let failed = failed.filter_map(|failure| Some((failure.id().parse().ok()?, failure.code())));
            let failed: Vec<(usize, _)> = failed.collect();
            for (position, code) in &failed {
                let event_id =
                    announcements.get(*position).map(|announcement| display(announcement.event_id));
                tracing::warn!(event_id, code, "SQS did not take a message");
            }
            failed.into_iter().map(|(position, _)| position).collect()
        }
        Err(error) => {
            let code = error.code().unwrap_or("no answer");
            for announcement in announcements {
                tracing::warn!(event_id = %announcement.event_id, code, "SQS did not take a message");
            }
            all()
        }
    }
}

fn entry(
    (position, announcement): (usize, &&Announcement),
) -> Result<SendMessageBatchRequestEntry, aws_sdk_sqs::error::BuildError> {
    SendMessageBatchRequestEntry::builder()
        .id(position.to_string())
        .message_body(json!({"eventId": announcement.event_id.to_string()}).to_string())
        .build()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use chairbook_models::ids::EventId;

    use super::*;

    fn chunk(size: u8) -> Vec<Announcement> {
        (0..size)
            .map(|byte| Announcement { event_id: EventId::derived([byte; 16]), sequence_number: None })
            .collect()
    }

    /// Runs a chunk against a queue that fails the positions that the script says, call after call, and returns
    /// what nothing helped and how many messages each call offered.
    async fn run(chunk: &[Announcement], script: &[&[usize]]) -> (Vec<usize>, Vec<usize>) {
        let offered = RefCell::new(Vec::new());
        let failed = send_with_retries(chunk, async |left: &[&Announcement]| {
            let call = offered.borrow().len();
            offered.borrow_mut().push(left.len());
            script.get(call).copied().unwrap_or_default().to_vec()
        })
        .await;
        (failed, offered.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_failed_is_offered_again() {
        assert_eq!(run(&chunk(10), &[]).await, (vec![], vec![10]));
        assert_eq!(run(&chunk(10), &[&[2, 5, 9], &[1]]).await, (vec![], vec![10, 3, 1]));
    }

    #[tokio::test(start_paused = true)]
    async fn what_nothing_helps_is_named_by_its_place_in_the_chunk() {
        assert_eq!(run(&chunk(3), &[&[1, 2], &[1], &[0], &[0]]).await, (vec![2], vec![3, 2, 1, 1]));
        let everything: &[usize] = &[0, 1, 2];
        assert_eq!(run(&chunk(3), &[everything; 4]).await, (vec![0, 1, 2], vec![3; 4]));
    }

    #[test]
    fn a_message_says_the_event_s_id_and_nothing_else() {
        let announcement = &chunk(1)[0];
        let entry = entry((7, &announcement)).unwrap();
        assert_eq!(entry.id(), "7");
        assert_eq!(entry.message_body(), r#"{"eventId":"evt_00000000000000000000000000"}"#);
    }
}
