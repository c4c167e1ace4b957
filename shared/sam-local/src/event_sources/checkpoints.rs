//! How far each stream mapping is, kept on disk.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use crate::dynamodb::SequenceNumber;

/// Why checkpoints cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("checkpoints cannot be kept in {file}: {fault}")]
pub struct CheckpointError {
    file: PathBuf,
    fault: String,
}

/// The last sequence number that each mapping has handled. Clones share one connection.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    file: Arc<Path>,
    sqlite: Arc<Mutex<Connection>>,
}

impl Checkpoints {
    /// Opens or creates them in a SQLite file, which others may share: its tables here begin with `checkpoint_`.
    ///
    /// # Errors
    /// When the file is no SQLite database or cannot be written.
    pub fn open(file: &Path) -> Result<Self, CheckpointError> {
        let open = || -> rusqlite::Result<Connection> {
            let sqlite = Connection::open(file)?;
            sqlite.busy_timeout(Duration::from_secs(5))?;
            sqlite.pragma_update(None, "journal_mode", "WAL")?;
            sqlite.pragma_update(None, "synchronous", "NORMAL")?;
            sqlite.execute_batch(
                "CREATE TABLE IF NOT EXISTS checkpoint_stream \
                 (mapping TEXT PRIMARY KEY, sequence_number TEXT NOT NULL) WITHOUT ROWID",
            )?;
            Ok(sqlite)
        };
        let sqlite = open().map_err(|error| fault(file, &error))?;
        Ok(Self { file: Arc::from(file), sqlite: Arc::new(Mutex::new(sqlite)) })
    }

    /// The position of a mapping; `None` when it is new.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn load(&self, mapping: &str) -> Result<Option<SequenceNumber>, CheckpointError> {
        let mapping = mapping.to_owned();
        let stored: Option<String> = self
            .with(move |sqlite| {
                let select = "SELECT sequence_number FROM checkpoint_stream WHERE mapping = ?1";
                sqlite.prepare_cached(select)?.query_row([mapping], |row| row.get(0)).optional()
            })
            .await?;
        stored.map(|stored| stored.parse().map_err(|text: String| fault(&self.file, &text))).transpose()
    }

    /// Keeps the position of a mapping; on return it is on disk.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn save(&self, mapping: &str, position: SequenceNumber) -> Result<(), CheckpointError> {
        let mapping = mapping.to_owned();
        self.with(move |sqlite| {
            sqlite
                .prepare_cached(
                    "INSERT INTO checkpoint_stream (mapping, sequence_number) VALUES (?1, ?2) \
                     ON CONFLICT (mapping) DO UPDATE SET sequence_number = excluded.sequence_number",
                )?
                .execute(params![mapping, position.to_string()])?;
            Ok(())
        })
        .await
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, CheckpointError> {
        let sqlite = Arc::clone(&self.sqlite);
        let done =
            tokio::task::spawn_blocking(move || work(&sqlite.lock().unwrap_or_else(PoisonError::into_inner)));
        match done.await {
            Ok(done) => done.map_err(|error| fault(&self.file, &error)),
            Err(error) => Err(fault(&self.file, &error)),
        }
    }
}

fn fault(file: &Path, fault: &dyn std::fmt::Display) -> CheckpointError {
    CheckpointError { file: file.to_owned(), fault: fault.to_string() }
}
