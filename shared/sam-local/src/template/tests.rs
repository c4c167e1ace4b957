//! Whole templates: what a good one becomes, and what is said of bad ones.

use std::time::Duration;

use super::model::{EventSource, ScheduleExpression};
use super::*;

fn resolve_with(text: &str, parameters: &[(&str, &str)]) -> Result<System, String> {
    let parameters =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let secrets = |secret: &GeneratedSecret| Ok(format!("{}-{}", secret.logical_id, secret.length));
    let settings = Settings {
        url: "http://127.0.0.1:3000",
        stack_name: "shop",
        parameters: &parameters,
        secrets: &secrets,
    };
    resolve(text, &settings).map_err(|error| error.to_string())
}

fn indent(text: &str, spaces: usize) -> String {
    let lines: Vec<_> = text.lines().map(|line| format!("{:spaces$}{line}\n", "")).collect();
    lines.concat()
}

/// A function with the given further properties, next to an API, a table with a stream and two queues.
fn with_function(properties: &str) -> String {
    let indented = indent(properties, 6);
    format!(
        "{BASE}
  WorkFunction:
    Type: AWS::Serverless::Function
    Metadata: {{BuildProperties: {{Binary: work}}}}
    Properties:
      Runtime: provided.al2023
{indented}"
    )
}

const BASE: &str = "
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: dev}
  Many: {Type: Number, Default: 7}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
Mappings:
  Sizes: {dev: {memory: 256}, prod: {memory: 512}}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
  ThingsTable:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  WorkQueue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub ${AWS::StackName}-work
      VisibilityTimeout: 60
      RedrivePolicy: {deadLetterTargetArn: !GetAtt DeadQueue.Arn, maxReceiveCount: 3}
  DeadQueue:
    Type: AWS::SQS::Queue
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties: {GenerateSecretString: {PasswordLength: 64, ExcludePunctuation: true}}
  ProdTopic:
    Type: AWS::SNS::Topic
    Condition: IsProd
";

fn environment(variables: &str) -> String {
    let variables = indent(variables, 4);
    with_function(&format!("Environment:\n  Variables:\n{variables}"))
}

