//! A system that has nothing to do with what this crate was made for, from its template to what its function answers.
#![cfg(test)]

mod function;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use sam_local::data_directory::Data;
use sam_local::runtime::{RecordedOutcome, Trigger};
use sam_local::stack::{Options, Stack};
use sam_local::template::model::LeftOut;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a note may take from the table to the queue and back.
const PATIENCE: Duration = Duration::from_secs(20);

/// The directory of the function's binary: a script that runs this test executable as the function.
fn binaries() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes");
    let executable = std::env::current_exe().unwrap();
    let arguments = "function::function_process --exact --ignored --nocapture";
    std::fs::write(&path, format!("#!/bin/sh\nexec '{}' {arguments}\n", executable.display())).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    directory
}

fn options(binaries: &Path, data: &Path) -> Options {
    Options {
        template: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/notes/template.yaml")),
        stack_name: "notebook".to_owned(),
        port: 0,
        services_port: None,
        listen: None,
        data: Data::Kept(data.to_owned()),
        data_format: 1,
        parameters: BTreeMap::from([("Greeting".to_owned(), "Seen".to_owned())]),
        max_concurrency: 2,
        binaries: binaries.to_owned(),
        dynamodb_faults: None,
    }
}

async fn note(stack: &Stack, id: &str) -> Value {
    let response = Client::new().get(format!("{}/notes/{id}", stack.url())).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.unwrap()
}

/// The note, once the function has read it from the queue.
async fn read_note(stack: &Stack, id: &str) -> Value {
    let begun = Instant::now();
    loop {
        let note = note(stack, id).await;
        if note.get("reader").is_some() {
            return note;
        }
        assert!(begun.elapsed() < PATIENCE, "nobody has read {note}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_goes_all_the_way() {
    let (binaries, data) = (binaries(), tempfile::tempdir().unwrap());
    let stack = Stack::start(options(binaries.path(), data.path())).await.unwrap();
    let mut invocations = stack.runtime().invocations();
    let client = Client::new();

    let put = client.put(format!("{}/notes/n1", stack.url())).body("Buy ink").send().await.unwrap();
    assert_eq!(put.status(), StatusCode::CREATED);
    assert_eq!(read_note(&stack, "n1").await, json!({"id": "n1", "text": "Buy ink", "reader": "Seen"}));
    let unrouted = client.get(format!("{}/recipes", stack.url())).send().await.unwrap();
    assert_eq!(unrouted.status(), StatusCode::NOT_FOUND);

    let mut triggers = BTreeSet::new();
    while !["http", "1 record", "1 message"].iter().all(|trigger| triggers.contains(*trigger)) {
        let record = tokio::time::timeout(PATIENCE, invocations.recv()).await.unwrap().unwrap();
        assert_eq!((record.function.as_str(), record.outcome), ("NotesFunction", RecordedOutcome::Success));
        triggers.insert(record.trigger.to_string());
    }
    assert!(!triggers.contains(&Trigger::Schedule.to_string()), "the day is not over");
    assert!(stack.streams_are_handled().await.unwrap());

    // What was kept is there again, and the generated secret is the same.
    let seal = stack.system().functions[0].environment["SEAL"].clone();
    stack.shutdown().await;
    let stack = Stack::start(options(binaries.path(), data.path())).await.unwrap();
    assert_eq!(note(&stack, "n1").await["reader"], "Seen");
    assert_eq!((seal.len(), &stack.system().functions[0].environment["SEAL"]), (32, &seal));
    stack.shutdown().await;
}

#[tokio::test]
async fn a_prepared_stack_has_its_tables_and_runs_nothing_yet() {
    let (binaries, data) = (binaries(), tempfile::tempdir().unwrap());
    let prepared = Stack::prepare(options(binaries.path(), data.path())).await.unwrap();
    let system = prepared.system().clone();
    assert_eq!(system.functions[0].name, "notebook-notes");
    assert_eq!(system.queues[0].name, "notebook-notes");
    assert!(system.left_out.contains(&LeftOut {
        logical_id: "NotesRole".to_owned(),
        resource_type: "AWS::IAM::Role".to_owned(),
        property: None,
    }));
    let dynamodb = function::dynamodb(&prepared.dynamodb_url());
    let item = function::item("n2", "Written before anybody could ask");
    dynamodb.put_item().table_name(&system.tables[0].name).set_item(Some(item)).send().await.unwrap();

    let stack = prepared.start().unwrap();
    assert_eq!(note(&stack, "n2").await["text"], "Written before anybody could ask");
    stack.shutdown().await;
}
