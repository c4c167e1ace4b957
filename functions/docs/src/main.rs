//! Function `docs`: see the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    chairbook_web::run(|| Ok(docs::router(chairbook_web::Web::from_env()?))).await
}
