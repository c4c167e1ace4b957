//! Lambda on one machine: each function is a process of its own per execution environment, which fetches its
//! invocations over a Runtime API of its own (version 2018-06-01), just as in AWS.
//!
//! [`Runtime`] takes invocations and hands each to its function's `pool`, which finds it an `environment`: the idle
//! one that was used last, else a new one while there are fewer than the function may have, else it waits its turn.
//! A `deployment` is what the environments of one function have in common, and a `job` an invocation on its way to one.
//! `keeper` starts and watches one process, `api` is what that process talks to (over a `connection` that tells whether
//! an invocation arrived), `logs` reads what it prints, and `recorder` tells observers what an invocation came to.
//! `asynchronous` retries events, and [`router`] is the Invoke API that `aws lambda invoke --endpoint-url` and the SDKs
//! call.

mod api;
mod asynchronous;
mod connection;
mod deployment;
mod environment;
mod failure;
mod invocation;
mod invoke_api;
mod job;
mod keeper;
mod logs;
mod memory;
mod phase;
mod pool;
mod process;
mod recorder;
mod service;

pub use invocation::{
    ASYNCHRONOUS_PAYLOAD_LIMIT, AccessLog, FunctionError, InvocationOutcome, InvocationRecord,
    InvocationType, InvokeError, LogLine, LoggedMetric, RESPONSE_LIMIT, RecordedOutcome,
    SYNCHRONOUS_PAYLOAD_LIMIT, Trigger,
};
pub use invoke_api::router;
pub use process::{Program, arn};
pub use service::{Runtime, RuntimeOptions};

#[cfg(test)]
mod tests;
