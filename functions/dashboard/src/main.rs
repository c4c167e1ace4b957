//! Function `dashboard`: see the library.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    chairbook_web::run(|| {
        Ok(dashboard::router(chairbook_web::Web::from_env(&[
            "APPOINTMENTS_TABLE",
            "CATALOG_TABLE",
            "USERS_TABLE",
            "LIMITS_TABLE",
        ])?))
    })
    .await
}
