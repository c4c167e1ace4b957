//! The types that callers of the runtime and its observers see.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

/// Bytes that a synchronous invocation's payload may have
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const SYNCHRONOUS_PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;
/// Bytes that an asynchronous invocation's payload may have.
pub const ASYNCHRONOUS_PAYLOAD_LIMIT: usize = 1024 * 1024;
/// Bytes that a function may answer; Lambda allows 100 more than for the request.
pub const RESPONSE_LIMIT: usize = SYNCHRONOUS_PAYLOAD_LIMIT + 100;

/// How an invocation is to be run: `X-Amz-Invocation-Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvocationType {
    /// The caller waits for the answer.
    RequestResponse,
    /// Accepted at once, run later, and tried again when it fails.
    Event,
    /// Only checks that the function is there.
    DryRun,
}

/// What caused an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A request to the HTTP API.
    HttpApi,
    /// A call of the Invoke API.
    Direct,
    /// An SQS event source, with this many messages.
    Queue {
        /// Messages in the batch.
        messages: usize,
    },
    /// A DynamoDB stream, with this many records.
    Stream {
        /// Records in the batch.
        records: usize,
    },
    /// A schedule.
    Schedule,
}

impl fmt::Display for Trigger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        match self {
            Self::HttpApi => formatter.write_str("http"),
            Self::Direct => formatter.write_str("invoke"),
            Self::Queue { messages } => write!(formatter, "{messages} message{}", plural(*messages)),
            Self::Stream { records } => write!(formatter, "{records} record{}", plural(*records)),
            Self::Schedule => formatter.write_str("schedule"),
        }
    }
}

/// The answer to an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvocationOutcome {
    /// The invocation's id, a UUID.
    pub request_id: String,
    /// What the function answered; when it failed, Lambda's error object `{"errorType", "errorMessage"}`; empty for
    /// [`InvocationType::Event`] and [`InvocationType::DryRun`].
    pub payload: Bytes,
    /// Why it failed, when it did: it answered an error, ran out of time or memory, or its process ended.
    pub error: Option<FunctionError>,
    /// What the environment has printed since the invocation began, at most the last 4 KiB.
    pub log_tail: String,
}

impl InvocationOutcome {
    /// Whether the function itself failed (`X-Amz-Function-Error`).
    #[must_use]
    pub fn is_function_error(&self) -> bool {
        self.error.is_some()
    }
}

/// A function's failure, as Lambda describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// `errorType`, such as `Runtime.ExitError` or `Sandbox.Timedout`, or the function's own.
    pub error_type: String,
    /// `errorMessage`.
    pub message: String,
    /// The whole error object.
    pub payload: Bytes,
}

impl FunctionError {
    pub(super) fn new(error_type: &str, message: String) -> Self {
        let payload = json!({ "errorType": error_type, "errorMessage": message }).to_string().into();
        Self { error_type: error_type.to_owned(), message, payload }
    }

    /// As the record says it: `explanation` is what the process wrote to standard error before it ended, or nothing.
    pub(super) fn recorded(&self, explanation: &str) -> RecordedOutcome {
        let mut message = self.message.clone();
        if !explanation.is_empty() && !message.contains(explanation) {
            message = format!("{message}\n{explanation}");
        }
        RecordedOutcome::Failed { error_type: self.error_type.clone(), message }
    }

    /// Reads what a runtime posted to `…/error`: `{"errorMessage", "errorType", "stackTrace"}`, each of which may be
    /// missing; the header `Lambda-Runtime-Function-Error-Type` names the type too.
    pub(super) fn posted(payload: Bytes, header: Option<&str>) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        struct Posted {
            error_type: Option<String>,
            error_message: Option<String>,
        }
        let posted: Posted = serde_json::from_slice(&payload).unwrap_or_default();
        let error_type = posted.error_type.or_else(|| header.map(str::to_owned));
        Self {
            error_type: error_type.unwrap_or_else(|| "Unhandled".to_owned()),
            message: posted.error_message.unwrap_or_default(),
            payload,
        }
    }
}

