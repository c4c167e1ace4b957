//! `cargo run`: the whole system on this machine.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use chairbook_local::binaries::{self, Profile};
use chairbook_local::cli::Cli;
use chairbook_local::console;
use chairbook_local::stack::{Options, Stack, read_template};
use clap::Parser as _;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

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

/// The stack's own warnings. The embedded database warns of every condition that is not met, which is everyday work
/// for whoever called it.
fn init_tracing() {
    let levels = Targets::new().with_default(Level::WARN).with_target("dynoxide", Level::ERROR);
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry().with(lines).with(levels).init();
}

fn show(out: &mut impl std::io::Write, line: &str) {
    // Whoever has closed this end does not want to read on.
    let _closed = writeln!(out, "{line}");
}

fn run(cli: &Cli) -> Result<(), Box<dyn std::error::Error>> {
    let system = read_template(&cli.template, &cli.parameters())?;
    let root = cli.template.parent().filter(|parent| !parent.as_os_str().is_empty());
    let profile = if cli.release { Profile::Release } else { Profile::Dev };
    let root = root.unwrap_or(std::path::Path::new("."));
    let binaries = binaries::build(root, &system.functions, profile)?;
    let options = Options {
        template: cli.template.clone(),
        port: cli.port,
        data: cli.data(),
        parameters: cli.parameters(),
        demo: !cli.no_demo,
        max_concurrency: usize::from(cli.max_concurrency),
        binaries,
    };
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(async {
        let stack = Stack::start(options).await?;
        show(&mut anstream::stdout(), &console::welcome(&stack, &cli.data(), !cli.no_demo));
        tokio::select! {
            () = watch(stack.runtime().invocations(), |record| Some(console::invocation(record))) => {}
            () = watch(stack.requests(), console::unrouted) => {}
            () = watch(stack.runtime().log_lines(), console::log_line) => {}
            () = stop_signal() => {}
        }
        stack.shutdown().await;
        Ok(())
    })
}

/// Shows what comes until nothing does any more.
async fn watch<T: Clone>(mut receiver: Receiver<T>, line: impl Fn(&T) -> Option<String>) {
    loop {
        match receiver.recv().await {
            Ok(item) => {
                if let Some(line) = line(&item) {
                    show(&mut anstream::stdout(), &line);
                }
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Ctrl-C, or `kill`.
async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _either_way = interrupt.await;
}
