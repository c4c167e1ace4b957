//! A mail that is to be put into the mailbox, and the message (RFC 5322) that it becomes.

use std::fmt::Write as _;
use std::io;

use jiff::Timestamp;
use mail_builder::MessageBuilder;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::{BodyPart, MimePart};
use ulid::Ulid;

/// The header, always the first of a stored message, that keeps whom a mail was sent to: a raw message's own
/// headers may say something else.
pub const ENVELOPE_HEADER: &str = "X-Envelope-To";

/// A mail to be put into the mailbox.
#[derive(Clone)]
pub enum NewMail {
    /// A message to be built from its parts.
    Composed(ComposedMail),
    /// A message that is built already.
    Raw(RawMail),
}

/// The parts of a mail. Addresses are written as in a header: `Ada <ada@salon.example>`, in ASCII.
#[derive(Clone, Default)]
pub struct ComposedMail {
    /// The sender.
    pub from: String,
    /// Whom it is addressed to.
    pub to: Vec<String>,
    /// Who gets a copy.
    pub cc: Vec<String>,
    /// Who gets a copy that the others do not know of.
    pub bcc: Vec<String>,
    /// Whom an answer goes to.
    pub reply_to: Vec<String>,
    /// The addresses of all recipients, without names.
    pub recipients: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The plain text.
    pub text: Option<String>,
    /// The HTML text.
    pub html: Option<String>,
    /// More headers: name and value.
    pub headers: Vec<(String, String)>,
    /// What goes with it.
    pub attachments: Vec<NewAttachment>,
}

/// A file that goes with a mail.
#[derive(Clone)]
pub struct NewAttachment {
    /// The file's name.
    pub name: String,
    /// Its media type with parameters.
    pub content_type: String,
    /// `attachment`, or `inline` for a part of the HTML text.
    pub disposition: &'static str,
    /// By what the HTML text refers to it, without brackets.
    pub content_id: Option<String>,
    /// What it is, in a few words.
    pub description: Option<String>,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// A whole message with its envelope.
#[derive(Clone)]
pub struct RawMail {
    /// The sender, for a message without a `From` of its own.
    pub from: Option<String>,
    /// The addresses of all recipients, without names.
    pub recipients: Vec<String>,
    /// The message.
    pub message: Vec<u8>,
}

impl NewMail {
    /// The message as it is kept.
    pub(super) fn into_message(self, id: Ulid, at: Timestamp) -> io::Result<Vec<u8>> {
        match self {
            Self::Composed(mail) => mail.into_message(id, at),
            Self::Raw(mail) => Ok(mail.into_message()),
        }
    }
}

impl ComposedMail {
    fn into_message(self, id: Ulid, at: Timestamp) -> io::Result<Vec<u8>> {
        let mut message = MessageBuilder::new()
            .header(ENVELOPE_HEADER, Raw::new(self.recipients.join(", ")))
            .message_id(MessageId::new(format!("{id}@mail.localhost")))
            .date(Date::new(at.as_second()))
            .header("From", Raw::new(self.from));
        for (name, addresses) in
            [("To", self.to), ("Cc", self.cc), ("Bcc", self.bcc), ("Reply-To", self.reply_to)]
        {
            if !addresses.is_empty() {
                message = message.header(name, Raw::new(addresses.join(", ")));
            }
        }
        message = message.subject(self.subject);
        for (name, value) in self.headers {
            message = message.header(name, Text::new(value));
        }
        if let Some(text) = self.text {
            message = message.text_body(text);
        }
        if let Some(html) = self.html {
            message = message.html_body(html);
        }
        if !self.attachments.is_empty() {
            message.attachments = Some(self.attachments.into_iter().map(NewAttachment::into_part).collect());
        }
        message.write_to_vec()
    }
}

impl NewAttachment {
    fn into_part(self) -> MimePart<'static> {
        let disposition = ContentType::new(self.disposition).attribute("filename", self.name);
        // A media type of text as a raw header: the builder would send such a file as quoted-printable text and
        // change its line ends.
        let headers = vec![("Content-Type".into(), Raw::new(self.content_type).into())];
        let part = MimePart { headers, contents: BodyPart::Binary(self.content.into()) }
            .header("Content-Disposition", disposition);
        let part = match self.content_id {
            Some(id) => part.cid(id),
            None => part,
        };
        match self.description {
            Some(description) => part.header("Content-Description", Text::new(description)),
            None => part,
        }
    }
}

impl RawMail {
    /// The message stays as it is: what the mailbox adds comes before it, as a mail server's trace headers do.
    fn into_message(self) -> Vec<u8> {
        let mut added = format!("{ENVELOPE_HEADER}: {}\r\n", self.recipients.join(",\r\n "));
        if let Some(from) = self.from {
            // Writing to a String cannot fail.
            let _ = write!(added, "From: {from}\r\n");
        }
        [added.into_bytes(), self.message].concat()
    }
}
