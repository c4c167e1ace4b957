//! The page that shows the mailbox to a person.

use std::sync::Arc;

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::mail::Mail;

/// How many characters of a mail's text the list shows.
const PREVIEW_LENGTH: usize = 100;

/// The page: the list, and the mail that is open.
#[derive(Template)]
#[template(path = "mailbox.html")]
pub struct MailboxPage<'a> {
    /// Marks the page's own script and style for its Content-Security-Policy.
    pub nonce: &'a str,
    /// The mails, the newest first.
    pub rows: &'a [Row<'a>],
    /// The mail that is open.
    pub open: Option<&'a OpenMail<'a>>,
    /// Whether a mail was asked for that is not there.
    pub is_missing: bool,
}

/// A mail in the list.
pub struct Row<'a> {
    /// The mail.
    pub mail: &'a Mail,
    /// How its text begins.
    pub preview: String,
    /// Whether it is the open one.
    pub is_open: bool,
}

/// The mail that is open.
pub struct OpenMail<'a> {
    /// The mail.
    pub mail: &'a Mail,
    /// What of it is shown.
    pub view: View,
    /// The message's header, as it is.
    pub header: String,
    /// Its files.
    pub attachments: Vec<AttachmentLink<'a>>,
}

/// A file to download.
pub struct AttachmentLink<'a> {
    /// Its place among the mail's files, from 0.
    pub at: usize,
    /// Its name.
    pub name: &'a str,
    /// Its media type with parameters.
    pub content_type: &'a str,
    /// Its size, for people.
    pub size: String,
}

/// What of a mail is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The HTML text.
    Html,
    /// The plain text.
    Text,
    /// The message's header.
    Headers,
}

impl View {
    /// The view that was asked for, or the first that the mail has.
    pub fn of(mail: &Mail, wanted: Option<&str>) -> Self {
        match wanted {
            Some("headers") => Self::Headers,
            Some("text") if mail.text.is_some() => Self::Text,
            _ if mail.html.is_some() => Self::Html,
            _ if mail.text.is_some() => Self::Text,
            _ => Self::Headers,
        }
    }
}

/// The list's rows, with `open` marked.
pub fn rows<'a>(mails: &'a [Arc<Mail>], open: Option<&Mail>) -> Vec<Row<'a>> {
    let is_open = |mail: &Mail| open.is_some_and(|open| open.id == mail.id);
    mails.iter().map(|mail| Row { mail, preview: preview(mail), is_open: is_open(mail) }).collect()
}

/// The open mail, of which `message` is the file.
pub fn open_mail<'a>(mail: &'a Mail, message: &[u8], wanted: Option<&str>) -> OpenMail<'a> {
    let attachments = mail.attachments.iter().enumerate().map(|(at, attachment)| AttachmentLink {
        at,
        name: &attachment.name,
        content_type: &attachment.content_type,
        size: size(attachment.content.len()),
    });
    OpenMail {
        mail,
        view: View::of(mail, wanted),
        header: header(message),
        attachments: attachments.collect(),
    }
}

fn preview(mail: &Mail) -> String {
    let text = mail.text.as_deref().unwrap_or_default();
    let words = text.split_whitespace().take(PREVIEW_LENGTH).collect::<Vec<_>>().join(" ");
    words.chars().take(PREVIEW_LENGTH).collect()
}

fn header(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let lines = text.lines().take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// An instant as a page without scripts shows it; the script puts the reader's own time in its place.
fn universal(at: &Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%-d %b %Y, %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        for (bytes, expected) in
            [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1 kB"), (1_001, "2 kB"), (2_350_000, "2.3 MB")]
        {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn a_header_ends_at_the_first_empty_line() {
        assert_eq!(header(b"A: 1\r\nB: 2\r\n folded\r\n\r\nbody\r\n"), "A: 1\nB: 2\n folded");
    }
}
