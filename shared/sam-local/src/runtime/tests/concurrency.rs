//! Which environment takes an invocation, and what happens when there is none.

use std::collections::BTreeSet;

use super::*;

/// As many invocations at once, each of which takes so long; the processes that ran them.
async fn at_once(stack: &Stack, count: usize, milliseconds: u64) -> Vec<u64> {
    let calls = (0..count).map(|_| stack.answer(json!({ "do": "sleep", "ms": milliseconds })));
    let answers = futures_util::future::join_all(calls).await;
    answers.iter().map(|answer| answer["process"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_at_once() {
    let stack = Stack::new(&[function("F")]);
    let calls = (0..100).map(|number| stack.answer(json!({ "number": number })));
    let answers = futures_util::future::join_all(calls).await;
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer, &json!({ "number": number }));
    }
    assert!(stack.runtime.process_ids("F").len() <= 4);
}

#[tokio::test]
async fn environments_are_added_up_to_the_limit() {
    let stack = Stack::new(&[function("F")]);
    let processes = at_once(&stack, 4, 300).await;
    assert_eq!(processes.iter().collect::<BTreeSet<_>>().len(), 4);
    let more = at_once(&stack, 8, 100).await;
    assert_eq!(more.iter().collect::<BTreeSet<_>>(), processes.iter().collect());
    let mut reserved = function("F");
    reserved.reserved_concurrency = Some(1);
    let stack = Stack::new(&[reserved]);
    let processes = at_once(&stack, 3, 20).await;
    assert_eq!(processes, [processes[0]; 3]);
}

#[tokio::test]
async fn the_environment_used_last_is_used_first() {
    let stack = Stack::new(&[function("F")]);
    at_once(&stack, 3, 200).await;
    let first = stack.process().await;
    for _ in 0..5 {
        // Its `next` has to arrive, for which an answer does not wait.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(stack.process().await, first);
    }
}

#[tokio::test]
async fn callers_wait_in_order_and_not_for_ever() {
    let mut single = function("F");
    single.reserved_concurrency = Some(1);
    single.timeout = Duration::from_secs(1);
    let stack = Stack::new(&[single]);
    let mut records = stack.runtime.invocations();
    stack.runtime.warm().await;
    let call = |milliseconds: u64| {
        let payload = event(&json!({ "do": "sleep", "ms": milliseconds }));
        let runtime = stack.runtime.clone();
        async move { runtime.invoke("F", payload, Trigger::Direct).await }
    };
    let (first, second, third) = tokio::join!(call(900), call(901), call(902));
    assert!(first.unwrap().error.is_none() && second.unwrap().error.is_none());
    assert_eq!(third, Err(InvokeError::Throttled("F".to_owned())));
    for _ in 0..2 {
        let record = record(&mut records).await;
        assert!(!record.cold_start, "it was started beforehand");
    }
    let mut off = function("F");
    off.reserved_concurrency = Some(0);
    let stack = Stack::new(&[off]);
    stack.runtime.warm().await;
    let throttled = stack.runtime.invoke("F", event(&json!(1)), Trigger::Direct).await;
    assert_eq!(throttled, Err(InvokeError::Throttled("F".to_owned())));
    assert_eq!(stack.runtime.process_ids("F"), [0; 0]);
}

#[tokio::test]
async fn a_slow_start_is_not_a_busy_function() {
    let mut slow = function("F");
    slow.timeout = Duration::from_millis(100);
    slow.environment.insert("INIT".to_owned(), "slow".to_owned());
    let stack = Stack::new(&[slow]);
    assert_eq!(stack.answer(json!("patience")).await, json!("patience"));
}

#[tokio::test]
async fn callers_that_are_gone_are_skipped() {
    let mut single = function("F");
    single.reserved_concurrency = Some(1);
    let stack = Stack::new(&[single]);
    stack.runtime.warm().await;
    let file = stack.directory.path().join("attempts");
    let count = json!({ "do": "count", "file": file, "succeed_at": 1 });
    let busy = stack.answer(json!({ "do": "sleep", "ms": 200 }));
    let gone = tokio::time::timeout(Duration::from_millis(50), stack.answer(count.clone()));
    let (_, gone) = tokio::join!(busy, gone);
    assert!(gone.is_err());
    assert_eq!(stack.answer(count).await, json!(1));
}

#[tokio::test]
async fn idle_environments_are_shut_down_but_the_last() {
    let stack = Stack::with(&[function("F")], |options| options.idle_timeout = Duration::from_millis(100));
    at_once(&stack, 3, 200).await;
    stack.processes(|processes| processes.len() == 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(stack.runtime.process_ids("F").len(), 1);
    stack.answer(json!("still there")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invocation_adds_little() {
    let stack = Stack::new(&[function("F")]);
    stack.answer(json!(0)).await;
    let mut durations = Vec::new();
    for number in 0..200 {
        let begun = tokio::time::Instant::now();
        stack.answer(json!(number)).await;
        durations.push(begun.elapsed());
    }
    durations.sort();
    println!("median {:?}, 99th percentile {:?}", durations[100], durations[198]);
    // A fraction of this on an idle machine; a delayed acknowledgement would be 40 ms.
    assert!(durations[100] < Duration::from_millis(20), "{:?}", durations[100]);
}
