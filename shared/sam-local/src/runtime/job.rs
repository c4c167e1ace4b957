//! One invocation on its way to a process.

use bytes::Bytes;
use tokio::sync::oneshot;

use super::invocation::{InvocationOutcome, InvokeError, Trigger};

/// One invocation on its way to a process.
pub(super) struct Job {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    pub(super) trigger: Trigger,
    /// The caller wants all that the function prints, and waits a little for it.
    pub(super) wants_log: bool,
    /// How often it was sent to a process that ended before it read it.
    pub(super) lost: u32,
    pub(super) reply: oneshot::Sender<Result<InvocationOutcome, InvokeError>>,
}

impl Job {
    pub(super) fn refuse(self, error: InvokeError) {
        // The caller may have gone away.
        let _gone = self.reply.send(Err(error));
    }
}
