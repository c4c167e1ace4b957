//! The mailbox: every mail that the system sends lands here instead of with a provider, as one `.eml` file each,
//! and can be read in a browser or as JSON.

mod mail;
mod new_mail;
mod page;
mod routes;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use ulid::Ulid;

use crate::clock;

pub use mail::{Attachment, Mail};
pub use new_mail::{ComposedMail, NewAttachment, NewMail, RawMail};
pub use routes::router;

const EXTENSION: &str = "eml";
/// A file that is still being written; whatever has it at start was cut off and was never acknowledged.
const UNFINISHED_EXTENSION: &str = "part";

/// The mails of one data directory. Clones share them.
#[derive(Clone)]
pub struct Mailbox {
    inner: Arc<Inner>,
}

struct Inner {
    directory: PathBuf,
    /// Oldest first, by id.
    mails: RwLock<Vec<Arc<Mail>>>,
    /// The last id given out. Held while a mail is written, so that mails appear in the order of their ids and
    /// a reader that asks for what came after an id misses none.
    last_id: Mutex<Ulid>,
}

impl Mailbox {
    /// Opens a mailbox, creating its directory if it is not there, and reads the mails that an earlier run left.
    /// Files that are not named like a mail of the mailbox are left alone.
    ///
    /// # Errors
    /// When the directory cannot be created or read.
    pub fn open(directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let mut mails = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            let Some(id) = path.file_stem().and_then(|stem| stem.to_str()).and_then(parse_id) else {
                continue;
            };
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(EXTENSION) => {
                    if let Some(mail) = Mail::parse(id, &std::fs::read(&path)?) {
                        mails.push(Arc::new(mail));
                    } else {
                        tracing::warn!(file = %path.display(), "not a mail: left out of the mailbox");
                    }
                }
                Some(UNFINISHED_EXTENSION) => std::fs::remove_file(&path)?,
                _ => {}
            }
        }
        mails.sort_by(|one, other| one.id.cmp(&other.id));
        let last_id = mails.last().and_then(|mail| parse_id(&mail.id)).unwrap_or(Ulid::nil());
        let inner = Inner {
            directory: directory.to_owned(),
            mails: RwLock::new(mails),
            last_id: Mutex::new(last_id),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Puts a mail into the mailbox and answers with its id. When this returns, the mail's file is complete:
    /// the end of the process at any moment leaves whole mails only.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn deliver(&self, mail: NewMail) -> io::Result<String> {
        let mut last_id = self.inner.last_id.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::now();
        let id = following(*last_id, now);
        let message = mail.into_message(id, now)?;
        let parsed = Mail::parse(id, &message)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the message cannot be read back"))?;

        let unfinished = self.path(id, UNFINISHED_EXTENSION);
        std::fs::write(&unfinished, &message)?;
        std::fs::rename(&unfinished, self.path(id, EXTENSION))?;

        *last_id = id;
        self.inner.mails.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(parsed));
        Ok(id.to_string())
    }

    /// All mails, the newest first.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.shared().iter().map(|mail| Mail::clone(mail)).collect()
    }

    /// Removes all mails, and their files.
    ///
    /// # Errors
    /// When a file cannot be removed; the mails that were not reached are still there.
    pub fn clear(&self) -> io::Result<()> {
        // No mail may arrive between the two steps, or its file would outlive it.
        let _no_delivery = self.inner.last_id.lock().unwrap_or_else(PoisonError::into_inner);
        let mut mails = self.inner.mails.write().unwrap_or_else(PoisonError::into_inner);
        while let Some(mail) = mails.last() {
            match std::fs::remove_file(self.inner.directory.join(&mail.id).with_extension(EXTENSION)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => mails.pop(),
            };
        }
        Ok(())
    }

    /// All mails without copying them, the newest first.
    fn shared(&self) -> Vec<Arc<Mail>> {
        self.inner.mails.read().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }

    fn find(&self, id: &str) -> Option<Arc<Mail>> {
        let mails = self.inner.mails.read().unwrap_or_else(PoisonError::into_inner);
        let at = mails.binary_search_by(|mail| mail.id.as_str().cmp(id)).ok()?;
        mails.get(at).cloned()
    }

    /// A mail's file, byte for byte.
    fn message(&self, mail: &Mail) -> io::Result<Bytes> {
        std::fs::read(self.inner.directory.join(&mail.id).with_extension(EXTENSION)).map(Bytes::from)
    }

    fn path(&self, id: Ulid, extension: &str) -> PathBuf {
        self.inner.directory.join(id.to_string()).with_extension(extension)
    }
}

/// Only the canonical spelling: an id is also a file's name.
fn parse_id(text: &str) -> Option<Ulid> {
    Ulid::from_string(text).ok().filter(|id| id.to_string() == text)
}

/// A new id, after `last` even when the clock was set back or stands still.
fn following(last: Ulid, now: jiff::Timestamp) -> Ulid {
    let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
    let id = Ulid::from_parts(milliseconds, rand::random());
    if id > last { id } else { last.increment().unwrap_or_else(|highest| highest) }
}
