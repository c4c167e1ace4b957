//! The DynamoDB stream event source mapping: a table's stream records reach a function in order, in batches, at
//! least once (<https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>).

mod batch;
mod discard;
mod records;
mod response;
#[cfg(test)]
mod tests;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout_at};

use self::records::{Batch, Entry};
use super::checkpoints::{CheckpointError, Checkpoints};
use super::{Invoke, filter};
use crate::dynamodb::{SequenceNumber, StreamReader};
use crate::template::model::StreamSource;

/// Sends a message body to the queue of an ARN; `Err` says why it could not.
pub type OnFailure = Arc<dyn Fn(&str, String) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Bytes of an invocation's payload, less room for what surrounds the records.
const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024 - 64;
/// Records read at once, at least: with a filter, few of them may matter.
const READ_AHEAD: usize = 100;
/// Waited after a fault of the database or of the checkpoints' file before it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// The name under which the position of a function's mapping is kept.
#[must_use]
pub fn name(function: &str, source: &StreamSource) -> String {
    format!("{function}/{}", source.table)
}

/// One mapping of a stream to a function.
pub struct Mapping {
    /// The table's stream.
    pub reader: StreamReader,
    /// The function's logical id.
    pub function: String,
    /// The function's ARN, for the message about what was given up.
    pub function_arn: String,
    /// What the template says.
    pub source: StreamSource,
    /// Invokes the function.
    pub invoke: Invoke,
    /// Takes the message about what was given up, if [`StreamSource::on_failure_queue_arn`] names a queue.
    pub on_failure: Option<OnFailure>,
    /// Where the mapping's position is kept.
    pub checkpoints: Checkpoints,
}

impl Mapping {
    /// Runs until `until` resolves. An invocation under way is waited for; whatever it leaves is taken up by the next
    /// run, which begins after the last record that was handled.
    pub async fn run(mut self, until: impl Future<Output = ()> + Send) {
        let mut until = pin!(until);
        let mut position = tokio::select! {
            biased;
            () = &mut until => return,
            position = self.begin() => position,
        };
        loop {
            let batch = tokio::select! {
                biased;
                () = &mut until => return,
                batch = self.gather(position) => batch,
            };
            position = batch.end;
            if batch::handle(&self, batch, until.as_mut()).await.is_break() {
                return;
            }
        }
    }

    fn name(&self) -> String {
        name(&self.function, &self.source)
    }

    /// Where to begin: after the checkpoint; a new mapping where `StartingPosition` says.
    async fn begin(&self) -> SequenceNumber {
        loop {
            match self.checkpoints.load(&self.name()).await {
                Ok(Some(position)) => {
                    self.reader.set_handled(&self.name(), position);
                    return position;
                }
                Ok(None) => {
                    let latest = !self.source.from_trim_horizon;
                    let position = if latest { self.reader.latest() } else { SequenceNumber::START };
                    // Kept at once: what is written while the stack is off must not be skipped as older.
                    if self.save(position).await.is_ok() {
                        return position;
                    }
                }
                Err(error) => tracing::error!(%error, function = self.function, "the stream waits"),
            }
            sleep(PAUSE).await;
        }
    }

    /// Keeps the position up to which everything is handled.
    async fn save(&self, position: SequenceNumber) -> Result<(), CheckpointError> {
        let saved = self.checkpoints.save(&self.name(), position).await;
        match &saved {
            Ok(()) => self.reader.set_handled(&self.name(), position),
            Err(error) => {
                tracing::error!(%error, function = self.function, "stream records may be delivered again");
            }
        }
        saved
    }

    /// Waits for the next batch: full, or whatever there is once the batching window is over. Records that the filter
    /// leaves out advance the checkpoint.
    async fn gather(&mut self, position: SequenceNumber) -> Batch {
        let mut batch = Batch { entries: Vec::new(), end: position };
        let mut size = 0;
        let mut deadline: Option<Instant> = None;
        loop {
            match deadline {
                Some(deadline) => {
                    let more = timeout_at(deadline, self.reader.wait_beyond(batch.end)).await;
                    if more.is_err() || deadline <= Instant::now() {
                        return batch;
                    }
                }
                None => self.reader.wait_beyond(batch.end).await,
            }
            let latest = self.reader.latest();
            let limit = self.source.batch_size.max(READ_AHEAD);
            let records = match self.reader.read(batch.end, limit).await {
                Ok(records) => records,
                Err(error) => {
                    tracing::error!(%error, function = self.function, "the stream waits");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            if records.is_empty() {
                batch.end = batch.end.max(latest);
            }
            for record in records {
                if filter::matches(&self.source.filters, &record.body) {
                    let json = record.body.to_string();
                    if size + json.len() > PAYLOAD_LIMIT && !batch.entries.is_empty() {
                        return batch;
                    }
                    size += json.len() + 1;
                    let (sequence_number, created) = (record.sequence_number, record.created);
                    batch.entries.push(Entry { sequence_number, created, json });
                }
                batch.end = record.sequence_number;
                if batch.entries.len() >= self.source.batch_size {
                    return batch;
                }
            }
            if batch.entries.is_empty() {
                // Without it, the next start would read them all again; a failure is only that.
                let _ = self.save(batch.end).await;
            } else if self.source.batching_window.is_zero() {
                return batch;
            } else {
                deadline.get_or_insert_with(|| Instant::now() + self.source.batching_window);
            }
        }
    }
}
