//! The local stack's Lambda, SQS and SES, as AWS's own clients see them.

use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chairbook_local::runtime::{RecordedOutcome, Trigger};
use chairbook_tests::TestStack;
use serde_json::{Value, json};

/// A client of a service at a path of the stack.
macro_rules! client {
    ($sdk:ident, $stack:expr, $path:literal) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::latest())
                .region($sdk::config::Region::new("us-east-1"))
                .credentials_provider($sdk::config::Credentials::new("local", "local", None, None, "test"))
                .endpoint_url(format!("{}{}", $stack.stack.url(), $path))
                .build(),
        )
    };
}

#[tokio::test]
async fn lambda_invokes_functions() {
    let stack = TestStack::start().await;
    let lambda = client!(aws_sdk_lambda, stack, "");

    let sweep = || lambda.invoke().function_name("ExpireReservationsFunction");
    let answer = sweep().log_type(LogType::Tail).payload(Blob::new("{}")).send().await.unwrap();
    assert_eq!((answer.status_code, answer.executed_version.as_deref()), (200, Some("$LATEST")));
    assert_eq!(answer.function_error, None);
    let counts: Value = serde_json::from_slice(answer.payload.unwrap().as_ref()).unwrap();
    assert_eq!(counts, json!({"expired": 0, "skipped": 0, "failed": 0}));
    let log = String::from_utf8(STANDARD.decode(answer.log_result.unwrap()).unwrap()).unwrap();
    assert!(log.contains("reservations swept"), "{log}");

    // By its deployed name and its ARN, too.
    let deployed = &stack.stack.system().functions;
    let name = &deployed.iter().find(|f| f.logical_id == "ExpireReservationsFunction").unwrap().name;
    for name in [name.clone(), format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")] {
        let answer = lambda.invoke().function_name(name).payload(Blob::new("{}")).send().await.unwrap();
        assert_eq!(answer.status_code, 200);
    }

    let dry = sweep().invocation_type(InvocationType::DryRun).send().await.unwrap();
    assert_eq!(dry.status_code, 204);
    assert!(dry.payload.is_none_or(|payload| payload.as_ref().is_empty()));

    let mut invocations = stack.stack.runtime().invocations();
    let accepted = sweep().invocation_type(InvocationType::Event).send().await.unwrap();
    assert_eq!(accepted.status_code, 202);
    let run = async {
        loop {
            let record = invocations.recv().await.unwrap();
            if record.function == "ExpireReservationsFunction" && record.trigger == Trigger::Direct {
                return record.outcome;
            }
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(10), run).await.unwrap();
    assert_eq!(outcome, RecordedOutcome::Success);

    // What a function refuses is its error, and the call's success.
    let relay = lambda.invoke().function_name("EmailFunction").payload(Blob::new("[]"));
    let failed = relay.send().await.unwrap();
    assert_eq!((failed.status_code, failed.function_error.as_deref()), (200, Some("Unhandled")));
    let error: Value = serde_json::from_slice(failed.payload.unwrap().as_ref()).unwrap();
    assert!(error["errorMessage"].is_string(), "{error}");

    let nobody = lambda.invoke().function_name("NobodyFunction").send().await.unwrap_err();
    assert!(nobody.as_service_error().unwrap().is_resource_not_found_exception());
    let not_json = sweep().payload(Blob::new("{")).send().await.unwrap_err();
    assert!(not_json.as_service_error().unwrap().is_invalid_request_content_exception());
    stack.finish().await;
}

#[tokio::test]
async fn sqs_keeps_messages_and_ses_sends_mails() {
    let stack = TestStack::start().await;
    let sqs = client!(aws_sdk_sqs, stack, "/_local/sqs");
    // The one that no function reads.
    let url = &stack.stack.system().outputs["NotificationsDeadLetterQueueUrl"];

    let sent = sqs.send_message().queue_url(url).message_body("hello").send().await.unwrap();
    let received = sqs.receive_message().queue_url(url).visibility_timeout(60).send().await.unwrap();
    let [message] = received.messages() else { panic!("one message: {received:?}") };
    assert_eq!((message.message_id(), message.body()), (sent.message_id(), Some("hello")));
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    let hidden = sqs.receive_message().queue_url(url).send().await.unwrap();
    assert!(hidden.messages().is_empty());
    let handle = message.receipt_handle().unwrap();
    sqs.change_message_visibility()
        .queue_url(url)
        .receipt_handle(handle)
        .visibility_timeout(0)
        .send()
        .await
        .unwrap();
    let again = sqs.receive_message().queue_url(url).send().await.unwrap();
    let handle = again.messages()[0].receipt_handle().unwrap();
    sqs.delete_message().queue_url(url).receipt_handle(handle).send().await.unwrap();
    assert_eq!(stack.queue_counts("NotificationsDeadLetterQueue").await, (0, 0, 0));
    let nowhere = sqs.send_message().queue_url(format!("{url}-nowhere")).message_body("hello").send().await;
    assert!(nowhere.unwrap_err().as_service_error().unwrap().is_queue_does_not_exist());

    let ses = client!(aws_sdk_sesv2, stack, "/_local/ses");
    let utf8 = |text: &str| Content::builder().data(text).charset("UTF-8").build().unwrap();
    let body = Body::builder().text(utf8("Schön, Sie zu sehen.")).html(utf8("<p>Schön</p>")).build();
    let message = Message::builder().subject(utf8("Grüße")).body(body).build();
    let mail = || {
        ses.send_email()
            .from_email_address("Desk <desk@salon.example>")
            .content(EmailContent::builder().simple(message.clone()).build())
    };
    let to = Destination::builder().to_addresses("ada@guests.example").build();
    let sent = mail().destination(to).send().await.unwrap();
    let kept = stack.mail("ada@guests.example", "Grüße").await;
    assert_eq!(sent.message_id(), Some(kept.id.as_str()));
    assert_eq!(kept.text.as_deref().map(str::trim_end), Some("Schön, Sie zu sehen."));
    assert_eq!(kept.html.as_deref().map(str::trim_end), Some("<p>Schön</p>"));
    let refused = mail().send().await.unwrap_err();
    assert!(refused.as_service_error().unwrap().is_bad_request_exception());
    stack.visitor().get("/services").await.data(200);
    stack.finish().await;
}
