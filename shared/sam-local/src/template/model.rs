//! What a template says, after parameters and intrinsic functions are resolved: plain data that the rest of
//! the local stack executes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

/// The whole system that one template describes.
#[derive(Debug, Clone, PartialEq)]
pub struct System {
    /// Every `AWS::Serverless::Function`, in the template's order.
    pub functions: Vec<Function>,
    /// The `AWS::Serverless::HttpApi`, if there is one.
    pub api: Option<HttpApi>,
    /// Every `AWS::DynamoDB::Table`.
    pub tables: Vec<Table>,
    /// Every `AWS::SQS::Queue`.
    pub queues: Vec<Queue>,
    /// Resources that mean nothing on one machine (alarms, log groups, …), named so that nothing is silent.
    pub left_out: Vec<LeftOut>,
    /// `Outputs`, resolved.
    pub outputs: BTreeMap<String, String>,
}

/// A resource that the local stack does not run, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The resource's logical id.
    pub logical_id: String,
    /// Its type, such as `AWS::CloudWatch::Alarm`.
    pub resource_type: String,
    /// The one property that is left out, such as `AccessLogSettings`, when the resource itself is run.
    pub property: Option<String>,
}

/// One Lambda function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// The logical id, such as `WorkFunction`: what the local stack knows it by.
    pub logical_id: String,
    /// `FunctionName`, or the logical id: what `!Ref`, its ARN and callers of the Invoke API name. The Invoke API
    /// takes the logical id too.
    pub name: String,
    /// The cargo binary (`Metadata.BuildProperties.Binary`).
    pub binary: String,
    /// `Timeout`.
    pub timeout: Duration,
    /// `MemorySize`, MiB.
    pub memory_mb: u32,
    /// `ReservedConcurrentExecutions`: at most so many environments.
    pub reserved_concurrency: Option<usize>,
    /// Environment variables, resolved.
    pub environment: BTreeMap<String, String>,
    /// What invokes it.
    pub event_sources: Vec<EventSource>,
    /// `EventInvokeConfig`: how asynchronous invocations (schedules, `InvocationType: Event`) are retried.
    pub asynchronous: AsynchronousInvocation,
}

impl Function {
    /// The routes that lead to it.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.event_sources.iter().filter_map(|source| match source {
            EventSource::HttpApi(route) => Some(route),
            _ => None,
        })
    }
}

/// How Lambda retries an asynchronous invocation that ended in a function error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsynchronousInvocation {
    /// `MaximumRetryAttempts`, 0 to 2, default 2.
    pub maximum_retry_attempts: u32,
    /// `MaximumEventAgeInSeconds`, default 6 hours.
    pub maximum_event_age: Duration,
}

impl Default for AsynchronousInvocation {
    fn default() -> Self {
        Self { maximum_retry_attempts: 2, maximum_event_age: Duration::from_hours(6) }
    }
}

/// One entry of a function's `Events`.
#[derive(Debug, Clone, PartialEq)]
pub enum EventSource {
    /// `Type: HttpApi`.
    HttpApi(Route),
    /// `Type: SQS`.
    Sqs(SqsSource),
    /// `Type: DynamoDB`.
    Stream(StreamSource),
    /// `Type: Schedule` or `ScheduleV2`.
    Schedule(ScheduleSource),
}

/// A route key of an HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The upper-case method; `None` is `ANY`.
    pub method: Option<String>,
    /// The path, such as `/things/{id}` or `/{proxy+}`; `None` is `$default`.
    pub path: Option<String>,
}

/// An SQS event source mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct SqsSource {
    /// The queue's ARN.
    pub queue_arn: String,
    /// `BatchSize`, default 10.
    pub batch_size: usize,
    /// `MaximumBatchingWindowInSeconds`, default 0.
    pub batching_window: Duration,
    /// `FunctionResponseTypes: [ReportBatchItemFailures]`.
    pub report_batch_item_failures: bool,
    /// `ScalingConfig.MaximumConcurrency`.
    pub maximum_concurrency: Option<usize>,
    /// `FilterCriteria.Filters[].Pattern`, parsed; none means everything.
    pub filters: Vec<Value>,
}

