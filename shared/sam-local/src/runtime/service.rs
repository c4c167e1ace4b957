//! The local Lambda service: every function's pool, and what their callers and observers use.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::asynchronous;
use super::deployment::Deployment;
use super::invocation::{
    ASYNCHRONOUS_PAYLOAD_LIMIT, InvocationOutcome, InvocationRecord, InvokeError, LogLine,
    SYNCHRONOUS_PAYLOAD_LIMIT, Trigger,
};
use super::logs::FunctionLog;
use super::pool::Pool;
use super::process::{self, Program};
use crate::template::model::Function;

/// Records and lines that an observer may lag behind.
const OBSERVER_LAG: usize = 4_096;

/// What a [`Runtime`] is made with.
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// What to run for each function, by its logical id.
    pub programs: BTreeMap<String, Program>,
    /// Environment variables of every function (credentials, endpoints); its own override them.
    pub base_environment: BTreeMap<String, String>,
    /// Execution environments per function at most; a function's `ReservedConcurrentExecutions` may make it fewer.
    pub max_concurrency: usize,
    /// Where each function's log file is.
    pub log_directory: PathBuf,
    /// An environment that has been idle for so long is shut down, except the last one of a function.
    pub idle_timeout: Duration,
}

/// Runs functions as processes. Clones are the same runtime. Its methods need a tokio runtime.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    pools: Vec<Arc<Pool>>,
    /// Positions in `pools`, by logical id and by name.
    names: HashMap<String, usize>,
    records: broadcast::Sender<InvocationRecord>,
    lines: broadcast::Sender<LogLine>,
    retry_delays: [Duration; 2],
}

impl Runtime {
    /// Prepares to run functions; no process is started yet.
    ///
    /// # Errors
    /// When a function has no program, or its log file cannot be opened.
    pub fn new(functions: &[Function], options: RuntimeOptions) -> io::Result<Self> {
        Self::with_retry_delays(functions, options, asynchronous::RETRY_DELAYS)
    }

    pub(super) fn with_retry_delays(
        functions: &[Function],
        options: RuntimeOptions,
        retry_delays: [Duration; 2],
    ) -> io::Result<Self> {
        let (records, lines) = (broadcast::Sender::new(OBSERVER_LAG), broadcast::Sender::new(OBSERVER_LAG));
        let base_environment = Arc::new(options.base_environment);
        let mut pools = Vec::new();
        let mut names = HashMap::new();
        for function in functions {
            let id = &function.logical_id;
            let program = options.programs.get(id).cloned().ok_or_else(|| {
                io::Error::new(io::ErrorKind::NotFound, format!("there is no program to run for {id}"))
            })?;
            let log = FunctionLog::open(&options.log_directory, id, lines.clone()).map_err(|error| {
                let directory = options.log_directory.display();
                io::Error::new(
                    error.kind(),
                    format!("the log of {id} in {directory} could not be opened: {error}"),
                )
            })?;
            let most = options.max_concurrency.max(1);
            names.insert(function.name.clone(), pools.len());
            names.insert(id.clone(), pools.len());
            let deployment = Deployment {
                arn: process::arn(function),
                program,
                base_environment: base_environment.clone(),
                idle_timeout: options.idle_timeout,
                log,
                records: records.clone(),
                function: function.clone(),
            };
            let limit = function.reserved_concurrency.map_or(most, |reserved| reserved.min(most));
            pools.push(Arc::new(Pool::new(deployment, limit)));
        }
        Ok(Self(Arc::new(Inner { pools, names, records, lines, retry_delays })))
    }

    /// The pool of a function's logical id, name or ARN, which may end in `:$LATEST`, the only version that there is.
    pub(super) fn pool(&self, function: &str) -> Result<&Arc<Pool>, InvokeError> {
        let name = function.rsplit_once("function:").map_or(function, |(_, name)| name);
        let name = name.strip_suffix(":$LATEST").unwrap_or(name);
        let index = self.0.names.get(name).ok_or_else(|| InvokeError::NotFound(function.to_owned()))?;
        self.0.pools.get(*index).ok_or_else(|| InvokeError::NotFound(function.to_owned()))
    }

