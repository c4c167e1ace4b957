//! End-to-end tests: real HTTP against the local stack, real function binaries, real tables, one stack per test.
//!
//! Each response that an [`Actor`] receives is checked against the API's reference, `docs/openapi.json`, and its [`Json`]
//! is read by the members that it has: another one fails the test.
//!
//! A test starts a [`TestStack`], makes [`Actor`]s, lets them call the API, and ends with [`TestStack::finish`], which
//! fails it if anything was left undone: an event without its mail, a message among the dead letters, an answer of
//! 5xx, a secret in a log, cells of an expert's day that no appointment accounts for, or statistics that a recount of the
//! appointments does not confirm.

mod actor;
mod answer;
pub mod appointment;
pub mod busy_salon;
pub mod checker;
mod conformance;
pub mod cost;
mod json;
pub mod open_salon;
pub mod processes;
pub mod seed;
mod stack;
pub mod stack_process;
pub mod statistics;
pub mod turnstile;

pub use actor::Actor;
pub use answer::Answer;
pub use json::Json;
pub use stack::{Permitted, TestStack, TestStackBuilder, built, dynamodb_faults};
