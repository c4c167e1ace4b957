//! The whole system on one machine: `template.yaml`, executed.
//!
//! [`template`] reads the template; [`stack`] puts together what it describes: [`gateway`] (the HTTP API),
//! [`runtime`] (the functions as processes, and the Invoke API), [`dynamodb`] and [`sqs`] (embedded), [`ses`] and
//! [`mailbox`] (mails are captured, not sent), [`event_sources`] (queues, streams and schedules that invoke
//! functions). Everything that must survive is in one [`data_directory`].

pub mod binaries;
pub mod cli;
pub mod clock;
pub mod console;
pub mod data_directory;
pub mod demo;
pub mod dynamodb;
pub mod event_sources;
pub mod faults;
pub mod gateway;
pub mod mailbox;
pub mod product;
pub mod runtime;
pub mod secrets;
mod server;
pub mod ses;
pub mod sqs;
pub mod stack;
pub mod template;
pub mod terminal;
