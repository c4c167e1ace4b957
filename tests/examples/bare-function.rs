//! A Lambda function that does nothing: what `measure` compares the start of Chairbook's functions with.

use axum::Router;
use axum::routing::get;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda_http::run(Router::new().route("/", get(async || "Nothing."))).await
}
