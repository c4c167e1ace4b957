//! The command line of `cargo run`.

use clap::Parser;
use sam_local::cli::Arguments;

/// Runs Chairbook on this machine: the functions of template.yaml, their API, and the tables, queues and mailbox that
/// they need.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "chairbook", version)]
pub struct Cli {
    /// What every local stack can be told.
    #[command(flatten)]
    pub stack: Arguments,
    /// Leave an empty catalog empty, and make no demo accounts
    #[arg(long)]
    pub no_demo: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
        let cli = Cli::parse_from(["chairbook", "--no-demo", "--port", "0"]);
        assert_eq!((cli.stack.port, cli.no_demo), (0, true));
        assert!(!Cli::parse_from(["chairbook"]).no_demo);
    }
}
