//! Actions on message move tasks.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::fault::{Fault, Kind};
use super::super::service::Sqs;
use super::required;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Start {
    source_arn: Option<String>,
    destination_arn: Option<String>,
    max_number_of_messages_per_second: Option<i64>,
}

/// `StartMessageMoveTask`: the messages are moved when it answers.
pub(in super::super) async fn start(sqs: &Sqs, request: Start) -> Result<Value, Fault> {
    let source = required("SourceArn", request.source_arn)?;
    if request.max_number_of_messages_per_second.is_some() {
        let message = "The local stack moves all messages at once: leave MaxNumberOfMessagesPerSecond out.";
        return Err(Fault::new(Kind::UnsupportedOperation, message));
    }
    let destination = request.destination_arn;
    let (id, reached) =
        sqs.with(move |store, now| store.move_messages(&source, destination.as_deref(), now)).await?;
    for queue in reached {
        sqs.changed(&queue);
    }
    Ok(json!({ "TaskHandle": format!("move-{id}") }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct List {
    source_arn: Option<String>,
    max_results: Option<i64>,
}

/// `ListMessageMoveTasks`. As in SQS, only a running task shows its handle, and here none is ever seen running.
pub(in super::super) async fn list(sqs: &Sqs, request: List) -> Result<Value, Fault> {
    let source = required("SourceArn", request.source_arn)?;
    let most = request.max_results.unwrap_or(1);
    if !(1..=10).contains(&most) {
        return Err(Fault::value("MaxResults", most, "Must be between 1 and 10."));
    }
    let tasks = sqs.with(move |store, _| store.move_tasks(&source, most)).await?;
    let results: Vec<Value> = tasks
        .into_iter()
        .map(|task| {
            let mut entry = json!({
                "Status": task.status,
                "SourceArn": task.source,
                "ApproximateNumberOfMessagesMoved": task.moved,
                "ApproximateNumberOfMessagesToMove": task.to_move,
                "StartedTimestamp": task.started,
            });
            let optional = [("DestinationArn", task.destination), ("FailureReason", task.failure)];
            for (name, value) in optional.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                entry[name] = value.into();
            }
            entry
        })
        .collect();
    Ok(json!({ "Results": results }))
}
