//! The function: what the template's routes, stream, queue and schedule invoke.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Map, Value, json};

#[test]
#[ignore = "the process of the function, which the stack starts"]
fn function_process() {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // An error means that the Runtime API is gone: the process has to end.
    let ended = runtime.block_on(lambda_runtime::run(service_fn(handle)));
    std::process::exit(i32::from(ended.is_err()));
}

/// A client of an SDK at an endpoint of the stack's.
macro_rules! client {
    ($sdk:ident, $url:expr) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::latest())
                .region($sdk::config::Region::new("us-east-1"))
                .credentials_provider($sdk::config::Credentials::new("local", "local", None, None, "test"))
                .endpoint_url($url)
                .build(),
        )
    };
}

pub(crate) fn dynamodb(url: &str) -> aws_sdk_dynamodb::Client {
    client!(aws_sdk_dynamodb, url)
}

pub(crate) fn item(id: &str, text: &str) -> HashMap<String, AttributeValue> {
    [("id", id), ("text", text)]
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())))
        .into()
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let event = event.payload;
    let dynamodb = dynamodb(&variable("AWS_ENDPOINT_URL_DYNAMODB"));
    let table = variable("NOTES_TABLE");
    if let Some(route) = event["routeKey"].as_str() {
        let id = event["pathParameters"]["id"].as_str().unwrap();
        return match route {
            "PUT /notes/{id}" => {
                let item = item(id, event["body"].as_str().unwrap());
                dynamodb.put_item().table_name(table).set_item(Some(item)).send().await?;
                Ok(json!({"statusCode": 201}))
            }
            "GET /notes/{id}" => {
                let key = AttributeValue::S(id.to_owned());
                let found = dynamodb.get_item().table_name(table).key("id", key).send().await?;
                let fields = found.item.unwrap_or_default().into_iter();
                let note: Map<_, _> =
                    fields.map(|(name, value)| (name, json!(value.as_s().unwrap()))).collect();
                Ok(Value::Object(note))
            }
            other => Err(format!("{other} is no route of this function").into()),
        };
    }
    let sqs = client!(aws_sdk_sqs, variable("AWS_ENDPOINT_URL_SQS"));
    for record in event["Records"].as_array().ok_or("neither a request nor records")? {
        match record["eventSource"].as_str() {
            Some("aws:dynamodb") => {
                let id = record["dynamodb"]["Keys"]["id"]["S"].as_str().unwrap();
                sqs.send_message().queue_url(variable("NOTES_QUEUE_URL")).message_body(id).send().await?;
            }
            Some("aws:sqs") => {
                let id = AttributeValue::S(record["body"].as_str().unwrap().to_owned());
                dynamodb
                    .update_item()
                    .table_name(&table)
                    .key("id", id)
                    .update_expression("SET reader = :reader")
                    .condition_expression("attribute_exists(id)")
                    .expression_attribute_values(":reader", AttributeValue::S(variable("GREETING")))
                    .send()
                    .await?;
            }
            other => return Err(format!("records of {other:?} are none of this function's").into()),
        }
    }
    Ok(Value::Null)
}
