//! Amazon SQS on one machine: standard queues over AWS JSON 1.0, kept in SQLite.
//!
//! [`Sqs`] is the queues themselves, for the event sources of this process; [`router`] is the same for SDKs. What was
//! acknowledged is committed. Waiting costs nothing: a long poll sleeps until a message arrives or one of those it
//! knows becomes visible. Beneath: `endpoint` (the protocol), `actions` (one function per action), `service` (the
//! queues themselves), `store` (SQL), `queue` and `message` (rules that need no database), `receipt` (receipt handles),
//! `fault` (errors); each uses only those after it.
//!
//! It differs from SQS where that helps: counts are exact, a purge and a move are done when they answer, and messages
//! that were in flight when the process ended are visible again when it starts.

mod actions;
mod endpoint;
mod fault;
mod message;
mod queue;
mod receipt;
mod service;
mod store;

pub use endpoint::router;
pub use message::{LARGEST_MESSAGE, Message, MessageAttribute};
pub use queue::Counts;
pub use service::{MOST_MESSAGES, Sqs, SqsError};

#[cfg(test)]
mod tests;
