//! The queues themselves.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::fault::{Fault, Kind};
use super::message::{Draft, Message};
use super::queue::{Counts, name_of};
use super::store::{Store, Take};
use crate::clock;
use crate::template::{ACCOUNT, model};

/// Messages that one receive gives at most.
pub const MOST_MESSAGES: usize = 10;
/// How long to leave a failing database alone.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Why the queues could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the queue database {}: {source}", file.display())]
pub struct SqsError {
    file: PathBuf,
    source: rusqlite::Error,
}

/// The queues. Clones share them.
#[derive(Clone)]
pub struct Sqs {
    inner: Arc<Inner>,
}

struct Inner {
    store: Mutex<Store>,
    /// By queue name: told whenever something happened that may make a message visible.
    changes: Mutex<HashMap<String, Arc<Notify>>>,
    base_url: String,
}

impl Sqs {
    /// Opens or creates the queues' tables (`sqs_…`) in a SQLite file, which others may share, and gives the
    /// template's queues the settings that the template says. Other queues that are there stay.
    ///
    /// `base_url` is where [`router`](super::router) is reached, such as `http://127.0.0.1:3000/_local/sqs`.
    ///
    /// # Errors
    /// When the file cannot be opened, or is no such database.
    pub fn open(file: &Path, queues: &[model::Queue], base_url: &str) -> Result<Self, SqsError> {
        let store =
            Store::open(file, queues, now()).map_err(|source| SqsError { file: file.to_owned(), source })?;
        let inner = Inner {
            store: Mutex::new(store),
            changes: Mutex::default(),
            base_url: base_url.trim_end_matches('/').to_owned(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The URL of the queue of that name, whether or not there is one.
    #[must_use]
    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.inner.base_url)
    }

    /// Receives up to `max` messages, 10 at most, and waits up to `wait` for the first.
    ///
    /// They are not visible for the queue's visibility timeout, but for a second at least, so that whoever keeps
    /// receiving does not spin. When the database fails, that is logged, and the answer is empty after a pause. A call
    /// that is dropped may leave messages received: to wait for long, use [`Sqs::ready`].
    pub async fn receive(&self, queue_arn: &str, max: usize, wait: Duration) -> Vec<Message> {
        let take =
            Take { most: max.min(MOST_MESSAGES), visibility_timeout: None, least_visibility_timeout: 1 };
        match self.take(name_of(queue_arn), take, wait).await {
            Ok(messages) => messages,
            Err(fault) => {
                tracing::error!(queue = name_of(queue_arn), error = %fault, "receiving from a queue failed");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                Vec::new()
            }
        }
    }

    /// Waits until the queue has a message to receive. Dropping it changes nothing.
    pub async fn ready(&self, queue_arn: &str) {
        let queue = name_of(queue_arn);
        while let Err(fault) = self.wait_until_visible(queue).await {
            tracing::error!(queue, error = %fault, "waiting for a queue failed");
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }

    /// Deletes received messages. What cannot be deleted is logged and comes again.
    pub async fn delete(&self, queue_arn: &str, receipt_handles: &[String]) {
        let (queue, handles) = (name_of(queue_arn).to_owned(), receipt_handles.to_owned());
        let deleted = self
            .with(move |store, _| handles.iter().try_for_each(|handle| store.delete(&queue, handle)))
            .await;
        if let Err(fault) = deleted {
            tracing::error!(queue = name_of(queue_arn), error = %fault, "deleting messages failed");
        }
    }

    /// Gives messages back that nobody has tried to handle: visible at once, and as if not received.
    pub async fn put_back(&self, queue_arn: &str, receipt_handles: &[String]) {
        let (queue, handles) = (name_of(queue_arn).to_owned(), receipt_handles.to_owned());
        let result = self.with(move |store, now| store.put_back(&queue, &handles, now)).await;
        if let Err(fault) = result {
            tracing::error!(queue = name_of(queue_arn), error = %fault, "giving messages back failed");
        }
        self.changed(name_of(queue_arn));
    }

    /// Sends a message, and returns when it is on disk: as long as the database fails, it tries again each second.
    /// What can never be sent (there is no such queue, or the body is not SQS's) is logged and dropped.
    pub async fn send(&self, queue_arn: &str, body: String) {
        let queue = name_of(queue_arn);
        let draft = Draft { body, ..Draft::default() };
        let checked = draft.check();
        let drafts = Arc::new([draft]);
        let result = loop {
            if checked.is_err() {
                break checked.clone();
            }
            let (name, drafts) = (queue.to_owned(), Arc::clone(&drafts));
            match self.with(move |store, now| store.send(&name, &*drafts, now)).await {
                Err(fault) if fault.kind == Kind::Internal => {
                    tracing::error!(queue, error = %fault, "sending to a queue failed, trying again");
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
                other => break other.map(drop),
            }
        };
        match result {
            Ok(()) => self.changed(queue),
            Err(fault) => tracing::error!(queue, error = %fault, "a message cannot be sent"),
        }
    }

    /// How many messages the queue holds; `None` when there is no such queue.
    pub async fn counts(&self, queue_arn: &str) -> Option<Counts> {
        let name = name_of(queue_arn).to_owned();
        self.with(move |store, now| store.counts(&store.queue(&name)?, now)).await.ok()
    }

    pub(super) async fn take(&self, queue: &str, take: Take, wait: Duration) -> Result<Vec<Message>, Fault> {
        let deadline = Instant::now() + wait;
        loop {
            let name = queue.to_owned();
            let taken = self.with(move |store, now| store.take(&name, &take, now)).await?;
            if let Some(dead_letter_queue) = &taken.dead_letter_queue {
                self.changed(dead_letter_queue);
            }
            if !taken.messages.is_empty() || wait.is_zero() {
                return Ok(taken.messages);
            }
            match tokio::time::timeout_at(deadline, self.wait_until_visible(queue)).await {
                Ok(ready) => ready?,
                Err(_) => return Ok(Vec::new()),
            }
        }
    }

    async fn wait_until_visible(&self, queue: &str) -> Result<(), Fault> {
        let change = self.change(queue);
        loop {
            // Listens before it looks, so that nothing falls in between.
            let mut changed = std::pin::pin!(change.notified());
            changed.as_mut().enable();
            let name = queue.to_owned();
            let next =
                self.with(move |store, now| Ok(store.next_visible(&name)?.map(|next| next - now))).await?;
            match next.map(u64::try_from) {
                Some(Err(_) | Ok(0)) => return Ok(()),
                Some(Ok(milliseconds)) => {
                    let visible = tokio::time::sleep(Duration::from_millis(milliseconds));
                    tokio::select! {
                        () = changed => {}
                        () = visible => {}
                    }
                }
                None => changed.await,
            }
        }
    }

    fn change(&self, queue: &str) -> Arc<Notify> {
        let mut changes = self.inner.changes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(changes.entry(queue.to_owned()).or_default())
    }

    /// Wakes whoever waits for this queue.
    pub(super) fn changed(&self, queue: &str) {
        self.change(queue).notify_waiters();
    }

    /// Works with the database on a thread that may block.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store, i64) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let inner = Arc::clone(&self.inner);
        let task = tokio::task::spawn_blocking(move || {
            // A panic in between has rolled its transaction back.
            let mut store = inner.store.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut store, now())
        });
        task.await.unwrap_or_else(|error| Err(Fault::new(Kind::Internal, error.to_string())))
    }
}

/// Milliseconds since 1970.
fn now() -> i64 {
    clock::now().as_millisecond()
}
