//! A stack in a terminal: shows what it does until somebody stops it.

use std::io::{IsTerminal as _, Write};

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::console;
use crate::stack::Stack;

/// Shows the stack's own warnings. The embedded database warns of every condition that is not met, which is everyday
/// work for whoever called it.
pub fn init_tracing() {
    let levels = Targets::new().with_default(Level::WARN).with_target("dynoxide", Level::ERROR);
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry().with(lines).with(levels).init();
}

/// Writes a line, with its colours where the terminal has them: for [`anstream::stdout`] and [`anstream::stderr`].
pub fn show(out: &mut impl Write, line: &str) {
    // Whoever has closed this end does not want to read on.
    let _closed = writeln!(out, "{line}");
}

/// Shows each invocation, refused request and warning until Ctrl-C or `kill`.
pub async fn attend(stack: &Stack) {
    tokio::select! {
        () = watch(stack.runtime().invocations(), |record| Some(console::invocation(record))) => {}
        () = watch(stack.requests(), console::unrouted) => {}
        () = watch(stack.runtime().log_lines(), console::log_line) => {}
        () = stop_signal() => {}
    }
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