/// Why an invocation was not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// No function has that logical id, name or ARN.
    #[error("there is no function {0}")]
    NotFound(String),
    /// The payload is over Lambda's limit.
    #[error("a payload of {size} bytes is over Lambda's limit of {limit}")]
    PayloadTooLarge {
        /// The payload's bytes.
        size: usize,
        /// The most that are allowed.
        limit: usize,
    },
    /// No environment came free in as long as the function may run, or `ReservedConcurrentExecutions: 0` switches it
    /// off.
    #[error("{0} is throttled: it has no execution environment to spare")]
    Throttled(String),
    /// The stack is going down.
    #[error("the local stack is shutting down")]
    ShuttingDown,
}

/// What one invocation came to, for the console and for tests.
#[derive(Debug, Clone, PartialEq)]
pub struct InvocationRecord {
    /// The function's logical id.
    pub function: String,
    /// The invocation's id.
    pub request_id: String,
    /// What caused it.
    pub trigger: Trigger,
    /// Whether a process had to be started for it.
    pub cold_start: bool,
    /// From handing the invocation to the process to its answer; without the start of a process.
    pub duration: Duration,
    /// The most memory that the process has ever had resident, MiB; `None` where the system does not tell.
    pub peak_memory_mb: Option<u64>,
    /// How it ended.
    pub outcome: RecordedOutcome,
    /// The function's line about it, if it wrote one.
    pub access: Option<AccessLog>,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordedOutcome {
    /// The function answered.
    Success,
    /// It failed.
    Failed {
        /// `errorType`.
        error_type: String,
        /// `errorMessage`, and, for a process that ended, the last that it wrote to standard error.
        message: String,
    },
}

/// The line of JSON that a function may log about an invocation: with `"access_log": true` about a request, with
/// `"invocation_log": true` about any other. What it leaves out is 0 or empty here; an invocation of a function that logs
/// no such line is shown without its route and its cost.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct AccessLog {
    #[serde(default, rename = "access_log")]
    is_of_request: bool,
    #[serde(default, rename = "invocation_log")]
    is_of_other: bool,
    /// The request's method.
    #[serde(default)]
    pub method: String,
    /// The route that took it; never the path, which may carry a one-time token.
    #[serde(default)]
    pub route: String,
    /// The answer's status.
    #[serde(default)]
    pub status: u16,
    /// Calls to DynamoDB.
    #[serde(default)]
    pub dynamodb_calls: u64,
    /// How many of them came one after another, at the longest.
    #[serde(default)]
    pub dynamodb_round_trips: u64,
    /// Read units that they consumed.
    #[serde(default)]
    pub read_units: f64,
    /// Write units that they consumed.
    #[serde(default)]
    pub write_units: f64,
    /// What the function measured.
    #[serde(default)]
    pub duration_ms: f64,
    /// The metrics in the lines before it.
    #[serde(skip)]
    pub metrics: Vec<LoggedMetric>,
}

impl AccessLog {
    /// Reads a line of a function's log; `None` when it is any other line.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let is_likely = line.contains("\"access_log\"") || line.contains("\"invocation_log\"");
        if !line.starts_with('{') || !is_likely {
            return None;
        }
        serde_json::from_str(line).ok().filter(|access: &Self| access.is_of_request || access.is_of_other)
    }
}

/// A value of a metric, in a line of CloudWatch's embedded metric format
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedMetric {
    /// The metric's name.
    pub name: String,
    /// The value.
    pub value: f64,
    /// The value's unit, such as `Count`; `None` where the line does not tell.
    pub unit: Option<String>,
}

impl LoggedMetric {
    /// Reads a line of a function's log; empty when it is any other line.
    pub(super) fn parse(line: &str) -> Vec<Self> {
        if !line.starts_with('{') || !line.contains("\"_aws\"") {
            return Vec::new();
        }
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let metrics =
            items(&line["_aws"]["CloudWatchMetrics"]).into_iter().flat_map(|of| items(&of["Metrics"]));
        let metric = |metric: Value| {
            let name = metric["Name"].as_str()?;
            let unit = metric["Unit"].as_str().map(str::to_owned);
            Some(Self { name: name.to_owned(), value: line[name].as_f64()?, unit })
        };
        metrics.filter_map(metric).collect()
    }
}

/// One line that a function printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The function's logical id.
    pub function: String,
    /// The line, without its end.
    pub text: String,
    /// Whether it came from standard error.
    pub is_standard_error: bool,
}