#[test]
fn intrinsic_functions_give_their_values() {
    let text = environment(
        "REF: !Ref Stage
NUMBER: !Ref Many
TABLE: !Ref ThingsTable
QUEUE: !Ref WorkQueue
QUEUE_ARN: !GetAtt WorkQueue.Arn
QUEUE_NAME: !GetAtt WorkQueue.QueueName
TABLE_ARN: !GetAtt [ThingsTable, Arn]
URL: !Sub ${Api.ApiEndpoint}/v1
STAGE: !Ref Api.Stage
SUB: !Sub ['${Stage}-${x}-${!kept}', {x: !Ref Many}]
JOIN: !Join [',', [a, !Ref Stage, !If [IsProd, b, !Ref AWS::NoValue]]]
SELECT: !Select [1, !Split ['.', a.b.c]]
MAP: !FindInMap [Sizes, !Ref Stage, memory]
LONG: {Fn::Join: ['', [{Ref: Stage}, '!']]}
IF: !If [IsProd, yes, no]
REGION: !Ref AWS::Region
FUNCTION_ARN: !GetAtt WorkFunction.Arn
SECRET: !Sub '{{resolve:secretsmanager:${Secret}:SecretString}}'
PLAIN: 1.10
GONE: !Ref AWS::NoValue",
    );
    let system = resolve_with(&text, &[]).unwrap();
    let found = &system.functions[0].environment;
    for (name, value) in [
        ("REF", "dev"),
        ("NUMBER", "7"),
        ("TABLE", "ThingsTable"),
        ("QUEUE", "http://127.0.0.1:3000/_local/sqs/000000000000/shop-work"),
        ("QUEUE_ARN", "arn:aws:sqs:us-east-1:000000000000:shop-work"),
        ("QUEUE_NAME", "shop-work"),
        ("TABLE_ARN", "arn:aws:dynamodb:us-east-1:000000000000:table/ThingsTable"),
        ("URL", "http://127.0.0.1:3000/v1"),
        ("STAGE", "$default"),
        ("SUB", "dev-7-${kept}"),
        ("JOIN", "a,dev"),
        ("SELECT", "b"),
        ("MAP", "256"),
        ("LONG", "dev!"),
        ("IF", "no"),
        ("REGION", "us-east-1"),
        ("FUNCTION_ARN", "arn:aws:lambda:us-east-1:000000000000:function:WorkFunction"),
        ("SECRET", "Secret-64"),
        ("PLAIN", "1.10"),
    ] {
        assert_eq!(found.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(found.len(), 19);
    let prod = resolve_with(&text, &[("Stage", "prod")]).unwrap();
    assert_eq!(prod.functions[0].environment["JOIN"], "a,prod,b");
}

#[test]
fn event_sources_are_read_with_their_defaults() {
    let text = with_function(
        "Timeout: 20
EventInvokeConfig: {MaximumRetryAttempts: 0}
Events:
  Get: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: get, Path: '/things/{id}'}}
  Rest: {Type: HttpApi, Properties: {ApiId: !Ref Api}}
  Work: {Type: SQS, Properties: {Queue: !GetAtt WorkQueue.Arn, ScalingConfig: {MaximumConcurrency: !Ref Many}}}
  Off: {Type: SQS, Properties: {Queue: !GetAtt DeadQueue.Arn, Enabled: false}}
  Stream:
    Type: DynamoDB
    Properties:
      Stream: !GetAtt ThingsTable.StreamArn
      StartingPosition: TRIM_HORIZON
      MaximumRetryAttempts: 5
      BisectBatchOnFunctionError: true
      FunctionResponseTypes: [ReportBatchItemFailures]
      DestinationConfig: {OnFailure: {Destination: !GetAtt DeadQueue.Arn}}
      FilterCriteria: {Filters: [{Pattern: '{\"eventName\":[\"INSERT\"]}'}]}
  Tick: {Type: Schedule, Properties: {Schedule: rate(1 minute), Input: '{\"a\":1}'}}
  Tock: {Type: ScheduleV2, Properties: {ScheduleExpression: cron(0 8 ? * MON-FRI *), State: DISABLED}}",
    );
    let system = resolve_with(&text, &[]).unwrap();
    let function = &system.functions[0];
    assert_eq!(function.timeout, Duration::from_secs(20));
    assert_eq!(function.asynchronous.maximum_retry_attempts, 0);
    let keys: Vec<_> = function.routes().map(model::Route::key).collect();
    assert_eq!(keys, ["GET /things/{id}", "$default"]);
    let [
        _,
        _,
        EventSource::Sqs(queue),
        EventSource::Stream(stream),
        EventSource::Schedule(tick),
        EventSource::Schedule(tock),
    ] = function.event_sources.as_slice()
    else {
        panic!("{:?}", function.event_sources);
    };
    assert_eq!((queue.batch_size, queue.maximum_concurrency), (10, Some(7)));
    assert_eq!((stream.table.as_str(), stream.batch_size), ("ThingsTable", 100));
    assert!(
        stream.from_trim_horizon
            && stream.bisect_batch_on_function_error
            && stream.report_batch_item_failures
    );
    assert_eq!(stream.maximum_retry_attempts, Some(5));
    assert_eq!(stream.maximum_record_age, None);
    assert_eq!(stream.on_failure_queue_arn.as_deref(), Some("arn:aws:sqs:us-east-1:000000000000:DeadQueue"));
    assert_eq!(stream.filters, [serde_json::json!({ "eventName": ["INSERT"] })]);
    assert_eq!(tick.expression, ScheduleExpression::Rate(Duration::from_mins(1)));
    assert_eq!(tick.input, Some(serde_json::json!({ "a": 1 })));
    assert_eq!(tock.expression, ScheduleExpression::Cron("0 8 ? * MON-FRI *".to_owned()));
    assert!(tick.enabled && !tock.enabled);
    assert!(system.left_out.iter().any(|left| left.property.as_deref() == Some("Events.Off (switched off)")));
}

#[test]
fn globals_lie_under_what_a_function_says() {
    let text = with_function("MemorySize: 1024\nEnvironment: {Variables: {A: own, B: own}}");
    let text = format!(
        "Globals: {{Function: {{Timeout: 9, MemorySize: 128, Environment: {{Variables: {{A: global, C: global}}}}}}}}{text}"
    );
    let system = resolve_with(&text, &[]).unwrap();
    let function = &system.functions[0];
    assert_eq!((function.timeout.as_secs(), function.memory_mb), (9, 1024));
    let variables: Vec<_> =
        function.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(variables, ["A=own", "B=own", "C=global"]);
}

