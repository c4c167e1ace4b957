//! Writes `docs/openapi.json`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    std::fs::write(path, chairbook_openapi::document()?)?;
    Ok(())
}
