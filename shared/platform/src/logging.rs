//! The log: one JSON object per line on standard output, as Lambda's JSON log format wants it.

use tracing::Level;

/// Starts logging at the level that `CHAIRBOOK_LOG` names (`error`, `warn`, `info`, `debug` or `trace`; `info`
/// when absent or misspelt, since a typing error must not silence a function).
///
/// No secret, token, password or e-mail address may be logged; ids may.
pub fn init_tracing() {
    let level =
        std::env::var("CHAIRBOOK_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(Level::INFO);
    let _already_started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(level)
        .with_target(true)
        .try_init();
}
