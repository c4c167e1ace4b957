//! The log: one JSON object per line on standard output, as Lambda's JSON log format wants it.

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How the names of the crates begin whose lines are our own: those under `shared`, and each under `functions`.
const OWN: [&str; 13] = [
    "appointments",
    "auth",
    "catalog",
    "chairbook",
    "dashboard",
    "docs",
    "email",
    "expire_reservations",
    "health",
    "relay",
    "reminders",
    "stats",
    "users",
];

/// What others log at most. Below it, AWS's crates log requests and answers whole: rows with hashes, mails with
/// one-time links.
const OTHERS_AT_MOST: Level = Level::INFO;

/// Starts logging at the level that `CHAIRBOOK_LOG` names (`error`, `warn`, `info`, `debug` or `trace`; `info`
/// when absent or misspelt, since a typing error must not silence a function). What is not ours says no more than
/// `info`, whatever the level.
///
/// No secret, token, password or e-mail address may be logged; ids may.
pub fn init_tracing() {
    let level =
        std::env::var("CHAIRBOOK_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(Level::INFO);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(true);
    let _already_started = tracing_subscriber::registry().with(lines).with(enabled(level)).try_init();
}

fn enabled(level: Level) -> Targets {
    Targets::new()
        .with_default(level.min(OTHERS_AT_MOST))
        .with_targets(OWN.into_iter().map(|name| (name, level)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_level_is_that_of_our_own_crates() {
        for (level, target, at, is_enabled) in [
            (Level::TRACE, "aws_smithy_runtime::client::orchestrator", Level::TRACE, false),
            (Level::TRACE, "aws_smithy_runtime::client::orchestrator", Level::DEBUG, false),
            (Level::TRACE, "aws_sdk_sesv2::operation::send_email", Level::TRACE, false),
            (Level::TRACE, "lambda_runtime::layers::trace", Level::DEBUG, false),
            (Level::TRACE, "hyper_util::client", Level::TRACE, false),
            (Level::TRACE, "lambda_runtime", Level::INFO, true),
            (Level::TRACE, "aws_smithy_runtime", Level::WARN, true),
            (Level::TRACE, "chairbook_store::users", Level::TRACE, true),
            (Level::TRACE, "email::delivery", Level::TRACE, true),
            (Level::DEBUG, "chairbook_web::app", Level::DEBUG, true),
            (Level::INFO, "chairbook_web::app", Level::DEBUG, false),
            (Level::ERROR, "lambda_runtime", Level::WARN, false),
            (Level::ERROR, "expire_reservations", Level::WARN, false),
            (Level::ERROR, "expire_reservations", Level::ERROR, true),
        ] {
            assert_eq!(enabled(level).would_enable(target, &at), is_enabled, "{target} at {at} of {level}");
        }
    }

    #[test]
    fn every_function_is_our_own() {
        let functions = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../functions")).unwrap();
        let functions: BTreeSet<_> = functions
            .map(|function| function.unwrap().file_name().to_str().unwrap().replace('-', "_"))
            .collect();
        let own = OWN.into_iter().filter(|name| *name != "chairbook").map(str::to_owned).collect();
        assert_eq!(functions, own);
    }
}
