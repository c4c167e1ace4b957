//! Messages: their attributes, limits and MD5 digests.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::fault::{Fault, Kind};

/// Bytes that a message, and a batch of them, may have: 1 MiB, attributes included
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
pub const LARGEST_MESSAGE: usize = 1024 * 1024;
/// Attributes that a message may have.
const MOST_ATTRIBUTES: usize = 10;
/// Who sends every message: there is one identity on this machine.
pub(super) const SENDER_ID: &str = "AIDALOCAL00000000000";

/// A message as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id that it got when it was sent, a UUID.
    pub message_id: String,
    /// This receive's handle.
    pub receipt_handle: String,
    /// What was sent.
    pub body: String,
    /// The body's MD5, hexadecimal.
    pub md5_of_body: String,
    /// SQS's own attributes, such as `ApproximateReceiveCount` and `SentTimestamp` (milliseconds since 1970).
    pub attributes: BTreeMap<String, String>,
    /// The sender's attributes.
    pub message_attributes: BTreeMap<String, MessageAttribute>,
}

impl Message {
    /// The MD5 of [`Message::message_attributes`], hexadecimal; `None` when there are none.
    #[must_use]
    pub fn md5_of_message_attributes(&self) -> Option<String> {
        md5_of_attributes(&self.message_attributes)
    }
}

/// A typed value that a sender attached to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, and optionally a label: `Number.int`.
    pub data_type: String,
    /// The value of a `String` or `Number`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// The value of a `Binary`, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

/// A message that is to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) body: String,
    /// Seconds; `None` is the queue's own delay.
    pub(super) delay: Option<i64>,
    pub(super) attributes: BTreeMap<String, MessageAttribute>,
    /// `AWSTraceHeader` and `MessageGroupId`.
    pub(super) system_attributes: BTreeMap<String, String>,
}

impl Draft {
    /// Everything that SQS checks of one message.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.body.is_empty() {
            return Err(Fault::missing("MessageBody"));
        }
        check_characters(&self.body)?;
        if let Some(delay) = self.delay.filter(|delay| !(0..=900).contains(delay)) {
            return Err(Fault::value("DelaySeconds", delay, "Must be between 0 and 900, if provided."));
        }
        if self.attributes.len() > MOST_ATTRIBUTES {
            let message = format!(
                "Number of message attributes [{}] exceeds the allowed maximum [10].",
                self.attributes.len()
            );
            return Err(Fault::new(Kind::InvalidParameterValue, message));
        }
        for (name, attribute) in &self.attributes {
            attribute.check(name)?;
        }
        if size_of(&self.body, &self.attributes) > LARGEST_MESSAGE {
            let message = format!(
                "One or more parameters are invalid. \
                 Reason: Message must be shorter than {LARGEST_MESSAGE} bytes."
            );
            return Err(Fault::new(Kind::InvalidParameterValue, message));
        }
        Ok(())
    }
}

impl MessageAttribute {
    /// The value's bytes; `None` when it has no value that fits its type.
    fn bytes(&self) -> Option<Vec<u8>> {
        if self.is_binary() {
            STANDARD.decode(self.binary_value.as_ref()?).ok()
        } else {
            self.string_value.clone().map(String::into_bytes)
        }
    }

    fn is_binary(&self) -> bool {
        self.base_type() == "Binary"
    }

    fn base_type(&self) -> &str {
        self.data_type.split('.').next().unwrap_or_default()
    }

    fn check(&self, name: &str) -> Result<(), Fault> {
        let refuse = |reason: &str| {
            Err(Fault::new(
                Kind::InvalidParameterValue,
                format!("The message attribute '{name}' is invalid: {reason}"),
            ))
        };
        let lower = name.to_ascii_lowercase();
        let is_named_well = (1..=256).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
            && !(name.starts_with('.') || name.ends_with('.') || name.contains(".."))
            && !(lower.starts_with("aws.") || lower.starts_with("amazon."));
        if !is_named_well {
            return refuse(
                "a name has letters, digits, '_', '-' and single inner '.', \
                 and does not begin with AWS. or Amazon.",
            );
        }
        if !["String", "Number", "Binary"].contains(&self.base_type()) || self.data_type.len() > 256 {
            return refuse(
                "its DataType must be String, Number or Binary, and may have a label: Number.int.",
            );
        }
        let Some(bytes) = self.bytes().filter(|bytes| !bytes.is_empty()) else {
            return refuse("it needs a value of its DataType, which must not be empty.");
        };
        if self.base_type() == "Number" {
            let is_number =
                std::str::from_utf8(&bytes).is_ok_and(|text| text.parse::<f64>().is_ok_and(f64::is_finite));
            if !is_number {
                return refuse("its value is not a number.");
            }
        }
        if let (false, Some(text)) = (self.is_binary(), &self.string_value) {
            check_characters(text)?;
        }
        Ok(())
    }
}

/// Bytes that count against [`LARGEST_MESSAGE`].
pub(super) fn size_of(body: &str, attributes: &BTreeMap<String, MessageAttribute>) -> usize {
    let attributes = attributes.iter().map(|(name, attribute)| {
        name.len() + attribute.data_type.len() + attribute.bytes().map_or(0, |bytes| bytes.len())
    });
    body.len() + attributes.sum::<usize>()
}

/// Only what XML 1.0 can carry (<https://www.w3.org/TR/REC-xml/#charsets>).
fn check_characters(text: &str) -> Result<(), Fault> {
    let is_carried = |character: char| match character {
        '\t' | '\n' | '\r' => true,
        other => other >= ' ' && !['\u{FFFE}', '\u{FFFF}'].contains(&other),
    };
    match text.chars().find(|&character| !is_carried(character)) {
        None => Ok(()),
        Some(character) => Err(Fault::new(
            Kind::InvalidMessageContents,
            format!(
                "Invalid character found: #x{:X}. Valid unicode characters are #x9 | #xA | #xD | \
                 #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.",
                u32::from(character)
            ),
        )),
    }
}

/// The MD5 of a body, hexadecimal.
pub(super) fn md5_of_body(body: &str) -> String {
    hexadecimal(Md5::new_with_prefix(body))
}

/// The MD5 of message attributes, as SDKs compute it; `None` when there are none
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>).
pub(super) fn md5_of_attributes(attributes: &BTreeMap<String, MessageAttribute>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    for (name, attribute) in attributes {
        add_with_length(&mut digest, name.as_bytes());
        add_with_length(&mut digest, attribute.data_type.as_bytes());
        digest.update([if attribute.is_binary() { 2 } else { 1 }]);
        add_with_length(&mut digest, &attribute.bytes().unwrap_or_default());
    }
    Some(hexadecimal(digest))
}

fn add_with_length(digest: &mut Md5, bytes: &[u8]) {
    // No message is longer than four bytes can say.
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}

fn hexadecimal(digest: Md5) -> String {
    use std::fmt::Write as _;
    digest.finalize().iter().fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
