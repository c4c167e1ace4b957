use std::time::{Duration, Instant};

use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
};

use super::super::message::{LARGEST_MESSAGE, md5_of_body};
use super::super::{Counts, Sqs};
use super::{Stack, arn, attribute, bodies, queue};

#[tokio::test]
async fn a_message_is_sent_received_and_deleted() {
    let stack = Stack::start(&[queue("mail")]).await;
    let url = stack.sqs.queue_url("mail");
    let sent = stack.client.send_message().queue_url(&url).message_body("héllo").send().await.unwrap();
    assert_eq!(sent.md5_of_message_body(), Some(md5_of_body("héllo").as_str()));

    let received = stack.receive("mail").await;
    assert_eq!(bodies(&received), ["héllo"]);
    let message = &received[0];
    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    assert_eq!(attribute(message, "ApproximateReceiveCount").as_deref(), Some("1"));
    assert!(attribute(message, "SentTimestamp").unwrap().parse::<i64>().unwrap() > 1_700_000_000_000);
    assert!(attribute(message, "ApproximateFirstReceiveTimestamp").is_some());
    assert!(attribute(message, "SenderId").is_some());
    assert_eq!(stack.sqs.counts(&arn("mail")).await, Some(Counts { in_flight: 1, ..Counts::default() }));

    let handle = message.receipt_handle().unwrap();
    for _ in 0..2 {
        stack.client.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
    }
    assert_eq!(stack.sqs.counts(&arn("mail")).await, Some(Counts::default()));
}

#[tokio::test]
async fn only_the_attributes_that_are_asked_for_are_shown() {
    let stack = Stack::start(&[queue("mail")]).await;
    let url = stack.sqs.queue_url("mail");
    let text = |value: &str| {
        MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap()
    };
    let binary = MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(Blob::new([0, 255]))
        .build()
        .unwrap();
    let send = stack.client.send_message().queue_url(&url).message_body("x");
    let send = send.message_attributes("booking.id", text("b1")).message_attributes("booking.day", text("d"));
    let sent = send.message_attributes("other", binary.clone()).send().await.unwrap();

    let receive = stack.client.receive_message().queue_url(&url).visibility_timeout(0);
    let some = receive.clone().message_attribute_names("booking.*").send().await.unwrap();
    let message = &some.messages()[0];
    let mut names: Vec<_> = message.message_attributes().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["booking.day", "booking.id"]);
    assert_ne!(message.md5_of_message_attributes(), sent.md5_of_message_attributes());
    assert_eq!(message.attributes(), None);

    let all = receive.clone().message_attribute_names("All").send().await.unwrap();
    let message = &all.messages()[0];
    assert_eq!(message.md5_of_message_attributes(), sent.md5_of_message_attributes());
    assert_eq!(message.message_attributes().unwrap()["other"], binary);

    let none = receive.send().await.unwrap();
    assert_eq!(none.messages()[0].message_attributes(), None);
    assert_eq!(none.messages()[0].md5_of_message_attributes(), None);
}

