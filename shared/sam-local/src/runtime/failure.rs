//! How Lambda words the failures that are not a function's own answer.

use std::process::ExitStatus;
use std::time::Duration;

use jiff::Timestamp;

use super::invocation::FunctionError;

/// How long a process may take until it asks for its first invocation
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>).
pub(super) const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a process never asked for an invocation.
#[derive(Debug, Clone)]
pub(super) enum InitFailure {
    /// It said so itself, with `init/error`.
    Posted(FunctionError),
    /// It could not be started, or ended: why, and the last that it wrote to standard error.
    Exited { reason: String, standard_error: String },
    /// It took longer than [`INIT_TIMEOUT`].
    TimedOut { standard_error: String },
}

impl InitFailure {
    /// The error of the invocation that the process was started for.
    pub(super) fn error(&self, request_id: &str, now: Timestamp) -> FunctionError {
        match self {
            Self::Posted(error) => error.clone(),
            Self::Exited { reason, standard_error } => {
                let mut error = exited(request_id, reason);
                if !standard_error.is_empty() {
                    error =
                        FunctionError::new(&error.error_type, format!("{}\n{standard_error}", error.message));
                }
                error
            }
            Self::TimedOut { standard_error } => {
                let seconds = INIT_TIMEOUT.as_secs_f64();
                let message =
                    format!("{} {request_id} Init timed out after {seconds:.2} seconds", instant(now));
                let message = format!("{message}\n{standard_error}");
                FunctionError::new("Sandbox.Timedout", message.trim_end().to_owned())
            }
        }
    }

    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Posted(error) => &error.message,
            Self::Exited { reason, .. } => reason,
            Self::TimedOut { .. } => "it did not ask for its first invocation in time",
        }
    }

    pub(super) fn standard_error(&self) -> &str {
        match self {
            Self::Posted(_) => "",
            Self::Exited { standard_error, .. } | Self::TimedOut { standard_error } => standard_error,
        }
    }
}

/// The error of an invocation whose process ended; `reason` is of [`exit_reason`].
pub(super) fn exited(request_id: &str, reason: &str) -> FunctionError {
    FunctionError::new("Runtime.ExitError", format!("RequestId: {request_id} Error: {reason}"))
}

/// The error of an invocation that took too long.
pub(super) fn timed_out(request_id: &str, timeout: Duration, now: Timestamp) -> FunctionError {
    let seconds = timeout.as_secs_f64();
    let message = format!("{} {request_id} Task timed out after {seconds:.2} seconds", instant(now));
    FunctionError::new("Sandbox.Timedout", message)
}

fn instant(now: Timestamp) -> String {
    format!("{now:.3}")
}

/// Why a process ended, in Lambda's words.
pub(super) fn exit_reason(status: ExitStatus) -> String {
    match (status.code(), signal(status)) {
        (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, Some(signal)) => format!("Runtime exited with error: signal: {signal}"),
        (None, None) => "Runtime exited with error: unknown".to_owned(),
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<String> {
    use std::os::unix::process::ExitStatusExt;

    status.signal().map(|number| match number {
        6 => "aborted".to_owned(),
        9 => "killed".to_owned(),
        11 => "segmentation fault".to_owned(),
        15 => "terminated".to_owned(),
        other => format!("signal {other}"),
    })
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_in_lambdas_words() {
        let error = timed_out("id-1", Duration::from_millis(1_500), Timestamp::UNIX_EPOCH);
        assert_eq!(error.error_type, "Sandbox.Timedout");
        assert_eq!(error.message, "1970-01-01T00:00:00.000Z id-1 Task timed out after 1.50 seconds");
    }

    #[cfg(unix)]
    #[test]
    fn exits_in_lambdas_words() {
        use std::os::unix::process::ExitStatusExt;

        for (status, reason) in [
            (0, "Runtime exited without providing a reason"),
            (3 << 8, "Runtime exited with error: exit status 3"),
            (9, "Runtime exited with error: signal: killed"),
            (2, "Runtime exited with error: signal: signal 2"),
        ] {
            assert_eq!(exit_reason(ExitStatus::from_raw(status)), reason);
        }
        let failure =
            InitFailure::Exited { reason: "it is gone".to_owned(), standard_error: "no table".to_owned() };
        let error = failure.error("id-2", Timestamp::UNIX_EPOCH);
        assert_eq!(error.error_type, "Runtime.ExitError");
        assert_eq!(error.message, "RequestId: id-2 Error: it is gone\nno table");
    }
}
