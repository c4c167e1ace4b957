//! The committed reference is the one that the code describes.

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
