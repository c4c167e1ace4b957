//! From the queue of notifications to inboxes.
//!
//! A message says an event's id. The event's row says how far its mail has come; whoever changes it from pending
//! to sending, with a lease, may send. So a message that comes twice is mailed once, and a sender that dies is
//! replaced when its lease ends. What may succeed later (throttling, a network that fails) goes back to the queue
//! and comes again after a pause that grows with every try; what cannot succeed is marked failed on the event, and
//! logged as an error with `alarm=delivery_failed`, which the alarm's metric filter counts. A message that names no
//! event is left to end in the dead-letter queue.
//!
//! SES knows no idempotency tokens. So a mail can go out twice if this process dies between SES's answer and the
//! mark on the row, or if that answer is lost on its way; none is ever lost. The mark has time of its own, and a mail
//! that SES has taken is done even if its mark fails: its event then stays `sending`, and nothing announces it again.

mod decision;
mod delivery;
mod message;
mod ses;

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::error::ProvideErrorMetadata;
use chairbook_models::backoff::Backoff;
use chairbook_platform::{COUNTED, Metric, clock, health_probe};
use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use tracing::Instrument as _;

pub use crate::decision::{LoginMail, LoginMailError};
pub use crate::delivery::{Delivery, SES_TIMEOUT};

use crate::delivery::{TIME_FOR_TIMING_A_RETURN, Verdict};
use crate::message::{MalformedMessage, Message};

/// The pauses before a message comes again. The first is short: most troubles pass in seconds, and somebody waits for a
/// verification mail. They grow fast up to the longest: the queue's `maxReceiveCount` of deliveries has to outlast an
/// outage of a day.
#[must_use]
pub const fn backoff(first: Duration, longest: Duration) -> Backoff {
    Backoff { first, factor: 4, longest }
}

/// The shortest of these pauses: SQS counts whole seconds.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// How many mails of one batch are under way side by side: SES counts mails per second, and a burst is throttled.
const MAILS_SIDE_BY_SIDE: usize = 5;

/// The longest that SQS hides a message
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>).
const LONGEST_INVISIBLE: SignedDuration = SignedDuration::from_hours(12);

/// The function: how it delivers, and the queue it is fed from.
pub struct EmailFunction {
    delivery: Delivery,
    backoff: Backoff,
    queue: aws_sdk_sqs::Client,
    queue_url: String,
}

impl EmailFunction {
    /// The function over its clients. Makes no call.
    #[must_use]
    pub const fn new(
        delivery: Delivery,
        backoff: Backoff,
        queue: aws_sdk_sqs::Client,
        queue_url: String,
    ) -> Self {
        Self { delivery, backoff, queue, queue_url }
    }

    /// Handles one batch of messages, or a health probe.
    ///
    /// # Errors
    /// When the batch is not one of SQS's, or a message that is to come again has no id to say so by.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        let (payload, context) = event.into_parts();
        if health_probe::is_probe(&payload) {
            return Ok(health_probe::response());
        }
        let batch: SqsEvent = serde_json::from_value(payload)?;
        let deadline = Timestamp::from_millisecond(i64::try_from(context.deadline)?)?;
        let again: Vec<Option<String>> = stream::iter(&batch.records)
            .map(|record| self.deliver(record, deadline))
            .buffer_unordered(MAILS_SIDE_BY_SIDE)
            .filter_map(std::future::ready)
            .collect()
            .await;
        Ok(serde_json::to_value(response(again)?)?)
    }

    /// Delivers one message's mail; answers with its id if the message is to come again.
    async fn deliver(&self, record: &SqsMessage, deadline: Timestamp) -> Option<Option<String>> {
        let message = Message::parse(record);
        let span = tracing::error_span!(
            "message",
            sqs_message_id = record.message_id,
            event_id = message.ok().map(|message| display(message.event_id)),
        );
        self.handle_message(message, record, deadline).instrument(span).await
    }

    async fn handle_message(
        &self,
        message: Result<Message, MalformedMessage>,
        record: &SqsMessage,
        deadline: Timestamp,
    ) -> Option<Option<String>> {
        if message::receive_count(record) > 1 {
            Metric::count("MailRedeliveries", 1).record();
        }
        let verdict = match message {
            Ok(message) => self.delivery.deliver(message.event_id, deadline).await,
            Err(error) => {
                tracing::error!(%error, "a message names no event and goes to the dead letters");
                Verdict::GiveUp
            }
        };
        let invisible = match verdict {
            Verdict::Done => return None,
            Verdict::GiveUp => SignedDuration::ZERO,
            Verdict::TryAgain => {
                let random = u32::from_ne_bytes(chairbook_platform::random::bytes());
                let now = clock::now();
                let waited = now.duration_since(message::sent_at(record).unwrap_or(now));
                tracing::warn!(target: COUNTED, waited_seconds = waited.as_secs(), "a mail is to be tried again");
                let pause = self.backoff.pause_of_half_at_least(message::receive_count(record), random);
                SignedDuration::try_from(pause.max(SHORTEST_PAUSE)).unwrap_or(SignedDuration::MAX)
            }
            Verdict::TryAgainAt(instant) => instant.duration_since(clock::now()),
        };
        self.hide(record, invisible).await;
        Some(record.message_id.clone())
    }

    /// Keeps a message from coming again before its time. If that does not work soon, it comes after the queue's own
    /// visibility timeout.
    async fn hide(&self, record: &SqsMessage, invisible: SignedDuration) {
        let call = self
            .queue
            .change_message_visibility()
            .queue_url(&self.queue_url)
            .set_receipt_handle(record.receipt_handle.clone())
            .visibility_timeout(whole_seconds(invisible))
            .send();
        let code = match tokio::time::timeout(TIME_FOR_TIMING_A_RETURN, call).await {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => ProvideErrorMetadata::code(&error).unwrap_or("no answer").to_owned(),
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::warn!(code, "a message's return was not timed");
    }
}

