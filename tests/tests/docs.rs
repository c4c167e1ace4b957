//! The reference as a browser gets it.

use std::collections::BTreeSet;
use std::path::Path;

use chairbook_tests::TestStack;
use serde_json::Value;

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let stack = TestStack::start().await;
    let visitor = stack.visitor();
    let root = visitor.get("/").await;
    assert_eq!((root.status.as_u16(), root.header("location")), (307, "/api/v1/docs"));

    let page = visitor.get("/docs").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");

    let addresses = page.text.split(['"', '\'']).filter(|text| text.starts_with('/') && text.len() > 1);
    let addresses: Vec<_> = addresses.collect();
    assert_eq!(addresses.len(), 5, "{addresses:?}");
    for address in addresses {
        let file = visitor.get(address.strip_prefix("/api/v1").unwrap()).await;
        assert_eq!(file.status, 200, "{address}");
        assert!(!file.text.is_empty(), "{address}");
        assert_eq!(file.header("cache-control"), "public, max-age=3600", "{address}");
    }
    visitor.get("/docs/elsewhere.js").await.error(404, "not_found");
    stack.finish().await;
}

#[tokio::test]
async fn the_document_is_the_committed_one() {
    let stack = TestStack::start().await;
    let served = stack.visitor().get("/openapi.json").await;
    assert_eq!(served.header("content-type"), "application/json");
    let committed: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    assert_eq!(served.json(), committed);
    stack.finish().await;
}

/// The lines of a document's listings in a language, but for those with `…` in the place of something.
fn listed(document: &str, language: &str) -> Vec<String> {
    let beginning = format!("   ```{language}\n");
    let listings = document.split(&beginning).skip(1);
    let lines = listings.flat_map(|rest| rest.split("```").next().unwrap().lines());
    lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty() && !line.contains('…')).collect()
}

#[test]
fn the_example_of_an_endpoint_is_the_code_s() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources = std::fs::read_dir(root.join("functions/appointments/src")).unwrap();
    let mut known: BTreeSet<String> = BTreeSet::new();
    let template = root.join("template.yaml");
    for path in sources.map(|entry| entry.unwrap().path()).chain([template]) {
        known.extend(std::fs::read_to_string(path).unwrap().lines().map(|line| line.trim().to_owned()));
    }
    // The last listing is a test, which is nowhere as it stands there.
    let document = include_str!("../../docs/add-an-endpoint.md").split("**Tests**").next().unwrap();
    let listed = [listed(document, "rust"), listed(document, "yaml")].concat();
    assert!(listed.len() > 50, "{listed:?}");
    let strange: Vec<_> = listed.iter().filter(|line| !known.contains(*line)).collect();
    assert!(strange.is_empty(), "docs/add-an-endpoint.md has what the code has not: {strange:#?}");
}
