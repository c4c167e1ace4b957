//! Actions on queues.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::template::ACCOUNT;

use super::super::fault::Fault;
use super::super::queue::{Settings, check_name};
use super::super::service::Sqs;
use super::{queue_name, required};

/// Names that `ListQueues` gives at once.
const MOST_NAMES: i64 = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Create {
    queue_name: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// `CreateQueue`: for a queue that is there with the same attributes, its URL.
pub(in super::super) async fn create(sqs: &Sqs, request: Create) -> Result<Value, Fault> {
    let name = required("QueueName", request.queue_name)?;
    check_name(&name)?;
    let url = sqs.queue_url(&name);
    sqs.with(move |store, now| {
        // Attributes that the request leaves out are not compared.
        let base = store.queue(&name).map_or_else(|_| Settings::default(), |queue| queue.settings);
        store.create(&name, &base.with(&request.attributes)?, now)
    })
    .await?;
    Ok(json!({ "QueueUrl": url }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Url {
    queue_name: Option<String>,
    #[serde(rename = "QueueOwnerAWSAccountId")]
    owner: Option<String>,
}

/// `GetQueueUrl`.
pub(in super::super) async fn url(sqs: &Sqs, request: Url) -> Result<Value, Fault> {
    if request.owner.is_some_and(|owner| owner != ACCOUNT) {
        return Err(Fault::no_queue());
    }
    let name = required("QueueName", request.queue_name)?;
    let queue = sqs.with(move |store, _| store.queue(&name)).await?;
    Ok(json!({ "QueueUrl": sqs.queue_url(&queue.name) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Attributes {
    queue_url: Option<String>,
    #[serde(default)]
    attribute_names: Vec<String>,
}

/// `GetQueueAttributes`.
pub(in super::super) async fn attributes(sqs: &Sqs, request: Attributes) -> Result<Value, Fault> {
    let name = queue_name(request.queue_url)?;
    let (queue, counts) = sqs
        .with(move |store, now| {
            let queue = store.queue(&name)?;
            let counts = store.counts(&queue, now)?;
            Ok((queue, counts))
        })
        .await?;
    Ok(json!({ "Attributes": queue.named_attributes(&request.attribute_names, counts)? }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct List {
    #[serde(default)]
    queue_name_prefix: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// `ListQueues`.
pub(in super::super) async fn list(sqs: &Sqs, request: List) -> Result<Value, Fault> {
    let most = request.max_results.unwrap_or(MOST_NAMES);
    if !(1..=MOST_NAMES).contains(&most) {
        return Err(Fault::value("MaxResults", most, "Must be between 1 and 1000."));
    }
    let after = match &request.next_token {
        None => String::new(),
        Some(token) => STANDARD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| Fault::value("NextToken", token, "It is none that ListQueues gave."))?,
    };
    let prefix = request.queue_name_prefix.unwrap_or_default();
    // One more than wanted tells whether there are more.
    let mut names = sqs.with(move |store, _| store.queue_names(&prefix, &after, most + 1)).await?;
    let has_more = i64::try_from(names.len()).is_ok_and(|count| count > most);
    if has_more {
        names.pop();
    }
    let urls: Vec<String> = names.iter().map(|name| sqs.queue_url(name)).collect();
    let mut answer = json!({ "QueueUrls": urls });
    if let (true, Some(last)) = (has_more, names.last()) {
        answer["NextToken"] = STANDARD.encode(last).into();
    }
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Purge {
    queue_url: Option<String>,
}

/// `PurgeQueue`: it is done at once, so that, unlike in SQS, the next one need not wait for a minute.
pub(in super::super) async fn purge(sqs: &Sqs, request: Purge) -> Result<Value, Fault> {
    let name = queue_name(request.queue_url)?;
    sqs.with(move |store, _| store.purge(&name)).await?;
    Ok(Value::Null)
}
