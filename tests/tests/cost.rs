//! docs/cost.md says what the program says that prints its tables.

#[tokio::test]
async fn the_document_shows_what_is_counted() {
    let document = include_str!("../../docs/cost.md");
    let tables = chairbook_tests::cost::tables().await;
    let differ = tables.iter().any(|table| !document.contains(table));
    let advice = "docs/cost.md differs from what `cargo run -p chairbook-tests --example cost` prints";
    assert!(!differ, "{advice}:\n\n{}", tables.join("\n"));
}
