//! The committed reference is the one that the code describes.

use serde_json::Value;

#[test]
fn the_committed_document_is_that_of_the_code() {
    let committed = include_str!("../../../docs/openapi.json");
    let made = chairbook_openapi::document().unwrap();
    let difference = made.lines().zip(committed.lines()).position(|(made, committed)| made != committed);
    assert_eq!(
        (difference, made.len()),
        (None, committed.len()),
        "docs/openapi.json is out of date: cargo run -p chairbook-openapi --example write"
    );
}

#[test]
fn every_operation_has_an_id_of_its_own() {
    let routes = chairbook_openapi::routes();
    let mut ids: Vec<_> = routes.iter().map(chairbook_openapi::Route::operation_id).collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "an operation's id is used twice");
}

#[test]
fn what_is_created_and_can_be_asked_for_has_an_address() {
    let document: Value = serde_json::from_str(&chairbook_openapi::document().unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut addressed = 0;
    for (path, operations) in paths {
        let Some(created) = operations.pointer("/post/responses/201") else { continue };
        let one = format!("{path}/{{id}}");
        let has_address = paths.get(&one).is_some_and(|operations| operations.get("get").is_some());
        let location = &created["headers"]["Location"];
        assert_eq!(location["required"], if has_address { Value::Bool(true) } else { Value::Null }, "{path}");
        addressed += usize::from(has_address);
    }
    assert!(addressed >= 3, "{addressed}");
}
