//! A SAM template, executed on one machine: an HTTP API, functions, tables with streams, queues, schedules and mail.
//!
//! [`template`] reads the template; [`stack`] puts together what it describes: [`gateway`] (the HTTP API),
//! [`runtime`] (the functions as processes, and the Invoke API), [`dynamodb`] and [`sqs`] (embedded), [`ses`] and
//! [`mailbox`] (mails are captured, not sent), [`event_sources`] (queues, streams and schedules that invoke
//! functions). Everything that must survive is in one [`data_directory`]. [`services`] and [`tool_environment`] let other
//! tools run the functions against what the stack has.
//!
//! A program that runs one flattens [`cli::Arguments`] into its command line, starts a [`stack::Stack`], and lets
//! [`terminal::attend`] show what that does.

pub mod binaries;
pub mod cli;
pub mod clock;
pub mod console;
pub mod data_directory;
pub mod dynamodb;
pub mod event_sources;
pub mod faults;
pub mod gateway;
pub mod mailbox;
pub mod runtime;
pub mod secrets;
mod server;
pub mod services;
pub mod ses;
pub mod sqs;
pub mod stack;
pub mod template;
pub mod terminal;
pub mod tool_environment;
