//! Notices new stream records.
//!
//! dynoxide tells nobody that it committed, but SQLite does: `PRAGMA data_version` changes on a second connection,
//! and costs microseconds to read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::watch;

use super::sequence_number::SequenceNumber;

/// How often commits are looked for, which is the longest that a record waits to be noticed.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Tells the readers of each table, by its name, that there are new records.
pub(super) struct Publishers(BTreeMap<String, watch::Sender<SequenceNumber>>);

impl Publishers {
    pub(super) fn new(latest: BTreeMap<String, watch::Sender<SequenceNumber>>) -> Self {
        Self(latest)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Looks for commits until the sender of `stopped` is dropped.
    pub(super) fn run(self, sqlite: &Connection, stopped: &Receiver<()>) {
        let mut seen = None;
        let mut is_failing = false;
        while stopped.recv_timeout(POLL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
            let published = self.publish(sqlite, &mut seen);
            if let Err(error) = &published
                && !is_failing
            {
                tracing::warn!(%error, "the database cannot be watched for stream records; trying again");
            }
            is_failing = published.is_err();
        }
    }

    fn publish(&self, sqlite: &Connection, seen: &mut Option<i64>) -> rusqlite::Result<()> {
        let version = sqlite.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if *seen == Some(version) {
            return Ok(());
        }
        for (table, latest) in &self.0 {
            let last = last(sqlite, table)?;
            latest.send_if_modified(|known| {
                // Trimmed to nothing, a stream has no last record; positions never go back.
                let is_new = last > *known;
                if is_new {
                    *known = last;
                }
                is_new
            });
        }
        *seen = Some(version);
        Ok(())
    }
}

/// A second connection to dynoxide's database.
pub(super) fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let sqlite = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    sqlite.busy_timeout(Duration::from_secs(5))?;
    Ok(sqlite)
}

/// Without this index, dynoxide looks through every record of a stream to number the next one.
pub(super) fn create_index(sqlite: &Connection) -> rusqlite::Result<()> {
    sqlite.execute_batch(
        "CREATE INDEX IF NOT EXISTS stream_records_by_number \
         ON _stream_records(table_name, CAST(sequence_number AS INTEGER))",
    )
}

/// The position of a table's last record.
pub(super) fn last(sqlite: &Connection, table: &str) -> rusqlite::Result<SequenceNumber> {
    let last = sqlite
        .prepare_cached(
            "SELECT MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records WHERE table_name = ?1",
        )?
        .query_row([table], |row| row.get::<_, Option<i64>>(0))?;
    Ok(last.map_or(SequenceNumber::START, SequenceNumber))
}