/// A DynamoDB stream event source mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSource {
    /// The table's logical id (from `!GetAtt Table.StreamArn`).
    pub table: String,
    /// `StartingPosition` is `TRIM_HORIZON` (else `LATEST`).
    pub from_trim_horizon: bool,
    /// `BatchSize`, default 100.
    pub batch_size: usize,
    /// `MaximumBatchingWindowInSeconds`, default 0.
    pub batching_window: Duration,
    /// `MaximumRetryAttempts`; `None` retries until the record expires.
    pub maximum_retry_attempts: Option<u32>,
    /// `MaximumRecordAgeInSeconds`; `None` is no limit.
    pub maximum_record_age: Option<Duration>,
    /// `BisectBatchOnFunctionError`.
    pub bisect_batch_on_function_error: bool,
    /// `FunctionResponseTypes: [ReportBatchItemFailures]`.
    pub report_batch_item_failures: bool,
    /// `DestinationConfig.OnFailure.Destination`, a queue's ARN.
    pub on_failure_queue_arn: Option<String>,
    /// `FilterCriteria.Filters[].Pattern`, parsed; none means everything.
    pub filters: Vec<Value>,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleSource {
    /// The event's name within the function, such as `EveryMinute`.
    pub name: String,
    /// When it fires.
    pub expression: ScheduleExpression,
    /// `Input`, or the default scheduled event when absent.
    pub input: Option<Value>,
    /// `Enabled` / `State`.
    pub enabled: bool,
}

/// A parsed `Schedule` expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleExpression {
    /// `rate(n unit)`.
    Rate(Duration),
    /// `cron(minutes hours day-of-month month day-of-week year)`, kept as written and checked.
    Cron(String),
}

/// The HTTP API.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpApi {
    /// The logical id.
    pub logical_id: String,
    /// `CorsConfiguration`.
    pub cors: Option<Cors>,
}

/// `CorsConfiguration` of an HTTP API.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cors {
    /// `AllowOrigins`.
    pub allow_origins: Vec<String>,
    /// `AllowMethods`.
    pub allow_methods: Vec<String>,
    /// `AllowHeaders`.
    pub allow_headers: Vec<String>,
    /// `ExposeHeaders`.
    pub expose_headers: Vec<String>,
    /// `AllowCredentials`.
    pub allow_credentials: bool,
    /// `MaxAge`, seconds.
    pub max_age: Option<u64>,
}

/// A DynamoDB table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The logical id, such as `ThingsTable`.
    pub logical_id: String,
    /// `TableName`, or the logical id.
    pub name: String,
    /// DynamoDB's `CreateTable` request for it (JSON, as the API takes it).
    pub create_table: Value,
    /// `TimeToLiveSpecification.AttributeName`, when enabled.
    pub ttl_attribute: Option<String>,
    /// Whether it has a stream.
    pub has_stream: bool,
}

/// An SQS queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// The logical id, such as `NotificationsQueue`.
    pub logical_id: String,
    /// `QueueName`, or the logical id.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// `VisibilityTimeout`, default 30 s.
    pub visibility_timeout: Duration,
    /// `DelaySeconds`, default 0.
    pub delay: Duration,
    /// `ReceiveMessageWaitTimeSeconds`, default 0.
    pub receive_wait_time: Duration,
    /// `MessageRetentionPeriod`, default 4 days.
    pub message_retention: Duration,
    /// `RedrivePolicy`.
    pub redrive: Option<Redrive>,
}

/// A queue's `RedrivePolicy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// `deadLetterTargetArn`.
    pub dead_letter_target_arn: String,
    /// `maxReceiveCount`.
    pub max_receive_count: u32,
}
