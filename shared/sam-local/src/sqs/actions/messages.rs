//! Actions on one message, and `ReceiveMessage`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::fault::{Fault, Kind};
use super::super::message::{Draft, Message, MessageAttribute, md5_of_attributes, size_of};
use super::super::service::{MOST_MESSAGES, Sqs};
use super::super::store::{Sent, Take};
use super::{queue_name, required};

/// System attributes that a receive may ask for.
const SYSTEM_ATTRIBUTES: [&str; 10] = [
    "All",
    "AWSTraceHeader",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
];

/// What is sent: a request of `SendMessage`, or an entry of its batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Content {
    #[serde(default)]
    message_body: String,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: BTreeMap<String, MessageAttribute>,
    #[serde(default)]
    message_system_attributes: BTreeMap<String, MessageAttribute>,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
}

impl Content {
    /// Bytes that count against a batch's limit.
    pub(super) fn size(&self) -> usize {
        size_of(&self.message_body, &self.message_attributes)
    }

    /// The message, checked, with the digest of its system attributes.
    pub(super) fn into_draft(self) -> Result<(Draft, Option<String>), Fault> {
        if self.message_deduplication_id.is_some() {
            return Err(Fault::new(
                Kind::InvalidParameterValue,
                "The request include parameter MessageDeduplicationId which is not valid for this queue type",
            ));
        }
        let digest = md5_of_attributes(&self.message_system_attributes);
        let mut system_attributes = BTreeMap::new();
        for (name, attribute) in self.message_system_attributes {
            match attribute.string_value {
                Some(value) if name == "AWSTraceHeader" && attribute.data_type == "String" => {
                    system_attributes.insert(name, value);
                }
                _ => {
                    return Err(Fault::value(
                        "MessageSystemAttributes",
                        name,
                        "Only AWSTraceHeader, a String, may be sent.",
                    ));
                }
            }
        }
        // Standard queues take a group too, for fairness between tenants.
        if let Some(group) = self.message_group_id {
            system_attributes.insert("MessageGroupId".to_owned(), group);
        }
        let draft = Draft {
            body: self.message_body,
            delay: self.delay_seconds,
            attributes: self.message_attributes,
            system_attributes,
        };
        draft.check()?;
        Ok((draft, digest))
    }
}

