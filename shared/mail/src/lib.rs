//! Chairbook's e-mails: typed values in, a subject, a plain text, an HTML text and attachments out.
//!
//! Nothing here sends anything or reads a clock: [`compose`] is a pure function of an event and the rows that it
//! is about, so that every mail is tested as a snapshot.
//!
//! A mail is a folder `templates/<name>/` with `subject`, `body.txt` and `body.html`, compiled in. HTML bodies
//! extend `templates/layout.html`, whose styles are inline (many mail programs ignore all others), which fits a
//! phone's width, and which says its own colours for dark mode. HTML is escaped by the template engine; in plain
//! text and in subjects, whatever a person wrote goes through [`text`] first.
//!
//! To add one more mail:
//! 1. write its folder of templates;
//! 2. add its type beside its kin, in [`account`], [`appointment`] or [`todo`], with only what the templates show, and name
//!    its folder in the `templates!` call there;
//! 3. give its event type an arm in [`compose`] (the compiler asks for it);
//! 4. add it to `tests/mails.rs`, run `INSTA_UPDATE=always cargo test -p chairbook-mail`, and read the new
//!    snapshot under `snapshots/`: it is what people get.

pub mod account;
pub mod address;
pub mod appointment;
pub mod calendar;
mod compose;
mod config;
#[cfg(test)]
mod edge_properties;
mod rendered;
pub mod text;
pub mod time;
pub mod todo;

pub use address::{AddressError, Mailbox, in_ascii};
pub use compose::{Context, compose};
pub use config::{ConfigError, MailConfig};
pub use rendered::{Attachment, MailError, Rendered};
