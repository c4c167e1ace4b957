//! A queue's settings: where they come from, and the attributes that show them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::template::model;
use crate::template::{ACCOUNT, REGION};

use super::fault::{Fault, Kind};
use super::message::LARGEST_MESSAGE;

/// Attributes that `CreateQueue` takes in AWS, and this stack does not run.
const NOT_RUN: [&str; 10] = [
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "Policy",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
];

/// What can be set of a queue; durations in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) visibility_timeout: i64,
    pub(super) delay: i64,
    pub(super) receive_wait_time: i64,
    pub(super) retention: i64,
    pub(super) redrive: Option<Redrive>,
}

/// `RedrivePolicy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redrive {
    /// The dead-letter queue's name.
    pub(super) target: String,
    pub(super) max_receive_count: i64,
}

/// A queue, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Queue {
    pub(super) id: i64,
    pub(super) name: String,
    /// Milliseconds since 1970.
    pub(super) created: i64,
    /// Milliseconds since 1970.
    pub(super) modified: i64,
    pub(super) settings: Settings,
}

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// `ApproximateNumberOfMessages`: ready to be received.
    pub visible: u64,
    /// `ApproximateNumberOfMessagesNotVisible`: received, neither deleted nor timed out.
    pub in_flight: u64,
    /// `ApproximateNumberOfMessagesDelayed`: sent with a delay that is not over.
    pub delayed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { visibility_timeout: 30, delay: 0, receive_wait_time: 0, retention: 345_600, redrive: None }
    }
}

impl From<&model::Queue> for Settings {
    fn from(queue: &model::Queue) -> Self {
        // The template's reader has checked the ranges: they fit.
        let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        Self {
            visibility_timeout: seconds(queue.visibility_timeout),
            delay: seconds(queue.delay),
            receive_wait_time: seconds(queue.receive_wait_time),
            retention: seconds(queue.message_retention),
            redrive: queue.redrive.as_ref().map(|redrive| Redrive {
                target: name_of(&redrive.dead_letter_target_arn).to_owned(),
                max_receive_count: i64::from(redrive.max_receive_count),
            }),
        }
    }
}

impl Settings {
    /// The settings with `CreateQueue`'s attributes over them.
    pub(super) fn with(mut self, attributes: &BTreeMap<String, String>) -> Result<Self, Fault> {
        for (name, value) in attributes {
            let number = |range: std::ops::RangeInclusive<i64>| {
                value.parse::<i64>().ok().filter(|number| range.contains(number)).ok_or_else(|| {
                    let (low, high) = (range.start(), range.end());
                    invalid(name, &format!("must be a whole number from {low} to {high}, not {value}"))
                })
            };
            match name.as_str() {
                "VisibilityTimeout" => self.visibility_timeout = number(0..=43_200)?,
                "DelaySeconds" => self.delay = number(0..=900)?,
                "ReceiveMessageWaitTimeSeconds" => self.receive_wait_time = number(0..=20)?,
                "MessageRetentionPeriod" => self.retention = number(60..=1_209_600)?,
                "RedrivePolicy" => self.redrive = Some(Redrive::parse(value)?),
                "FifoQueue" if value == "false" => {}
                other if NOT_RUN.contains(&other) => {
                    let message =
                        format!("The local stack runs standard queues only, without the attribute {other}.");
                    return Err(Fault::new(Kind::UnsupportedOperation, message));
                }
                other => {
                    return Err(Fault::new(
                        Kind::InvalidAttributeName,
                        format!("Unknown Attribute {other}."),
                    ));
                }
            }
        }
        Ok(self)
    }
}

impl Redrive {
    fn parse(text: &str) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Policy {
            dead_letter_target_arn: String,
            max_receive_count: Value,
        }
        let invalid = |reason: &str| invalid("RedrivePolicy", reason);
        let policy: Policy = serde_json::from_str(text).map_err(|error| invalid(&error.to_string()))?;
        // SDKs and the console write the number as text, too.
        let count = match &policy.max_receive_count {
            Value::String(text) => text.parse().ok(),
            other => other.as_i64(),
        };
        let max_receive_count = count
            .filter(|count| (1..=1_000).contains(count))
            .ok_or_else(|| invalid("maxReceiveCount must be a whole number from 1 to 1000"))?;
        Ok(Self { target: name_of(&policy.dead_letter_target_arn).to_owned(), max_receive_count })
    }

    fn to_json(&self) -> String {
        json!({ "deadLetterTargetArn": arn_of(&self.target), "maxReceiveCount": self.max_receive_count })
            .to_string()
    }
}

impl Queue {
    pub(super) fn arn(&self) -> String {
        arn_of(&self.name)
    }

    /// What `GetQueueAttributes` shows for `All`.
    pub(super) fn attributes(&self, counts: Counts) -> BTreeMap<&'static str, String> {
        let settings = &self.settings;
        let mut attributes = BTreeMap::from([
            ("ApproximateNumberOfMessages", counts.visible.to_string()),
            ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
            ("CreatedTimestamp", (self.created / 1_000).to_string()),
            ("DelaySeconds", settings.delay.to_string()),
            ("LastModifiedTimestamp", (self.modified / 1_000).to_string()),
            ("MaximumMessageSize", LARGEST_MESSAGE.to_string()),
            ("MessageRetentionPeriod", settings.retention.to_string()),
            ("QueueArn", self.arn()),
            ("ReceiveMessageWaitTimeSeconds", settings.receive_wait_time.to_string()),
            ("VisibilityTimeout", settings.visibility_timeout.to_string()),
        ]);
        if let Some(redrive) = &settings.redrive {
            attributes.insert("RedrivePolicy", redrive.to_json());
        }
        attributes
    }

    /// What `GetQueueAttributes` shows for these names.
    pub(super) fn named_attributes(&self, names: &[String], counts: Counts) -> Result<Value, Fault> {
        let mut attributes = self.attributes(counts);
        let is_known = |name: &str| {
            name == "All"
                || name == "RedrivePolicy"
                || attributes.contains_key(name)
                || NOT_RUN.contains(&name)
        };
        if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
            return Err(Fault::new(Kind::InvalidAttributeName, format!("Unknown Attribute {unknown}.")));
        }
        attributes.retain(|name, _| names.iter().any(|wanted| wanted == "All" || wanted == name));
        Ok(json!(attributes))
    }
}

fn invalid(attribute: &str, reason: &str) -> Fault {
    Fault::new(
        Kind::InvalidAttributeValue,
        format!("Invalid value for the parameter {attribute}. Reason: {reason}."),
    )
}

/// The name in a queue's ARN or URL: what follows the last `:` or `/`.
pub(super) fn name_of(address: &str) -> &str {
    address.rsplit([':', '/']).next().unwrap_or(address)
}

/// The ARN of the queue of that name.
pub(super) fn arn_of(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

/// Checks the name of a queue to be created.
pub(super) fn check_name(name: &str) -> Result<(), Fault> {
    if name.strip_suffix(".fifo").is_some() {
        return Err(Fault::new(
            Kind::UnsupportedOperation,
            "The local stack runs standard queues only, not FIFO ones.",
        ));
    }
    let is_good = (1..=80).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if is_good {
        return Ok(());
    }
    Err(Fault::new(
        Kind::InvalidParameterValue,
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    ))
}
