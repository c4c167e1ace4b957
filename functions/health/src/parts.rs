//! What a report says, and how long it stands.

use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// The time for which a report is given out before the parts are asked again, seconds.
pub(crate) const STANDS_FOR: i64 = 15;

/// A kind of part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "PartKind")]
pub(crate) enum Kind {
    /// A DynamoDB table.
    Table,
    /// An SQS queue.
    Queue,
    /// A Lambda function.
    Function,
}

/// The state of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "PartStatus")]
pub(crate) enum Status {
    /// It answers.
    Up,
    /// It fails, or has not answered in time.
    Down,
}

/// A part of the system.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) status: Status,
    /// The time that it took to answer, or that it was given to, milliseconds.
    pub(crate) latency_ms: f64,
}

impl Part {
    pub(crate) fn new(name: impl Into<String>, kind: Kind, is_up: bool, latency: Duration) -> Self {
        Self {
            name: name.into(),
            kind,
            status: if is_up { Status::Up } else { Status::Down },
            latency_ms: (latency.as_secs_f64() * 10_000.0).round() / 10.0,
        }
    }
}

/// The state of all parts at one time.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "HealthReport")]
pub(crate) struct Report {
    /// The time (UTC) at which the parts were asked.
    pub(crate) checked_at: Timestamp,
    pub(crate) parts: Vec<Part>,
}

/// The state of a system whose parts are all up.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Health {
    #[serde(flatten)]
    report: Report,
    /// Always `up`.
    status: Status,
}

impl Health {
    /// A report by which all parts are up.
    pub(crate) const fn up(report: Report) -> Self {
        Self { report, status: Status::Up }
    }
}

impl Report {
    pub(crate) fn is_healthy(&self) -> bool {
        self.parts.iter().all(|part| part.status == Status::Up)
    }

    pub(crate) fn stands(&self, now: Timestamp) -> bool {
        now.duration_since(self.checked_at).as_secs() < STANDS_FOR
    }

    /// The names of those that are down, for people.
    pub(crate) fn down(&self) -> String {
        let down = self.parts.iter().filter(|part| part.status == Status::Down);
        down.map(|part| part.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(is_up: bool) -> Report {
        Report {
            checked_at: Timestamp::from_second(100).unwrap(),
            parts: vec![
                Part::new("users", Kind::Table, true, Duration::from_micros(1_234)),
                Part::new("relay", Kind::Function, is_up, Duration::ZERO),
            ],
        }
    }

    #[test]
    fn one_part_that_is_down_makes_the_whole_unhealthy() {
        assert!(report(true).is_healthy());
        assert!(!report(false).is_healthy());
        assert_eq!(report(false).down(), "relay");
        assert!((report(true).parts[0].latency_ms - 1.2).abs() < f64::EPSILON);
    }

    #[test]
    fn a_report_stands_for_fifteen_seconds() {
        assert!(report(true).stands(Timestamp::from_second(114).unwrap()));
        assert!(!report(true).stands(Timestamp::from_second(115).unwrap()));
    }
}
