//! `AWS::SQS::Queue`.

use std::time::Duration;

use super::document::{Kind, Node};
use super::model::{Queue, Redrive};
use super::problem::Problems;
use super::properties::Properties;

/// A queue, and which queues may name it as their dead-letter queue.
pub(super) struct Definition {
    pub(super) queue: Queue,
    pub(super) line: usize,
    pub(super) redrive_allow: RedriveAllow,
}

/// `RedriveAllowPolicy`.
pub(super) enum RedriveAllow {
    All,
    None,
    /// The ARNs of those that may.
    Queues(Vec<String>),
}

/// Reads a queue's evaluated properties.
pub(super) fn read(
    logical_id: &str,
    name: String,
    arn: String,
    queue: &Properties<'_>,
    problems: &Problems,
) -> Definition {
    queue.without_meaning_here(&[
        "KmsDataKeyReusePeriodSeconds",
        "KmsMasterKeyId",
        "QueueName",
        "SqsManagedSseEnabled",
        "Tags",
    ]);
    let fifo = "only standard queues are run, which deliver at least once and in any order";
    for name in ["FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"] {
        queue.refuse(name, fifo);
    }
    queue.refuse("MaximumMessageSize", "every queue takes messages up to SQS's own limit");
    let seconds = |name, range, default: u32| {
        Duration::from_secs(u64::from(queue.natural(name, range).unwrap_or(default)))
    };
    let definition = Definition {
        line: queue.line(),
        redrive_allow: read_redrive_allow(queue, problems),
        queue: Queue {
            logical_id: logical_id.to_owned(),
            name,
            arn,
            visibility_timeout: seconds("VisibilityTimeout", 0..=43_200, 30),
            delay: seconds("DelaySeconds", 0..=900, 0),
            receive_wait_time: seconds("ReceiveMessageWaitTimeSeconds", 0..=20, 0),
            message_retention: seconds("MessageRetentionPeriod", 60..=1_209_600, 345_600),
            redrive: read_redrive(queue, problems),
        },
    };
    queue.close();
    definition
}

/// Checks that every dead-letter queue is there and lets itself be one.
pub(super) fn check(queues: &[Definition], problems: &Problems) {
    for Definition { queue, line, .. } in queues {
        let Some(redrive) = &queue.redrive else { continue };
        let fault = |message: String| {
            problems.add(*line, format!("{}: RedrivePolicy.deadLetterTargetArn", queue.logical_id), message);
        };
        let target = queues.iter().find(|other| other.queue.arn == redrive.dead_letter_target_arn);
        match target {
            None => fault("must be the ARN of a queue of the template: write !GetAtt and its Arn".to_owned()),
            Some(target) if target.queue.arn == queue.arn => fault("must be another queue".to_owned()),
            Some(target) => {
                let allowed = match &target.redrive_allow {
                    RedriveAllow::All => true,
                    RedriveAllow::None => false,
                    RedriveAllow::Queues(arns) => arns.contains(&queue.arn),
                };
                if !allowed {
                    fault(format!("the RedriveAllowPolicy of {} does not allow it", target.queue.logical_id));
                }
            }
        }
    }
}

fn read_redrive(queue: &Properties<'_>, problems: &Problems) -> Option<Redrive> {
    let node = policy(queue, "RedrivePolicy")?;
    let policy = Properties::open(&node, queue.path("RedrivePolicy"), problems)?;
    let target = policy.required_text("deadLetterTargetArn");
    let count = policy.require("maxReceiveCount").and_then(|_| policy.natural("maxReceiveCount", 1..=1_000));
    policy.close();
    Some(Redrive { dead_letter_target_arn: target?, max_receive_count: count? })
}

fn read_redrive_allow(queue: &Properties<'_>, problems: &Problems) -> RedriveAllow {
    let Some(node) = policy(queue, "RedriveAllowPolicy") else { return RedriveAllow::All };
    let Some(policy) = Properties::open(&node, queue.path("RedriveAllowPolicy"), problems) else {
        return RedriveAllow::All;
    };
    let permission = policy.require("redrivePermission");
    let permission =
        permission.and_then(|_| policy.one_of("redrivePermission", &["allowAll", "byQueue", "denyAll"]));
    let allow = match permission {
        Some("byQueue") => {
            policy.require("sourceQueueArns");
            RedriveAllow::Queues(policy.texts("sourceQueueArns").unwrap_or_default())
        }
        Some("denyAll") => RedriveAllow::None,
        _ => RedriveAllow::All,
    };
    policy.close();
    allow
}

/// A policy is written as a map, or as JSON in text.
fn policy(queue: &Properties<'_>, name: &'static str) -> Option<Node> {
    let node = queue.get(name)?;
    let Kind::Text(text) = &node.kind else { return Some(node.clone()) };
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => Some(from_json(&value, node.line)),
        Err(error) => {
            queue.fault(name, format!("must be a map or JSON: {error}"));
            None
        }
    }
}

fn from_json(value: &serde_json::Value, line: usize) -> Node {
    use serde_json::Value;
    let kind = match value {
        Value::Null => Kind::Null,
        Value::Bool(value) => Kind::Boolean(*value),
        Value::Number(number) => Kind::Number(number.to_string()),
        Value::String(text) => Kind::Text(text.clone()),
        Value::Array(items) => Kind::List(items.iter().map(|item| from_json(item, line)).collect()),
        Value::Object(map) => Kind::Map(
            map.iter()
                .map(|(key, value)| super::document::Entry {
                    key: key.clone(),
                    line,
                    value: from_json(value, line),
                })
                .collect(),
        ),
    };
    Node { line, kind }
}
