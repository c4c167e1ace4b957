//! A function's `Events`: what invokes it.

use std::time::Duration;

use serde_json::Value;

use super::document::Node;
use super::model::{EventSource, LeftOut, Queue, ScheduleSource, SqsSource, StreamSource, System};
use super::problem::Problems;
use super::properties::Properties;
use super::{route, schedule};

const TYPES: [&str; 5] = ["HttpApi", "SQS", "DynamoDB", "Schedule", "ScheduleV2"];

/// Reads the `Events` of a function. A mapping that is switched off is left out.
pub(super) fn read(
    function_id: &str,
    timeout: Duration,
    function: &Properties<'_>,
    system: &mut System,
    problems: &Problems,
) -> Vec<EventSource> {
    let events = function.get("Events").and_then(Node::as_map).unwrap_or_default();
    let mut sources = Vec::new();
    for entry in events {
        let Some(event) =
            Properties::open(&entry.value, format!("{function_id}: Events.{}", entry.key), problems)
        else {
            continue;
        };
        let kind = event.require("Type").and_then(|_| event.one_of("Type", &TYPES));
        let properties = event.properties("Properties");
        event.close();
        let (Some(kind), Some(properties)) = (kind, properties) else {
            if kind.is_some() {
                event.require("Properties");
            }
            continue;
        };
        let (source, enabled) = match kind {
            "HttpApi" => (read_route(&properties, system), true),
            "SQS" => read_queue(&properties, timeout, system),
            "DynamoDB" => read_stream(&properties, system),
            // Switched off, a schedule is still shown, so that its rule can be read.
            _ => (read_schedule(&entry.key, kind, &properties), true),
        };
        properties.close();
        if enabled {
            sources.extend(source);
        } else {
            system.left_out.push(LeftOut {
                logical_id: function_id.to_owned(),
                resource_type: "AWS::Serverless::Function".to_owned(),
                property: Some(format!("Events.{} (switched off)", entry.key)),
            });
        }
    }
    sources
}

fn read_route(event: &Properties<'_>, system: &System) -> Option<EventSource> {
    event.without_meaning_here(&["RouteSettings"]);
    event.refuse("Auth", "it would let everyone in");
    event
        .refuse("TimeoutInMillis", "an HTTP API waits 30 seconds, and no longer than the function's Timeout");
    if event.text("PayloadFormatVersion").is_some_and(|version| version != "2.0") {
        event.fault("PayloadFormatVersion", "must be '2.0'");
    }
    // Without it, SAM would make a second API.
    if let Some(id) = event.required_text("ApiId")
        && system.api.as_ref().is_none_or(|api| api.logical_id != id)
    {
        event.fault("ApiId", "must be !Ref and the logical id of the template's AWS::Serverless::HttpApi");
    }
    let method = event.text("Method").unwrap_or_else(|| "ANY".to_owned());
    let path = event.text("Path").unwrap_or_else(|| "$default".to_owned());
    match route::parse(&method, &path) {
        Ok(route) => Some(EventSource::HttpApi(route)),
        Err((property, fault)) => {
            event.fault(property, fault);
            None
        }
    }
}

fn read_queue(event: &Properties<'_>, timeout: Duration, system: &System) -> (Option<EventSource>, bool) {
    let batch_size = event.natural("BatchSize", 1..=10_000).unwrap_or(10);
    let window = batching_window(event);
    if batch_size > 10 && window.is_zero() {
        event.fault("BatchSize", "above 10 needs a MaximumBatchingWindowInSeconds of at least 1");
    }
    let maximum_concurrency = event.properties("ScalingConfig").and_then(|scaling| {
        let maximum = scaling.natural("MaximumConcurrency", 2..=1_000);
        scaling.close();
        maximum
    });
    let arn = event.required_text("Queue");
    if let Some(arn) = &arn {
        match queue(arn, system) {
            Some(queue) if queue.visibility_timeout < timeout => {
                let message = format!(
                    "{} has a VisibilityTimeout of {} s, less than the function's Timeout of {} s; Lambda refuses that \
                     and advises six times the Timeout",
                    queue.logical_id,
                    queue.visibility_timeout.as_secs(),
                    timeout.as_secs()
                );
                event.fault("Queue", message);
            }
            Some(_) => {}
            None => event.fault("Queue", NO_SUCH_QUEUE),
        }
    }
    let source = arn.map(|queue_arn| {
        EventSource::Sqs(SqsSource {
            queue_arn,
            batch_size: batch_size as usize,
            batching_window: window,
            report_batch_item_failures: reports_failures(event),
            maximum_concurrency: maximum_concurrency.map(|count| count as usize),
            filters: filters(event),
        })
    });
    (source, event.boolean("Enabled").unwrap_or(true))
}

fn read_stream(event: &Properties<'_>, system: &System) -> (Option<EventSource>, bool) {
    event.refuse("TumblingWindowInSeconds", "batches carry no state from one to the next");
    if event.natural("ParallelizationFactor", 1..=10).is_some_and(|factor| factor > 1) {
        event.fault(
            "ParallelizationFactor",
            "above 1 is not supported by the local stack: one batch runs at a time",
        );
    }
    let position = event.require("StartingPosition");
    let position = position.and_then(|_| event.one_of("StartingPosition", &["TRIM_HORIZON", "LATEST"]));
    // -1 stands for no limit.
    let attempts = event.integer("MaximumRetryAttempts", -1..=10_000).unwrap_or(-1);
    let age = event.integer("MaximumRecordAgeInSeconds", -1..=604_800).unwrap_or(-1);
    if (0..60).contains(&age) {
        event.fault("MaximumRecordAgeInSeconds", "must be -1 or from 60 to 604800");
    }
    let source = stream_table(event, system).map(|table| {
        EventSource::Stream(StreamSource {
            table,
            from_trim_horizon: position == Some("TRIM_HORIZON"),
            batch_size: event.natural("BatchSize", 1..=10_000).unwrap_or(100) as usize,
            batching_window: batching_window(event),
            maximum_retry_attempts: u32::try_from(attempts).ok(),
            maximum_record_age: u64::try_from(age).ok().map(Duration::from_secs),
            bisect_batch_on_function_error: event.boolean("BisectBatchOnFunctionError").unwrap_or(false),
            report_batch_item_failures: reports_failures(event),
            on_failure_queue_arn: on_failure(event, system),
            filters: filters(event),
        })
    });
    (source, event.boolean("Enabled").unwrap_or(true))
}

