//! Function `users`: see the library.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    chairbook_web::run(|| {
        Ok(users::router(chairbook_web::Web::from_env(&[
            "USERS_TABLE",
            "APPOINTMENTS_TABLE",
            "TODOS_TABLE",
            "EVENTS_TABLE",
            "LIMITS_TABLE",
        ])?))
    })
    .await
}
