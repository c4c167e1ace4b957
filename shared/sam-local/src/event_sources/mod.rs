//! What invokes functions besides HTTP requests: queues, streams and schedules, polled as Lambda's event source
//! mappings and EventBridge do.

pub mod checkpoints;
pub mod filter;
pub mod queue;
pub mod schedule;
pub mod stream;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::runtime::{InvocationOutcome, InvokeError, Trigger};

/// Invokes a function by its logical id and waits for its outcome.
pub type Invoke = Arc<
    dyn Fn(&str, Bytes, Trigger) -> BoxFuture<'static, Result<InvocationOutcome, InvokeError>> + Send + Sync,
>;
