//! Tells observers what invocations came to, after their callers have been answered: the line about an
//! invocation comes through a pipe of its own and memory is read from a file, and no caller should wait for either.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc;

use super::deployment::Deployment;
use super::invocation::{InvocationRecord, RecordedOutcome, Trigger};
use super::logs::RecentLog;
use super::memory;

/// The longest time that the line about an invocation may be on its way.
const PATIENCE: Duration = Duration::from_millis(100);
/// A function that so many times in a row wrote no such line is not waited for any more.
const MISSES: u32 = 3;

/// An invocation that is over.
pub(super) struct Finished {
    pub(super) request_id: String,
    pub(super) trigger: Trigger,
    pub(super) is_cold: bool,
    pub(super) duration: Duration,
    /// When the process is gone already.
    pub(super) peak_kib: Option<u64>,
    pub(super) outcome: RecordedOutcome,
}

/// Records the invocations of one environment, in their order. Ends when the sender is dropped.
pub(super) fn start(
    deployment: &Deployment,
    recent: Arc<RecentLog>,
    process: Arc<OnceLock<u32>>,
) -> mpsc::UnboundedSender<Finished> {
    let (sender, mut receiver) = mpsc::unbounded_channel::<Finished>();
    let function = deployment.function.logical_id.clone();
    let records = deployment.records.clone();
    tokio::spawn(async move {
        let mut misses = 0;
        while let Some(finished) = receiver.recv().await {
            let peak_kib = finished.peak_kib.or_else(|| process.get().copied().and_then(memory::peak_kib));
            let patience = if misses < MISSES { PATIENCE } else { Duration::ZERO };
            let access = recent.take_access(patience).await;
            misses = if access.is_some() { 0 } else { misses + 1 };
            // An error here means that nobody listens.
            let _nobody = records.send(InvocationRecord {
                function: function.clone(),
                request_id: finished.request_id,
                trigger: finished.trigger,
                cold_start: finished.is_cold,
                duration: finished.duration,
                peak_memory_mb: peak_kib.map(|kib| kib.div_ceil(1024)),
                outcome: finished.outcome,
                access,
            });
        }
    });
    sender
}
