//! What a function's answer means for the batch
//! (<https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>).

use serde_json::Value;

use super::records::Entry;
use crate::runtime::InvocationOutcome;

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every record is handled.
    Succeeded,
    /// The records before this index are handled, the rest are to be retried.
    FailedFrom(usize),
    /// The function itself failed.
    FunctionError,
}

/// Judges an outcome. Without `ReportBatchItemFailures` what the function answers means nothing.
pub(super) fn judge(outcome: &InvocationOutcome, entries: &[Entry], reports_failures: bool) -> Verdict {
    if outcome.is_function_error() {
        return Verdict::FunctionError;
    }
    if !reports_failures || outcome.payload.is_empty() {
        return Verdict::Succeeded;
    }
    match lowest_failure(&outcome.payload, entries) {
        Ok(None) => Verdict::Succeeded,
        Ok(Some(index)) => Verdict::FailedFrom(index),
        Err(Malformed) => Verdict::FailedFrom(0),
    }
}

/// An answer that cannot be understood: it fails the whole batch.
struct Malformed;

/// The lowest index that the answer names, if it names any.
fn lowest_failure(answer: &[u8], entries: &[Entry]) -> Result<Option<usize>, Malformed> {
    let answer: Value = serde_json::from_slice(answer).map_err(|_| Malformed)?;
    let failures = match &answer {
        Value::Null => return Ok(None),
        Value::Object(answer) => answer.get("batchItemFailures").unwrap_or(&Value::Null),
        _ => return Err(Malformed),
    };
    let failures = match failures {
        Value::Null => return Ok(None),
        Value::Array(failures) => failures,
        _ => return Err(Malformed),
    };
    let index = |failure: &Value| {
        let identifier = failure.get("itemIdentifier")?.as_str()?.parse().ok()?;
        entries.iter().position(|entry| entry.sequence_number == identifier)
    };
    failures.iter().try_fold(None, |lowest: Option<usize>, failure| {
        let index = index(failure).ok_or(Malformed)?;
        Ok(Some(lowest.map_or(index, |lowest| lowest.min(index))))
    })
}
