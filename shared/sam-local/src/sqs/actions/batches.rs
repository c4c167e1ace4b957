//! Actions on up to ten messages, each of which succeeds or fails by itself.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::fault::{Fault, Kind};
use super::super::message::{Draft, LARGEST_MESSAGE};
use super::super::service::{MOST_MESSAGES, Sqs};
use super::messages::{Content, acknowledgement};
use super::{queue_name, required};

/// A request for a batch of these entries.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Batch<E> {
    queue_url: Option<String>,
    #[serde(default = "Vec::new")]
    entries: Vec<Entry<E>>,
}

#[derive(Deserialize)]
struct Entry<E> {
    #[serde(rename = "Id", default)]
    id: String,
    #[serde(flatten)]
    content: E,
}

impl<E> Batch<E> {
    /// What is wrong with the batch as a whole.
    fn check(&self, action: &str) -> Result<(), Fault> {
        let refuse = |kind, message: String| Err(Fault::new(kind, message));
        if self.entries.is_empty() {
            let message = format!("There should be at least one {action}BatchRequestEntry in the request.");
            return refuse(Kind::EmptyBatchRequest, message);
        }
        if self.entries.len() > MOST_MESSAGES {
            let message = format!(
                "Maximum number of entries per request are 10. You have sent {}.",
                self.entries.len()
            );
            return refuse(Kind::TooManyEntriesInBatchRequest, message);
        }
        let mut seen = BTreeSet::new();
        for Entry { id, .. } in &self.entries {
            let is_good = (1..=80).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
            if !is_good {
                let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
                               It can be at most 80 letters long.";
                return refuse(Kind::InvalidBatchEntryId, message.to_owned());
            }
            if !seen.insert(id) {
                return refuse(Kind::BatchEntryIdsNotDistinct, format!("Id {id} repeated."));
            }
        }
        Ok(())
    }
}

/// What became of the entries.
#[derive(Default)]
struct Results {
    successful: Vec<Value>,
    failed: Vec<Value>,
}

impl Results {
    fn fail(&mut self, id: &str, fault: &Fault) {
        self.failed.push(json!({
            "Id": id,
            "SenderFault": fault.is_senders(),
            "Code": fault.code(),
            "Message": fault.message,
        }));
    }

    /// Adds the outcome of an entry that answers nothing but its id.
    fn add(&mut self, id: &str, outcome: Result<(), Fault>) {
        match outcome {
            Ok(()) => self.successful.push(json!({ "Id": id })),
            Err(fault) => self.fail(id, &fault),
        }
    }

    fn into_json(self) -> Value {
        json!({ "Successful": self.successful, "Failed": self.failed })
    }
}

/// `SendMessageBatch`.
pub(in super::super) async fn send(sqs: &Sqs, request: Batch<Content>) -> Result<Value, Fault> {
    request.check("SendMessage")?;
    let queue = queue_name(request.queue_url)?;
    let name = queue.clone();
    let results = sqs
        .with(move |store, now| {
            store.queue(&name)?;
            let size: usize = request.entries.iter().map(|entry| entry.content.size()).sum();
            if size > LARGEST_MESSAGE {
                let message = format!(
                    "Batch requests cannot be longer than {LARGEST_MESSAGE} bytes. You have sent {size} bytes."
                );
                return Err(Fault::new(Kind::BatchRequestTooLong, message));
            }
            let mut results = Results::default();
            let mut accepted: Vec<(String, Option<String>)> = Vec::new();
            let mut drafts: Vec<Draft> = Vec::new();
            for entry in request.entries {
                match entry.content.into_draft() {
                    Ok((draft, digest)) => {
                        accepted.push((entry.id, digest));
                        drafts.push(draft);
                    }
                    Err(fault) => results.fail(&entry.id, &fault),
                }
            }
            let sent = store.send(&name, &drafts, now)?;
            for ((id, digest), sent) in accepted.into_iter().zip(sent) {
                let mut entry = acknowledgement(sent, digest);
                entry["Id"] = id.into();
                results.successful.push(entry);
            }
            Ok(results)
        })
        .await?;
    sqs.changed(&queue);
    Ok(results.into_json())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Handle {
    receipt_handle: Option<String>,
    visibility_timeout: Option<i64>,
}

/// `DeleteMessageBatch`.
pub(in super::super) async fn delete(sqs: &Sqs, request: Batch<Handle>) -> Result<Value, Fault> {
    request.check("DeleteMessage")?;
    let name = queue_name(request.queue_url)?;
    let results = sqs
        .with(move |store, _| {
            store.queue(&name)?;
            let mut results = Results::default();
            for Entry { id, content } in request.entries {
                let outcome = required("ReceiptHandle", content.receipt_handle)
                    .and_then(|handle| store.delete(&name, &handle));
                results.add(&id, outcome);
            }
            Ok(results)
        })
        .await?;
    Ok(results.into_json())
}

/// `ChangeMessageVisibilityBatch`.
pub(in super::super) async fn change_visibility(sqs: &Sqs, request: Batch<Handle>) -> Result<Value, Fault> {
    request.check("ChangeMessageVisibility")?;
    let queue = queue_name(request.queue_url)?;
    let name = queue.clone();
    let results = sqs
        .with(move |store, now| {
            store.queue(&name)?;
            let mut results = Results::default();
            for Entry { id, content } in request.entries {
                let outcome = required("ReceiptHandle", content.receipt_handle).and_then(|handle| {
                    let timeout =
                        content.visibility_timeout.ok_or_else(|| Fault::missing("VisibilityTimeout"))?;
                    store.change_visibility(&name, &handle, timeout, now)
                });
                results.add(&id, outcome);
            }
            Ok(results)
        })
        .await?;
    sqs.changed(&queue);
    Ok(results.into_json())
}
