//! Streams, read in-process: who waits for records costs next to nothing until there are some.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use dynoxide::Database;
use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::encode_shard_iterator;
use dynoxide::streams::shard_id;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::DynamoDbError;
use super::sequence_number::SequenceNumber;
use super::watch::{Publishers, connect, last};
use crate::template::{ACCOUNT, REGION};

/// How long DynamoDB keeps stream records.
pub(crate) const RETENTION: SignedDuration = SignedDuration::from_hours(24);
/// Records that one `GetRecords` returns at most.
const PAGE: usize = 1_000;
/// Records that one deletion removes, so that writers wait for it only briefly.
const TRIM_PAGE: usize = 500;

/// One record of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamRecord {
    /// Its position.
    pub sequence_number: SequenceNumber,
    /// When it was written, to the second.
    pub created: Timestamp,
    /// The record as a Lambda function gets it in `Records`.
    pub body: Value,
}

/// How far each consumer of a table's stream is, by the consumer's name.
type Positions = BTreeMap<String, SequenceNumber>;

/// Every stream of the database.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    file: PathBuf,
    /// By table name.
    latest: BTreeMap<String, watch::Receiver<SequenceNumber>>,
    /// By table name.
    handled: Mutex<BTreeMap<String, Positions>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Streams").field("tables", &self.latest.keys()).finish_non_exhaustive()
    }
}

impl Streams {
    pub(super) fn new<'t>(
        database: &Database,
        file: &Path,
        sqlite: &Connection,
        tables: impl Iterator<Item = &'t str>,
    ) -> rusqlite::Result<(Self, Publishers)> {
        let mut latest = BTreeMap::new();
        let mut publishers = BTreeMap::new();
        for table in tables {
            let (sender, receiver) = watch::channel(last(sqlite, table)?);
            latest.insert(table.to_owned(), receiver);
            publishers.insert(table.to_owned(), sender);
        }
        let inner = Inner {
            database: database.clone(),
            file: file.to_owned(),
            latest,
            handled: Mutex::new(BTreeMap::new()),
        };
        Ok((Self { inner: Arc::new(inner) }, Publishers::new(publishers)))
    }

    pub(super) fn reader(&self, table: &str) -> Option<StreamReader> {
        let latest = self.inner.latest.get(table)?.clone();
        Some(StreamReader { streams: self.clone(), table: Arc::from(table), latest })
    }

    #[cfg(test)]
    pub(super) fn database(&self) -> Database {
        self.inner.database.clone()
    }

    /// Deletes records that are older than 24 hours, as DynamoDB does; but none that a consumer has yet to handle,
    /// for this stack may have been off for days.
    pub(super) fn trim(&self, now: Timestamp) -> rusqlite::Result<usize> {
        // A sequence number is at least the microsecond it was given in.
        let expired =
            SequenceNumber(now.as_microsecond() - i64::try_from(RETENTION.as_micros()).unwrap_or(i64::MAX));
        let sqlite = connect(&self.inner.file)?;
        let mut deleted = 0;
        for table in self.inner.latest.keys() {
            let handled = {
                let handled = self.inner.handled.lock().unwrap_or_else(PoisonError::into_inner);
                handled.get(table).and_then(|positions| positions.values().min().copied())
            };
            let last = handled.map_or(expired, |handled| handled.min(expired));
            loop {
                let count = sqlite.execute(
                    "DELETE FROM _stream_records WHERE id IN (SELECT id FROM _stream_records WHERE table_name = ?1 \
                     AND CAST(sequence_number AS INTEGER) <= ?2 LIMIT ?3)",
                    params![table, last.0, TRIM_PAGE],
                )?;
                deleted += count;
                if count < TRIM_PAGE {
                    break;
                }
            }
        }
        Ok(deleted)
    }
}

/// Reads one table's stream. Every clone remembers by itself what it has seen.
#[derive(Debug, Clone)]
pub struct StreamReader {
    streams: Streams,
    table: Arc<str>,
    latest: watch::Receiver<SequenceNumber>,
}

impl StreamReader {
    /// The stream's ARN, as `!GetAtt` gives it in the template.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{}/stream/local", self.table)
    }

    /// The stream's one shard.
    #[must_use]
    pub fn shard_id(&self) -> String {
        shard_id(&self.table)
    }

    /// The position of the last record that was noticed.
    #[must_use]
    pub fn latest(&self) -> SequenceNumber {
        *self.latest.borrow()
    }

    /// Waits until there is a record after `position`. Once the database has stopped it waits for ever.
    pub async fn wait_beyond(&mut self, position: SequenceNumber) {
        if self.latest.wait_for(|latest| *latest > position).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Up to `limit` records after `position`, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(
        &self,
        position: SequenceNumber,
        limit: usize,
    ) -> Result<Vec<StreamRecord>, DynamoDbError> {
        let reader = self.clone();
        let reading = tokio::task::spawn_blocking(move || reader.read_blocking(position, limit));
        reading.await.unwrap_or_else(|error| Err(self.fault(&error)))
    }

    fn read_blocking(
        &self,
        position: SequenceNumber,
        limit: usize,
    ) -> Result<Vec<StreamRecord>, DynamoDbError> {
        let request = GetRecordsRequest {
            shard_iterator: encode_shard_iterator(&self.table, &shard_id(&self.table), position.0),
            limit: Some(limit.min(PAGE)),
        };
        let answer = self.streams.inner.database.get_records(request).map_err(|error| self.fault(&error))?;
        answer
            .records
            .into_iter()
            .map(|record| {
                let sequence_number =
                    record.dynamodb.sequence_number.parse().map_err(|fault: String| self.fault(&fault))?;
                #[expect(clippy::cast_possible_truncation, reason = "whole seconds since 1970")]
                let seconds = record.dynamodb.approximate_creation_date_time as i64;
                let created = Timestamp::from_second(seconds).map_err(|error| self.fault(&error))?;
                let mut body = serde_json::to_value(record).map_err(|error| self.fault(&error))?;
                body["awsRegion"] = json!(REGION);
                body["eventSourceARN"] = json!(self.arn());
                body["dynamodb"]["ApproximateCreationDateTime"] = json!(seconds);
                Ok(StreamRecord { sequence_number, created, body })
            })
            .collect()
    }

    /// Says how far a consumer is, so that nothing after it is trimmed.
    pub fn set_handled(&self, consumer: &str, position: SequenceNumber) {
        let mut handled = self.streams.inner.handled.lock().unwrap_or_else(PoisonError::into_inner);
        handled.entry(self.table.to_string()).or_default().insert(consumer.to_owned(), position);
    }

    /// Whether a consumer has handled every record that there is at this moment.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn is_handled_by(&self, consumer: &str) -> Result<bool, DynamoDbError> {
        let (file, table) = (self.streams.inner.file.clone(), Arc::clone(&self.table));
        let last = tokio::task::spawn_blocking(move || last(&connect(&file)?, &table));
        let last = last.await.map_err(|error| self.fault(&error))?.map_err(|error| self.fault(&error))?;
        let handled = self.streams.inner.handled.lock().unwrap_or_else(PoisonError::into_inner);
        let position = handled.get(self.table.as_ref()).and_then(|positions| positions.get(consumer));
        Ok(position.is_some_and(|position| *position >= last))
    }

    fn fault(&self, fault: &dyn fmt::Display) -> DynamoDbError {
        DynamoDbError::Stream { table: self.table.to_string(), fault: fault.to_string() }
    }
}
