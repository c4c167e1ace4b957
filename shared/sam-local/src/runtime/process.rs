//! The command that starts a function's process, with the environment that Lambda gives one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::template::model::Function;
use crate::template::{ACCOUNT, REGION};

/// What is run for a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The function's binary.
    pub path: PathBuf,
    /// Its arguments. Lambda gives none.
    pub arguments: Vec<String>,
}

impl From<PathBuf> for Program {
    fn from(path: PathBuf) -> Self {
        Self { path, arguments: Vec::new() }
    }
}

/// The function's ARN.
#[must_use]
pub fn arn(function: &Function) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", function.name)
}

/// The command for one execution environment, whose Runtime API listens on `api`. It does not inherit this process's
/// environment, so that a function sees locally only what it will see in AWS. It is killed when its handle is dropped.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html> lists what Lambda sets.
pub(super) fn command(
    program: &Program,
    function: &Function,
    api: SocketAddr,
    base: &BTreeMap<String, String>,
) -> Command {
    let root =
        program.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut command = Command::new(&program.path);
    command
        .args(&program.arguments)
        .env_clear()
        .envs([
            ("TZ", ":UTC"),
            ("LANG", "en_US.UTF-8"),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("_HANDLER", "bootstrap"),
        ])
        .envs(base)
        .envs(&function.environment)
        // After the function's own: Lambda reserves these names.
        .env("AWS_LAMBDA_RUNTIME_API", api.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", &function.name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string())
        .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name))
        .env("AWS_LAMBDA_LOG_STREAM_NAME", format!("local/[$LATEST]{}", api.port()))
        .env("LAMBDA_TASK_ROOT", root)
        .env("LAMBDA_RUNTIME_DIR", root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}
