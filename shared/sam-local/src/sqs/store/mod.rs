//! Queues and messages in SQLite. Every function takes the present instant (milliseconds since 1970) and either
//! commits all of its work or none.

mod messages;
mod moves;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, named_params, params};

use crate::template::model;

use super::fault::{Fault, Kind};
use super::queue::{Counts, Queue, Redrive, Settings};

pub(super) use messages::{Sent, Take};

/// How long to wait for another connection of this process, which shares the file, to finish writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS sqs_queues (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        created INTEGER NOT NULL,
        modified INTEGER NOT NULL,
        visibility_timeout INTEGER NOT NULL,
        delay INTEGER NOT NULL,
        receive_wait_time INTEGER NOT NULL,
        retention INTEGER NOT NULL,
        dead_letter_queue TEXT,
        max_receive_count INTEGER
    );
    -- AUTOINCREMENT, so that the receipt handle of a deleted message never fits a later one.
    CREATE TABLE IF NOT EXISTS sqs_messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        queue INTEGER NOT NULL REFERENCES sqs_queues (id),
        message_id TEXT NOT NULL,
        body TEXT NOT NULL,
        attributes TEXT NOT NULL,
        system_attributes TEXT NOT NULL,
        sent INTEGER NOT NULL,
        visible INTEGER NOT NULL,
        first_received INTEGER,
        receive_count INTEGER NOT NULL DEFAULT 0,
        -- Of the last receive from this queue; a message without one that is not visible is delayed.
        receipt TEXT,
        -- The queue that gave it up, by name, when this is its dead-letter queue.
        dead_letter_source TEXT
    );
    CREATE INDEX IF NOT EXISTS sqs_messages_visible ON sqs_messages (queue, visible, id);
    CREATE INDEX IF NOT EXISTS sqs_messages_sent ON sqs_messages (queue, sent);
    CREATE TABLE IF NOT EXISTS sqs_move_tasks (
        id INTEGER PRIMARY KEY,
        source TEXT NOT NULL,
        destination TEXT,
        status TEXT NOT NULL,
        moved INTEGER NOT NULL,
        to_move INTEGER NOT NULL,
        started INTEGER NOT NULL,
        failure TEXT
    );
";

/// The database.
pub(super) struct Store {
    connection: Connection,
}

impl Store {
    /// Opens the file and creates what is missing.
    ///
    /// Whoever was at work on a message has ended with the process that handed it out. So what was in flight is
    /// visible again, and the delivery that was cut short does not count against `maxReceiveCount`.
    pub(super) fn open(file: &Path, queues: &[model::Queue], now: i64) -> Result<Self, rusqlite::Error> {
        let mut connection = Connection::open(file)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // Survives the end of the process at any moment; only the machine's end may lose the last commits.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(SCHEMA)?;
        transaction.execute(
            "UPDATE sqs_messages SET visible = ?1, receive_count = MAX(receive_count - 1, 0)
             WHERE receipt IS NOT NULL AND visible > ?1",
            [now],
        )?;
        for queue in queues {
            put_queue(&transaction, &queue.name, &Settings::from(queue), now)?;
        }
        transaction.commit()?;
        Ok(Self { connection })
    }

    pub(super) fn queue(&self, name: &str) -> Result<Queue, Fault> {
        find_queue(&self.connection, name)?.ok_or_else(Fault::no_queue)
    }

