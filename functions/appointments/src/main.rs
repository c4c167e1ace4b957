//! Function `appointments`: see the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    chairbook_web::run(|| Ok(appointments::router(appointments::State::from_env()?))).await
}
