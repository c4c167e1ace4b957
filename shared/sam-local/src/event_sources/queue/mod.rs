//! The SQS event source mapping: receives batches, invokes the function, and deletes what it handled.
//!
//! Nothing is lost on any path: a message is deleted only after the function has answered that it is done. What fails
//! comes again when its visibility timeout is over, and goes to the dead-letter queue when that was too often
//! (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>).

mod event;
mod response;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::runtime::{InvocationOutcome, InvokeError, Trigger};
use crate::sqs::{MOST_MESSAGES, Message, Sqs};
use crate::template::model::SqsSource;

use super::Invoke;
use event::Batch;

/// Batches at once unless `MaximumConcurrency` says: what Lambda begins with.
const DEFAULT_CONCURRENCY: usize = 5;
/// How long a place stays taken after an invocation that could not be run at all; shorter than the second for which
/// received messages are hidden at least, so that they can still be put back.
const PAUSE: Duration = Duration::from_millis(500);

/// Invokes `function` (its logical id) with what the queue brings, until `until`. Then it stops receiving, and returns
/// when the invocations that are under way have ended; dropping it leaves their messages to come again.
pub async fn run(
    sqs: Sqs,
    function: String,
    source: SqsSource,
    invoke: Invoke,
    until: impl Future<Output = ()>,
) {
    let until = until.shared();
    let places = Arc::new(Semaphore::new(source.maximum_concurrency.unwrap_or(DEFAULT_CONCURRENCY).max(1)));
    let mapping = Arc::new(Mapping { sqs, function, source, invoke });
    let mut running = JoinSet::new();
    loop {
        // Only waiting is given up half-way: a receive that is dropped would hide its messages for a while.
        let waited = async {
            let place = Arc::clone(&places).acquire_owned().await;
            mapping.sqs.ready(&mapping.source.queue_arn).await;
            place
        };
        let place = tokio::select! {
            biased;
            () = until.clone() => break,
            place = waited => place,
        };
        let Ok(place) = place else { break };
        let messages = mapping.collect(until.clone()).await;
        while let Some(ended) = running.try_join_next() {
            report(&mapping.function, ended);
        }
        if messages.is_empty() {
            continue;
        }
        let mapping = Arc::clone(&mapping);
        running.spawn(async move {
            mapping.handle(messages).await;
            drop(place);
        });
    }
    while let Some(ended) = running.join_next().await {
        report(&mapping.function, ended);
    }
}

/// A task that panicked has deleted nothing: its messages come again.
fn report(function: &str, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(function, %error, "a batch of messages was given up");
    }
}

struct Mapping {
    sqs: Sqs,
    function: String,
    source: SqsSource,
    invoke: Invoke,
}

impl Mapping {
    /// Receives what there is, and then, within the batching window, until the batch is full.
    async fn collect(&self, until: impl Future<Output = ()> + Clone) -> Vec<Message> {
        let source = &self.source;
        let mut messages = self.receive(source.batch_size).await;
        if source.batching_window.is_zero() || messages.is_empty() {
            return messages;
        }
        let end = Instant::now() + source.batching_window;
        while messages.len() < source.batch_size && Instant::now() < end {
            let is_ready = tokio::select! {
                biased;
                () = until.clone() => false,
                ready = tokio::time::timeout_at(end, self.sqs.ready(&source.queue_arn)) => ready.is_ok(),
            };
            if !is_ready {
                break;
            }
            messages.extend(self.receive(source.batch_size - messages.len()).await);
        }
        messages
    }

    async fn receive(&self, room: usize) -> Vec<Message> {
        self.sqs.receive(&self.source.queue_arn, room.clamp(1, MOST_MESSAGES), Duration::ZERO).await
    }

    async fn handle(&self, messages: Vec<Message>) {
        let sorted = event::sort(messages, &self.source);
        if !sorted.unwanted.is_empty() {
            // What the filters leave out is gone, as in Lambda.
            self.sqs.delete(&self.source.queue_arn, &sorted.unwanted).await;
        }
        for batch in sorted.batches {
            self.invoke(batch).await;
        }
    }

    async fn invoke(&self, batch: Batch) {
        let (queue_arn, function) = (&self.source.queue_arn, &self.function);
        let trigger = Trigger::Queue { messages: batch.messages.len() };
        match (self.invoke)(function, batch.payload(), trigger).await {
            Ok(outcome) => match self.done(&batch, &outcome) {
                done if done.is_empty() => {}
                done => self.sqs.delete(queue_arn, &done).await,
            },
            Err(error @ (InvokeError::Throttled(_) | InvokeError::ShuttingDown)) => {
                tracing::warn!(function, %error, "messages wait in their queue");
                // Hidden during the pause, so that they do not come straight back.
                if error != InvokeError::ShuttingDown {
                    tokio::time::sleep(PAUSE).await;
                }
                self.sqs.put_back(queue_arn, &batch.handles()).await;
            }
            Err(error) => {
                tracing::error!(function, %error, "messages could not be handed to the function");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// The handles of the messages that the function has handled.
    fn done(&self, batch: &Batch, outcome: &InvocationOutcome) -> Vec<String> {
        if outcome.is_function_error() {
            return Vec::new();
        }
        if !self.source.report_batch_item_failures {
            return batch.handles();
        }
        let ids: Vec<&str> = batch.messages.iter().map(|(id, _)| id.as_str()).collect();
        match response::failed_items(&outcome.payload, &ids) {
            Ok(failed) => {
                let done = batch.messages.iter().filter(|(id, _)| !failed.contains(id));
                done.map(|(_, handle)| handle.clone()).collect()
            }
            Err(reason) => {
                tracing::error!(function = self.function, reason, "the whole batch counts as failed");
                Vec::new()
            }
        }
    }
}
