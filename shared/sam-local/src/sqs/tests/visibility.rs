use std::time::{Duration, Instant};

use aws_sdk_sqs::error::ProvideErrorMetadata as _;

use super::super::Counts;
use super::{Stack, arn, attribute, bodies, queue, redriven};

#[tokio::test]
async fn a_received_message_comes_again_after_its_visibility_timeout() {
    let stack = Stack::start(&[queue("mail")]).await;
    let url = stack.sqs.queue_url("mail");
    stack.send("mail", "again").await;
    let receive = stack.client.receive_message().queue_url(&url);
    let begun = Instant::now();
    let first = receive.clone().visibility_timeout(1).send().await.unwrap();
    assert!(stack.receive("mail").await.is_empty());

    let second = receive.wait_time_seconds(10).send().await.unwrap();
    assert!((900..5_000).contains(&begun.elapsed().as_millis()), "came after {:?}", begun.elapsed());
    let (old, new) = (first.messages()[0].receipt_handle(), second.messages()[0].receipt_handle());
    assert_ne!(old, new);

    // As in SQS: to delete with an old handle succeeds, and deletes nothing.
    stack.client.delete_message().queue_url(&url).receipt_handle(old.unwrap()).send().await.unwrap();
    let change = stack.client.change_message_visibility().queue_url(&url).visibility_timeout(0);
    let refused = change.clone().receipt_handle(old.unwrap()).send().await.unwrap_err().into_service_error();
    assert_eq!(refused.code(), Some("InvalidParameterValue"));

    stack.change_visibility("mail", new.unwrap(), 0).await;
    let refused = change.receipt_handle(new.unwrap()).send().await.unwrap_err().into_service_error();
    assert!(refused.is_message_not_inflight());
    let third = stack.receive("mail").await;
    assert_eq!(attribute(&third[0], "ApproximateReceiveCount").as_deref(), Some("3"));
}

#[tokio::test]
async fn a_longer_visibility_timeout_keeps_a_message_away() {
    let stack = Stack::start(&[queue("mail")]).await;
    let url = stack.sqs.queue_url("mail");
    stack.send("mail", "slow").await;
    let receive = stack.client.receive_message().queue_url(&url);
    let first = receive.clone().visibility_timeout(1).send().await.unwrap();
    stack.change_visibility("mail", first.messages()[0].receipt_handle().unwrap(), 60).await;
    assert!(receive.wait_time_seconds(2).send().await.unwrap().messages().is_empty());
}

#[tokio::test]
async fn handles_that_are_none_are_refused() {
    let stack = Stack::start(&[queue("mail"), queue("other")]).await;
    stack.send("other", "x").await;
    let others = stack.receive("other").await;
    for handle in ["nonsense", others[0].receipt_handle().unwrap()] {
        let delete =
            stack.client.delete_message().queue_url(stack.sqs.queue_url("mail")).receipt_handle(handle);
        assert!(delete.send().await.unwrap_err().into_service_error().is_receipt_handle_is_invalid());
    }
    assert_eq!(stack.sqs.counts(&arn("other")).await, Some(Counts { in_flight: 1, ..Counts::default() }));
}

#[tokio::test]
async fn a_message_that_is_received_too_often_is_a_dead_letter_and_can_be_moved_back() {
    let stack = Stack::start(&[queue("dead"), redriven("mail", "dead", 2)]).await;
    let id = stack.send("mail", "poison").await;
    let mut sent_timestamp = None;
    for _ in 0..2 {
        let received = stack.receive("mail").await;
        sent_timestamp = attribute(&received[0], "SentTimestamp");
        stack.change_visibility("mail", received[0].receipt_handle().unwrap(), 0).await;
    }
    // Whoever waits at the dead-letter queue hears of it.
    let waiting = stack.client.receive_message().queue_url(stack.sqs.queue_url("dead")).wait_time_seconds(10);
    let waiting = waiting
        .visibility_timeout(1)
        .message_system_attribute_names(aws_sdk_sqs::types::MessageSystemAttributeName::All)
        .send();
    let waiting = tokio::spawn(waiting);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(stack.receive("mail").await.is_empty());
    let dead = waiting.await.unwrap().unwrap();
    assert_eq!(bodies(dead.messages()), ["poison"]);
    let message = &dead.messages()[0];
    assert_eq!(message.message_id(), Some(id.as_str()));
    assert_eq!(attribute(message, "SentTimestamp"), sent_timestamp);
    assert_eq!(attribute(message, "DeadLetterQueueSourceArn"), Some(arn("mail")));

    stack.change_visibility("dead", message.receipt_handle().unwrap(), 0).await;
    let refused = stack.client.start_message_move_task().source_arn(arn("mail")).send().await;
    assert_eq!(refused.unwrap_err().into_service_error().code(), Some("InvalidParameterValue"));
    let refused = stack.client.start_message_move_task().source_arn(arn("nowhere")).send().await;
    assert!(refused.unwrap_err().into_service_error().is_resource_not_found_exception());

    stack.client.start_message_move_task().source_arn(arn("dead")).send().await.unwrap();
    let back = stack.receive("mail").await;
    assert_eq!(bodies(&back), ["poison"]);
    assert_ne!(back[0].message_id(), Some(id.as_str()));
    assert_eq!(attribute(&back[0], "ApproximateReceiveCount").as_deref(), Some("1"));
    assert_eq!(attribute(&back[0], "DeadLetterQueueSourceArn"), None);
    let tasks = stack.client.list_message_move_tasks().source_arn(arn("dead")).send().await.unwrap();
    let task = &tasks.results()[0];
    assert_eq!((task.status(), task.approximate_number_of_messages_moved()), (Some("COMPLETED"), 1));
}

#[tokio::test]
async fn a_message_without_a_source_needs_a_destination() {
    let stack = Stack::start(&[queue("dead"), redriven("mail", "dead", 2), queue("elsewhere")]).await;
    stack.send("dead", "sent straight there").await;
    let start = stack.client.start_message_move_task().source_arn(arn("dead"));
    start.clone().send().await.unwrap();
    start.destination_arn(arn("elsewhere")).send().await.unwrap();
    assert_eq!(bodies(&stack.receive("elsewhere").await), ["sent straight there"]);
    let tasks = stack.client.list_message_move_tasks().source_arn(arn("dead")).max_results(10).send();
    let tasks = tasks.await.unwrap();
    let seen: Vec<_> = tasks.results().iter().map(|task| (task.status(), task.failure_reason())).collect();
    assert_eq!(seen, [(Some("COMPLETED"), None), (Some("FAILED"), Some("CouldNotDetermineMessageSource"))]);
}
