//! A finished mail, and what can keep one from being finished.

use askama::Template;
use chairbook_models::event::EventType;

use crate::text;

/// Reasons why a mail cannot be written. Trying again does not help: its material would have to change.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The salon's time zone, or an appointment's, is not one.
    #[error("time zone {0:?} is not in the time zone database")]
    UnknownTimeZone(String),
    /// Nobody gets mail for this.
    #[error("there is no mail for {}", .0.as_str())]
    NoMail(EventType),
    /// The event carries no one-time token, and its mail is made of one.
    #[error("{} carries no token", .0.as_str())]
    TokenMissing(EventType),
    /// The appointment that the event is about was not given.
    #[error("{} came without its appointment", .0.as_str())]
    AppointmentMissing(EventType),
    /// The to-do that the event is about was not given, or is never due where its mail says when.
    #[error("{} came without its to-do", .0.as_str())]
    TodoMissing(EventType),
    /// A template failed.
    #[error("a template failed: {0}")]
    Template(#[from] askama::Error),
}

impl MailError {
    /// A word for logs and rows, such as `unknown_time_zone`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownTimeZone(_) => "unknown_time_zone",
            Self::NoMail(_) => "no_mail",
            Self::TokenMissing(_) => "token_missing",
            Self::AppointmentMissing(_) => "appointment_missing",
            Self::TodoMissing(_) => "todo_missing",
            Self::Template(_) => "template_failed",
        }
    }
}

/// A file that goes with a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name, such as `appointment.ics`.
    pub filename: String,
    /// Its media type with parameters.
    pub content_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// A finished mail; who it goes to is the sender's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The subject: one line, whatever it was made from.
    pub subject: String,
    /// The plain text, in lines of [`text::WIDTH`] characters where words allow it.
    pub text: String,
    /// The HTML text.
    pub html: String,
    /// The attachments.
    pub attachments: Vec<Attachment>,
}

/// One mail's three templates.
pub(crate) trait Templates {
    fn subject(&self) -> Result<String, askama::Error>;
    fn text(&self) -> Result<String, askama::Error>;
    fn html(&self, subject: &str) -> Result<String, askama::Error>;

    fn render(&self, attachments: Vec<Attachment>) -> Result<Rendered, MailError> {
        let subject = text::single_line(&self.subject()?);
        Ok(Rendered { text: text::wrapped(&self.text()?), html: self.html(&subject)?, attachments, subject })
    }
}

/// Renders a template that is made of a mail.
pub(crate) fn render(template: &impl Template) -> Result<String, askama::Error> {
    template.render()
}

/// Ties a mail's type to its folder: `templates!(Welcome, "welcome/subject", "welcome/body.txt",
/// "welcome/body.html")`. In the templates, the value is `mail`; HTML has its rendered `subject` besides.
macro_rules! templates {
    ($mail:ident, $subject:tt, $text:tt, $html:tt) => {
        impl crate::rendered::Templates for $mail {
            fn subject(&self) -> Result<String, askama::Error> {
                #[derive(askama::Template)]
                #[template(path = $subject, escape = "none")]
                struct Subject<'a> {
                    mail: &'a $mail,
                }
                crate::rendered::render(&Subject { mail: self })
            }

            fn text(&self) -> Result<String, askama::Error> {
                #[derive(askama::Template)]
                #[template(path = $text, escape = "none")]
                struct Text<'a> {
                    mail: &'a $mail,
                }
                crate::rendered::render(&Text { mail: self })
            }

            fn html(&self, subject: &str) -> Result<String, askama::Error> {
                #[derive(askama::Template)]
                #[template(path = $html, escape = "html")]
                struct Html<'a> {
                    mail: &'a $mail,
                    subject: &'a str,
                }
                crate::rendered::render(&Html { mail: self, subject })
            }
        }
    };
}

pub(crate) use templates;
