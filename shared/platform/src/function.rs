//! A function's process, from its configuration to its end: whatever goes wrong on the way is one line of its log, since
//! nobody reads or counts plain text.

use std::panic::PanicHookInfo;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tracing::Instrument as _;

use crate::env::ConfigError;
use crate::logging::init_tracing;
use crate::meter::Meter;

/// Starts the log and reads a function's configuration. The error has been logged, with the variable that is wrong.
///
/// # Errors
/// The process's exit status, when a variable is missing or wrong.
pub fn configured<F>(configure: impl FnOnce() -> Result<F, ConfigError>) -> Result<F, ExitCode> {
    init_tracing();
    std::panic::set_hook(Box::new(log_panic));
    configure().map_err(|error| {
        tracing::error!(
            variable = error.variable(),
            problem = error.problem(),
            "the function cannot start: an environment variable is not right"
        );
        ExitCode::FAILURE
    })
}

/// The exit status of a process that has stopped to serve. The error has been logged.
pub fn ended(served: Result<(), Error>) -> ExitCode {
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error, "the function has stopped: Lambda's Runtime API is gone");
            ExitCode::FAILURE
        }
    }
}

/// Runs a function that is invoked with events. Every line that it logs meanwhile has the invocation's `request_id`;
/// an invocation that fails is logged as an error. Its last line says what it cost, as the access log does of a request.
pub async fn run<F>(
    configure: impl FnOnce() -> Result<F, ConfigError>,
    handle: impl AsyncFn(&F, LambdaEvent<Value>) -> Result<Value, Error>,
) -> ExitCode {
    let function = match configured(configure) {
        Ok(function) => function,
        Err(status) => return status,
    };
    let invoked = async |event: LambdaEvent<Value>| {
        let span = tracing::error_span!("invocation", request_id = event.context.request_id);
        let handled = async { handle(&function, event).await.inspect_err(log_failure) };
        measured(handled).instrument(span).await
    };
    ended(lambda_runtime::run(service_fn(invoked)).await)
}

/// Logs what an invocation cost.
async fn measured<T>(invocation: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let meter = Arc::new(Meter::default());
    let handled = meter.scope(invocation).await;
    let reading = meter.reading();
    tracing::info!(
        invocation_log = true,
        duration_ms = begun.elapsed().as_secs_f64() * 1_000.0,
        dynamodb_calls = reading.calls,
        dynamodb_round_trips = reading.round_trips,
        read_units = reading.read_units,
        write_units = reading.write_units,
        "invocation"
    );
    handled
}

fn log_failure(error: &Error) {
    tracing::error!(error, "the invocation has failed");
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    tracing::error!(location, reason = panic.payload_as_str(), "the function has panicked");
}
