//! Faults of DynamoDB: those that are to happen next, and a setting that goes on for as long as it stands.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{MAXIMUM_DELAY_SECONDS, once};

/// A fault of a request that a function sends to DynamoDB. The first of the plan that fits a request happens to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DynamoDbFault {
    /// The operation, such as `TransactWriteItems`.
    pub operation: DynamoDbOperation,
    /// A table that the request is about, by its name; any without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The beginning of an attribute of the key of an item that the request names, such as `APT#`; any without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The answer; without one it is what it would be, but for `delaySeconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<DynamoDbError>,
    /// The number of requests that get it.
    #[serde(default = "once")]
    pub times: NonZeroU32,
    /// The delay of the answer, in seconds.
    #[serde(default)]
    pub delay_seconds: f64,
    /// Set where the request is carried out all the same, before the answer is held back: the sender cannot know.
    #[serde(default)]
    pub after: bool,
}

/// The operations that faults happen to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are AWS's, and AWS documents them")]
pub enum DynamoDbOperation {
    GetItem,
    Query,
    PutItem,
    UpdateItem,
    DeleteItem,
    TransactWriteItems,
    TransactGetItems,
    BatchGetItem,
    BatchWriteItem,
}

/// What DynamoDB can answer instead
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DynamoDbError {
    /// Another transaction has the item: a transaction is cancelled for this reason, a write of one item gets
    /// `TransactionConflictException`.
    TransactionConflict,
    /// The table's throughput does not suffice: a transaction is cancelled for the reason `ThrottlingError`, any other
    /// request gets `ThrottlingException`.
    ThrottlingException,
    /// The same of a table whose capacity is provisioned: a transaction is cancelled for the reason
    /// `ProvisionedThroughputExceeded`.
    ProvisionedThroughputExceededException,
    /// 500.
    InternalServerError,
    /// Of a batch, all but the first key or item come back as `UnprocessedKeys` or `UnprocessedItems`.
    Unprocessed,
}

impl DynamoDbFault {
    /// A fault that happens once, at once, with nothing done.
    #[must_use]
    pub const fn new(operation: DynamoDbOperation, error: DynamoDbError) -> Self {
        Self {
            operation,
            table: None,
            key: None,
            error: Some(error),
            times: once(),
            delay_seconds: 0.0,
            after: false,
        }
    }

