//! Function `health`: whether each table, queue and function answers, and how fast.

mod check;
mod error;
mod parts;

use std::sync::Arc;

use axum::Router;
use chairbook_platform::aws;
use chairbook_platform::env::{self, ConfigError};
use chairbook_web::{Api, Limit, Live, Web, about};
use tokio::sync::Mutex;

use crate::parts::Report;

/// What the handler shares.
#[derive(Clone)]
pub struct State {
    web: Web,
    sqs: aws_sdk_sqs::Client,
    lambda: aws_sdk_lambda::Client,
    queues: Arc<[Queue]>,
    functions: Arc<[String]>,
    /// The latest report; held while one is being made, so that many callers share it.
    latest: Arc<Mutex<Option<Report>>>,
}

/// A queue to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub(crate) name: &'static str,
    pub(crate) url: String,
}

impl State {
    /// From the environment: what [`Web::from_env`] reads, `NOTIFICATIONS_QUEUE_URL`,
    /// `NOTIFICATIONS_DEAD_LETTER_QUEUE_URL`, `STATISTICS_DEAD_LETTER_QUEUE_URL`, and `HEALTH_FUNCTIONS`, the
    /// functions' names with commas between.
    ///
    /// # Errors
    /// [`ConfigError`] names what is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        let functions = env::required("HEALTH_FUNCTIONS")?;
        Ok(Self {
            web: Web::from_env(&[
                "USERS_TABLE",
                "CATALOG_TABLE",
                "APPOINTMENTS_TABLE",
                "TODOS_TABLE",
                "EVENTS_TABLE",
                "LIMITS_TABLE",
            ])?,
            sqs: aws_sdk_sqs::Client::new(&aws::config("SQS")?),
            lambda: aws_sdk_lambda::Client::new(&aws::config("LAMBDA")?),
            queues: [
                Queue { name: "notifications", url: env::required("NOTIFICATIONS_QUEUE_URL")? },
                Queue {
                    name: "notifications-dead-letter",
                    url: env::required("NOTIFICATIONS_DEAD_LETTER_QUEUE_URL")?,
                },
                Queue {
                    name: "statistics-dead-letter",
                    url: env::required("STATISTICS_DEAD_LETTER_QUEUE_URL")?,
                },
            ]
            .into(),
            functions: functions.split(',').map(|name| name.trim().to_owned()).collect(),
            latest: Arc::default(),
        })
    }
}

/// The group's routes.
pub fn api<A: Api<State>>(api: A) -> A {
    api.get(
        "/api/v1/health",
        about("getHealth", "Get the state of each table, queue and function")
            .described("Made anew at most every 15 seconds; 503 while a part is down."),
        // Not counted: monitors ask often, and the answer is made at most every 15 seconds.
        Limit::None,
        check::health,
    )
}

/// The function's routes.
pub fn router(state: State) -> Router {
    chairbook_web::router(api(Live::new(state.web.clone())).into_routes(state))
}
