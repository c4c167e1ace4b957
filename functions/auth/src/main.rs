//! Function `auth`: see the library.

use auth::State;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    chairbook_web::run(|| Ok(auth::router(State::from_env()?))).await
}
