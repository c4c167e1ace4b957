//! Chairbook on one machine: [`stack`] is the one of its template, filled with the [`demo`]; [`cli`] and [`console`] are
//! what `cargo run` takes and shows.
//!
//! What runs the template is [`sam_local`], which knows nothing of Chairbook. Of it, this is what tests look at:

pub mod cli;
pub mod console;
pub mod demo;
pub mod stack;

pub use sam_local::{binaries, data_directory, faults, gateway, mailbox, runtime, template};