    /// Invokes a function (its logical id, name or ARN) and waits for its answer (`RequestResponse`). That the
    /// function failed is part of the outcome. Where all its environments are busy and no more are allowed, waits as
    /// long as the function may run.
    ///
    /// # Errors
    /// When the invocation is not run.
    pub async fn invoke(
        &self,
        function: &str,
        payload: Bytes,
        trigger: Trigger,
    ) -> Result<InvocationOutcome, InvokeError> {
        self.invoke_as(Uuid::new_v4().to_string(), function, payload, trigger, false).await
    }

    /// [`Runtime::invoke`] with an id of the caller's; with `wants_log`, the outcome has all that was printed.
    pub(super) async fn invoke_as(
        &self,
        request_id: String,
        function: &str,
        payload: Bytes,
        trigger: Trigger,
        wants_log: bool,
    ) -> Result<InvocationOutcome, InvokeError> {
        let pool = self.pool(function)?;
        check_size(&payload, SYNCHRONOUS_PAYLOAD_LIMIT)?;
        let patience = pool.deployment.function.timeout;
        pool.run(request_id, payload, trigger, wants_log, patience).await
    }

    /// Invokes a function and does not wait (`Event`): when it fails, it is tried again as its
    /// [`AsynchronousInvocation`](crate::template::model::AsynchronousInvocation) says, after seconds where Lambda
    /// takes minutes.
    ///
    /// # Errors
    /// When the invocation will not be run.
    pub fn invoke_async(&self, function: &str, payload: Bytes, trigger: Trigger) -> Result<(), InvokeError> {
        self.invoke_async_as(Uuid::new_v4().to_string(), function, payload, trigger)
    }

    pub(super) fn invoke_async_as(
        &self,
        request_id: String,
        function: &str,
        payload: Bytes,
        trigger: Trigger,
    ) -> Result<(), InvokeError> {
        let pool = self.pool(function)?.clone();
        check_size(&payload, ASYNCHRONOUS_PAYLOAD_LIMIT)?;
        if pool.limit == 0 {
            return Err(InvokeError::Throttled(pool.deployment.function.logical_id.clone()));
        }
        if pool.is_closed() {
            return Err(InvokeError::ShuttingDown);
        }
        tokio::spawn(asynchronous::deliver(pool, request_id, payload, trigger, self.0.retry_delays));
        Ok(())
    }

    /// Starts one environment of every function that has none, and waits until each has asked for its first
    /// invocation or failed to.
    pub async fn warm(&self) {
        let environments: Vec<_> = self.0.pools.iter().flat_map(Pool::warm).collect();
        for environment in environments {
            let mut settled = environment.settled.subscribe();
            // The sender is in the environment, which is here.
            let _settled = settled.wait_for(|settled| *settled).await;
        }
    }

    /// What every invocation from now on comes to. Sent after the caller was answered.
    pub fn invocations(&self) -> broadcast::Receiver<InvocationRecord> {
        self.0.records.subscribe()
    }

    /// Every line that functions print from now on.
    pub fn log_lines(&self) -> broadcast::Receiver<LogLine> {
        self.0.lines.subscribe()
    }

    /// The processes of a function's live environments; none for an unknown function.
    pub fn process_ids(&self, function: &str) -> Vec<u32> {
        self.pool(function).map(|pool| pool.process_ids()).unwrap_or_default()
    }

    /// Refuses what waits and every new invocation, kills the processes and waits until they have ended.
    pub async fn shutdown(&self) {
        for pool in &self.0.pools {
            pool.close();
        }
        for pool in &self.0.pools {
            pool.empty().await;
        }
    }
}

fn check_size(payload: &Bytes, limit: usize) -> Result<(), InvokeError> {
    let size = payload.len();
    if size > limit { Err(InvokeError::PayloadTooLarge { size, limit }) } else { Ok(()) }
}
