//! Sending, receiving, deleting, and when a message is visible.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, named_params, params};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::super::fault::{Fault, Kind};
use super::super::message::{Draft, Message, SENDER_ID, md5_of_attributes, md5_of_body};
use super::super::queue::{Queue, arn_of};
use super::super::receipt::Receipt;
use super::{Store, expired_before, find_queue};

/// A message that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Sent {
    pub(in super::super) message_id: String,
    pub(in super::super) md5_of_body: String,
    pub(in super::super) md5_of_attributes: Option<String>,
}

/// How to receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Take {
    /// At most so many.
    pub(in super::super) most: usize,
    /// Seconds that they are not visible then; `None` is what the queue says.
    pub(in super::super) visibility_timeout: Option<i64>,
    /// However short that is, at least so many seconds.
    pub(in super::super) least_visibility_timeout: i64,
}

/// What a receive came to.
#[derive(Debug, Default)]
pub(in super::super) struct Taken {
    pub(in super::super) messages: Vec<Message>,
    /// The dead-letter queue, if messages went there.
    pub(in super::super) dead_letter_queue: Option<String>,
}

impl Store {
    /// Stores the messages, which were checked.
    pub(in super::super) fn send(
        &mut self,
        queue: &str,
        drafts: &[Draft],
        now: i64,
    ) -> Result<Vec<Sent>, Fault> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let queue = find_queue(&transaction, queue)?.ok_or_else(Fault::no_queue)?;
        let mut sent = Vec::with_capacity(drafts.len());
        for draft in drafts {
            sent.push(insert(&transaction, &queue, draft, now)?);
        }
        transaction.commit()?;
        Ok(sent)
    }

    /// When the queue's next message is or was visible; `None` when it has none.
    pub(in super::super) fn next_visible(&self, queue: &str) -> Result<Option<i64>, Fault> {
        let queue = self.queue(queue)?;
        let mut statement =
            self.connection.prepare_cached("SELECT MIN(visible) FROM sqs_messages WHERE queue = ?1")?;
        Ok(statement.query_row([queue.id], |row| row.get(0))?)
    }

    /// Receives what is visible now. As in SQS, it is here that a message which was received too often goes to the
    /// dead-letter queue, and with the id, the age and the receive count that it has.
    pub(in super::super) fn take(&mut self, queue: &str, take: &Take, now: i64) -> Result<Taken, Fault> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let queue = find_queue(&transaction, queue)?.ok_or_else(Fault::no_queue)?;
        transaction
            .prepare_cached("DELETE FROM sqs_messages WHERE queue = ?1 AND sent <= ?2")?
            .execute([queue.id, expired_before(&queue, now)])?;
        let mut taken = Taken::default();
        if let Some(redrive) = &queue.settings.redrive
            && let Some(dead_letter_queue) = find_queue(&transaction, &redrive.target)?
        {
            let moved = transaction
                .prepare_cached(
                    "UPDATE sqs_messages
                     SET queue = :to, visible = :now, receipt = NULL, dead_letter_source = :from_name
                     WHERE queue = :from AND visible <= :now AND receive_count >= :most",
                )?
                .execute(named_params! {
                    ":to": dead_letter_queue.id,
                    ":now": now,
                    ":from_name": queue.name,
                    ":from": queue.id,
                    ":most": redrive.max_receive_count,
                })?;
            taken.dead_letter_queue = (moved > 0).then_some(dead_letter_queue.name);
        }
        taken.messages = receive(&transaction, &queue, take, now)?;
        transaction.commit()?;
        Ok(taken)
    }

    /// Deletes a message. With a handle that is not its last one, SQS says so too, but it stays.
    pub(in super::super) fn delete(&mut self, queue: &str, handle: &str) -> Result<(), Fault> {
        let queue = self.queue(queue)?;
        let receipt = Receipt::parse(handle, queue.id)?;
        self.connection
            .prepare_cached("DELETE FROM sqs_messages WHERE id = ?1 AND queue = ?2 AND receipt = ?3")?
            .execute(params![receipt.message, queue.id, receipt.nonce])?;
        Ok(())
    }

    /// `ChangeMessageVisibility`; `timeout` in seconds.
    pub(in super::super) fn change_visibility(
        &mut self,
        queue: &str,
        handle: &str,
        timeout: i64,
        now: i64,
    ) -> Result<(), Fault> {
        let queue = self.queue(queue)?;
        let receipt = Receipt::parse(handle, queue.id)?;
        if !(0..=43_200).contains(&timeout) {
            return Err(Fault::value("VisibilityTimeout", timeout, "Must be between 0 and 43200."));
        }
        let visible: Option<i64> = self
            .connection
            .prepare_cached("SELECT visible FROM sqs_messages WHERE id = ?1 AND queue = ?2 AND receipt = ?3")?
            .query_row(params![receipt.message, queue.id, receipt.nonce], |row| row.get(0))
            .optional()?;
        match visible {
            None => Err(Fault::value(
                "ReceiptHandle",
                handle,
                "Message does not exist or is not available for visibility timeout change.",
            )),
            Some(visible) if visible <= now => {
                Err(Fault::new(Kind::MessageNotInflight, "The specified message isn't in flight."))
            }
            Some(_) => {
                self.connection
                    .prepare_cached("UPDATE sqs_messages SET visible = ?1 WHERE id = ?2")?
                    .execute([now + timeout * 1_000, receipt.message])?;
                Ok(())
            }
        }
    }

    /// Undoes a receive: nobody has tried to handle the message.
    pub(in super::super) fn put_back(
        &mut self,
        queue: &str,
        handles: &[String],
        now: i64,
    ) -> Result<(), Fault> {
        let queue = self.queue(queue)?;
        for handle in handles {
            let receipt = Receipt::parse(handle, queue.id)?;
            self.connection
                .prepare_cached(
                    "UPDATE sqs_messages SET visible = ?1, receive_count = MAX(receive_count - 1, 0)
                     WHERE id = ?2 AND queue = ?3 AND receipt = ?4",
                )?
                .execute(params![now, receipt.message, queue.id, receipt.nonce])?;
        }
        Ok(())
    }
}