/// The logical id of the table whose stream an event source names by its ARN.
fn stream_table(event: &Properties<'_>, system: &System) -> Option<String> {
    let arn = event.required_text("Stream")?;
    let name =
        arn.split_once(":table/").and_then(|(_, rest)| rest.split_once("/stream/")).map(|(name, _)| name);
    let table = system.tables.iter().find(|table| Some(table.name.as_str()) == name && table.has_stream);
    if table.is_none() {
        event.fault(
            "Stream",
            "must be the stream of a table of the template: write !GetAtt and its StreamArn",
        );
    }
    table.map(|table| table.logical_id.clone())
}

const NO_SUCH_QUEUE: &str = "must be the ARN of a queue of the template: write !GetAtt and its Arn";

fn queue<'s>(arn: &str, system: &'s System) -> Option<&'s Queue> {
    system.queues.iter().find(|queue| queue.arn == arn)
}

fn on_failure(event: &Properties<'_>, system: &System) -> Option<String> {
    let config = event.properties("DestinationConfig")?;
    let destination = config.properties("OnFailure").and_then(|on_failure| {
        if on_failure.has("Type") {
            on_failure.one_of("Type", &["SQS"]);
        }
        let destination = on_failure.required_text("Destination");
        if destination.as_ref().is_some_and(|arn| queue(arn, system).is_none()) {
            on_failure.fault("Destination", NO_SUCH_QUEUE);
        }
        on_failure.close();
        destination
    });
    config.close();
    destination
}

fn read_schedule(name: &str, kind: &str, event: &Properties<'_>) -> Option<EventSource> {
    event.without_meaning_here(&["Description", "Name"]);
    event.refuse("DeadLetterConfig", "a failed run is seen in the console");
    event.refuse("RetryPolicy", "the function's EventInvokeConfig says how a failed run is retried");
    let mut enabled = event.boolean("Enabled").unwrap_or(true);
    if event.has("State") {
        enabled = event.one_of("State", &["ENABLED", "DISABLED"]) != Some("DISABLED");
    }
    let property = if kind == "Schedule" {
        "Schedule"
    } else {
        event.without_meaning_here(&["GroupName", "KmsKeyArn", "PermissionsBoundary", "RoleArn"]);
        if event.text("ScheduleExpressionTimezone").is_some_and(|zone| zone != "UTC") {
            event.fault("ScheduleExpressionTimezone", "must be UTC, which is the default");
        }
        if let Some(window) = event.properties("FlexibleTimeWindow") {
            if window.text("Mode").is_some_and(|mode| mode != "OFF") {
                window.fault("Mode", "must be OFF");
            }
            window.close();
        }
        "ScheduleExpression"
    };
    let input = event.text("Input").and_then(|input| match serde_json::from_str(&input) {
        Ok(input) => Some(input),
        Err(error) => {
            event.fault("Input", format!("must be JSON: {error}"));
            None
        }
    });
    let expression = event.required_text(property)?;
    match schedule::parse(&expression) {
        Ok(expression) => {
            Some(EventSource::Schedule(ScheduleSource { name: name.to_owned(), expression, input, enabled }))
        }
        Err(fault) => {
            event.fault(property, fault);
            None
        }
    }
}

fn batching_window(event: &Properties<'_>) -> Duration {
    Duration::from_secs(u64::from(event.natural("MaximumBatchingWindowInSeconds", 0..=300).unwrap_or(0)))
}

fn reports_failures(event: &Properties<'_>) -> bool {
    let types = event.texts("FunctionResponseTypes").unwrap_or_default();
    for kind in types.iter().filter(|kind| *kind != "ReportBatchItemFailures") {
        event.fault("FunctionResponseTypes", format!("must be ReportBatchItemFailures, not '{kind}'"));
    }
    !types.is_empty()
}

/// The patterns of `FilterCriteria`: JSON objects whose leaves are lists of what matches.
fn filters(event: &Properties<'_>) -> Vec<Value> {
    let Some(criteria) = event.properties("FilterCriteria") else { return Vec::new() };
    let mut patterns = Vec::new();
    for filter in criteria.each("Filters") {
        let text = filter.required_text("Pattern");
        filter.close();
        match text.as_deref().map(serde_json::from_str::<Value>) {
            Some(Ok(pattern)) if is_pattern(&pattern) => patterns.push(pattern),
            Some(Ok(_)) => filter.fault("Pattern", "must be a JSON object whose innermost values are lists"),
            Some(Err(error)) => filter.fault("Pattern", format!("must be JSON: {error}")),
            None => {}
        }
    }
    if criteria.list("Filters").is_some_and(|filters| filters.len() > 5) {
        criteria.fault("Filters", "Lambda takes up to 5 filters");
    }
    criteria.close();
    patterns
}

fn is_pattern(pattern: &Value) -> bool {
    let is_level = |value: &Value| match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(_) => is_pattern(value),
        _ => false,
    };
    pattern.as_object().is_some_and(|map| !map.is_empty() && map.values().all(is_level))
}
