//! The reference as a browser gets it.

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
