//! Business metrics: each value is one line of the log, in CloudWatch's embedded metric format, from which CloudWatch
//! Logs takes it without a call
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//!
//! Lambda hands on a line that is a JSON object as it is. It reads `level` and `timestamp` of it, and takes a line
//! without them for one of level `INFO` that is written now
//! (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>).

use std::fmt::Debug;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tracing::Event;
use tracing::field::{Field, Visit};

use crate::env;

/// The namespace of all metrics, of every stack.
const NAMESPACE: &str = "Chairbook";

/// The only dimension: the stack's name. CloudWatch bills each combination of dimensions as a metric of its own, so
/// nothing that has many values may be one.
const STACK: &str = "Stack";

/// The target of a metric's event, which is logged whatever the level.
pub(crate) const TARGET: &str = "chairbook::metric";

/// A unit of CloudWatch's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Milliseconds.
    Milliseconds,
}

impl Unit {
    /// Returns the name that CloudWatch knows it by.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

/// A value of a business metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The metric's name.
    pub name: &'static str,
    /// The value's unit.
    pub unit: Unit,
    /// The value.
    pub value: u64,
}

impl Metric {
    /// Returns a number of things that have happened.
    #[must_use]
    pub const fn count(name: &'static str, value: u64) -> Self {
        Self { name, unit: Unit::Count, value }
    }

    /// Returns a time that something took, in whole milliseconds; 0 for a negative one, which clocks that differ make.
    #[must_use]
    pub fn milliseconds(name: &'static str, duration: SignedDuration) -> Self {
        Self { name, unit: Unit::Milliseconds, value: u64::try_from(duration.as_millis()).unwrap_or(0) }
    }

    /// Writes the value to the log, beside the fields of the spans around it.
    pub fn record(self) {
        tracing::info!(target: TARGET, name = self.name, unit = self.unit.as_str(), value = self.value);
    }
}

/// Returns the stack's name, `CHAIRBOOK_STACK`; without it, no metric is written.
pub(crate) fn stack() -> Option<String> {
    env::optional("CHAIRBOOK_STACK")
}

/// The fields of a metric's event.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    name: String,
    unit: String,
    value: u64,
}

impl Recorded {
    /// Reads an event that [`Metric::record`] has made.
    pub(crate) fn of(event: &Event<'_>) -> Self {
        let mut recorded = Self::default();
        event.record(&mut recorded);
        recorded
    }

    /// Returns the members of its line.
    pub(crate) fn line(&self, stack: &str, at: Timestamp) -> Map<String, Value> {
        let directive = json!({
            "Namespace": NAMESPACE,
            "Dimensions": [[STACK]],
            "Metrics": [{"Name": self.name, "Unit": self.unit}],
        });
        let members = [
            ("timestamp", json!(at.to_string())),
            ("level", json!("INFO")),
            ("message", json!("metric")),
            ("target", json!(TARGET)),
            ("_aws", json!({"Timestamp": at.as_millisecond(), "CloudWatchMetrics": [directive]})),
            (STACK, json!(stack)),
            (&self.name, json!(self.value)),
        ];
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl Visit for Recorded {
    fn record_u64(&mut self, _: &Field, value: u64) {
        self.value = value;
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "name" => value.clone_into(&mut self.name),
            _ => value.clone_into(&mut self.unit),
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_whole_milliseconds_and_never_negative() {
        for (duration, value) in [
            (SignedDuration::from_micros(1_999), 1),
            (SignedDuration::from_hours(30), 108_000_000),
            (SignedDuration::from_millis(-5), 0),
        ] {
            let metric = Metric::milliseconds("Wait", duration);
            assert_eq!(metric, Metric { name: "Wait", unit: Unit::Milliseconds, value });
        }
    }
}
