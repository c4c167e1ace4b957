//! A mail of the mailbox, read from its message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use mail_parser::{
    Address, Encoding, HeaderName, Message, MessageParser, MessagePart, MimeHeaders as _, PartType,
};
use serde::{Serialize, Serializer};
use ulid::Ulid;

use super::new_mail::ENVELOPE_HEADER;

/// A mail as JSON shows it: decoded, with lines that end in `\n` whatever the message had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mail {
    /// The id that the sender was given: a ULID, so that mails sort by it.
    pub id: String,
    /// Whom it is addressed to, as addresses without names.
    pub to: Vec<String>,
    /// Who got a copy, likewise.
    pub cc: Vec<String>,
    /// Who got a copy that the others do not know of, likewise.
    pub bcc: Vec<String>,
    /// The sender: `Name <address>`, or the address alone.
    pub from: String,
    /// Whom an answer goes to, as addresses without names.
    pub reply_to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The plain text, if there is one.
    pub text: Option<String>,
    /// The HTML text, if there is one.
    pub html: Option<String>,
    /// The files that go with it.
    pub attachments: Vec<Attachment>,
    /// When it was accepted, to the millisecond.
    pub sent_at: Timestamp,
    /// Everybody it went to: the envelope, whatever the headers say.
    #[serde(skip)]
    pub(super) recipients: Vec<String>,
}

/// A file that goes with a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// Its media type, with parameters, as the message has it.
    pub content_type: String,
    /// Its bytes; in JSON, always in base64 (RFC 4648 §4).
    #[serde(serialize_with = "base64")]
    pub content: Bytes,
}

fn base64<S: Serializer>(content: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(content))
}

impl Mail {
    /// Reads a message; `None` when it has no header.
    pub(super) fn parse(id: Ulid, message: &[u8]) -> Option<Self> {
        let parsed = MessageParser::default().parse(message).filter(|parsed| !parsed.headers().is_empty())?;
        let to: Vec<String> = parsed.all_to().flat_map(addresses).collect();
        let cc: Vec<String> = parsed.all_cc().flat_map(addresses).collect();
        let bcc: Vec<String> = parsed.all_bcc().flat_map(addresses).collect();
        let recipients =
            envelope(&parsed).unwrap_or_else(|| [to.as_slice(), cc.as_slice(), bcc.as_slice()].concat());
        let body = |ids: &[u32], is_html: bool| {
            ids.iter().filter_map(|id| parsed.part(*id)).find_map(|part| match &part.body {
                PartType::Html(body) if is_html => Some(body.replace("\r\n", "\n")),
                PartType::Text(body) if !is_html => Some(body.replace("\r\n", "\n")),
                _ => None,
            })
        };
        let attachments = (0..).map_while(|at| parsed.attachment(at)).enumerate();
        let milliseconds = i64::try_from(id.timestamp_ms()).unwrap_or(i64::MAX);
        Some(Self {
            id: id.to_string(),
            // A raw message need not name those whom it was sent to.
            to: if to.is_empty() && cc.is_empty() && bcc.is_empty() { recipients.clone() } else { to },
            cc,
            bcc,
            from: parsed.from().map(displayed).unwrap_or_default(),
            reply_to: parsed.reply_to().into_iter().flat_map(addresses).collect(),
            subject: parsed.subject().unwrap_or_default().to_owned(),
            text: body(&parsed.text_body, false),
            html: body(&parsed.html_body, true),
            attachments: attachments.map(|(at, part)| Attachment::of(at, part, &parsed)).collect(),
            sent_at: Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX),
            recipients,
        })
    }

    /// Whether it went to an address: in `To`, `Cc`, `Bcc` or in the envelope alone.
    #[must_use]
    pub fn went_to(&self, address: &str) -> bool {
        self.recipients.iter().any(|recipient| recipient.eq_ignore_ascii_case(address.trim()))
    }
}

impl Attachment {
    fn of(at: usize, part: &MessagePart<'_>, message: &Message<'_>) -> Self {
        let name = part.attachment_name().map_or_else(|| format!("attachment-{}", at + 1), str::to_owned);
        let content_type = part.headers.iter().find(|header| header.name == HeaderName::ContentType);
        let content_type = content_type
            .and_then(|header| slice(message, header.offset_start, header.offset_end))
            .map(|value| String::from_utf8_lossy(value).split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|value| !value.is_empty());
        Self {
            name,
            content_type: content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
            content: content(part, message),
        }
    }
}

/// A file's bytes as they were sent: the parser's own decoding turns whatever calls itself text into UTF-8.
fn content(part: &MessagePart<'_>, message: &Message<'_>) -> Bytes {
    let exact = (part.encoding == Encoding::Base64)
        .then(|| slice(message, part.offset_body, part.offset_end))
        .flatten()
        .map(|encoded| encoded.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<_>>())
        .and_then(|encoded| STANDARD.decode(encoded).ok());
    Bytes::from(exact.unwrap_or_else(|| part.contents().to_vec()))
}

fn slice<'m>(message: &'m Message<'_>, start: u32, end: u32) -> Option<&'m [u8]> {
    message.raw_message.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

fn envelope(message: &Message<'_>) -> Option<Vec<String>> {
    // The first one is the mailbox's own; a raw message may bring another.
    let (_, value) = message.headers_raw().find(|(name, _)| name.eq_ignore_ascii_case(ENVELOPE_HEADER))?;
    Some(value.split(',').map(|address| address.trim().to_owned()).filter(|it| !it.is_empty()).collect())
}

/// The addresses of an address header, without names.
pub fn addresses(header: &Address<'_>) -> Vec<String> {
    header.iter().filter_map(|entry| entry.address().map(str::to_owned)).collect()
}

fn displayed(header: &Address<'_>) -> String {
    let entries = header.iter().map(|entry| match (entry.name(), entry.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (name, address) => name.or(address).unwrap_or_default().to_owned(),
    });
    entries.collect::<Vec<_>>().join(", ")
}