    /// The delay of the answer.
    #[must_use]
    pub fn delay(&self) -> Duration {
        Duration::try_from_secs_f64(self.delay_seconds).unwrap_or_default()
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if !(0.0..=MAXIMUM_DELAY_SECONDS).contains(&self.delay_seconds) {
            return Err(format!(
                "dynamoDb: delaySeconds is {}; it must be from 0 to {MAXIMUM_DELAY_SECONDS}",
                self.delay_seconds
            ));
        }
        let is_batch =
            matches!(self.operation, DynamoDbOperation::BatchGetItem | DynamoDbOperation::BatchWriteItem);
        match self.error {
            None if self.delay_seconds == 0.0 => {
                Err("dynamoDb: a fault needs an error or delaySeconds".to_owned())
            }
            Some(DynamoDbError::Unprocessed) if !is_batch => {
                Err("dynamoDb: only BatchGetItem and BatchWriteItem leave something unprocessed".to_owned())
            }
            Some(error) if self.after && error != DynamoDbError::InternalServerError => {
                Err("dynamoDb: only after InternalServerError has the request been carried out".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Whether it happens to a request: to its operation, its tables, and the attributes of its items' keys.
    pub(super) fn fits(&self, operation: &str, tables: &[&str], keys: &[&str]) -> bool {
        let operation_fits =
            serde_json::to_value(self.operation).is_ok_and(|name| name.as_str() == Some(operation));
        operation_fits
            && self.table.as_deref().is_none_or(|table| tables.contains(&table))
            && self.key.as_deref().is_none_or(|key| keys.iter().any(|known| known.starts_with(key)))
    }
}

/// DynamoDB as it is on AWS, and worse, for the functions of the stack: what may go wrong with each request, how long
/// transactions have their items, and how far indexes and reads that are not consistent lag behind. Probabilities are
/// from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DynamoDbSetting {
    /// The seed of the random numbers; without one it is drawn, and shown.
    pub seed: Option<u64>,
    /// How long a transaction has its items before it is carried out. Whatever else wants to write one of them meanwhile
    /// meets a conflict.
    pub transaction_millis: u64,
    /// The probability that a transaction or a write meets a conflict with nobody.
    pub conflict: f64,
    /// The probability that a request is throttled.
    pub throttling: f64,
    /// The probability of an internal error, with nothing done.
    pub error_before: f64,
    /// The probability of an internal error when everything is done.
    pub error_after: f64,
    /// The probability that an answer comes late.
    pub slow: f64,
    /// The delay of a late answer.
    pub slow_millis: u64,
    /// The probability that a key or an item of a batch comes back unprocessed; at least one is processed.
    pub unprocessed: f64,
    /// The lag of global secondary indexes behind the tables.
    pub index_lag_millis: u64,
    /// The probability that a read which need not be consistent shows what was there before.
    pub stale_reads: f64,
    /// The age of what they show.
    pub stale_read_millis: u64,
}

impl DynamoDbSetting {
    /// A bad day on AWS.
    pub const MODERATE: Self = Self {
        seed: None,
        transaction_millis: 3,
        conflict: 0.02,
        throttling: 0.02,
        error_before: 0.01,
        error_after: 0.01,
        slow: 0.02,
        slow_millis: 50,
        unprocessed: 0.1,
        index_lag_millis: 300,
        stale_reads: 0.5,
        stale_read_millis: 200,
    };

    /// A day that should never come, and that functions have to stand all the same.
    pub const ROUGH: Self = Self {
        seed: None,
        transaction_millis: 10,
        conflict: 0.06,
        throttling: 0.08,
        error_before: 0.03,
        error_after: 0.04,
        slow: 0.05,
        slow_millis: 400,
        unprocessed: 0.3,
        index_lag_millis: 900,
        stale_reads: 0.7,
        stale_read_millis: 800,
    };

    /// Reads `moderate`, `rough`, JSON, or the path of a file with JSON.
    ///
    /// # Errors
    /// The fault in it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(setting) = Self::named(text) {
            return Ok(setting);
        }
        if text.trim_start().starts_with('{') {
            return Self::read(serde_json::from_str(text).map_err(|error| error.to_string())?);
        }
        let json = std::fs::read_to_string(Path::new(text)).map_err(|error| {
            format!("must be moderate, rough, JSON, or a file with JSON; cannot read {text}: {error}")
        })?;
        let json = serde_json::from_str(&json).map_err(|error| error.to_string());
        json.and_then(Self::read).map_err(|error| format!("{text}: {error}"))
    }

    /// The setting of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "moderate" => Some(Self::MODERATE),
            "rough" => Some(Self::ROUGH),
            _ => None,
        }
    }

    pub(super) fn read(json: Value) -> Result<Self, String> {
        let setting: Self = serde_json::from_value(json).map_err(|error| error.to_string())?;
        setting.check()?;
        Ok(setting)
    }

    fn check(&self) -> Result<(), String> {
        for (name, probability) in [
            ("conflict", self.conflict),
            ("throttling", self.throttling),
            ("errorBefore", self.error_before),
            ("errorAfter", self.error_after),
            ("slow", self.slow),
            ("unprocessed", self.unprocessed),
            ("staleReads", self.stale_reads),
        ] {
            if !(0.0..=1.0).contains(&probability) {
                return Err(format!("{name} is {probability}; it must be a probability, from 0 to 1"));
            }
        }
        Ok(())
    }
}