    /// Creates the queue unless it is there.
    pub(super) fn create(&mut self, name: &str, settings: &Settings, now: i64) -> Result<(), Fault> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(redrive) = &settings.redrive
            && find_queue(&transaction, &redrive.target)?.is_none()
        {
            return Err(Fault::value("RedrivePolicy", &redrive.target, "Dead letter target does not exist."));
        }
        match find_queue(&transaction, name)? {
            Some(queue) if queue.settings != *settings => Err(Fault::new(
                Kind::QueueNameExists,
                format!(
                    "A queue already exists with the name {name} and a different value for an attribute."
                ),
            )),
            Some(_) => Ok(()),
            None => {
                put_queue(&transaction, name, settings, now)?;
                transaction.commit()?;
                Ok(())
            }
        }
    }

    /// Names that begin with `prefix` and come after `after`, in order.
    pub(super) fn queue_names(&self, prefix: &str, after: &str, limit: i64) -> Result<Vec<String>, Fault> {
        let mut statement = self.connection.prepare_cached(
            "SELECT name FROM sqs_queues
             WHERE substr(name, 1, length(?1)) = ?1 AND name > ?2
             ORDER BY name LIMIT ?3",
        )?;
        let names = statement.query_map(params![prefix, after, limit], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    pub(super) fn counts(&self, queue: &Queue, now: i64) -> Result<Counts, Fault> {
        let mut statement = self.connection.prepare_cached(
            "SELECT COUNT(*) FILTER (WHERE visible <= :now),
                    COUNT(*) FILTER (WHERE visible > :now AND receipt IS NOT NULL),
                    COUNT(*) FILTER (WHERE visible > :now AND receipt IS NULL)
             FROM sqs_messages WHERE queue = :queue AND sent > :expired",
        )?;
        let expired = expired_before(queue, now);
        let counts = statement
            .query_row(named_params! { ":now": now, ":queue": queue.id, ":expired": expired }, |row| {
                Ok(Counts { visible: row.get(0)?, in_flight: row.get(1)?, delayed: row.get(2)? })
            })?;
        Ok(counts)
    }

    /// Deletes every message.
    pub(super) fn purge(&mut self, queue: &str) -> Result<(), Fault> {
        let queue = self.queue(queue)?;
        self.connection.execute("DELETE FROM sqs_messages WHERE queue = ?1", [queue.id])?;
        Ok(())
    }
}

/// Messages that were sent at this instant or before have expired.
fn expired_before(queue: &Queue, now: i64) -> i64 {
    now - queue.settings.retention * 1_000
}

fn find_queue(connection: &Connection, name: &str) -> Result<Option<Queue>, rusqlite::Error> {
    let mut statement = connection.prepare_cached("SELECT * FROM sqs_queues WHERE name = ?1")?;
    statement.query_row([name], read_queue).optional()
}

fn read_queue(row: &Row<'_>) -> Result<Queue, rusqlite::Error> {
    let target: Option<String> = row.get("dead_letter_queue")?;
    let max_receive_count: Option<i64> = row.get("max_receive_count")?;
    let redrive = target.zip(max_receive_count);
    Ok(Queue {
        id: row.get("id")?,
        name: row.get("name")?,
        created: row.get("created")?,
        modified: row.get("modified")?,
        settings: Settings {
            visibility_timeout: row.get("visibility_timeout")?,
            delay: row.get("delay")?,
            receive_wait_time: row.get("receive_wait_time")?,
            retention: row.get("retention")?,
            redrive: redrive.map(|(target, max_receive_count)| Redrive { target, max_receive_count }),
        },
    })
}

/// Creates the queue, or gives it these settings.
fn put_queue(
    connection: &Connection,
    name: &str,
    settings: &Settings,
    now: i64,
) -> Result<(), rusqlite::Error> {
    if find_queue(connection, name)?.is_some_and(|queue| queue.settings == *settings) {
        return Ok(());
    }
    connection.execute(
        "INSERT INTO sqs_queues (name, created, modified, visibility_timeout, delay, receive_wait_time, retention,
                                 dead_letter_queue, max_receive_count)
         VALUES (:name, :now, :now, :visibility_timeout, :delay, :receive_wait_time, :retention,
                 :dead_letter_queue, :max_receive_count)
         ON CONFLICT (name) DO UPDATE SET
             modified = excluded.modified, visibility_timeout = excluded.visibility_timeout, delay = excluded.delay,
             receive_wait_time = excluded.receive_wait_time, retention = excluded.retention,
             dead_letter_queue = excluded.dead_letter_queue, max_receive_count = excluded.max_receive_count",
        named_params! {
            ":name": name,
            ":now": now,
            ":visibility_timeout": settings.visibility_timeout,
            ":delay": settings.delay,
            ":receive_wait_time": settings.receive_wait_time,
            ":retention": settings.retention,
            ":dead_letter_queue": settings.redrive.as_ref().map(|redrive| &redrive.target),
            ":max_receive_count": settings.redrive.as_ref().map(|redrive| redrive.max_receive_count),
        },
    )?;
    Ok(())
}
