//! The whole stack as a process of its own, for tests that kill it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Actor;
use crate::stack::{built, root};

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
    /// Starts one on a data directory, with more arguments; returns when it is up.
    pub fn start(data_directory: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(built().join("chairbook"))
            .args(["--port", "0", "--data-dir"])
            .arg(data_directory)
            .args(arguments)
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut address = |name: &str| -> String {
            let line = lines.by_ref().find(|line| line.trim_start().starts_with(name));
            line.unwrap().split_whitespace().last().unwrap().to_owned()
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
