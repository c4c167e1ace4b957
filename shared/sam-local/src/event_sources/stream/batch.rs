//! One batch, until every record of it is handled or given up.

use std::ops::{ControlFlow, Range};
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::Mapping;
use super::discard::{Condition, Discarded, LastResponse};
use super::records::{Batch, Entry};
use super::response::{Verdict, judge};
use crate::clock;
use crate::dynamodb::{RETENTION, SequenceNumber};
use crate::runtime::{InvokeError, Trigger};

/// Waited before the first retry; doubled for each further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
/// The longest wait between retries.
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// A part of a batch that is tried as a whole.
struct Piece {
    range: Range<usize>,
    /// Failures that count against `MaximumRetryAttempts`.
    failures: u32,
    /// Invocations that it was part of.
    invocations: u32,
    last_response: Option<LastResponse>,
}

/// Invokes the function until all of the batch is handled or given up; `Break` when `until` resolved before.
pub(super) async fn handle(
    mapping: &Mapping,
    batch: Batch,
    mut until: Pin<&mut impl Future<Output = ()>>,
) -> ControlFlow<()> {
    let whole = Piece { range: 0..batch.entries.len(), failures: 0, invocations: 0, last_response: None };
    let mut pieces = vec![whole];
    let mut refusals = 0;
    while let Some(mut piece) = pieces.pop() {
        let expired = expired(mapping, &batch, &piece, clock::now());
        if expired > 0 {
            let first = piece.range.start..piece.range.start + expired;
            give_up(mapping, &batch, first, &piece, Condition::RecordAgeExceeded, until.as_mut()).await?;
            piece.range.start += expired;
        }
        if piece.range.is_empty() {
            continue;
        }
        let entries = &batch.entries[piece.range.clone()];
        let trigger = Trigger::Stream { records: entries.len() };
        let outcome = match (mapping.invoke)(&mapping.function, payload(entries), trigger).await {
            Ok(outcome) => outcome,
            Err(InvokeError::PayloadTooLarge { .. }) if entries.len() > 1 => {
                pieces.extend(halves(piece));
                continue;
            }
            Err(error) => {
                if refusals == 0 {
                    tracing::warn!(%error, function = mapping.function, "the stream waits");
                }
                refusals += 1;
                pieces.push(piece);
                pause(refusals, until.as_mut()).await?;
                continue;
            }
        };
        refusals = 0;
        piece.invocations += 1;
        piece.last_response = Some(LastResponse {
            request_id: outcome.request_id.clone(),
            is_function_error: outcome.is_function_error(),
        });
        match judge(&outcome, entries, mapping.source.report_batch_item_failures) {
            Verdict::Succeeded => {
                // A failure to save is logged; these records are then delivered again after the next start.
                let _ = mapping.save(position_after(&batch, piece.range.end)).await;
                continue;
            }
            Verdict::FailedFrom(0) => piece.failures += 1,
            Verdict::FailedFrom(first) => {
                piece.range.start += first;
                let _ = mapping.save(position_after(&batch, piece.range.start)).await;
                // The first of the rest has failed once now.
                piece.failures = 1;
                piece.invocations = 1;
            }
            Verdict::FunctionError if mapping.source.bisect_batch_on_function_error && entries.len() > 1 => {
                let invocations = piece.invocations;
                pieces.extend(halves(piece));
                pause(invocations, until.as_mut()).await?;
                continue;
            }
            Verdict::FunctionError => piece.failures += 1,
        }
        if mapping.source.maximum_retry_attempts.is_some_and(|retries| piece.failures > retries) {
            let all = piece.range.clone();
            give_up(mapping, &batch, all, &piece, Condition::RetryAttemptsExhausted, until.as_mut()).await?;
        } else {
            let invocations = piece.invocations;
            pieces.push(piece);
            pause(invocations, until.as_mut()).await?;
        }
    }
    ControlFlow::Continue(())
}

/// The second half first, so that the first is popped first. Splitting costs no retry.
fn halves(piece: Piece) -> [Piece; 2] {
    let middle = piece.range.start + piece.range.len() / 2;
    let first =
        Piece { range: piece.range.start..middle, last_response: piece.last_response.clone(), ..piece };
    [Piece { range: middle..piece.range.end, ..piece }, first]
}

/// How many records at the front are older than the mapping tries them.
fn expired(mapping: &Mapping, batch: &Batch, piece: &Piece, now: Timestamp) -> usize {
    let limit = match mapping.source.maximum_record_age {
        Some(age) => SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX),
        // DynamoDB keeps no record for longer, so there a failing one ends like this. One that waited while this
        // stack was off has not failed.
        None if piece.failures > 0 => RETENTION,
        None => return 0,
    };
    let is_expired = |entry: &&Entry| now.duration_since(entry.created) > limit;
    batch.entries[piece.range.clone()].iter().take_while(is_expired).count()
}

async fn give_up(
    mapping: &Mapping,
    batch: &Batch,
    range: Range<usize>,
    piece: &Piece,
    condition: Condition,
    mut until: Pin<&mut impl Future<Output = ()>>,
) -> ControlFlow<()> {
    let end = range.end;
    let discarded = Discarded {
        entries: &batch.entries[range],
        condition,
        invocations: piece.invocations,
        last_response: piece.last_response.as_ref(),
    };
    let body = discarded.message(mapping, clock::now());
    tracing::warn!(
        function = mapping.function,
        records = discarded.entries.len(),
        ?condition,
        "gave up stream records"
    );
    if let (Some(on_failure), Some(queue)) = (&mapping.on_failure, &mapping.source.on_failure_queue_arn) {
        let mut failures = 0;
        while let Err(fault) = on_failure(queue, body.clone()).await {
            tracing::error!(fault, queue, "the on-failure destination takes no message; the stream waits");
            failures += 1;
            pause(failures, until.as_mut()).await?;
        }
    }
    let _ = mapping.save(position_after(batch, end)).await;
    ControlFlow::Continue(())
}

/// The position once all entries before `end` are handled.
fn position_after(batch: &Batch, end: usize) -> SequenceNumber {
    if end == batch.entries.len() { batch.end } else { batch.entries[end - 1].sequence_number }
}

fn payload(entries: &[Entry]) -> Bytes {
    let records: Vec<_> = entries.iter().map(|entry| entry.json.as_str()).collect();
    format!(r#"{{"Records":[{}]}}"#, records.join(",")).into()
}

/// Waits longer with each failure.
async fn pause(failures: u32, until: Pin<&mut impl Future<Output = ()>>) -> ControlFlow<()> {
    let doublings = failures.saturating_sub(1).min(16);
    let backoff = (FIRST_BACKOFF * 2_u32.pow(doublings)).min(LONGEST_BACKOFF);
    tokio::select! {
        biased;
        () = until => ControlFlow::Break(()),
        () = tokio::time::sleep(backoff) => ControlFlow::Continue(()),
    }
}
