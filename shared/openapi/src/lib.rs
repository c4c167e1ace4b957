//! The API's reference: one OpenAPI 3.1 document of all groups, made of the lists of routes from which the functions'
//! routers are made, and of the types of their handlers.
//!
//! The document is committed as `docs/openapi.json`, compared with this in a test, and written again by
//! `cargo run -p chairbook-openapi --example write`. No function depends on this crate.

mod document;
mod errors;
mod spec;

pub use spec::{Route, Spec};

/// The routes of every group.
#[must_use]
pub fn routes() -> Vec<Route> {
    spec().routes
}

/// The OpenAPI document as it is committed: indented JSON with a newline at its end.
///
/// # Errors
/// When the document is not JSON, which it is.
pub fn document() -> Result<String, serde_json::Error> {
    // By way of a value: its members are in the order of their names, whatever order types have theirs in.
    let mut document = serde_json::to_value(document::of(spec()))?;
    prune(&mut document);
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// Leaves out the schemas that nothing refers to, such as those of details, whose members are written out in each response.
fn prune(document: &mut serde_json::Value) {
    loop {
        let text = document.to_string();
        let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
        let count = schemas.len();
        schemas.retain(|name, _| text.contains(&format!("\"#/components/schemas/{name}\"")));
        if schemas.len() == count {
            return;
        }
    }
}

fn spec() -> Spec {
    let spec = auth::api(Spec::default());
    let spec = users::api(spec);
    let spec = catalog::api(spec);
    let spec = appointments::api(spec);
    let spec = notifications::api(spec);
    let spec = todos::api(spec);
    let spec = dashboard::api(spec);
    let spec = health::api(spec);
    docs::api(spec)
}
