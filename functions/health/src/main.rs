//! Function `health`: see the library.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    chairbook_web::run(|| Ok(health::router(health::State::from_env()?))).await
}
