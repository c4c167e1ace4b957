//! The function that the tests run: a `lambda_runtime` program that does what its event says.

use std::io::Write;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[test]
#[ignore = "the process of a function, which the other tests start"]
fn function_process() {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return;
    }
    match std::env::var("INIT").as_deref() {
        Ok("exit") => {
            eprintln!("no table is configured");
            std::process::exit(7);
        }
        Ok("slow") => std::thread::sleep(Duration::from_millis(300)),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // An error means that the Runtime API is gone: the process has to end.
    let ended = runtime.block_on(lambda_runtime::run(service_fn(handle)));
    std::process::exit(i32::from(ended.is_err()));
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (payload, context) = event.into_parts();
    let milliseconds = Duration::from_millis(payload["ms"].as_u64().unwrap_or_default());
    match payload["do"].as_str().unwrap_or("echo") {
        "echo" => Ok(payload),
        "process" => Ok(json!({ "process": std::process::id() })),
        "context" => Ok(json!({
            "requestId": context.request_id,
            "deadline": context.deadline,
            "arn": context.invoked_function_arn,
            "trace": context.xray_trace_id,
            "environment": std::env::vars().collect::<std::collections::BTreeMap<_, _>>(),
        })),
        "sleep" => {
            tokio::time::sleep(milliseconds).await;
            Ok(json!({ "process": std::process::id() }))
        }
        "fail" => Err(payload["message"].as_str().unwrap_or("failed").to_owned().into()),
        "panic" => panic!("the function panics"),
        "exit" => {
            eprintln!("leaving for a reason");
            std::process::exit(i32::try_from(payload["code"].as_i64().unwrap_or_default()).unwrap());
        }
        "large" => Ok(Value::String("x".repeat(usize::try_from(payload["size"].as_u64().unwrap()).unwrap()))),
        "access" => {
            println!(
                "{}",
                json!({ "access_log": true, "method": "GET", "route": payload["route"], "status": 200 })
            );
            Ok(Value::Null)
        }
        "print" => {
            println!("to standard output");
            eprintln!("to standard error");
            Ok(Value::Null)
        }
        // Appends a line to a file at every attempt; fails until there are so many.
        "count" => {
            let path = payload["file"].as_str().unwrap();
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
            writeln!(file, "{}", context.request_id)?;
            let attempts = std::fs::read_to_string(path)?.lines().count();
            if attempts < usize::try_from(payload["succeed_at"].as_u64().unwrap()).unwrap() {
                return Err(format!("attempt {attempts}").into());
            }
            Ok(json!(attempts))
        }
        other => Err(format!("cannot {other}").into()),
    }
}
