//! `SendEmail`'s request, as the SDKs write it
//! (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>).
//!
//! Members that change nothing for a captured mail (a configuration set, a feedback address, ARNs) are not read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SendEmailRequest {
    pub from_email_address: Option<String>,
    pub destination: Option<Destination>,
    #[serde(default)]
    pub reply_to_addresses: Vec<String>,
    pub content: Option<EmailContent>,
    #[serde(default)]
    pub email_tags: Vec<NameValue>,
    pub list_management_options: Option<IgnoredAny>,
    pub endpoint_id: Option<IgnoredAny>,
    pub tenant_name: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(clippy::struct_field_names, reason = "the members' names are SES's")]
pub struct Destination {
    pub to_addresses: Vec<String>,
    pub cc_addresses: Vec<String>,
    pub bcc_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EmailContent {
    pub simple: Option<Message>,
    pub raw: Option<RawMessage>,
    pub template: Option<Template>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Message {
    pub subject: Option<Content>,
    pub body: Option<Body>,
    #[serde(default)]
    pub headers: Vec<NameValue>,
    #[serde(default)]
    pub attachments: Vec<Attachment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Body {
    pub text: Option<Content>,
    pub html: Option<Content>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Content {
    pub data: String,
}

/// A header or a tag.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NameValue {
    pub name: String,
    pub value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attachment {
    pub file_name: String,
    #[serde(deserialize_with = "blob")]
    pub raw_content: Vec<u8>,
    pub content_type: Option<String>,
    pub content_disposition: Option<Disposition>,
    pub content_id: Option<String>,
    pub content_description: Option<String>,
    /// How the part travels; the mailbox keeps every part in base64.
    #[serde(rename = "ContentTransferEncoding")]
    pub _transfer_encoding: Option<TransferEncoding>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Disposition {
    Attachment,
    Inline,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TransferEncoding {
    Base64,
    QuotedPrintable,
    SevenBit,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RawMessage {
    #[serde(deserialize_with = "blob")]
    pub data: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Template {
    pub template_name: Option<String>,
    pub template_arn: Option<String>,
}

fn blob<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let encoded = String::deserialize(deserializer)?;
    STANDARD.decode(encoded).map_err(|error| D::Error::custom(format!("a blob is not base64: {error}")))
}
