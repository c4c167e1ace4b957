//! The runtime with real processes: this test executable, started again as a function (see `function`).

mod concurrency;
mod function;
mod invocations;
mod invoke_api;
mod processes;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::broadcast;

use super::*;
use crate::template::model::{AsynchronousInvocation, Function};

/// Longer than anything that should happen at all.
const LONG: Duration = Duration::from_secs(20);

fn function(logical_id: &str) -> Function {
    Function {
        logical_id: logical_id.to_owned(),
        name: format!("{logical_id}-name"),
        binary: "function".to_owned(),
        timeout: Duration::from_secs(10),
        memory_mb: 128,
        reserved_concurrency: None,
        environment: BTreeMap::from([("OWN".to_owned(), "own value".to_owned())]),
        event_sources: Vec::new(),
        asynchronous: AsynchronousInvocation::default(),
    }
}

fn program() -> Program {
    let arguments = ["runtime::tests::function::function_process", "--exact", "--ignored", "--nocapture"];
    Program { path: std::env::current_exe().unwrap(), arguments: arguments.map(str::to_owned).to_vec() }
}

/// A runtime and the directory of its logs.
struct Stack {
    runtime: Runtime,
    directory: TempDir,
}

impl Stack {
    fn new(functions: &[Function]) -> Self {
        Self::with(functions, |_| {})
    }

    fn with(functions: &[Function], change: impl FnOnce(&mut RuntimeOptions)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut options = RuntimeOptions {
            programs: functions.iter().map(|function| (function.logical_id.clone(), program())).collect(),
            base_environment: BTreeMap::from([
                ("BASE".to_owned(), "base value".to_owned()),
                ("OWN".to_owned(), "overridden".to_owned()),
            ]),
            max_concurrency: 4,
            log_directory: directory.path().to_owned(),
            idle_timeout: Duration::from_mins(10),
        };
        change(&mut options);
        let delays = [Duration::from_millis(20), Duration::from_millis(40)];
        Self { runtime: Runtime::with_retry_delays(functions, options, delays).unwrap(), directory }
    }

    async fn invoke(&self, payload: Value) -> InvocationOutcome {
        self.runtime.invoke("F", event(&payload), Trigger::Direct).await.unwrap()
    }

    /// What it answers, which must not be an error.
    async fn answer(&self, payload: Value) -> Value {
        let outcome = self.invoke(payload).await;
        assert_eq!(outcome.error, None, "{}", outcome.log_tail);
        serde_json::from_slice(&outcome.payload).unwrap()
    }

    async fn fails(&self, payload: Value) -> FunctionError {
        self.invoke(payload).await.error.expect("a function error")
    }

    /// The process that answers.
    async fn process(&self) -> u32 {
        let answer = self.answer(json!({ "do": "process" })).await;
        u32::try_from(answer["process"].as_u64().unwrap()).unwrap()
    }

    /// Waits until something about the live processes is true.
    async fn processes(&self, expected: impl Fn(&[u32]) -> bool) -> Vec<u32> {
        let until = tokio::time::Instant::now() + LONG;
        loop {
            let processes = self.runtime.process_ids("F");
            if expected(&processes) {
                return processes;
            }
            assert!(tokio::time::Instant::now() < until, "{processes:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

fn event(payload: &Value) -> Bytes {
    Bytes::from(payload.to_string())
}

async fn record(records: &mut broadcast::Receiver<InvocationRecord>) -> InvocationRecord {
    tokio::time::timeout(LONG, records.recv()).await.expect("a record in time").unwrap()
}

fn kill(process: u32) {
    let status = std::process::Command::new("kill").args(["-9", &process.to_string()]).status().unwrap();
    assert!(status.success());
}

/// Whether a process is there and not merely waiting to be collected by its parent.
fn is_alive(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'))
}
