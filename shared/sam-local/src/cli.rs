//! What every local stack can be told on its command line.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::binaries::{self, BuildError, Profile};
use crate::data_directory::Data;
use crate::faults::DynamoDbSetting;
use crate::stack::Options;
use crate::template::model::Function;
use crate::tool_environment::{self, Tool, ToolEnvironmentError};

/// The arguments of a program that runs a stack, which flattens them into its own.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Arguments {
    /// The port of 127.0.0.1 to listen on; 0 picks a free one
    #[arg(long, default_value_t = 3000)]
    pub port: u16,
    /// The port of the AWS services for other programs (DynamoDB, SQS, SES, Lambda): 4566, or a free one where that is
    /// taken, unless one is given; 0 picks a free one
    #[arg(long, value_name = "PORT")]
    pub services_port: Option<u16>,
    /// Serve the AWS services on this address, too, so that containers reach them: whoever reaches it and has the access
    /// key that `env` prints can read and change everything
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<IpAddr>,
    /// Where tables, queues, mails and logs are kept between runs
    #[arg(long, default_value = ".local", value_name = "DIRECTORY", conflicts_with = "memory")]
    pub data_dir: PathBuf,
    /// Keep nothing: the data goes to a temporary directory, which is removed at the end
    #[arg(long)]
    pub memory: bool,
    /// A parameter of the template, such as LogLevel=debug; may be given several times
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = parameter)]
    pub parameters: Vec<(String, String)>,
    /// How many processes a function may have at most, each for one request at a time
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub max_concurrency: u16,
    /// Build the functions with optimisations, as they are deployed
    #[arg(long)]
    pub release: bool,
    /// The template to run
    #[arg(long, default_value = "template.yaml", value_name = "FILE")]
    pub template: PathBuf,
    /// Let the functions meet what DynamoDB has on AWS and not here: conflicts, throttling, errors, slow answers, indexes
    /// that lag behind, stale reads. `moderate`, `rough`, or a setting of your own as JSON or a file
    #[arg(long, value_name = "SETTING", value_parser = DynamoDbSetting::parse)]
    pub dynamodb_faults: Option<DynamoDbSetting>,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE, such as LogLevel=debug")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Arguments {
    /// Where the data is to be kept.
    #[must_use]
    pub fn data(&self) -> Data {
        if self.memory { Data::Temporary } else { Data::Kept(self.data_dir.clone()) }
    }

    /// The template's parameters; the last of several values of one counts.
    #[must_use]
    pub fn parameters(&self) -> BTreeMap<String, String> {
        self.parameters.iter().cloned().collect()
    }

    /// Builds the functions' binaries, in the workspace of the template's folder, and says where they are.
    ///
    /// # Errors
    /// [`BuildError`] when it fails.
    pub fn build(&self, functions: &[Function]) -> Result<PathBuf, BuildError> {
        let root = self.template.parent().filter(|parent| !parent.as_os_str().is_empty());
        let profile = if self.release { Profile::Release } else { Profile::Dev };
        binaries::build(root.unwrap_or(Path::new(".")), functions, profile)
    }

    /// The options that the stack is started with, with the functions' binaries from a directory.
    #[must_use]
    pub fn options(&self, stack_name: &str, data_format: u32, binaries: PathBuf) -> Options {
        Options {
            template: self.template.clone(),
            stack_name: stack_name.to_owned(),
            port: self.port,
            services_port: self.services_port,
            listen: self.listen,
            data: self.data(),
            data_format,
            parameters: self.parameters(),
            max_concurrency: usize::from(self.max_concurrency),
            binaries,
            dynamodb_faults: self.dynamodb_faults,
        }
    }
}

/// What the program does instead of running a stack.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Print what another tool needs to run the functions against the stack that is running
    Env(EnvArguments),
}

impl Command {
    /// What it prints.
    ///
    /// # Errors
    /// [`ToolEnvironmentError`] when no stack is running.
    pub fn output(&self) -> Result<String, ToolEnvironmentError> {
        let Self::Env(EnvArguments { tool, data_dir }) = self;
        tool_environment::of_running_stack(data_dir)?.print(*tool)
    }
}

/// The arguments of [`Command::Env`].
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct EnvArguments {
    /// The tool
    pub tool: Tool,
    /// The data directory of the running stack
    #[arg(long, default_value = ".local", value_name = "DIRECTORY")]
    pub data_dir: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
        let Cli { arguments } =
            Cli::parse_from(["shop", "--memory", "--parameter", "A=1=2", "--parameter", "B="]);
        let options = arguments.options("shop", 1, PathBuf::new());
        assert_eq!((options.port, options.data), (3000, Data::Temporary));
        assert_eq!(
            (options.services_port, options.listen),
            (None, None),
            "nothing is open to others unless asked for"
        );
        assert_eq!(options.dynamodb_faults, None, "nothing goes wrong unless asked for");
        let Cli { arguments } = Cli::parse_from(["shop", "--dynamodb-faults", "moderate"]);
        assert_eq!(arguments.dynamodb_faults, Some(DynamoDbSetting::MODERATE));
        let expected = [("A", "1=2"), ("B", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(options.parameters, BTreeMap::from(expected));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for bad in [
            &["--parameter", "A"][..],
            &["--memory", "--data-dir", "x"],
            &["--port", "65536"],
            &["--max-concurrency", "0"],
            &["--listen", "everywhere"],
            &["--dynamodb-faults", "harsh"],
        ] {
            let arguments = std::iter::once("shop").chain(bad.iter().copied());
            assert!(Cli::try_parse_from(arguments).is_err(), "{bad:?}");
        }
    }
}
