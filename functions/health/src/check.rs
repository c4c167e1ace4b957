//! `GET /health`: asks every part, side by side as far as that leaves others room.

use std::time::{Duration, Instant};

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sqs::types::QueueAttributeName;
use axum::extract::State as Shared;
use chairbook_platform::{clock, health_probe};
use chairbook_web::{Reply, Visitor};
use futures_util::future::join_all;
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::State;
use crate::error::HealthError;
use crate::parts::{Health, Kind, Part, Report, STANDS_FOR};

/// A part that has not answered after this long is down.
const PATIENCE: Duration = Duration::from_secs(8);

/// How many functions are asked at once. An account may have no more than ten concurrent executions, and whoever is
/// refused one for the sake of a probe is a customer. Ten functions that are all down take twice [`PATIENCE`] so, which is
/// less than the function's time.
const FUNCTIONS_SIDE_BY_SIDE: usize = 5;

/// A function's answer to a [`health_probe`].
#[derive(Deserialize)]
struct ProbeAnswer {
    ok: bool,
}

pub(crate) async fn health(Shared(state): Shared<State>, _: Visitor) -> Result<Reply<Health>, HealthError> {
    let mut latest = state.latest.lock().await;
    let report = match &*latest {
        Some(report) if report.stands(clock::now()) => report.clone(),
        _ => latest.insert(ask(&state).await).clone(),
    };
    drop(latest);
    if report.is_healthy() {
        return Ok(Reply::ok("Everything is up.", Health::up(report)));
    }
    let down = report.down();
    tracing::error!(%down, "some parts are down");
    Err(HealthError::Unhealthy { down, details: report, retry_after: STANDS_FOR.unsigned_abs() })
}

async fn ask(state: &State) -> Report {
    let tables = join_all(state.web.reader.tables().known().into_iter().map(async |(name, table)| {
        timed(name, Kind::Table, async { state.web.reader.probe(table).await.is_ok() }).await
    }));
    let queues = join_all(state.queues.iter().map(async |queue| {
        let asked = state
            .sqs
            .get_queue_attributes()
            .queue_url(&queue.url)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
            .send();
        let asked = Box::pin(asked);
        timed(queue.name, Kind::Queue, async { asked.await.is_ok() }).await
    }));
    let probe = health_probe::event().to_string();
    let room = Semaphore::new(FUNCTIONS_SIDE_BY_SIDE);
    let functions = join_all(state.functions.iter().map(async |name| {
        let _place = room.acquire().await;
        let asked = state.lambda.invoke().function_name(name).payload(Blob::new(probe.as_str())).send();
        let asked = Box::pin(asked);
        timed(name, Kind::Function, async {
            asked.await.is_ok_and(|answer| {
                let payload = answer.payload().map(AsRef::as_ref).unwrap_or_default();
                let said: Result<ProbeAnswer, _> = serde_json::from_slice(payload);
                answer.function_error().is_none() && said.is_ok_and(|said| said.ok)
            })
        })
        .await
    }));
    let (tables, queues, functions) = futures_util::join!(tables, queues, functions);
    Report { checked_at: clock::now(), parts: tables.into_iter().chain(queues).chain(functions).collect() }
}

async fn timed(name: &str, kind: Kind, asked: impl Future<Output = bool>) -> Part {
    let begun = Instant::now();
    let is_up = tokio::time::timeout(PATIENCE, asked).await.unwrap_or(false);
    Part::new(name, kind, is_up, begun.elapsed())
}
