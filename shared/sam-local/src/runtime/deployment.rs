//! A function as it is deployed here: what each of its environments is made from.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;

use super::invocation::InvocationRecord;
use super::logs::FunctionLog;
use super::process::Program;
use crate::template::model::Function;

/// A function as it is deployed here.
pub(super) struct Deployment {
    pub(super) function: Function,
    pub(super) arn: String,
    pub(super) program: Program,
    pub(super) base_environment: Arc<BTreeMap<String, String>>,
    /// An environment that has been idle for so long may be ended.
    pub(super) idle_timeout: Duration,
    pub(super) log: FunctionLog,
    pub(super) records: broadcast::Sender<InvocationRecord>,
}
