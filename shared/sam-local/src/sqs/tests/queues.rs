use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use super::{Stack, arn, queue, redriven};

#[tokio::test]
async fn a_wrong_queue_is_modelled() {
    let stack = Stack::start(&[queue("mail")]).await;
    let url = stack.sqs.queue_url("nowhere");
    let send = stack.client.send_message().queue_url(&url).message_body("").send().await;
    assert!(send.unwrap_err().into_service_error().is_queue_does_not_exist());
    let receive = stack.client.receive_message().queue_url(&url).send().await;
    assert!(receive.unwrap_err().into_service_error().is_queue_does_not_exist());
    let find = stack.client.get_queue_url().queue_name("nowhere").send().await;
    assert!(find.unwrap_err().into_service_error().is_queue_does_not_exist());
    let found = stack.client.get_queue_url().queue_name("mail").send().await.unwrap();
    assert_eq!(found.queue_url(), Some(stack.sqs.queue_url("mail").as_str()));
}

#[tokio::test]
async fn a_queue_shows_its_attributes() {
    let stack = Stack::start(&[queue("dead"), redriven("mail", "dead", 5)]).await;
    stack.send("mail", "one").await;
    stack.send("mail", "two").await;
    let get = stack.client.get_queue_attributes().queue_url(stack.sqs.queue_url("mail"));
    let all = get.clone().attribute_names(QueueAttributeName::All).send().await.unwrap();
    let all = all.attributes().unwrap();
    assert_eq!(all[&QueueAttributeName::ApproximateNumberOfMessages], "2");
    assert_eq!(all[&QueueAttributeName::QueueArn], arn("mail"));
    assert_eq!(all[&QueueAttributeName::VisibilityTimeout], "30");
    let policy: Value = serde_json::from_str(&all[&QueueAttributeName::RedrivePolicy]).unwrap();
    assert_eq!(policy, serde_json::json!({ "deadLetterTargetArn": arn("dead"), "maxReceiveCount": 5 }));

    let one = get.clone().attribute_names(QueueAttributeName::DelaySeconds).send().await.unwrap();
    assert_eq!(one.attributes().unwrap().len(), 1);
    let unknown = get.attribute_names("Colour".into()).send().await.unwrap_err().into_service_error();
    assert!(unknown.is_invalid_attribute_name());
}

#[tokio::test]
async fn creating_a_queue_twice_is_one_queue() {
    let stack = Stack::start(&[queue("mail")]).await;
    let create = |name: &str, timeout: &str| {
        let create = stack.client.create_queue().queue_name(name);
        create.attributes(QueueAttributeName::VisibilityTimeout, timeout).send()
    };
    let first = create("extra", "7").await.unwrap();
    assert_eq!(create("extra", "7").await.unwrap().queue_url(), first.queue_url());
    let plain = stack.client.create_queue().queue_name("extra").send().await.unwrap();
    assert_eq!(plain.queue_url(), first.queue_url());
    assert!(create("extra", "8").await.unwrap_err().into_service_error().is_queue_name_exists());
    assert!(create("more", "x").await.unwrap_err().into_service_error().is_invalid_attribute_value());
    assert!(create("more.fifo", "7").await.unwrap_err().into_service_error().is_unsupported_operation());
    let fifo =
        stack.client.create_queue().queue_name("more").attributes(QueueAttributeName::FifoQueue, "true");
    assert!(fifo.send().await.unwrap_err().into_service_error().is_unsupported_operation());

    let list = stack.client.list_queues().max_results(1).send().await.unwrap();
    assert_eq!(list.queue_urls(), [stack.sqs.queue_url("extra")]);
    let rest =
        stack.client.list_queues().max_results(1).set_next_token(list.next_token).send().await.unwrap();
    assert_eq!((rest.queue_urls(), rest.next_token()), ([stack.sqs.queue_url("mail")].as_slice(), None));
    let named = stack.client.list_queues().queue_name_prefix("ext").send().await.unwrap();
    assert_eq!(named.queue_urls(), [stack.sqs.queue_url("extra")]);
}

#[tokio::test]
async fn a_purged_queue_is_empty() {
    let stack = Stack::start(&[queue("mail")]).await;
    stack.send("mail", "one").await;
    stack.client.purge_queue().queue_url(stack.sqs.queue_url("mail")).send().await.unwrap();
    assert!(stack.receive("mail").await.is_empty());
}

#[tokio::test]
async fn an_action_that_is_not_run_is_named() {
    let stack = Stack::start(&[queue("mail")]).await;
    let tags = stack.client.list_queue_tags().queue_url(stack.sqs.queue_url("mail")).send().await;
    let error = tags.unwrap_err().into_service_error();
    assert!(error.message().unwrap().contains("ListQueueTags"), "{error:?}");
}

#[tokio::test]
async fn errors_carry_the_code_of_the_query_protocol() {
    let stack = Stack::start(&[queue("mail")]).await;
    let response = reqwest::Client::new()
        .post(format!("{}/", stack.url))
        .header("X-Amz-Target", "AmazonSQS.PurgeQueue")
        .body(r#"{"QueueUrl":"http://elsewhere/000000000000/nowhere"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["x-amzn-query-error"], "AWS.SimpleQueueService.NonExistentQueue;Sender");
    assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.0");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
}
