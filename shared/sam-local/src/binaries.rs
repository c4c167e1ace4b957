//! The functions' binaries, built by cargo as they are for Lambda, but for this machine.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::template::model::Function;

/// How the binaries are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Quickly.
    Dev,
    /// For speed: as they are deployed.
    Release,
}

/// Why there are no binaries.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Cargo could not be started.
    #[error("cargo cannot be started: {0}")]
    Cargo(#[from] std::io::Error),
    /// Cargo has said why.
    #[error("the functions could not be built; cargo has said why above")]
    Failed,
    /// The template names a binary that the workspace does not have.
    #[error("{function}: there is no binary {binary} in the workspace; see Metadata.BuildProperties.Binary")]
    Missing {
        /// The function's logical id.
        function: String,
        /// The binary.
        binary: String,
    },
}

/// Builds the functions' binaries and says where they are.
///
/// It builds the whole workspace's binaries, so that whatever is built here, by `cargo run` or by `cargo test`, uses
/// the same dependencies with the same features, and nothing is compiled twice.
///
/// # Errors
/// [`BuildError`] when it fails.
pub fn build(root: &Path, functions: &[Function], profile: Profile) -> Result<PathBuf, BuildError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--workspace", "--bins", "--message-format=json-render-diagnostics"])
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if profile == Profile::Release {
        command.arg("--release");
    }
    let mut cargo = command.spawn()?;
    let mut built = BTreeSet::new();
    if let Some(output) = cargo.stdout.take() {
        built.extend(
            BufReader::new(output).lines().map_while(Result::ok).filter_map(|line| executable(&line)),
        );
    }
    if !cargo.wait()?.success() {
        return Err(BuildError::Failed);
    }
    let of = |binary: &str| built.iter().find(|path| path.file_stem().is_some_and(|stem| stem == binary));
    for function in functions {
        if of(&function.binary).is_none() {
            return Err(BuildError::Missing {
                function: function.logical_id.clone(),
                binary: function.binary.clone(),
            });
        }
    }
    let directory = built.iter().find_map(|path| path.parent());
    Ok(directory.unwrap_or(Path::new(".")).to_owned())
}

/// The executable that a message of cargo's tells of
/// (<https://doc.rust-lang.org/cargo/reference/external-tools.html#artifact-messages>).
fn executable(line: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    message["executable"].as_str().map(PathBuf::from)
}

/// A function's binary in the directory that [`build`] gave.
#[must_use]
pub fn path_of(directory: &Path, function: &Function) -> PathBuf {
    directory.join(&function.binary).with_extension(std::env::consts::EXE_EXTENSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_tells_where_an_executable_is() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"auth"},"executable":"/t/debug/auth","fresh":true}"#;
        assert_eq!(executable(line), Some(PathBuf::from("/t/debug/auth")));
        assert_eq!(executable(r#"{"reason":"compiler-artifact","executable":null}"#), None);
        assert_eq!(executable("not JSON"), None);
    }
}
