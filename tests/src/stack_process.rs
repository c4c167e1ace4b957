//! The whole stack as a process of its own, for tests that kill it.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use chairbook_local::faults::DynamoDbSetting;
use chairbook_local::stack::read_template;
use chairbook_local::template::model::System;
use chairbook_store::{CatalogRow, Store};
use tempfile::TempDir;

use crate::processes::children_of;
use crate::stack::{self, built, edited_template, root};
use crate::{Actor, checker};

/// A template that is not the repository's.
#[derive(Debug)]
pub struct EditedTemplate {
    directory: TempDir,
}

impl EditedTemplate {
    /// The repository's template with every `from` replaced by its `to`: for what has no parameter.
    ///
    /// # Panics
    /// When the template has no such text.
    pub fn new(edits: &[(&str, &str)]) -> Self {
        // Beside a template is where its functions are built, so it must be in the workspace.
        let target = root().join("target");
        std::fs::create_dir_all(&target).unwrap();
        let directory = tempfile::Builder::new().prefix("template-").tempdir_in(target).unwrap();
        edited_template(directory.path(), edits);
        Self { directory }
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("template.yaml")
    }
}

fn system() -> System {
    read_template(&root().join("template.yaml"), &BTreeMap::new()).unwrap()
}

/// A running `chairbook`.
#[derive(Debug)]
pub struct StackProcess {
    child: Child,
    /// Where it is served.
    pub url: String,
    /// Where its DynamoDB is served.
    pub dynamodb_url: String,
}

impl StackProcess {
    /// Starts one on a data directory, with more arguments; returns when it is up. Its complaints go to `stack.log` in
    /// the directory.
    pub fn start(data_directory: &Path, arguments: &[&str]) -> Self {
        let log = data_directory.join("stack.log");
        let errors = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut child = Command::new(built().join("chairbook"))
            .args(["--port", "0", "--data-dir"])
            .arg(data_directory)
            .args(arguments)
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut address = |name: &str| -> String {
            let line = lines.by_ref().find(|line| line.trim_start().starts_with(name));
            let line =
                line.unwrap_or_else(|| panic!("no {name}: {}", std::fs::read_to_string(&log).unwrap()));
            line.split_whitespace().last().unwrap().to_owned()
        };
        let url = address("Health").trim_end_matches("/api/v1/health").to_owned();
        let dynamodb_url = address("DynamoDB");
        // Read on, so that it never waits for somebody to take its lines.
        std::thread::spawn(move || lines.count());
        Self { child, url, dynamodb_url }
    }

    /// Its process.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// The processes of its functions: each one's program and id.
    pub fn functions(&self) -> Vec<(String, u32)> {
        children_of(self.process_id())
    }

    /// A DynamoDB client of its tables.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        chairbook_platform::aws::local_dynamodb(&self.dynamodb_url, "us-east-1", "local")
    }

    /// Every item of a table, by its logical id.
    pub async fn items(&self, table: &str) -> Vec<checker::Item> {
        stack::items(&system(), &self.dynamodb(), table).await
    }

    /// Its tables.
    pub fn store(&self) -> Store {
        chairbook_local::stack::store(&system(), &self.dynamodb_url)
    }

    /// Writes rows of the catalog, each as a whole.
    pub async fn write_catalog(&self, rows: &[CatalogRow]) {
        stack::write_catalog(&self.store(), rows).await;
    }

    /// Makes DynamoDB have other faults, or none; returns what it had, and how often each has happened.
    pub async fn set_dynamodb_faults(&self, setting: Option<DynamoDbSetting>) -> serde_json::Value {
        let url = format!("{}/_local/faults/dynamodb", self.url);
        let client = reqwest::Client::new();
        let before = client.get(&url).send().await.unwrap().json().await.unwrap();
        let set = match setting {
            Some(setting) => client.put(url).json(&setting),
            None => client.delete(url),
        };
        assert!(set.send().await.unwrap().status().is_success());
        before
    }

    /// Somebody who is not logged in.
    pub fn visitor(&self, email: &str) -> Actor {
        Actor::new(&self.url, email, "correct horse battery staple")
    }

    /// Ends it as a power failure would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for StackProcess {
    fn drop(&mut self) {
        // It may be gone already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