/// The answer for a message that is on disk.
pub(super) fn acknowledgement(sent: Sent, md5_of_system_attributes: Option<String>) -> Value {
    let mut answer = json!({ "MessageId": sent.message_id, "MD5OfMessageBody": sent.md5_of_body });
    let digests = [
        ("MD5OfMessageAttributes", sent.md5_of_attributes),
        ("MD5OfMessageSystemAttributes", md5_of_system_attributes),
    ];
    for (name, digest) in digests.into_iter().filter_map(|(name, digest)| Some((name, digest?))) {
        answer[name] = digest.into();
    }
    answer
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Send {
    queue_url: Option<String>,
    #[serde(flatten)]
    content: Content,
}

/// `SendMessage`.
pub(in super::super) async fn send(sqs: &Sqs, request: Send) -> Result<Value, Fault> {
    let queue = queue_name(request.queue_url)?;
    let name = queue.clone();
    let (sent, digest) = sqs
        .with(move |store, now| {
            // That there is no such queue comes before what is wrong with the message.
            store.queue(&name)?;
            let (draft, digest) = request.content.into_draft()?;
            Ok((store.send(&name, &[draft], now)?, digest))
        })
        .await?;
    sqs.changed(&queue);
    let sent = sent.into_iter().next().ok_or_else(|| Fault::new(Kind::Internal, "nothing was sent"))?;
    Ok(acknowledgement(sent, digest))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Receive {
    queue_url: Option<String>,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    /// The old name of the next.
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

/// `ReceiveMessage`.
pub(in super::super) async fn receive(sqs: &Sqs, request: Receive) -> Result<Value, Fault> {
    let name = queue_name(request.queue_url)?;
    let within = |parameter: &str, value: Option<i64>, low: i64, high: i64| match value {
        Some(value) if !(low..=high).contains(&value) => {
            let reason = format!("Must be between {low} and {high}, if provided.");
            Err(Fault::value(parameter, value, &reason))
        }
        value => Ok(value),
    };
    let most = within("MaxNumberOfMessages", request.max_number_of_messages, 1, 10)?.unwrap_or(1);
    let visibility_timeout = within("VisibilityTimeout", request.visibility_timeout, 0, 43_200)?;
    let wait = within("WaitTimeSeconds", request.wait_time_seconds, 0, 20)?;
    let system: Vec<String> =
        request.attribute_names.into_iter().chain(request.message_system_attribute_names).collect();
    if let Some(unknown) = system.iter().find(|name| !SYSTEM_ATTRIBUTES.contains(&name.as_str())) {
        return Err(Fault::new(Kind::InvalidAttributeName, format!("Unknown Attribute {unknown}.")));
    }
    let wait = if let Some(wait) = wait {
        wait
    } else {
        let name = name.clone();
        sqs.with(move |store, _| store.queue(&name)).await?.settings.receive_wait_time
    };
    let most = usize::try_from(most).unwrap_or(MOST_MESSAGES);
    let take = Take { most, visibility_timeout, least_visibility_timeout: 0 };
    let wait = Duration::from_secs(u64::try_from(wait).unwrap_or_default());
    let messages = sqs.take(&name, take, wait).await?;
    if messages.is_empty() {
        return Ok(json!({}));
    }
    let messages: Vec<Value> = messages
        .into_iter()
        .map(|message| shown(message, &system, &request.message_attribute_names))
        .collect();
    Ok(json!({ "Messages": messages }))
}

/// The message with the attributes that were asked for.
fn shown(mut message: Message, system: &[String], attributes: &[String]) -> Value {
    message.attributes.retain(|name, _| system.iter().any(|wanted| wanted == "All" || wanted == name));
    message.message_attributes.retain(|name, _| attributes.iter().any(|wanted| is_wanted(name, wanted)));
    let mut value = json!({
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt_handle,
        "MD5OfBody": message.md5_of_body,
        "Body": message.body,
    });
    if !message.attributes.is_empty() {
        value["Attributes"] = json!(message.attributes);
    }
    // SDKs compare it with what they get, so it is the digest of what is shown.
    if let Some(digest) = message.md5_of_message_attributes() {
        value["MD5OfMessageAttributes"] = digest.into();
        value["MessageAttributes"] = json!(message.message_attributes);
    }
    value
}

/// Whether `wanted` (`All`, `.*`, a name, or `prefix.*`) means the attribute.
fn is_wanted(name: &str, wanted: &str) -> bool {
    wanted == "All"
        || wanted == name
        || wanted.strip_suffix(".*").is_some_and(|prefix| {
            prefix.is_empty()
                || name == prefix
                || name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'))
        })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Delete {
    queue_url: Option<String>,
    receipt_handle: Option<String>,
}

/// `DeleteMessage`.
pub(in super::super) async fn delete(sqs: &Sqs, request: Delete) -> Result<Value, Fault> {
    let name = queue_name(request.queue_url)?;
    let handle = required("ReceiptHandle", request.receipt_handle)?;
    sqs.with(move |store, _| store.delete(&name, &handle)).await?;
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct ChangeVisibility {
    queue_url: Option<String>,
    receipt_handle: Option<String>,
    visibility_timeout: Option<i64>,
}

/// `ChangeMessageVisibility`.
pub(in super::super) async fn change_visibility(
    sqs: &Sqs,
    request: ChangeVisibility,
) -> Result<Value, Fault> {
    let queue = queue_name(request.queue_url)?;
    let handle = required("ReceiptHandle", request.receipt_handle)?;
    let timeout = request.visibility_timeout.ok_or_else(|| Fault::missing("VisibilityTimeout"))?;
    let name = queue.clone();
    sqs.with(move |store, now| store.change_visibility(&name, &handle, timeout, now)).await?;
    sqs.changed(&queue);
    Ok(Value::Null)
}
