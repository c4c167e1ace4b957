//! From the event to the inbox when something goes wrong on the way: what may pass is tried again, what cannot is told,
//! nothing is lost, and nothing comes twice.

use std::time::{Duration, Instant};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use chairbook_tests::checker::Item;
use chairbook_tests::{Actor, Json, Permitted, TestStack};
use reqwest::header::USER_AGENT;
use serde_json::{Value, json};

const CUT: &str = "svc_00000000000000000000000001";
const PATIENCE: Duration = Duration::from_secs(15);

/// What SES answers next, until the list is used up.
async fn inject(stack: &TestStack, faults: Value) {
    let url = format!("{}/_local/faults", stack.stack.url());
    let answer = reqwest::Client::new().put(url).json(&json!({"sendEmail": faults})).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
}

/// Waits until SES has given every answer that was injected.
async fn used_up(stack: &TestStack) {
    let url = format!("{}/_local/faults", stack.stack.url());
    let begun = Instant::now();
    loop {
        let left: Value = reqwest::get(&url).await.unwrap().json().await.unwrap();
        if left["sendEmail"] == json!([]) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "nobody sent: {left}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Books the last free slot, so that no mail is about a time that has passed.
async fn book(customer: &Actor) -> Json {
    let free = customer.later_availability(&format!("serviceId={CUT}")).await;
    let (date, time, experts) = free.last().unwrap();
    let request =
        json!({"serviceId": CUT, "date": date, "time": time, "expertId": experts[0], "payNow": true});
    customer.book(request).await.data(201)["appointment"].clone()
}

fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

fn attempts(event: &Item) -> &str {
    event.get("delivery_attempts").and_then(|value| value.as_n().ok()).map_or("0", String::as_str)
}

/// An actor's newest event of a type.
async fn event(stack: &TestStack, actor: &Actor, event_type: &str) -> Item {
    let events = stack.items("EventsTable").await;
    let of_type = events
        .into_iter()
        .filter(|event| text(event, "type") == event_type && text(event, "recipient") == actor.user_id);
    of_type.max_by_key(|event| text(event, "at").to_owned()).unwrap()
}

/// How many mails an actor got about an appointment, by how their subjects begin.
fn mails(stack: &TestStack, actor: &Actor, subject: &str) -> usize {
    stack.mails(&actor.email).iter().filter(|mail| mail.subject.starts_with(subject)).count()
}

fn sqs(stack: &TestStack) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .endpoint_url(format!("{}/_local/sqs", stack.stack.url()))
        .build();
    aws_sdk_sqs::Client::from_conf(config)
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    stack.settle().await;

    // Throttled for a moment: the same invocation offers it again.
    inject(&stack, json!([{"error": "TooManyRequestsException", "times": 2}])).await;
    book(&ada).await;
    stack.settle().await;
    assert_eq!(mails(&stack, &ada, "Confirmed: "), 1);
    let sent = event(&stack, &ada, "appointment.confirmed").await;
    assert_eq!((text(&sent, "delivery"), attempts(&sent)), ("sent", "1"));
    let newest = stack.mail(&ada.email, "Confirmed: ").await;
    assert_eq!(text(&sent, "message_id"), newest.id);

    // Out of order for longer: the message goes back to the queue.
    inject(&stack, json!([{"error": "ServiceUnavailable"}])).await;
    book(&ada).await;
    stack.settle().await;
    assert_eq!(mails(&stack, &ada, "Confirmed: "), 2);
    let sent = event(&stack, &ada, "appointment.confirmed").await;
    assert_eq!((text(&sent, "delivery"), attempts(&sent)), ("sent", "2"));

    // Sent, but the answer was lost: nobody can know, so it comes twice rather than never.
    inject(&stack, json!([{"error": "InternalFailure", "after": true}])).await;
    book(&ada).await;
    stack.settle().await;
    assert_eq!(mails(&stack, &ada, "Confirmed: "), 4);

    // Cancelled while its mail waits for another try: only the cancellation is told.
    inject(&stack, json!([{"error": "ServiceUnavailable"}])).await;
    let made = book(&ada).await;
    used_up(&stack).await;
    let id = made["id"].as_str().unwrap();
    ada.delete(&format!("/appointments/{id}/cancel")).await.data(200);
    stack.settle().await;
    assert_eq!((mails(&stack, &ada, "Confirmed: "), mails(&stack, &ada, "Cancelled: ")), (4, 1));
    let skipped = event(&stack, &ada, "appointment.confirmed").await;
    assert_eq!((text(&skipped, "delivery"), attempts(&skipped)), ("skipped", "2"));
    assert_eq!(text(&skipped, "delivery_reason"), "appointment_changed");
    stack.finish().await;
}

#[tokio::test]
async fn what_is_rejected_is_told_and_not_tried_again() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    stack.settle().await;

    inject(&stack, json!([{"error": "MessageRejected"}])).await;
    book(&ada).await;
    stack.settle().await;
    let failed = event(&stack, &ada, "appointment.confirmed").await;
    assert_eq!((text(&failed, "delivery"), attempts(&failed)), ("failed", "1"));
    assert_eq!(text(&failed, "delivery_reason"), "MessageRejected");
    assert_eq!(mails(&stack, &ada, "Confirmed: "), 0);

    // The line that the alarm's metric filter counts.
    let logs = stack.stack.data_directory().join("logs");
    let lines = std::fs::read_dir(logs).unwrap().flat_map(|file| {
        let log = std::fs::read_to_string(file.unwrap().path()).unwrap();
        log.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    let alarms: Vec<Value> = lines
        .filter_map(|line| serde_json::from_str(&line).ok())
        .filter(|line: &Value| line["alarm"] == "delivery_failed")
        .collect();
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(alarms[0]["level"], "ERROR");
    assert_eq!(alarms[0]["event_id"], text(&failed, "id"));
    stack.finish_with(Permitted { failed_deliveries: 1, ..Permitted::default() }).await;
}

#[tokio::test]
async fn an_outage_of_ses_delays_mails_and_loses_none() {
    // The waits of a day in seconds; and the lines that alarms count are there at any level.
    let stack = TestStack::builder()
        .without_rate_limit()
        .parameter("MailRetryFirstWait", "1s")
        .parameter("MailRetryLongestWait", "1s")
        .parameter("LogLevel", "error")
        .start()
        .await;
    let (ada, bob) = (stack.customer().await, stack.customer().await);
    stack.settle().await;

    // Errors, then throttling, then well again. A try offers a mail three times while SES throttles.
    let (errors, throttled_tries) = (12, 4);
    let faults = json!([
        {"error": "ServiceUnavailable", "times": errors},
        {"error": "TooManyRequestsException", "times": 3 * throttled_tries},
    ]);
    inject(&stack, faults).await;
    book(&ada).await;
    book(&bob).await;
    stack.settle_within(4 * PATIENCE).await;
    used_up(&stack).await;
    let mut tries = 0;
    for customer in [&ada, &bob] {
        assert_eq!(mails(&stack, customer, "Confirmed: "), 1);
        let sent = event(&stack, customer, "appointment.confirmed").await;
        assert_eq!(text(&sent, "delivery"), "sent");
        tries += attempts(&sent).parse::<u32>().unwrap();
    }
    // More than five of each, after which a mail used to be given up.
    assert!(tries > errors && tries > 2 * 5, "{tries}");

    // What the metric filters of MailsLateAlarm read.
    let log = std::fs::read_to_string(stack.stack.data_directory().join("logs/EmailFunction.log")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = |message: &str| lines.iter().filter(|line| line["message"] == message).collect::<Vec<_>>();
    let waiting = said("a mail is to be tried again");
    assert!(waiting.len() > 10 && waiting.iter().all(|line| line["waited_seconds"].is_u64()), "{waiting:?}");
    assert!(waiting.iter().any(|line| line["waited_seconds"].as_u64().unwrap() >= 4), "{waiting:?}");
    assert!(said("mail sent").len() >= 2);
    stack.finish().await;
}

#[tokio::test]
async fn messages_that_come_twice_or_say_nothing() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    book(&ada).await;
    stack.settle().await;
    let (sqs, url) = (sqs(&stack), stack.stack.system().outputs["NotificationsQueueUrl"].clone());
    let dead_letters = &stack.stack.system().outputs["NotificationsDeadLetterQueueUrl"];

    // Standard queues deliver more than once.
    let before = stack.mails(&ada.email).len();
    for event_type in ["user.registered", "user.logged_in", "appointment.confirmed"] {
        let told = event(&stack, &ada, event_type).await;
        for _ in 0..2 {
            let body = json!({"eventId": text(&told, "id")}).to_string();
            sqs.send_message().queue_url(&url).message_body(body).send().await.unwrap();
        }
    }
    stack.settle().await;
    assert_eq!(stack.mails(&ada.email).len(), before);
    assert_eq!(attempts(&event(&stack, &ada, "appointment.confirmed").await), "1");

    // No event: delivered as often as the queue allows, then the dead letters.
    let bodies = ["hello", r#"{"event":1}"#, r#"{"eventId":"evt_00000000000000000000000zzz"}"#];
    for body in bodies {
        sqs.send_message().queue_url(&url).message_body(body).send().await.unwrap();
    }
    let mut given_up = Vec::new();
    let begun = Instant::now();
    while given_up.len() < bodies.len() {
        assert!(begun.elapsed() < PATIENCE, "only {given_up:?} are dead letters");
        let receive = sqs.receive_message().queue_url(dead_letters).wait_time_seconds(1);
        for message in receive.send().await.unwrap().messages.unwrap_or_default() {
            given_up.push(message.body.unwrap());
            let handle = message.receipt_handle.unwrap();
            sqs.delete_message().queue_url(dead_letters).receipt_handle(handle).send().await.unwrap();
        }
    }
    given_up.sort();
    assert_eq!(given_up, bodies);
    stack.finish().await;
}

/// Logs in again with a name of the device.
async fn log_in_from(customer: &Actor, device: &str) {
    let login = json!({"email": customer.email, "password": customer.password});
    let request = customer.request(reqwest::Method::POST, "/auth/login").header(USER_AGENT, device);
    customer.send(request.json(&login)).await.data(200);
}

#[tokio::test]
async fn logins_are_told_as_the_parameter_says() {
    let start =
        async |login_mail: &str| TestStack::builder().parameter("LoginMail", login_mail).start().await;
    let (always, new_device, never) =
        futures_util::join!(start("always"), start("new-device"), start("never"));

    for (stack, expected, reason) in [
        (always, [1, 1, 1], ""),
        (new_device, [0, 0, 1], "known_device"),
        (never, [0, 0, 0], "login_mail_off"),
    ] {
        let mut ada = stack.visitor();
        ada.register("Ada Lovelace").await.data(201);
        let token = stack.verification_token(&ada).await;
        ada.verify_email(&token).await.data(200);
        for (device, expected) in ["Phone", "Phone", "Laptop"].into_iter().zip(expected) {
            stack.settle().await;
            let before = mails(&stack, &ada, "Welcome back");
            log_in_from(&ada, device).await;
            stack.settle().await;
            assert_eq!(mails(&stack, &ada, "Welcome back") - before, expected, "{device} {reason}");
        }
        // The notification is there all the same, and says why it was not mailed.
        ada.log_in().await.data(200);
        let mut logins: Vec<_> = stack
            .items("EventsTable")
            .await
            .into_iter()
            .filter(|event| {
                text(event, "type") == "user.logged_in" && text(event, "recipient") == ada.user_id
            })
            .collect();
        assert_eq!(logins.len(), 4);
        // Of the last one the mail may or may not have been decided by now.
        logins.sort_by_key(|login| text(login, "at").to_owned());
        let skipped = logins[..3].iter().filter(|login| text(login, "delivery") == "skipped");
        assert_eq!(skipped.clone().count(), 3 - expected.iter().sum::<usize>());
        assert!(skipped.clone().all(|login| text(login, "delivery_reason") == reason));
        stack.finish().await;
    }
}
