//! `cargo run`: the whole system on this machine.

use std::process::ExitCode;

use chairbook_local::cli::Cli;
use chairbook_local::console;
use chairbook_local::stack::{self, Stack};
use clap::Parser as _;
use sam_local::terminal::{attend, init_tracing, show};

fn main() -> ExitCode {
    let cli = Cli::parse();
    init_tracing();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            show(&mut anstream::stderr(), &format!("chairbook: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(command) = &cli.command {
        show(&mut std::io::stdout(), command.output()?.trim_end());
        return Ok(());
    }
    let system = stack::read_template(&cli.stack.template, &cli.stack.parameters())?;
    let binaries = cli.stack.build(&system.functions)?;
    let options = cli.stack.options(stack::NAME, stack::DATA_FORMAT, binaries);
    let data = options.data.clone();
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(async {
        let stack = Stack::start(options, !cli.no_demo).await?;
        show(&mut anstream::stdout(), &console::welcome(&stack, &data, !cli.no_demo));
        attend(&stack).await;
        stack.shutdown().await;
        Ok(())
    })
}
