//! The command line of `cargo run`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Parser;

use crate::data_directory::Data;

/// Runs Chairbook on this machine: the functions of template.yaml, their API, and the tables, queues and mailbox that
/// they need.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "chairbook", version)]
pub struct Cli {
    /// The port of 127.0.0.1 to listen on; 0 picks a free one
    #[arg(long, default_value_t = 3000)]
    pub port: u16,
    /// Where tables, queues, mails and logs are kept between runs
    #[arg(long, default_value = ".local", value_name = "DIRECTORY", conflicts_with = "memory")]
    pub data_dir: PathBuf,
    /// Keep nothing: the data goes to a temporary directory, which is removed at the end
    #[arg(long)]
    pub memory: bool,
    /// A parameter of the template, such as ReservationHold=30s; may be given several times
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = parameter)]
    pub parameters: Vec<(String, String)>,
    /// Leave an empty catalog empty, and make no demo accounts
    #[arg(long)]
    pub no_demo: bool,
    /// How many processes a function may have at most, each for one request at a time
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub max_concurrency: u16,
    /// Build the functions with optimisations, as they are deployed
    #[arg(long)]
    pub release: bool,
    /// The template to run
    #[arg(long, default_value = "template.yaml", value_name = "FILE")]
    pub template: PathBuf,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE, such as ReservationHold=30s")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Cli {
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
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
        let cli = Cli::parse_from(["chairbook", "--memory", "--parameter", "A=1=2", "--parameter", "B="]);
        assert_eq!((cli.port, cli.data()), (3000, Data::Temporary));
        let expected = [("A", "1=2"), ("B", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(cli.parameters(), BTreeMap::from(expected));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for bad in [
            &["--parameter", "A"][..],
            &["--memory", "--data-dir", "x"],
            &["--port", "65536"],
            &["--max-concurrency", "0"],
        ] {
            let arguments = std::iter::once("chairbook").chain(bad.iter().copied());
            assert!(Cli::try_parse_from(arguments).is_err(), "{bad:?}");
        }
    }
}