#[test]
fn a_table_becomes_a_create_table_request() {
    let system = resolve_with(BASE, &[]).unwrap();
    let table = &system.tables[0];
    assert!(table.has_stream);
    assert_eq!(
        table.create_table,
        serde_json::json!({
            "TableName": "ThingsTable",
            "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" },
        })
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn bad_functions_are_refused_by_name() {
    for (properties, expected) in [
        ("Timeuot: 5", "WorkFunction: Timeuot: is unknown here; known are Architectures"),
        ("Timeout: 1000", "WorkFunction: Timeout: must be a whole number from 1 to 900, not 1000"),
        ("MemorySize: 64", "WorkFunction: MemorySize: must be a whole number from 128 to 10240"),
        ("VpcConfig: {}\nLayers: [x]", "WorkFunction: Layers: is unknown here"),
        ("Environment: {Variables: {A: !Ref Nothing}}", "!Ref: there is no parameter or resource Nothing"),
        (
            "Environment: {Variables: {A: [x]}}",
            "WorkFunction: Environment.Variables.A: must be text, not a list",
        ),
        ("Environment: {Variables: {AWS_REGION: x}}", "is a name that Lambda keeps for itself"),
        (
            "Environment: {Variables: {A: !GetAtt ThingsTable.Arm}}",
            "has no attribute Arm; it has Arn, StreamArn",
        ),
        (
            "Environment: {Variables: {A: !Sub '${Nothing.Arn}'}}",
            "!Sub: there is no parameter or resource Nothing",
        ),
        ("Environment: {Variables: {A: !If [IsPrd, a, b]}}", "!If: there is no condition IsPrd"),
        (
            "Environment: {Variables: {A: !If [IsProd, !Ref Nothing, b]}}",
            "there is no parameter or resource Nothing",
        ),
        (
            "Environment: {Variables: {A: !Ref ProdTopic}}",
            "ProdTopic is not there, because its condition IsProd does not hold",
        ),
        ("Environment: {Variables: {A: !Select [5, [a]]}}", "the list has 1 entries, so 5 is none of them"),
        ("Environment: {Variables: {A: !FindInMap [Sizes, test, memory]}}", "Mappings.Sizes has no test"),
        ("Environment: {Variables: {A: !Equals [a, b]}}", "belongs in the Conditions section"),
        ("Environment: {Variables: {A: '{{resolve:ssm:x}}'}}", "only secretsmanager references are"),
        ("Policies: [{Statement: [{Resource: !GetAtt Gone.Arn}]}]", "there is no parameter or resource Gone"),
        (
            "Events: {A: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GTE, Path: /}}}",
            "Events.A.Properties.Method: must be one of",
        ),
        (
            "Events: {A: {Type: HttpApi, Properties: {Method: GET, Path: /}}}",
            "Events.A.Properties.ApiId: is missing",
        ),
        (
            "Events: {A: {Type: HttpApi, Properties: {ApiId: other, Method: GET, Path: /}}}",
            "Events.A.Properties.ApiId: must be !Ref",
        ),
        (
            "Events: {A: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: /, Auth: {Authorizer: x}}}}",
            "Auth: is not supported",
        ),
        (
            "Events: {A: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: '/{a}'}}, B: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: '/{b}'}}}",
            "the route ANY /{b} is already one of WorkFunction",
        ),
        ("Events: {A: {Type: S3, Properties: {}}}", "Events.A.Type: must be one of HttpApi, SQS"),
        (
            "Events: {A: {Type: Schedule, Properties: {Schedule: rate(5 minute)}}}",
            "Schedule: 'rate(5 minute)' must be rate(1 minute|hour|day)",
        ),
        (
            "Events: {A: {Type: Schedule, Properties: {Schedule: 'cron(0 8 * * * *)'}}}",
            "exactly one of day-of-month",
        ),
        (
            "Events: {A: {Type: Schedule, Properties: {Schedule: rate(1 minute), Input: '{'}}}",
            "Input: must be JSON",
        ),
        (
            "Timeout: 61\nEvents: {A: {Type: SQS, Properties: {Queue: !GetAtt WorkQueue.Arn}}}",
            "VisibilityTimeout of 60 s, less than",
        ),
        (
            "Events: {A: {Type: SQS, Properties: {Queue: !Ref WorkQueue}}}",
            "Queue: must be the ARN of a queue",
        ),
        (
            "Events: {A: {Type: SQS, Properties: {Queue: !GetAtt WorkQueue.Arn, BatchSize: 100}}}",
            "MaximumBatchingWindowInSeconds of at least 1",
        ),
        (
            "Events: {A: {Type: SQS, Properties: {Queue: !GetAtt WorkQueue.Arn, FunctionResponseTypes: [Report]}}}",
            "must be ReportBatchItemFailures",
        ),
        (
            "Events: {A: {Type: DynamoDB, Properties: {Stream: !GetAtt ThingsTable.StreamArn}}}",
            "StartingPosition: is missing",
        ),
        (
            "Events: {A: {Type: DynamoDB, Properties: {Stream: !GetAtt ThingsTable.Arn, StartingPosition: LATEST}}}",
            "must be the stream of a table",
        ),
        (
            "Events: {A: {Type: DynamoDB, Properties: {Stream: !GetAtt ThingsTable.StreamArn, StartingPosition: LATEST, MaximumRecordAgeInSeconds: 5}}}",
            "must be -1 or from 60",
        ),
        (
            "Events: {A: {Type: SQS, Properties: {Queue: !GetAtt WorkQueue.Arn, FilterCriteria: {Filters: [{Pattern: '{\"a\":1}'}]}}}}",
            "innermost values are lists",
        ),
    ] {
        let error = resolve_with(&with_function(properties), &[]).expect_err(properties);
        assert!(error.contains(expected), "{properties}: {error}");
        if !properties.contains("Layers") {
            assert!(error.starts_with("1 fault in the template:"), "{properties}: {error}");
        }
    }
}

#[test]
fn bad_resources_are_refused_by_name() {
    for (resource, expected) in [
        ("Type: AWS::S3::Bucket", "Odd: Type: the local stack neither runs AWS::S3::Bucket nor"),
        ("Properties: {}", "Odd: Type: is missing"),
        ("Type: AWS::SQS::Queue\n    DependsOn: Gone", "Odd: DependsOn: there is no resource 'Gone'"),
        ("Type: AWS::SQS::Queue\n    Condition: Gone", "Odd: Condition: there is no condition Gone"),
        (
            "Type: AWS::SQS::Queue\n    DeletionPolicy: Keep",
            "Odd: DeletionPolicy: must be one of Delete, Retain",
        ),
        ("Type: AWS::SQS::Queue\n    Propertys: {}", "Odd: Propertys: is unknown here"),
        (
            "Type: AWS::SQS::Queue\n    Properties: {VisibilityTimeout: 99999}",
            "Odd: VisibilityTimeout: must be a whole number from 0 to 43200",
        ),
        (
            "Type: AWS::SQS::Queue\n    Properties: {FifoQueue: true}",
            "Odd: FifoQueue: is not supported by the local stack",
        ),
        (
            "Type: AWS::SQS::Queue\n    Properties: {RedrivePolicy: {maxReceiveCount: 3}}",
            "Odd: RedrivePolicy.deadLetterTargetArn: is missing",
        ),
        (
            "Type: AWS::SQS::Queue\n    Properties: {RedrivePolicy: {deadLetterTargetArn: x, maxReceiveCount: 3}}",
            "must be the ARN of a queue",
        ),
        (
            "Type: AWS::SQS::Queue\n    Properties: {RedrivePolicy: {deadLetterTargetArn: !GetAtt Odd.Arn, maxReceiveCount: 3}}",
            "must be another queue",
        ),
        ("Type: AWS::SQS::Queue\n    Properties: {QueueName: !Ref Odd}", "the name of Odd depends on itself"),
        (
            "Type: AWS::SQS::Queue\n    Properties: {QueueName: shop-work}",
            "Odd: the queue name shop-work is taken by WorkQueue",
        ),
        (
            "Type: AWS::Serverless::HttpApi",
            "Odd: the local stack runs one HTTP API, and Api is there already",
        ),
        ("Type: AWS::DynamoDB::Table", "Odd: KeySchema: is missing"),
        (
            "Type: AWS::DynamoDB::Table\n    Properties: {BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{AttributeName: a, AttributeType: S}], KeySchema: [{AttributeName: b, KeyType: HASH}]}",
            "b is not among the AttributeDefinitions",
        ),
        (
            "Type: AWS::DynamoDB::Table\n    Properties: {BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{AttributeName: a, AttributeType: S}, {AttributeName: b, AttributeType: S}], KeySchema: [{AttributeName: a, KeyType: HASH}]}",
            "b is no key of the table or of an index",
        ),
        (
            "Type: AWS::DynamoDB::Table\n    Properties: {BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{AttributeName: a, AttributeType: S}], KeySchema: [{AttributeName: a, KeyType: RANGE}]}",
            "must be a HASH key",
        ),
        ("Type: AWS::SecretsManager::Secret", "Odd: GenerateSecretString: is missing"),
        (
            "Type: AWS::SecretsManager::Secret\n    Properties: {GenerateSecretString: {PasswordLenght: 3}}",
            "GenerateSecretString.PasswordLenght: is unknown",
        ),
        (
            "Type: AWS::SNS::Topic\n    Properties: {TopicName: !Ref Gone}",
            "there is no parameter or resource Gone",
        ),
        (
            "Type: AWS::Serverless::Function\n    Properties: {Runtime: provided.al2023}",
            "Metadata.BuildProperties.Binary is missing",
        ),
        (
            "Type: AWS::Serverless::Function\n    Metadata: {BuildProperties: {Binary: b}}\n    Properties: {Runtime: nodejs22.x}",
            "Odd: Runtime: must be one of provided.al2023",
        ),
    ] {
        let error = resolve_with(&format!("{BASE}  Odd:\n    {resource}\n"), &[]).expect_err(resource);
        assert!(error.contains(expected), "{resource}: {error}");
    }
}

#[test]
fn bad_sections_are_refused() {
    for (change, expected) in [
        (
            ("Transform: AWS::Serverless-2016-10-31", "Transform: Other"),
            "Template: Transform: must be AWS::Serverless-2016-10-31",
        ),
        (("Mappings:", "Rules: {}\nMappings:"), "Template: Rules: is unknown here"),
        (
            ("!Equals [!Ref Stage, prod]", "!Equals [!Ref WorkQueue, prod]"),
            "a condition cannot refer to the resource WorkQueue",
        ),
        (("!Equals [!Ref Stage, prod]", "!Condition IsProd"), "the condition IsProd depends on itself"),
        (("!Equals [!Ref Stage, prod]", "!Not [a, b]"), "!Not takes a list of one condition"),
        (
            ("Mappings:", "Globals: {Api: {}}\nMappings:"),
            "Globals: Api: is unknown here; known are Function, HttpApi",
        ),
        (
            ("Mappings:", "Globals: {Function: {FunctionName: x}}\nMappings:"),
            "Globals: Function.FunctionName: is unknown here",
        ),
        (
            ("Mappings:", "Outputs: {A: {Value: !Ref ThingsTable.Stage}}\nMappings:"),
            "there is no parameter or resource ThingsTable.Stage",
        ),
        (
            ("Mappings:", "Outputs: {A: {Value: !GetAtt Api.Url}}\nMappings:"),
            "has no attribute Url; it has ApiEndpoint, ApiId",
        ),
        (
            (
                "Type: AWS::Serverless::HttpApi",
                "Type: AWS::Serverless::HttpApi\n    Properties: {StageName: prod}",
            ),
            "Api: StageName: must be $default",
        ),
        (
            (
                "Type: AWS::Serverless::HttpApi",
                "Type: AWS::Serverless::HttpApi\n    Properties: {CorsConfiguration: {AllowOrigins: ['example.com']}}",
            ),
            "must be origins such as https://www.example.com",
        ),
        (
            (
                "Type: AWS::Serverless::HttpApi",
                "Type: AWS::Serverless::HttpApi\n    Properties: {CorsConfiguration: {AllowOrigin: ['*']}}",
            ),
            "CorsConfiguration.AllowOrigin: is unknown here",
        ),
        (
            ("Type: AWS::Serverless::HttpApi", "Type: AWS::Serverless::HttpApi\n    Properties: {Auth: {}}"),
            "Api: Auth: is not supported",
        ),
    ] {
        let text = BASE.replacen(change.0, change.1, 1);
        assert_ne!(text, BASE);
        let error = resolve_with(&text, &[]).expect_err(change.1);
        assert!(error.contains(expected), "{}: {error}", change.1);
    }
}

#[test]
fn every_fault_is_reported_in_the_order_of_its_lines() {
    let error =
        resolve_with(&with_function("Timeout: 1000\nMemorySize: 1\nOdd: 1"), &[("Stge", "x")]).unwrap_err();
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(lines.len(), 5, "{error}");
    assert_eq!(lines[0], "4 faults in the template:");
    assert!(
        lines[1].contains("Parameter Stge: the template has no such parameter; it has Many, Stage"),
        "{error}"
    );
    assert!(
        lines[2].contains("Timeout") && lines[3].contains("MemorySize") && lines[4].contains("Odd"),
        "{error}"
    );
}
