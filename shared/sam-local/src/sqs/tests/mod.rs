//! The queues through the AWS SDK, as functions see them, and the store with a clock of its own.

mod batches;
mod digests;
mod messages;
mod queues;
mod store;
mod visibility;

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Region};
use tempfile::TempDir;

use crate::template::model::{Queue, Redrive};
use crate::template::{ACCOUNT, REGION};

use super::{Sqs, router};

/// A queue of the template, with SQS's defaults.
pub(crate) fn queue(name: &str) -> Queue {
    Queue {
        logical_id: name.to_owned(),
        name: name.to_owned(),
        arn: arn(name),
        visibility_timeout: Duration::from_secs(30),
        delay: Duration::ZERO,
        receive_wait_time: Duration::ZERO,
        message_retention: Duration::from_hours(96),
        redrive: None,
    }
}

/// `name`, whose messages go to `dead_letter_queue` after `most` receives.
pub(crate) fn redriven(name: &str, dead_letter_queue: &str, most: u32) -> Queue {
    let redrive = Redrive { dead_letter_target_arn: arn(dead_letter_queue), max_receive_count: most };
    Queue { redrive: Some(redrive), ..queue(name) }
}

pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

/// The endpoint on a free port, and a client of it.
struct Stack {
    sqs: Sqs,
    client: Client,
    url: String,
    directory: TempDir,
}

impl Stack {
    async fn start(queues: &[Queue]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), queues).await
    }

    async fn start_in(directory: TempDir, queues: &[Queue]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/_local/sqs", listener.local_addr().unwrap());
        let sqs = Sqs::open(&directory.path().join("local.sqlite"), queues, &url).unwrap();
        let service = router(sqs.clone());
        tokio::spawn(async move { axum::serve(listener, service).await });
        let configuration = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(REGION))
            .endpoint_url(&url)
            .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
            .build();
        Self { sqs, client: Client::from_conf(configuration), url, directory }
    }

    async fn send(&self, queue: &str, body: &str) -> String {
        let sent = self.client.send_message().queue_url(self.sqs.queue_url(queue)).message_body(body).send();
        sent.await.unwrap().message_id.unwrap()
    }

    /// Receives at once, with all attributes.
    async fn receive(&self, queue: &str) -> Vec<aws_sdk_sqs::types::Message> {
        let received = self
            .client
            .receive_message()
            .queue_url(self.sqs.queue_url(queue))
            .max_number_of_messages(10)
            .message_attribute_names("All")
            .message_system_attribute_names(aws_sdk_sqs::types::MessageSystemAttributeName::All)
            .send();
        received.await.unwrap().messages.unwrap_or_default()
    }

    async fn change_visibility(&self, queue: &str, handle: &str, seconds: i32) {
        let change = self.client.change_message_visibility();
        let change = change.queue_url(self.sqs.queue_url(queue)).receipt_handle(handle);
        change.visibility_timeout(seconds).send().await.unwrap();
    }
}

fn bodies(messages: &[aws_sdk_sqs::types::Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body().unwrap()).collect()
}

fn attribute(message: &aws_sdk_sqs::types::Message, name: &str) -> Option<String> {
    let attributes = message.attributes()?;
    attributes.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value.clone())
}
