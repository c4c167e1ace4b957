//! Function `docs`: see the library.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    chairbook_web::run(|| Ok(docs::router(chairbook_web::Web::from_env(&[])?))).await
}
