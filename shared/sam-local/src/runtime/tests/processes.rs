//! Processes that end, hang or never begin.

use super::*;

#[tokio::test]
async fn a_function_that_takes_too_long() {
    let mut short = function("F");
    short.timeout = Duration::from_secs(1);
    let stack = Stack::new(&[short]);
    let mut records = stack.runtime.invocations();
    let process = stack.process().await;
    let outcome = stack.invoke(json!({ "do": "sleep", "ms": 60_000 })).await;
    let error = outcome.error.unwrap();
    assert_eq!(error.error_type, "Sandbox.Timedout");
    let words = format!(" {} Task timed out after 1.00 seconds", outcome.request_id);
    let instant = error.message.strip_suffix(&words).expect(&error.message);
    assert!(instant.parse::<jiff::Timestamp>().is_ok(), "{instant}");
    assert!(!is_alive(process));
    assert_ne!(stack.process().await, process);
    record(&mut records).await;
    let timed_out = record(&mut records).await;
    assert!(timed_out.duration >= Duration::from_secs(1));
    assert!(matches!(timed_out.outcome, RecordedOutcome::Failed { .. }));
}

#[tokio::test]
async fn a_process_that_ends_in_an_invocation() {
    let stack = Stack::new(&[function("F")]);
    let mut records = stack.runtime.invocations();
    for (code, reason) in
        [(3, "Runtime exited with error: exit status 3"), (0, "Runtime exited without providing a reason")]
    {
        let outcome = stack.invoke(json!({ "do": "exit", "code": code })).await;
        let error = outcome.error.unwrap();
        assert_eq!(error.error_type, "Runtime.ExitError");
        assert_eq!(error.message, format!("RequestId: {} Error: {reason}", outcome.request_id));
        assert!(outcome.log_tail.contains("leaving for a reason"));
        let RecordedOutcome::Failed { message, .. } = record(&mut records).await.outcome else {
            panic!("it ended")
        };
        assert!(message.contains("leaving for a reason"), "{message}");
    }
    stack.answer(json!(1)).await;
}

