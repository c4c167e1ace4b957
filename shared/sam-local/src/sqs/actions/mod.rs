//! One function per action of Amazon SQS: from the request's JSON to the answer's.

pub(super) mod batches;
pub(super) mod messages;
pub(super) mod moves;
pub(super) mod queues;

use super::fault::Fault;
use super::queue::name_of;

/// A parameter that must be there and not be empty.
fn required(parameter: &str, value: Option<String>) -> Result<String, Fault> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| Fault::missing(parameter))
}

/// The name of the queue that a request's `QueueUrl` means, whatever host it names: callers may know this stack by
/// another one.
fn queue_name(url: Option<String>) -> Result<String, Fault> {
    Ok(name_of(&required("QueueUrl", url)?).to_owned())
}