fn insert(connection: &Connection, queue: &Queue, draft: &Draft, now: i64) -> Result<Sent, Fault> {
    let message_id = Uuid::new_v4().to_string();
    connection
        .prepare_cached(
            "INSERT INTO sqs_messages (queue, message_id, body, attributes, system_attributes, sent, visible)
             VALUES (:queue, :message_id, :body, :attributes, :system_attributes, :sent, :visible)",
        )?
        .execute(named_params! {
            ":queue": queue.id,
            ":message_id": message_id,
            ":body": draft.body,
            ":attributes": json(&draft.attributes)?,
            ":system_attributes": json(&draft.system_attributes)?,
            ":sent": now,
            ":visible": now + draft.delay.unwrap_or(queue.settings.delay) * 1_000,
        })?;
    Ok(Sent {
        message_id,
        md5_of_body: md5_of_body(&draft.body),
        md5_of_attributes: md5_of_attributes(&draft.attributes),
    })
}

fn receive(connection: &Connection, queue: &Queue, take: &Take, now: i64) -> Result<Vec<Message>, Fault> {
    let timeout = take.visibility_timeout.unwrap_or(queue.settings.visibility_timeout);
    let visible = now + timeout.max(take.least_visibility_timeout) * 1_000;
    let mut select = connection.prepare_cached(
        "SELECT * FROM sqs_messages WHERE queue = ?1 AND visible <= ?2 ORDER BY visible, id LIMIT ?3",
    )?;
    let most = i64::try_from(take.most).unwrap_or(i64::MAX);
    let found: Vec<(i64, Message)> =
        select.query_map([queue.id, now, most], |row| read(row, queue, now))?.collect::<Result<_, _>>()?;
    let mut update = connection.prepare_cached(
        "UPDATE sqs_messages
         SET visible = :visible, receipt = :receipt, receive_count = receive_count + 1,
             first_received = COALESCE(first_received, :now)
         WHERE id = :id",
    )?;
    let mut messages = Vec::with_capacity(found.len());
    for (id, mut message) in found {
        let receipt = Receipt::fresh(queue.id, id);
        update.execute(named_params! {
            ":visible": visible,
            ":receipt": receipt.nonce,
            ":now": now,
            ":id": id,
        })?;
        message.receipt_handle = receipt.handle();
        messages.push(message);
    }
    Ok(messages)
}

/// A row as the receive at `now` shows it, still without its handle.
fn read(row: &Row<'_>, queue: &Queue, now: i64) -> Result<(i64, Message), rusqlite::Error> {
    let body: String = row.get("body")?;
    let mut attributes: BTreeMap<String, String> = from_json(row, "system_attributes")?;
    let receive_count: i64 = row.get("receive_count")?;
    let first_received: Option<i64> = row.get("first_received")?;
    let sent: i64 = row.get("sent")?;
    attributes.extend([
        ("SenderId".to_owned(), SENDER_ID.to_owned()),
        ("SentTimestamp".to_owned(), sent.to_string()),
        ("ApproximateReceiveCount".to_owned(), (receive_count + 1).to_string()),
        ("ApproximateFirstReceiveTimestamp".to_owned(), first_received.unwrap_or(now).to_string()),
    ]);
    if let Some(source) =
        row.get::<_, Option<String>>("dead_letter_source")?.filter(|name| *name != queue.name)
    {
        attributes.insert("DeadLetterQueueSourceArn".to_owned(), arn_of(&source));
    }
    let message = Message {
        message_id: row.get("message_id")?,
        receipt_handle: String::new(),
        md5_of_body: md5_of_body(&body),
        body,
        attributes,
        message_attributes: from_json(row, "attributes")?,
    };
    Ok((row.get("id")?, message))
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::new(Kind::Internal, error.to_string()))
}

fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T, rusqlite::Error> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}
