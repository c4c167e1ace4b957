//! What a report says, and how long it stands.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

/// How long a report is given out before the parts are asked again, seconds.
const STANDS_FOR: i64 = 15;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Table,
    Queue,
    Function,
}

/// Whether a part answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Up,
    Down,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) status: Status,
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

/// All of them at one time.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) checked_at: Timestamp,
    pub(crate) parts: Vec<Part>,
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
