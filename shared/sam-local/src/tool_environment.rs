//! What other tools need to run the functions against a running stack: SAM CLI, cargo-lambda, and whatever is started in
//! a shell. The stack leaves it in its data directory while it runs, for this user's eyes only; [`print`] writes it as a
//! tool reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::data_directory::{self, DataDirectoryError};
use crate::services::CONTAINERS_NAME;
use crate::template::REGION;
use crate::template::model::System;

/// Signatures are not looked at, so any secret will do.
const SECRET: &str = "local";

/// A tool that runs functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Tool {
    /// The file for `sam local … --env-vars`
    Sam,
    /// The file for `cargo lambda watch --env-file`
    CargoLambda,
    /// Commands for a shell, for the AWS CLI and for the credentials that `sam local` hands to functions
    Shell,
}

/// Why there is nothing to print.
#[derive(Debug, thiserror::Error)]
pub enum ToolEnvironmentError {
    /// No stack runs on the data directory.
    #[error("no stack is running on {0}; start one, or name its directory as --data-dir")]
    NotRunning(PathBuf),
    /// The file or the lock cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, io::Error),
    /// The data directory cannot be used.
    #[error(transparent)]
    Data(#[from] DataDirectoryError),
    /// All functions share one environment, and disagree.
    #[error(
        "{variable} differs from function to function, and cargo-lambda gives all of them one environment"
    )]
    Differs {
        /// The variable.
        variable: String,
    },
}

/// What a running stack leaves for tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolEnvironment {
    /// The port of the services.
    pub port: u16,
    /// The address besides 127.0.0.1 on which the services are.
    pub listen: Option<IpAddr>,
    /// The access key's id that the services want.
    pub access_key_id: String,
    /// Each function's environment variables, by its logical id.
    pub functions: BTreeMap<String, BTreeMap<String, String>>,
}

impl ToolEnvironment {
    /// That of a system.
    pub(crate) fn new(system: &System, port: u16, listen: Option<IpAddr>, access_key_id: String) -> Self {
        let functions = system.functions.iter();
        let functions =
            functions.map(|function| (function.logical_id.clone(), function.environment.clone())).collect();
        Self { port, listen, access_key_id, functions }
    }

    /// Writes it, whole or not at all and readable by this user alone; it is removed when what comes of it is dropped.
    pub(crate) fn keep(&self, path: PathBuf) -> io::Result<Kept> {
        let directory = path.parent().unwrap_or(Path::new("."));
        // A temporary file is made readable by its owner alone.
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.persist(&path)?;
        Ok(Kept(path))
    }

    /// The services' URL as a program on this machine reaches them.
    #[must_use]
    pub fn url(&self) -> String {
        // Where every address is asked for, 127.0.0.1 is one of them.
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The services' URL as a container on this machine reaches them.
    #[must_use]
    pub fn url_for_containers(&self) -> String {
        match self.listen {
            Some(IpAddr::V4(address)) if !address.is_unspecified() => {
                format!("http://{address}:{}", self.port)
            }
            Some(IpAddr::V6(address)) if !address.is_unspecified() => {
                format!("http://[{address}]:{}", self.port)
            }
            _ => format!("http://{CONTAINERS_NAME}:{}", self.port),
        }
    }

    /// What a tool reads.
    ///
    /// # Errors
    /// [`ToolEnvironmentError::Differs`] when the tool cannot be told.
    pub fn print(&self, tool: Tool) -> Result<String, ToolEnvironmentError> {
        match tool {
            Tool::Sam => Ok(self.for_sam()),
            Tool::CargoLambda => self.for_cargo_lambda(),
            Tool::Shell => Ok(self.for_shell()),
        }
    }

    fn for_sam(&self) -> String {
        let functions: BTreeMap<_, _> = self
            .functions
            .iter()
            .map(|(function, variables)| {
                let mut variables = variables.clone();
                variables.insert("AWS_ENDPOINT_URL".to_owned(), self.url_for_containers());
                (function, variables)
            })
            .collect();
        format!("{:#}\n", json!(functions))
    }

    fn for_cargo_lambda(&self) -> Result<String, ToolEnvironmentError> {
        let mut all: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, value) in self.functions.values().flatten() {
            if all.insert(name, value).is_some_and(|before| before != value) {
                return Err(ToolEnvironmentError::Differs { variable: name.clone() });
            }
        }
        let (access, url) = (self.access(), self.url());
        all.extend(access.iter().map(|(name, value)| (*name, *value)));
        all.insert("AWS_ENDPOINT_URL", &url);
        let mut text = String::new();
        for (name, value) in all.into_iter().filter(|(_, value)| !value.is_empty()) {
            // Between apostrophes it takes blanks and punctuation.
            let _infallible = writeln!(text, "{name}='{value}'");
        }
        Ok(text)
    }

    fn for_shell(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.access() {
            let _infallible = writeln!(text, "export {name}='{value}'");
        }
        // Version 1 of the AWS CLI goes by the first for all services but SQS.
        for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"] {
            let _infallible = writeln!(text, "export {name}='{}'", self.url());
        }
        // They would come before or along with the key, and be somebody's real ones.
        text.push_str("unset AWS_PROFILE AWS_SESSION_TOKEN\n");
        text
    }

    /// Region and credentials.
    fn access(&self) -> [(&'static str, &str); 4] {
        [
            ("AWS_ACCESS_KEY_ID", &self.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
        ]
    }
}

/// The file, as long as the stack runs.
#[derive(Debug)]
pub(crate) struct Kept(PathBuf);

impl Drop for Kept {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, "the environment for tools could not be removed");
        }
    }
}

