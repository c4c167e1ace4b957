//! Message move tasks: from a dead-letter queue back to where the messages came from.

use std::collections::BTreeSet;

use rusqlite::{Row, TransactionBehavior, named_params, params};
use uuid::Uuid;

use super::super::fault::{Fault, Kind};
use super::super::queue::name_of;
use super::{Store, find_queue};

/// A finished move. Moves run at once and to their end, in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct MoveTask {
    /// The dead-letter queue's ARN.
    pub(in super::super) source: String,
    /// The ARN of where everything went, unless to where each message came from.
    pub(in super::super) destination: Option<String>,
    /// `COMPLETED` or `FAILED`.
    pub(in super::super) status: String,
    pub(in super::super) moved: i64,
    pub(in super::super) to_move: i64,
    /// Milliseconds since 1970.
    pub(in super::super) started: i64,
    pub(in super::super) failure: Option<String>,
}

impl Store {
    /// Moves what is visible in `source`, and tells the task's id and the queues that messages went to. Moved
    /// messages are new ones: a new id, a new age, never received.
    pub(in super::super) fn move_messages(
        &mut self,
        source: &str,
        destination: Option<&str>,
        now: i64,
    ) -> Result<(i64, BTreeSet<String>), Fault> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let missing = |parameter: &str| {
            let message =
                format!("The resource that you specified for the {parameter} parameter doesn't exist.");
            Fault::new(Kind::ResourceNotFound, message)
        };
        let from = find_queue(&transaction, name_of(source))?.ok_or_else(|| missing("SourceArn"))?;
        let is_dead_letter_queue: bool = transaction.query_row(
            "SELECT EXISTS (SELECT 1 FROM sqs_queues WHERE dead_letter_queue = ?1)",
            [&from.name],
            |row| row.get(0),
        )?;
        if !is_dead_letter_queue {
            let message = "Source queue must be configured as a Dead Letter Queue.";
            return Err(Fault::new(Kind::InvalidParameterValue, message));
        }
        let fixed = match destination {
            None => None,
            Some(arn) => {
                Some(find_queue(&transaction, name_of(arn))?.ok_or_else(|| missing("DestinationArn"))?)
            }
        };

        let waiting: Vec<(i64, Option<String>)> = transaction
            .prepare_cached(
                "SELECT id, dead_letter_source FROM sqs_messages WHERE queue = ?1 AND visible <= ?2",
            )?
            .query_map([from.id, now], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let (mut moved, mut reached) = (0_i64, BTreeSet::new());
        for (id, origin) in &waiting {
            let to = match (&fixed, origin) {
                (Some(queue), _) => Some(queue.clone()),
                (None, Some(origin)) => find_queue(&transaction, origin)?,
                (None, None) => None,
            };
            let Some(to) = to else { continue };
            transaction
                .prepare_cached(
                    "UPDATE sqs_messages
                     SET queue = ?1, message_id = ?2, sent = ?3, visible = ?3, first_received = NULL,
                         receive_count = 0, receipt = NULL, dead_letter_source = NULL
                     WHERE id = ?4",
                )?
                .execute(params![to.id, Uuid::new_v4().to_string(), now, id])?;
            moved += 1;
            reached.insert(to.name);
        }
        let to_move = i64::try_from(waiting.len()).unwrap_or(i64::MAX);
        let is_complete = moved == to_move;
        transaction.execute(
            "INSERT INTO sqs_move_tasks (source, destination, status, moved, to_move, started, failure)
             VALUES (:source, :destination, :status, :moved, :to_move, :started, :failure)",
            named_params! {
                ":source": source,
                ":destination": destination,
                ":status": if is_complete { "COMPLETED" } else { "FAILED" },
                ":moved": moved,
                ":to_move": to_move,
                ":started": now,
                // What SQS says of messages that were sent straight to the dead-letter queue.
                ":failure": (!is_complete).then_some("CouldNotDetermineMessageSource"),
            },
        )?;
        let id = transaction.last_insert_rowid();
        transaction.commit()?;
        Ok((id, reached))
    }

    /// The moves from `source`, the latest first.
    pub(in super::super) fn move_tasks(&self, source: &str, limit: i64) -> Result<Vec<MoveTask>, Fault> {
        if find_queue(&self.connection, name_of(source))?.is_none() {
            let message = "The resource that you specified for the SourceArn parameter doesn't exist.";
            return Err(Fault::new(Kind::ResourceNotFound, message));
        }
        let mut statement = self
            .connection
            .prepare_cached("SELECT * FROM sqs_move_tasks WHERE source = ?1 ORDER BY id DESC LIMIT ?2")?;
        let tasks = statement.query_map(params![source, limit], read)?;
        Ok(tasks.collect::<Result<_, _>>()?)
    }
}

fn read(row: &Row<'_>) -> Result<MoveTask, rusqlite::Error> {
    Ok(MoveTask {
        source: row.get("source")?,
        destination: row.get("destination")?,
        status: row.get("status")?,
        moved: row.get("moved")?,
        to_move: row.get("to_move")?,
        started: row.get("started")?,
        failure: row.get("failure")?,
    })
}