#[tokio::test]
async fn a_process_that_is_killed_in_an_invocation() {
    let stack = Stack::new(&[function("F")]);
    let process = stack.process().await;
    let call = stack.fails(json!({ "do": "sleep", "ms": 60_000 }));
    let killing = async {
        // The invocation has been fetched by then.
        tokio::time::sleep(Duration::from_millis(200)).await;
        kill(process);
    };
    let (error, ()) = tokio::join!(call, killing);
    assert!(error.message.ends_with("Runtime exited with error: signal: killed"), "{}", error.message);
    assert_ne!(stack.process().await, process);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_while_idle_costs_no_invocation() {
    let stack = Stack::new(&[function("F")]);
    for round in 0..20 {
        let process = stack.process().await;
        kill(process);
        // Sometimes its end is known by now, sometimes not.
        if round % 2 == 0 {
            stack.processes(|processes| !processes.contains(&process)).await;
        }
        assert_ne!(stack.process().await, process, "round {round}");
    }
}

#[tokio::test]
async fn a_process_that_ends_before_its_first_invocation() {
    let mut broken = function("F");
    broken.environment.insert("INIT".to_owned(), "exit".to_owned());
    let stack = Stack::new(&[broken]);
    let mut records = stack.runtime.invocations();
    stack.runtime.warm().await;
    for _ in 0..2 {
        let outcome = stack.invoke(json!(1)).await;
        let error = outcome.error.unwrap();
        assert_eq!(error.error_type, "Runtime.ExitError");
        let beginning =
            format!("RequestId: {} Error: Runtime exited with error: exit status 7\n", outcome.request_id);
        assert!(error.message.starts_with(&beginning), "{}", error.message);
        assert!(error.message.ends_with("no table is configured"), "{}", error.message);
        assert_eq!(record(&mut records).await.request_id, outcome.request_id);
    }
    assert_eq!(stack.processes(<[u32]>::is_empty).await, [0; 0], "none is started without an invocation");
}

#[tokio::test]
async fn a_program_that_is_not_there() {
    let stack = Stack::with(&[function("F")], |options| {
        options.programs.insert("F".to_owned(), std::path::PathBuf::from("/nowhere/bootstrap").into());
    });
    let error = stack.fails(json!(1)).await;
    assert_eq!(error.error_type, "Runtime.ExitError");
    assert!(
        error.message.contains("/nowhere/bootstrap could not be started: No such file"),
        "{}",
        error.message
    );
    let options = RuntimeOptions {
        programs: BTreeMap::new(),
        base_environment: BTreeMap::new(),
        max_concurrency: 1,
        log_directory: stack.directory.path().to_owned(),
        idle_timeout: LONG,
    };
    let error = Runtime::new(&[function("F")], options).err().expect("no program");
    assert_eq!(error.to_string(), "there is no program to run for F");
}

#[tokio::test]
async fn a_process_that_never_asks() {
    let stack = Stack::with(&[function("F")], |options| {
        let program = Program { path: "/bin/sleep".into(), arguments: vec!["60".to_owned()] };
        options.programs.insert("F".to_owned(), program);
    });
    let begun = tokio::time::Instant::now();
    let error = stack.fails(json!(1)).await;
    assert!(error.message.ends_with("Init timed out after 10.00 seconds"), "{}", error.message);
    assert!(begun.elapsed() >= Duration::from_secs(10));
    stack.processes(<[u32]>::is_empty).await;
}

#[tokio::test]
async fn shutting_down_ends_everything() {
    let stack = Stack::with(&[function("F")], |options| options.max_concurrency = 1);
    let process = stack.process().await;
    let running = stack.runtime.invoke("F", event(&json!({ "do": "sleep", "ms": 60_000 })), Trigger::Direct);
    let waiting = stack.runtime.invoke("F", event(&json!(1)), Trigger::Direct);
    let ending = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stack.runtime.shutdown().await;
    };
    let (running, waiting, ()) = tokio::join!(running, waiting, ending);
    assert_eq!((running, waiting), (Err(InvokeError::ShuttingDown), Err(InvokeError::ShuttingDown)));
    assert!(!is_alive(process));
    let late = event(&json!(1));
    assert_eq!(
        stack.runtime.invoke("F", late.clone(), Trigger::Direct).await,
        Err(InvokeError::ShuttingDown)
    );
    assert_eq!(stack.runtime.invoke_async("F", late, Trigger::Direct), Err(InvokeError::ShuttingDown));
}

/// The directory in which `stack_process` says which processes it has.
const STACK_DIRECTORY: &str = "STACK_DIRECTORY";

#[tokio::test]
#[ignore = "a process with a runtime, which the test below starts and kills"]
async fn stack_process() {
    let Some(directory) = std::env::var_os(STACK_DIRECTORY) else { return };
    let stack = Stack::new(&[function("F"), function("G")]);
    stack.runtime.warm().await;
    let processes = [stack.runtime.process_ids("F"), stack.runtime.process_ids("G")].concat();
    let unfinished = std::path::Path::new(&directory).join("unfinished");
    std::fs::write(&unfinished, serde_json::to_string(&processes).unwrap()).unwrap();
    std::fs::rename(&unfinished, unfinished.with_file_name("processes")).unwrap();
    stack.invoke(json!({ "do": "sleep", "ms": 1_000 })).await;
    std::future::pending::<()>().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn functions_end_when_the_stack_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let mut stack = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["runtime::tests::processes::stack_process", "--exact", "--ignored"])
        .env(STACK_DIRECTORY, directory.path())
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let until = tokio::time::Instant::now() + LONG;
    let processes: Vec<u32> = loop {
        if let Ok(text) = std::fs::read_to_string(directory.path().join("processes")) {
            break serde_json::from_str(&text).unwrap();
        }
        assert!(tokio::time::Instant::now() < until, "the stack did not start");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(processes.len(), 2);
    assert!(processes.iter().all(|&process| is_alive(process)));
    // One is idle then, and the other in an invocation.
    tokio::time::sleep(Duration::from_millis(100)).await;
    kill(stack.id().unwrap());
    stack.wait().await.unwrap();
    while processes.iter().any(|&process| is_alive(process)) {
        assert!(tokio::time::Instant::now() < until, "a function outlived the stack");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
