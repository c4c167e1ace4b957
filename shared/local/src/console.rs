//! What `cargo run` shows first: where Chairbook's API is, and who can log in.

use std::fmt::Write as _;

use clap::builder::styling::Style;
use sam_local::console;
use sam_local::data_directory::Data;

use crate::demo;
use crate::stack::Stack;

const BOLD: Style = Style::new().bold();

/// What a person needs to know once everything is up.
#[must_use]
pub fn welcome(stack: &Stack, data: &Data, with_demo: bool) -> String {
    let url = stack.url();
    let addresses = [("API", format!("{url}/api/v1")), ("Health", format!("{url}/api/v1/health"))];
    let mut text = console::welcome("Chairbook", &addresses, stack, data);
    if with_demo {
        let _infallible =
            writeln!(text, "\n  Demo accounts, with the password {BOLD}{}{BOLD:#}", demo::PASSWORD);
        for account in &demo::ACCOUNTS {
            let role = format!("{:?}", account.role).to_lowercase();
            let _infallible = writeln!(text, "  {:<12}{}", role, account.email);
        }
    }
    text
}
