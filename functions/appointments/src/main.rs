//! Function `appointments`: see the library.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    chairbook_web::run(|| Ok(appointments::router(appointments::State::from_env()?))).await
}
