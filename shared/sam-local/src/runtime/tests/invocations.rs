//! What invocations answer, and what is told of them.

use super::*;

#[tokio::test]
async fn a_function_answers() {
    let stack = Stack::new(&[function("F")]);
    let mut records = stack.runtime.invocations();
    assert_eq!(stack.answer(json!({ "hello": ["wörld", 1] })).await, json!({ "hello": ["wörld", 1] }));
    for name in ["F-name", "arn:aws:lambda:us-east-1:000000000000:function:F-name", "F-name:$LATEST"] {
        let outcome = stack.runtime.invoke(name, event(&json!(1)), Trigger::Schedule).await.unwrap();
        assert_eq!(outcome.payload, "1");
    }
    let first = record(&mut records).await;
    assert_eq!((first.function.as_str(), first.trigger, first.cold_start), ("F", Trigger::Direct, true));
    assert_eq!(first.outcome, RecordedOutcome::Success);
    assert!(first.peak_memory_mb.is_none_or(|megabytes| megabytes > 0));
    let second = record(&mut records).await;
    assert_eq!((second.trigger, second.cold_start, second.access), (Trigger::Schedule, false, None));
    assert_eq!(stack.runtime.process_ids("F").len(), 1);
}

#[tokio::test]
async fn a_function_sees_what_lambda_shows_it() {
    let stack = Stack::new(&[function("F")]);
    let before = crate::clock::now().as_millisecond();
    let outcome = stack.invoke(json!({ "do": "context" })).await;
    let context: Value = serde_json::from_slice(&outcome.payload).unwrap();
    assert_eq!(context["requestId"], outcome.request_id);
    assert_eq!(context["arn"], "arn:aws:lambda:us-east-1:000000000000:function:F-name");
    let left = context["deadline"].as_i64().unwrap() - before;
    assert!((10_000..15_000).contains(&left), "{left}");
    assert!(context["trace"].as_str().unwrap().starts_with("Root=1-"));
    let environment = &context["environment"];
    for (name, value) in [
        ("OWN", "own value"),
        ("BASE", "base value"),
        ("AWS_LAMBDA_FUNCTION_NAME", "F-name"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_REGION", "us-east-1"),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
    assert_eq!(environment["PATH"], Value::Null, "a function inherits nothing");
}

#[tokio::test]
async fn a_functions_own_failures() {
    let stack = Stack::new(&[function("F")]);
    let mut records = stack.runtime.invocations();
    let error = stack.fails(json!({ "do": "fail", "message": "no such service" })).await;
    assert_eq!(error.message, "no such service");
    let posted: Value = serde_json::from_slice(&error.payload).unwrap();
    assert_eq!(posted["errorMessage"], "no such service");
    let RecordedOutcome::Failed { message, .. } = record(&mut records).await.outcome else {
        panic!("it failed")
    };
    assert_eq!(message, "no such service");
    assert!(stack.fails(json!({ "do": "panic" })).await.message.contains("the function panics"));
    // Neither costs it its process.
    stack.answer(json!(1)).await;
    assert_eq!(stack.runtime.process_ids("F").len(), 1);
}

#[tokio::test]
async fn answers_have_a_limit() {
    let stack = Stack::new(&[function("F")]);
    let size = RESPONSE_LIMIT - 2;
    let answer = stack.answer(json!({ "do": "large", "size": size })).await;
    assert_eq!(answer.as_str().unwrap().len(), size);
    let error = stack.fails(json!({ "do": "large", "size": size + 1 })).await;
    assert_eq!(error.error_type, "Function.ResponseSizeTooLarge");
    stack.answer(json!("still there")).await;
    let whole = Bytes::from(vec![b'1'; SYNCHRONOUS_PAYLOAD_LIMIT + 1]);
    assert_eq!(
        stack.runtime.invoke("F", whole.clone(), Trigger::Direct).await,
        Err(InvokeError::PayloadTooLarge { size: whole.len(), limit: SYNCHRONOUS_PAYLOAD_LIMIT })
    );
}

#[tokio::test]
async fn access_log_lines_belong_to_their_invocations() {
    let stack = Stack::new(&[function("F")]);
    let mut records = stack.runtime.invocations();
    for number in 0..10 {
        let payload = event(&json!({ "do": "access", "route": format!("/{number}") }));
        stack.runtime.invoke("F", payload, Trigger::HttpApi).await.unwrap();
    }
    for number in 0..10 {
        assert_eq!(record(&mut records).await.access.unwrap().route, format!("/{number}"));
    }
}

#[tokio::test]
async fn what_is_printed_is_sent_and_kept() {
    let stack = Stack::new(&[function("F")]);
    let mut lines = stack.runtime.log_lines();
    stack.answer(json!({ "do": "print" })).await;
    let mut printed = Vec::new();
    while printed.len() < 2 {
        let line = tokio::time::timeout(LONG, lines.recv()).await.expect("a line in time").unwrap();
        if line.text.starts_with("to standard") {
            assert_eq!(line.function, "F");
            printed.push((line.text, line.is_standard_error));
        }
    }
    // They come through two pipes, in either order.
    printed.sort();
    assert_eq!(printed, [("to standard error".to_owned(), true), ("to standard output".to_owned(), false)]);
    let kept = std::fs::read_to_string(stack.directory.path().join("F.log")).unwrap();
    assert!(kept.contains("to standard output\n") && kept.contains("to standard error\n"), "{kept}");
}

#[tokio::test]
async fn events_are_tried_again() {
    let stack = Stack::new(&[function("F")]);
    let mut records = stack.runtime.invocations();
    let file = stack.directory.path().join("attempts");
    let payload = json!({ "do": "count", "file": file, "succeed_at": 3 });
    stack.runtime.invoke_async("F", event(&payload), Trigger::Schedule).unwrap();
    for is_success in [false, false, true] {
        let outcome = record(&mut records).await.outcome;
        assert_eq!(outcome == RecordedOutcome::Success, is_success, "{outcome:?}");
    }
    let attempts = std::fs::read_to_string(&file).unwrap();
    let ids: Vec<&str> = attempts.lines().collect();
    assert_eq!(ids, [ids[0]; 3], "every attempt has the same id");
}

#[tokio::test]
async fn events_are_not_tried_for_ever() {
    let mut once = function("F");
    once.asynchronous.maximum_retry_attempts = 1;
    let stack = Stack::new(&[once]);
    let mut records = stack.runtime.invocations();
    let file = stack.directory.path().join("attempts");
    let payload = json!({ "do": "count", "file": file, "succeed_at": 9 });
    stack.runtime.invoke_async("F", event(&payload), Trigger::Direct).unwrap();
    record(&mut records).await;
    record(&mut records).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2);
    let large = Bytes::from(vec![b'1'; ASYNCHRONOUS_PAYLOAD_LIMIT + 1]);
    assert!(matches!(
        stack.runtime.invoke_async("F", large, Trigger::Direct),
        Err(InvokeError::PayloadTooLarge { limit: ASYNCHRONOUS_PAYLOAD_LIMIT, .. })
    ));
    assert_eq!(
        stack.runtime.invoke_async("G", event(&payload), Trigger::Direct),
        Err(InvokeError::NotFound("G".to_owned()))
    );
}