/// What the stack that runs on a data directory has left for tools.
///
/// # Errors
/// [`ToolEnvironmentError`] when none runs there.
pub fn of_running_stack(data_directory: &Path) -> Result<ToolEnvironment, ToolEnvironmentError> {
    let not_running = || ToolEnvironmentError::NotRunning(data_directory.to_owned());
    // A stack that was killed has left its file.
    if !data_directory::is_in_use(data_directory)? {
        return Err(not_running());
    }
    let path = data_directory::environment(data_directory);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        // It is starting, or ending.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_running()),
        Err(error) => return Err(ToolEnvironmentError::Read(path, error)),
    };
    serde_json::from_slice(&text).map_err(|error| ToolEnvironmentError::Read(path, error.into()))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn environment(functions: &[(&str, &[(&str, &str)])]) -> ToolEnvironment {
        let variables = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        ToolEnvironment {
            port: 4566,
            listen: None,
            access_key_id: "LOCALKEY".to_owned(),
            functions: functions.iter().map(|(name, pairs)| ((*name).to_owned(), variables(pairs))).collect(),
        }
    }

    #[test]
    fn sam_is_told_of_each_function() {
        let mut kept =
            environment(&[("AFunction", &[("TABLE", "a"), ("AWS_ENDPOINT_URL", "")]), ("BFunction", &[])]);
        let told = |kept: &ToolEnvironment| -> serde_json::Value {
            serde_json::from_str(&kept.print(Tool::Sam).unwrap()).unwrap()
        };
        let url = "http://host.docker.internal:4566";
        assert_eq!(
            told(&kept),
            json!({
                "AFunction": { "AWS_ENDPOINT_URL": url, "TABLE": "a" },
                "BFunction": { "AWS_ENDPOINT_URL": url },
            })
        );
        for (address, url) in [
            ("172.17.0.1", "http://172.17.0.1:4566"),
            ("fd00::1", "http://[fd00::1]:4566"),
            ("0.0.0.0", "http://host.docker.internal:4566"),
        ] {
            kept.listen = Some(address.parse().unwrap());
            assert_eq!(told(&kept)["BFunction"]["AWS_ENDPOINT_URL"], url);
        }
    }

    #[test]
    fn cargo_lambda_is_told_once_for_all_functions() {
        let kept = environment(&[
            ("AFunction", &[("FROM", "Shop <a@b.example>"), ("OWNER", "")]),
            ("BFunction", &[("FROM", "Shop <a@b.example>"), ("AWS_ENDPOINT_URL", "")]),
        ]);
        assert_eq!(
            kept.print(Tool::CargoLambda).unwrap(),
            "AWS_ACCESS_KEY_ID='LOCALKEY'\nAWS_DEFAULT_REGION='us-east-1'\n\
             AWS_ENDPOINT_URL='http://127.0.0.1:4566'\nAWS_REGION='us-east-1'\nAWS_SECRET_ACCESS_KEY='local'\n\
             FROM='Shop <a@b.example>'\n"
        );
        let kept = environment(&[("AFunction", &[("N", "1")]), ("BFunction", &[("N", "2")])]);
        let error = kept.print(Tool::CargoLambda).unwrap_err().to_string();
        assert!(error.starts_with("N differs from function to function"), "{error}");
    }

    #[test]
    fn a_shell_gets_nobodys_credentials() {
        let kept = ToolEnvironment { listen: Some(Ipv4Addr::UNSPECIFIED.into()), ..environment(&[]) };
        assert_eq!(
            kept.print(Tool::Shell).unwrap(),
            "export AWS_ACCESS_KEY_ID='LOCALKEY'\nexport AWS_SECRET_ACCESS_KEY='local'\n\
             export AWS_REGION='us-east-1'\nexport AWS_DEFAULT_REGION='us-east-1'\n\
             export AWS_ENDPOINT_URL='http://127.0.0.1:4566'\nexport AWS_ENDPOINT_URL_SQS='http://127.0.0.1:4566'\n\
             unset AWS_PROFILE AWS_SESSION_TOKEN\n"
        );
    }

    #[test]
    fn only_a_running_stack_has_one() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("data");
        let none = |path: &Path| matches!(of_running_stack(path), Err(ToolEnvironmentError::NotRunning(_)));
        assert!(none(&data) && !data.exists());

        let lock = data_directory::DataDirectory::open(&data_directory::Data::Kept(data.clone())).unwrap();
        assert!(none(&data), "it is starting");
        let left = environment(&[("AFunction", &[("TABLE", "a")])]);
        let kept = left.keep(lock.environment()).unwrap();
        assert_eq!(of_running_stack(&data).unwrap(), left);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(lock.environment()).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "others may read it");
        }

        drop(lock);
        assert!(none(&data), "it was killed");
        assert!(data_directory::environment(&data).exists());
        drop(kept);
        assert!(!data_directory::environment(&data).exists());
    }
}
