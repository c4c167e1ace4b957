//! Function `catalog`: see the library.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    chairbook_web::run(|| {
        Ok(catalog::router(chairbook_web::Web::from_env(&[
            "CATALOG_TABLE",
            "EVENTS_TABLE",
            "USERS_TABLE",
            "LIMITS_TABLE",
        ])?))
    })
    .await
}
