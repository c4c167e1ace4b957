use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, SendMessageBatchRequestEntry,
    SendMessageBatchResultEntry,
};

use super::super::message::LARGEST_MESSAGE;
use super::{Stack, bodies, queue};

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
}

async fn refusal(stack: &Stack, entries: Vec<SendMessageBatchRequestEntry>) -> String {
    let send = stack.client.send_message_batch().queue_url(stack.sqs.queue_url("mail"));
    let error = send.set_entries(Some(entries)).send().await.unwrap_err().into_service_error();
    error.code().unwrap().to_owned()
}

#[tokio::test]
async fn entries_fail_one_by_one() {
    let stack = Stack::start(&[queue("mail")]).await;
    let url = stack.sqs.queue_url("mail");
    let late = SendMessageBatchRequestEntry::builder()
        .id("late")
        .message_body("x")
        .delay_seconds(901)
        .build()
        .unwrap();
    let entries = vec![entry("good", "one"), entry("bad", "\u{0}"), late, entry("fine", "two")];
    let answer = stack.client.send_message_batch().queue_url(&url).set_entries(Some(entries));
    let answer = answer.send().await.unwrap();
    let ids: Vec<_> = answer.successful().iter().map(SendMessageBatchResultEntry::id).collect();
    assert_eq!(ids, ["good", "fine"]);
    let failed: Vec<_> =
        answer.failed().iter().map(|entry| (entry.id(), entry.code(), entry.sender_fault())).collect();
    assert_eq!(failed, [("bad", "InvalidMessageContents", true), ("late", "InvalidParameterValue", true)]);
    assert_eq!(answer.successful()[0].md5_of_message_body(), super::super::message::md5_of_body("one"));

    let received = stack.receive("mail").await;
    assert_eq!(bodies(&received), ["one", "two"]);
    let handle = |index: usize| received[index].receipt_handle().unwrap();

    let change = |id: &str, handle: &str, timeout| {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id).receipt_handle(handle);
        entry.visibility_timeout(timeout).build().unwrap()
    };
    let changed = stack.client.change_message_visibility_batch().queue_url(&url);
    let changed = changed.entries(change("a", handle(0), 0)).entries(change("b", handle(1), 43_201));
    let changed = changed.entries(change("c", "nonsense", 1)).send().await.unwrap();
    assert_eq!(changed.successful()[0].id(), "a");
    let failed: Vec<_> = changed.failed().iter().map(|entry| (entry.id(), entry.code())).collect();
    assert_eq!(failed, [("b", "InvalidParameterValue"), ("c", "ReceiptHandleIsInvalid")]);

    let delete = |id: &str, handle: &str| {
        DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle).build().unwrap()
    };
    let deleted = stack.client.delete_message_batch().queue_url(&url);
    let deleted =
        deleted.entries(delete("a", handle(1))).entries(delete("b", "nonsense")).send().await.unwrap();
    assert_eq!(deleted.successful()[0].id(), "a");
    assert_eq!(deleted.failed()[0].code(), "ReceiptHandleIsInvalid");
    assert_eq!(bodies(&stack.receive("mail").await), ["one"]);
}

#[tokio::test]
async fn whole_batches_are_refused() {
    let stack = Stack::start(&[queue("mail")]).await;
    let prefixed = |code: &str| format!("AWS.SimpleQueueService.{code}");
    assert_eq!(refusal(&stack, Vec::new()).await, prefixed("EmptyBatchRequest"));
    let eleven = (0..11).map(|index| entry(&index.to_string(), "x")).collect();
    assert_eq!(refusal(&stack, eleven).await, prefixed("TooManyEntriesInBatchRequest"));
    let twice = vec![entry("same", "x"), entry("same", "y")];
    assert_eq!(refusal(&stack, twice).await, prefixed("BatchEntryIdsNotDistinct"));
    assert_eq!(refusal(&stack, vec![entry("a b", "x")]).await, prefixed("InvalidBatchEntryId"));
    let half = "x".repeat(LARGEST_MESSAGE / 2);
    let long = vec![entry("a", &half), entry("b", &half), entry("c", "x")];
    assert_eq!(refusal(&stack, long).await, prefixed("BatchRequestTooLong"));
    assert!(stack.receive("mail").await.is_empty());

    let whole = vec![entry("a", &half), entry("b", &half)];
    let send = stack.client.send_message_batch().queue_url(stack.sqs.queue_url("mail"));
    assert_eq!(send.set_entries(Some(whole)).send().await.unwrap().successful().len(), 2);
}