/// No probability is NaN: [`DynamoDbSetting::check`] refuses it.
impl Eq for DynamoDbSetting {}

/// A setting that stands, and what has come of it.
#[derive(Debug)]
pub(crate) struct Standing {
    /// With its seed.
    pub(crate) setting: DynamoDbSetting,
    random: Mutex<StdRng>,
    happened: Mutex<BTreeMap<&'static str, u64>>,
}

/// A standing setting as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownSetting {
    /// The setting, with the seed that was drawn if none was given.
    pub setting: DynamoDbSetting,
    /// The number of times that each fault has happened since.
    pub happened: BTreeMap<&'static str, u64>,
}

impl Standing {
    pub(super) fn new(mut setting: DynamoDbSetting) -> Self {
        // Shown as JSON, whose numbers many programs read as floating-point ones.
        let seed = *setting.seed.get_or_insert_with(|| u64::from(rand::random::<u32>()));
        Self { setting, random: Mutex::new(StdRng::seed_from_u64(seed)), happened: Mutex::default() }
    }

    pub(super) fn shown(&self) -> ShownSetting {
        ShownSetting {
            setting: self.setting,
            happened: self.happened.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Draws whether something of this probability happens now.
    pub(crate) fn happens(&self, probability: f64) -> bool {
        probability > 0.0
            && self.random.lock().unwrap_or_else(PoisonError::into_inner).random_bool(probability)
    }

    /// The first of some things, each of which has a probability, that happens now.
    pub(crate) fn one_of<T: Copy>(&self, things: &[(f64, T)]) -> Option<T> {
        let drawn: f64 = self.random.lock().unwrap_or_else(PoisonError::into_inner).random();
        let mut sum = 0.0;
        things.iter().find_map(|(probability, thing)| {
            sum += probability;
            (drawn < sum).then_some(*thing)
        })
    }

    /// Notes that something has happened.
    pub(crate) fn note(&self, what: &'static str) {
        *self.happened.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_names_and_are_json() {
        assert_eq!(DynamoDbSetting::parse("moderate"), Ok(DynamoDbSetting::MODERATE));
        assert_eq!(DynamoDbSetting::parse("rough"), Ok(DynamoDbSetting::ROUGH));
        let expected = DynamoDbSetting { seed: Some(7), conflict: 0.5, ..DynamoDbSetting::default() };
        assert_eq!(DynamoDbSetting::parse(r#"{"seed":7,"conflict":0.5}"#), Ok(expected));
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("faults.json");
        std::fs::write(&file, r#"{"indexLagMillis":5}"#).unwrap();
        let read = DynamoDbSetting::parse(file.to_str().unwrap()).unwrap();
        assert_eq!(read, DynamoDbSetting { index_lag_millis: 5, ..DynamoDbSetting::default() });
        for (wrong, said) in [
            ("harsh", "must be moderate, rough, JSON, or a file with JSON"),
            (r#"{"conflicts":1}"#, "expected one of `seed`"),
            (r#"{"conflict":1.5}"#, "conflict is 1.5; it must be a probability"),
        ] {
            let error = DynamoDbSetting::parse(wrong).unwrap_err();
            assert!(error.contains(said), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_seed_makes_the_same_happen_again() {
        let drawn = |seed| {
            let standing = Standing::new(DynamoDbSetting { seed: Some(seed), ..DynamoDbSetting::ROUGH });
            let things = [(0.3, 'a'), (0.3, 'b')];
            (0..64).map(|_| (standing.happens(0.5), standing.one_of(&things))).collect::<Vec<_>>()
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let kinds = |kind| drawn(1).iter().filter(|(_, drawn)| *drawn == kind).count();
        assert!([Some('a'), Some('b'), None].map(kinds).iter().all(|count| *count > 8));
        assert!(Standing::new(DynamoDbSetting::MODERATE).shown().setting.seed.is_some(), "it is drawn");
    }
}