/// Whole seconds, upwards, within what SQS allows.
fn whole_seconds(duration: SignedDuration) -> i32 {
    let bounded = duration.clamp(SignedDuration::ZERO, LONGEST_INVISIBLE);
    let seconds = bounded.as_secs() + i64::from(bounded.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(0)
}

/// What SQS is told: which messages are to come again; all others are deleted
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>).
fn response(again: Vec<Option<String>>) -> Result<SqsBatchResponse, Error> {
    let mut response = SqsBatchResponse::default();
    for message_id in again {
        response.add_failure(message_id.ok_or("a message that is to come again has no messageId")?);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use chairbook_models::duration;
    use serde_json::json;

    use super::*;

    #[test]
    fn seconds_are_rounded_up_and_kept_within_what_sqs_allows() {
        for (milliseconds, seconds) in
            [(-5_000, 0), (0, 0), (1, 1), (1_000, 1), (1_001, 2), (43_200_000, 43_200), (99_999_999, 43_200)]
        {
            assert_eq!(whole_seconds(SignedDuration::from_millis(milliseconds)), seconds, "{milliseconds}");
        }
    }

    #[test]
    fn a_mail_is_tried_for_a_day_and_becomes_a_dead_letter_before_the_queue_forgets_it() {
        let template = include_str!("../../../template.yaml");
        let of = |section: &str, name: &str| {
            let (_, section) = template.split_once(section).unwrap();
            let (_, value) = section.split_once(name).unwrap();
            value.split_whitespace().next().unwrap().to_owned()
        };
        let wait = |name: &str| duration::parse(&of(name, " Default: ")).unwrap();
        let backoff = backoff(wait("\n  MailRetryFirstWait:"), wait("\n  MailRetryLongestWait:"));
        let queue = "\n  NotificationsQueue:";
        let receives: u32 = of(queue, " maxReceiveCount: ").parse().unwrap();
        let retention = Duration::from_secs(of(queue, " MessageRetentionPeriod: ").parse().unwrap());

        let until_last_try: Duration =
            (1..receives).map(|failures| backoff.pause_of_half_at_least(failures, 0)).sum();
        assert!(until_last_try >= Duration::from_hours(24), "{until_last_try:?}");
        let until_dead_letter: Duration = (1..=receives).map(|failures| backoff.ceiling(failures)).sum();
        assert!(until_dead_letter + Duration::from_hours(24) <= retention, "{until_dead_letter:?}");
        assert!(backoff.longest <= Duration::try_from(LONGEST_INVISIBLE).unwrap());
    }

    #[test]
    fn only_messages_that_are_to_come_again_are_named() {
        let told = |again| serde_json::to_value(response(again).unwrap()).unwrap();
        assert_eq!(told(vec![]), json!({"batchItemFailures": []}));
        assert_eq!(
            told(vec![Some("m-1".to_owned())]),
            json!({"batchItemFailures": [{"itemIdentifier": "m-1"}]})
        );
        assert!(response(vec![None]).is_err());
    }
}