#[tokio::test]
async fn a_long_poll_wakes_for_a_message_and_ends_without_one() {
    let stack = Stack::start(&[queue("mail")]).await;
    let url = stack.sqs.queue_url("mail");
    let poll = |seconds| stack.client.receive_message().queue_url(&url).wait_time_seconds(seconds).send();

    let waiting = tokio::spawn(poll(20));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let sent = Instant::now();
    stack.send("mail", "now").await;
    let received = waiting.await.unwrap().unwrap();
    assert_eq!(bodies(received.messages()), ["now"]);
    assert!(sent.elapsed() < Duration::from_secs(1), "woke after {:?}", sent.elapsed());

    let begun = Instant::now();
    assert!(poll(1).await.unwrap().messages().is_empty());
    assert!(begun.elapsed() >= Duration::from_millis(950), "ended after {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_delayed_message_arrives_when_its_delay_is_over() {
    let stack = Stack::start(&[queue("mail")]).await;
    let url = stack.sqs.queue_url("mail");
    let send = stack.client.send_message().queue_url(&url).message_body("later").delay_seconds(1);
    let sent = Instant::now();
    send.send().await.unwrap();
    assert!(stack.receive("mail").await.is_empty());
    assert_eq!(stack.sqs.counts(&arn("mail")).await, Some(Counts { delayed: 1, ..Counts::default() }));
    let poll = stack.client.receive_message().queue_url(&url).wait_time_seconds(10).send().await.unwrap();
    assert_eq!(bodies(poll.messages()), ["later"]);
    assert!((900..5_000).contains(&sent.elapsed().as_millis()), "arrived after {:?}", sent.elapsed());
}

#[tokio::test]
async fn what_sqs_refuses_is_refused() {
    let stack = Stack::start(&[queue("mail")]).await;
    let url = stack.sqs.queue_url("mail");
    let code = async |body: &str, delay| {
        let send = stack.client.send_message().queue_url(&url).message_body(body).delay_seconds(delay);
        send.send().await.unwrap_err().into_service_error().code().unwrap().to_owned()
    };
    assert_eq!(code("", 0).await, "MissingParameter");
    assert_eq!(code("\u{1}", 0).await, "InvalidMessageContents");
    assert_eq!(code("x", 901).await, "InvalidParameterValue");
    assert_eq!(code(&"x".repeat(LARGEST_MESSAGE + 1), 0).await, "InvalidParameterValue");
    stack.send("mail", &"x".repeat(LARGEST_MESSAGE)).await;

    let receive = stack.client.receive_message().queue_url(&url).max_number_of_messages(11);
    assert_eq!(receive.send().await.unwrap_err().into_service_error().code(), Some("InvalidParameterValue"));
}

#[tokio::test]
async fn attributes_that_sqs_refuses_are_refused() {
    let stack = Stack::start(&[queue("mail")]).await;
    let url = stack.sqs.queue_url("mail");
    let code = async |name: &str, data_type: &str, value: &str| {
        let attribute = MessageAttributeValue::builder().data_type(data_type).string_value(value);
        let send = stack.client.send_message().queue_url(&url).message_body("x");
        let send = send.message_attributes(name, attribute.build().unwrap()).send().await;
        send.err().map(|error| error.into_service_error().code().unwrap().to_owned())
    };
    let invalid = Some("InvalidParameterValue".to_owned());
    assert_eq!(code("AWS.trace", "String", "x").await, invalid);
    assert_eq!(code("a..b", "String", "x").await, invalid);
    assert_eq!(code("a", "Text", "x").await, invalid);
    assert_eq!(code("a", "Number", "one").await, invalid);
    assert_eq!(code("a", "String", "").await, invalid);
    assert_eq!(code("a", "String", "\u{2}").await, Some("InvalidMessageContents".to_owned()));
    assert_eq!(code("a.b-c_1", "Number.float", "-1.5e3").await, None);
}

#[tokio::test]
async fn a_trace_header_travels_with_its_message() {
    let stack = Stack::start(&[queue("mail")]).await;
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793";
    let value = MessageSystemAttributeValue::builder().data_type("String").string_value(header);
    let value = value.build().unwrap();
    let send = stack.client.send_message().queue_url(stack.sqs.queue_url("mail")).message_body("x");
    let name = MessageSystemAttributeNameForSends::AwsTraceHeader;
    let sent = send.message_system_attributes(name, value).send().await.unwrap();
    assert!(sent.md5_of_message_system_attributes().is_some());
    let received = stack.receive("mail").await;
    assert_eq!(attribute(&received[0], "AWSTraceHeader").as_deref(), Some(header));
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let queues = [queue("mail")];
    let stack = Stack::start(&queues).await;
    let waiting = stack.send("mail", "waiting").await;
    let received = stack.receive("mail").await;
    let old_handle = received[0].receipt_handle().unwrap().to_owned();
    stack.send("mail", "second").await;

    let file = stack.directory.path().join("local.sqlite");
    let again = Sqs::open(&file, &queues, &stack.url).unwrap();
    let mut messages = again.receive(&arn("mail"), 10, Duration::ZERO).await;
    messages.sort_by(|one, other| other.body.cmp(&one.body));
    assert_eq!(messages.len(), 2, "the one in flight is visible again");
    assert_eq!(messages[0].message_id, waiting);
    assert_eq!(
        messages[0].attributes["ApproximateReceiveCount"], "1",
        "the interrupted delivery does not count"
    );

    let handles: Vec<String> = messages.into_iter().map(|message| message.receipt_handle).collect();
    assert!(!handles.contains(&old_handle));
    again.delete(&arn("mail"), &handles).await;
    assert_eq!(again.counts(&arn("mail")).await, Some(Counts::default()));
}

#[tokio::test]
async fn messages_of_this_process_arrive_too() {
    let stack = Stack::start(&[queue("mail")]).await;
    stack.sqs.send(&arn("mail"), "from a stream".to_owned()).await;
    stack.sqs.send(&arn("no-such-queue"), "dropped, and logged".to_owned()).await;
    assert_eq!(bodies(&stack.receive("mail").await), ["from a stream"]);
}
