//! The command line of `cargo run`.

use clap::Parser;
use sam_local::cli::{Arguments, Command};

/// Runs Chairbook on this machine: the functions of template.yaml, their API, and the tables, queues and mailbox that
/// they need.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "chairbook", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do instead of running the stack.
    #[command(subcommand)]
    pub command: Option<Command>,
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
    use sam_local::cli::EnvArguments;
    use sam_local::tool_environment::Tool;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
        let cli = Cli::parse_from(["chairbook", "--no-demo", "--port", "0"]);
        assert_eq!((cli.stack.port, cli.no_demo), (0, true));
        assert!(!Cli::parse_from(["chairbook"]).no_demo);
        let env = Cli::parse_from(["chairbook", "env", "cargo-lambda", "--data-dir", "x"]).command;
        let expected = EnvArguments { tool: Tool::CargoLambda, data_dir: "x".into() };
        assert_eq!(env, Some(Command::Env(expected)));
        assert!(Cli::try_parse_from(["chairbook", "--memory", "env", "sam"]).is_err());
    }
}
