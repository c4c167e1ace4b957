//! Where a stack keeps what it must not forget: a directory that one stack at a time may use.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Where the data is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// In this directory, between runs.
    Kept(PathBuf),
    /// In a temporary directory that is removed at the end.
    Temporary,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirectoryError {
    /// Another stack has it.
    #[error("{0} is in use by another local stack; stop that one, or choose another --data-dir")]
    InUse(PathBuf),
    /// Its tables have rows of another format.
    #[error(
        "the data directory {path} was written by another version of this program, whose data this one cannot read \
         (format {found}, not {expected}); nothing in it was changed. Choose another --data-dir, or delete it if its \
         data is not needed"
    )]
    OtherFormat {
        /// The directory.
        path: PathBuf,
        /// The format of its data.
        found: String,
        /// The format that this program reads and writes.
        expected: u32,
    },
    /// It cannot be made or opened.
    #[error("cannot use the data directory {0}: {1}")]
    Io(PathBuf, io::Error),
}

/// A data directory, locked for this process. The lock ends with the process, however it ends.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    // Dropped after the lock, so that nobody else finds a directory that is about to be removed.
    _lock: File,
    _temporary: Option<TempDir>,
}

impl DataDirectory {
    /// Makes the directory if need be and locks it.
    ///
    /// # Errors
    /// [`DataDirectoryError`] when another stack has it, or it cannot be made.
    pub fn open(data: &Data) -> Result<Self, DataDirectoryError> {
        let (path, temporary) = match data {
            Data::Kept(path) => (path.clone(), None),
            Data::Temporary => {
                let made = tempfile::Builder::new().prefix("local-stack-").tempdir();
                let made = made.map_err(|error| DataDirectoryError::Io(std::env::temp_dir(), error))?;
                (made.path().to_owned(), Some(made))
            }
        };
        let failed = |error| DataDirectoryError::Io(path.clone(), error);
        fs::create_dir_all(&path).map_err(failed)?;
        let lock = File::create(path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock, _temporary: temporary }),
            Err(TryLockError::WouldBlock) => Err(DataDirectoryError::InUse(path)),
            Err(TryLockError::Error(error)) => Err(DataDirectoryError::Io(path, error)),
        }
    }

    /// Checks that the data in it has this format, or notes so if there is none yet.
    ///
    /// # Errors
    /// [`DataDirectoryError::OtherFormat`] when the data has another one, and then nothing is written.
    pub fn check_format(&self, expected: u32) -> Result<(), DataDirectoryError> {
        let failed = |error| DataDirectoryError::Io(self.path.clone(), error);
        let note = self.path.join("format");
        if !self.dynamodb().exists() {
            return fs::write(note, expected.to_string()).map_err(failed);
        }
        let found = match fs::read_to_string(note) {
            Ok(found) => found,
            // Data of before there was such a note.
            Err(error) if error.kind() == io::ErrorKind::NotFound => "1".to_owned(),
            Err(error) => return Err(failed(error)),
        };
        if found.trim() == expected.to_string() {
            return Ok(());
        }
        Err(DataDirectoryError::OtherFormat {
            path: self.path.clone(),
            found: found.trim().to_owned(),
            expected,
        })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The embedded DynamoDB's database file.
    #[must_use]
    pub fn dynamodb(&self) -> PathBuf {
        self.path.join("dynamodb.sqlite")
    }

    /// The queues and the event sources' positions.
    #[must_use]
    pub fn local(&self) -> PathBuf {
        self.path.join("local.sqlite")
    }

    /// The mails that were sent.
    #[must_use]
    pub fn mail(&self) -> PathBuf {
        self.path.join("mail")
    }

    /// What the functions logged.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// The generated secrets.
    #[must_use]
    pub fn secrets(&self) -> PathBuf {
        self.path.join("secrets.json")
    }

    /// What tools need that run functions elsewhere.
    #[must_use]
    pub fn environment(&self) -> PathBuf {
        environment(&self.path)
    }
}

/// What tools need that run functions elsewhere, in the data directory at this path.
pub(crate) fn environment(path: &Path) -> PathBuf {
    path.join("environment.json")
}

/// Whether a stack uses the data directory at this path, which is left as it is.
///
/// # Errors
/// [`DataDirectoryError`] when that cannot be found out.
pub(crate) fn is_in_use(path: &Path) -> Result<bool, DataDirectoryError> {
    let failed = |error| DataDirectoryError::Io(path.to_owned(), error);
    let lock = match File::open(path.join("lock")) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stack_at_a_time() {
        let place = tempfile::tempdir().unwrap();
        let data = Data::Kept(place.path().join("data"));
        let first = DataDirectory::open(&data).unwrap();
        assert!(matches!(DataDirectory::open(&data), Err(DataDirectoryError::InUse(_))));
        drop(first);
        assert!(DataDirectory::open(&data).is_ok());
    }

    #[test]
    fn data_of_another_format_is_left_alone() {
        let directory = DataDirectory::open(&Data::Temporary).unwrap();
        directory.check_format(2).unwrap();
        fs::write(directory.dynamodb(), "rows").unwrap();
        directory.check_format(2).unwrap();
        let error = directory.check_format(3).unwrap_err().to_string();
        assert!(error.contains("format 2, not 3") && error.contains("--data-dir"), "{error}");
        directory.check_format(2).unwrap();
        fs::remove_file(directory.path().join("format")).unwrap();
        assert!(directory.check_format(2).is_err() && directory.check_format(1).is_ok());
        assert!(!directory.path().join("format").exists());
    }

    #[test]
    fn a_temporary_one_is_removed() {
        let directory = DataDirectory::open(&Data::Temporary).unwrap();
        let path = directory.path().to_owned();
        assert!(path.join("lock").exists());
        drop(directory);
        assert!(!path.exists());
    }
}
