//! What is Chairbook's own on this machine.

pub mod cli;
pub mod console;
pub mod stack;
