//! Function `auth`: see the library.

use std::process::ExitCode;

use auth::State;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    chairbook_web::run(|| Ok(auth::router(State::from_env()?))).await
}
