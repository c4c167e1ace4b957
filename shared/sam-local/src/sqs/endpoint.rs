//! AWS JSON 1.0: one address, and the action in the header `X-Amz-Target`.

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::actions::{batches, messages, moves, queues};
use super::fault::{CONTENT_TYPE, Fault, Kind};
use super::message::LARGEST_MESSAGE;
use super::service::Sqs;

/// A message of the largest size may double as JSON, and has an envelope.
const LARGEST_REQUEST: usize = 4 * LARGEST_MESSAGE;

/// The endpoint for SDKs and the AWS CLI: `/_local/sqs`. Some SDKs post to the queue's own URL instead.
pub fn router(sqs: Sqs) -> Router {
    let endpoint = || -> MethodRouter<Sqs> { post(answer) };
    Router::new()
        .route("/_local/sqs", endpoint())
        .route("/_local/sqs/", endpoint())
        .route("/_local/sqs/{account}/{queue}", endpoint())
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .with_state(sqs)
}

async fn answer(State(sqs): State<Sqs>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut response = match act(&sqs, target, &body).await {
        Ok(value) => {
            let body = if value.is_null() { String::new() } else { value.to_string() };
            ([(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response()
        }
        Err(fault) => fault.into_response(),
    };
    if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

async fn act(sqs: &Sqs, target: &str, body: &[u8]) -> Result<Value, Fault> {
    let action = target.strip_prefix("AmazonSQS.").ok_or_else(|| {
        let message = format!("The header X-Amz-Target must be AmazonSQS.<action>, not \"{target}\".");
        Fault::new(Kind::InvalidAction, message)
    })?;
    match action {
        "ChangeMessageVisibility" => messages::change_visibility(sqs, parse(body)?).await,
        "ChangeMessageVisibilityBatch" => batches::change_visibility(sqs, parse(body)?).await,
        "CreateQueue" => queues::create(sqs, parse(body)?).await,
        "DeleteMessage" => messages::delete(sqs, parse(body)?).await,
        "DeleteMessageBatch" => batches::delete(sqs, parse(body)?).await,
        "GetQueueAttributes" => queues::attributes(sqs, parse(body)?).await,
        "GetQueueUrl" => queues::url(sqs, parse(body)?).await,
        "ListMessageMoveTasks" => moves::list(sqs, parse(body)?).await,
        "ListQueues" => queues::list(sqs, parse(body)?).await,
        "PurgeQueue" => queues::purge(sqs, parse(body)?).await,
        "ReceiveMessage" => messages::receive(sqs, parse(body)?).await,
        "SendMessage" => messages::send(sqs, parse(body)?).await,
        "SendMessageBatch" => batches::send(sqs, parse(body)?).await,
        "StartMessageMoveTask" => moves::start(sqs, parse(body)?).await,
        other => {
            let message = format!("The local stack does not run the action {other} of Amazon SQS.");
            Err(Fault::new(Kind::InvalidAction, message))
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| Fault::new(Kind::Serialization, error.to_string()))
}
