//! What template.yaml promises beyond being valid: least privilege, data that survives, logs that end, queues that
//! lose nothing, and documents that agree with it. Each promise is a function from a template to its faults; beside
//! the template as it is, each is given one that breaks it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use chairbook_tests::TestStack;
use saphyr::{MarkedYaml, Scalar, YamlData, YamlLoader};
use saphyr_parser::Parser;
use serde_json::{Map, Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn file(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

// --- Reading the template -----------------------------------------------------------------------------------------

/// A template, as JSON: intrinsic functions in their long form, scalars by YAML's core schema.
struct Template(Value);

impl Template {
    fn parse(text: &str) -> Self {
        let mut loader: YamlLoader<'_, MarkedYaml<'_>> = YamlLoader::default();
        loader.early_parse(false);
        Parser::new_from_str(text).load(&mut loader, true).unwrap();
        Self(to_json(&loader.into_documents()[0]))
    }

    fn as_it_is() -> Self {
        Self::parse(&file("template.yaml"))
    }

    fn section(&self, name: &str) -> impl Iterator<Item = (&str, &Value)> {
        self.0[name].as_object().unwrap().iter().map(|(id, value)| (id.as_str(), value))
    }

    /// The resources of a type: their logical ids and properties.
    fn of_type(&self, resource_type: &str) -> impl Iterator<Item = (&str, &Value)> {
        self.section("Resources")
            .filter(move |(_, resource)| resource["Type"] == resource_type)
            .map(|(id, resource)| (id, &resource["Properties"]))
    }

    fn functions(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.of_type("AWS::Serverless::Function")
    }

    /// A function's cargo binary, which is also its folder's and its sample event's name.
    fn binary(&self, function: &str) -> &str {
        self.0["Resources"][function]["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap()
    }

    /// Every statement of every role's own policies, with the role.
    fn statements(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.of_type("AWS::IAM::Role").flat_map(|(role, properties)| {
            list(&properties["Policies"])
                .iter()
                .flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]))
                .map(move |statement| (role, statement))
        })
    }
}

fn to_json(node: &MarkedYaml<'_>) -> Value {
    match &node.data {
        YamlData::Representation(text, style, tag) => {
            let (function, tag) = match tag {
                Some(tag) if !tag.is_yaml_core_schema() => (Some(tag), None),
                other => (None, other.as_ref()),
            };
            let scalar = Scalar::parse_from_cow_and_metadata(Cow::Borrowed(text), *style, tag).unwrap();
            let value = match scalar {
                Scalar::Null => Value::Null,
                Scalar::Boolean(value) => json!(value),
                Scalar::Integer(value) => json!(value),
                Scalar::FloatingPoint(value) => json!(value.into_inner()),
                Scalar::String(value) => json!(value),
            };
            function.map_or(value.clone(), |tag| call(&tag.suffix, value))
        }
        YamlData::Sequence(items) => items.iter().map(to_json).collect(),
        YamlData::Mapping(entries) => {
            let entry = |(key, value)| (to_json(key).as_str().unwrap().to_owned(), to_json(value));
            Value::Object(entries.iter().map(entry).collect::<Map<_, _>>())
        }
        YamlData::Tagged(tag, inner) => call(&tag.suffix, to_json(inner)),
        other => panic!("cannot be read: {other:?}"),
    }
}

fn call(function: &str, argument: Value) -> Value {
    let name = if function == "Ref" { function.to_owned() } else { format!("Fn::{function}") };
    Value::Object(Map::from_iter([(name, argument)]))
}

/// A list's items; one value stands for a list of it, and nothing for an empty one.
fn list(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}

/// Every text in a value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(entries) => entries.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Whether a value refers to a resource: by `!Ref`, `!GetAtt` or in a `!Sub`.
fn refers_to(value: &Value, logical_id: &str) -> bool {
    let attribute = format!("{logical_id}.");
    match value {
        Value::Array(items) => items.iter().any(|item| refers_to(item, logical_id)),
        Value::Object(entries) => entries.iter().any(|(key, argument)| match key.as_str() {
            "Ref" => argument == logical_id,
            "Fn::GetAtt" => argument.as_str().is_some_and(|text| text.starts_with(&attribute)),
            "Fn::Sub" => texts(argument).iter().any(|text| {
                text.contains(&format!("${{{logical_id}}}")) || text.contains(&format!("${{{attribute}"))
            }),
            _ => refers_to(argument, logical_id),
        }),
        _ => false,
    }
}

// --- The promises -------------------------------------------------------------------------------------------------

type Promise = fn(&Template) -> Vec<String>;

fn no_wildcard_in_a_policy(template: &Template) -> Vec<String> {
    let mut faults = Vec::new();
    for (role, statement) in template.statements() {
        for negation in ["NotAction", "NotResource", "NotPrincipal"] {
            if !statement[negation].is_null() {
                faults.push(format!("{role}: {negation}"));
            }
        }
        for part in ["Action", "Resource"] {
            if list(&statement[part]).is_empty() {
                faults.push(format!("{role}: a statement without {part}"));
            }
            let wild = texts(&statement[part]).into_iter().filter(|text| text.contains(['*', '?']));
            faults.extend(wild.map(|text| format!("{role}: wildcard in {part} {text}")));
        }
    }
    for (role, properties) in template.of_type("AWS::IAM::Role") {
        // AWS Backup says by a managed policy what it needs.
        let trust = &properties["AssumeRolePolicyDocument"]["Statement"];
        let is_of_backup = list(trust)
            .iter()
            .all(|statement| statement["Principal"] == json!({"Service": "backup.amazonaws.com"}));
        if !properties["ManagedPolicyArns"].is_null() && !is_of_backup {
            faults.push(format!("{role}: managed policies allow more than its function calls"));
        }
    }
    faults
}

fn every_table_survives(template: &Template) -> Vec<String> {
    let mut faults = Vec::new();
    for (table, resource) in template.section("Resources") {
        if resource["Type"] != "AWS::DynamoDB::Table" {
            continue;
        }
        let properties = &resource["Properties"];
        if properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] != true {
            faults.push(format!("{table}: no point-in-time recovery"));
        }
        if properties["DeletionProtectionEnabled"] != json!({"Fn::If": ["IsDeletionProtected", true, false]})
        {
            faults.push(format!("{table}: no deletion protection"));
        }
        // A deployment that fails leaves no empty tables behind.
        for (policy, value) in [("DeletionPolicy", "RetainExceptOnCreate"), ("UpdateReplacePolicy", "Retain")]
        {
            if resource[policy] != value {
                faults.push(format!("{table}: {policy} is not {value}"));
            }
        }
    }
    if template.0["Parameters"]["DeletionProtection"]["Default"] != "true" {
        faults.push("DeletionProtection: is not on by default".to_owned());
    }
    faults
}

fn every_function_has_a_role_of_its_own(template: &Template) -> Vec<String> {
    let mut faults = Vec::new();
    let mut used = BTreeMap::new();
    let roles: BTreeMap<_, _> = template.of_type("AWS::IAM::Role").collect();
    for (function, properties) in template.functions() {
        let role = properties["Role"]["Fn::GetAtt"].as_str().and_then(|text| text.strip_suffix(".Arn"));
        let Some((role, trust)) =
            role.and_then(|role| Some((role, &roles.get(role)?["AssumeRolePolicyDocument"])))
        else {
            faults.push(format!("{function}: no role of this template"));
            continue;
        };
        if let Some(other) = used.insert(role, function) {
            faults.push(format!("{function}: shares {role} with {other}"));
        }
        let principals: Vec<_> =
            list(&trust["Statement"]).iter().map(|statement| &statement["Principal"]).collect();
        if principals != [&json!({"Service": "lambda.amazonaws.com"})] {
            faults.push(format!("{role}: may be assumed by others than Lambda"));
        }
    }
    faults
}

fn every_function_logs_to_a_group_that_forgets(template: &Template) -> Vec<String> {
    let mut faults = Vec::new();
    let groups: BTreeMap<_, _> = template.of_type("AWS::Logs::LogGroup").collect();
    for (group, properties) in &groups {
        if properties["RetentionInDays"].is_null() {
            faults.push(format!("{group}: keeps its logs for ever"));
        }
    }
    let mut used = BTreeMap::new();
    for (function, properties) in template.functions() {
        match properties["LoggingConfig"]["LogGroup"]["Ref"]
            .as_str()
            .filter(|group| groups.contains_key(group))
        {
            None => faults.push(format!("{function}: no log group of this template")),
            Some(group) => {
                if let Some(other) = used.insert(group, function) {
                    faults.push(format!("{function}: shares {group} with {other}"));
                }
            }
        }
    }
    faults
}

fn every_queue_has_dead_letters_or_is_them(template: &Template) -> Vec<String> {
    let target = |properties: &Value| {
        let target = properties["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"].as_str()?;
        target.strip_suffix(".Arn").map(str::to_owned)
    };
    let failures = template
        .functions()
        .flat_map(|(_, properties)| properties["Events"].as_object().unwrap().values())
        .filter_map(|event| {
            event["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"].as_str()
        })
        .filter_map(|target| target.strip_suffix(".Arn").map(str::to_owned));
    let targets: BTreeSet<_> = template
        .of_type("AWS::SQS::Queue")
        .filter_map(|(_, properties)| target(properties))
        .chain(failures)
        .collect();
    template
        .of_type("AWS::SQS::Queue")
        .filter(|(queue, properties)| target(properties).is_none() && !targets.contains(*queue))
        .map(|(queue, _)| format!("{queue}: loses what cannot be handled"))
        .collect()
}

/// Whoever writes the rows `KEY#…` of the users decides which tokens are believed.
fn only_auth_writes_verification_keys(template: &Template) -> Vec<String> {
    let writes = |action: &&str| {
        ["Put", "Update", "Delete", "Write", "PartiQL", "Import", "Restore"]
            .iter()
            .any(|verb| action.contains(verb))
    };
    // A pattern matches a key of that kind if they agree up to the pattern's first wildcard.
    let may_be_a_key = |pattern: &&str| {
        let fixed = pattern.split(['*', '?']).next().unwrap();
        fixed.starts_with("KEY#") || (fixed.len() < pattern.len() && "KEY#".starts_with(fixed))
    };
    let kept_off = |condition: &Value| {
        ["ForAllValues:StringLike", "ForAllValues:StringEquals"].iter().any(|operator| {
            let keys = texts(&condition[operator]["dynamodb:LeadingKeys"]);
            !keys.is_empty() && !keys.iter().any(may_be_a_key)
        })
    };
    template
        .statements()
        .filter(|(role, statement)| {
            *role != "AuthRole"
                && refers_to(&statement["Resource"], "UsersTable")
                && texts(&statement["Action"]).iter().any(writes)
                && !kept_off(&statement["Condition"])
        })
        .map(|(role, _)| format!("{role}: may write verification keys"))
        .collect()
}

fn secrets_reach_only_who_needs_them(template: &Template) -> Vec<String> {
    let mut faults = Vec::new();
    for (secret, expected) in
        [("SigningSecret", &["AuthFunction"][..]), ("SealingSecret", &["AuthFunction", "EmailFunction"])]
    {
        let holders: Vec<_> = template
            .functions()
            .filter(|(_, properties)| refers_to(properties, secret))
            .map(|(function, _)| function)
            .collect();
        if holders != expected {
            faults.push(format!("{secret}: is given to {holders:?}"));
        }
    }
    for (function, properties) in template.functions() {
        let events = properties["Events"].as_object().unwrap();
        let has_routes = events.values().any(|event| event["Type"] == "HttpApi");
        if refers_to(properties, "CloudFrontSecret") != has_routes {
            faults.push(format!(
                "{function}: serves what did not come by CloudFront, or knows its secret for nothing"
            ));
        }
    }
    for (parameter, properties) in template.section("Parameters") {
        if parameter.ends_with("Secret") && properties["NoEcho"] != true {
            faults.push(format!("{parameter}: is shown"));
        }
    }
    faults
}

/// SAM CLI hands on only what is declared, and what is declared is deployed: it has to be empty there.
fn what_is_deployed_calls_aws(template: &Template) -> Vec<String> {
    let global = &template.0["Globals"]["Function"]["Environment"]["Variables"]["AWS_ENDPOINT_URL"];
    let fault = (*global != "").then(|| format!("AWS_ENDPOINT_URL: is {global}"));
    let own = template.functions().flat_map(|(function, properties)| {
        let names = properties["Environment"]["Variables"].as_object().unwrap().keys();
        let endpoints = names.filter(|name| name.starts_with("AWS_ENDPOINT_URL"));
        endpoints.map(move |name| format!("{function}: has its own {name}"))
    });
    fault.into_iter().chain(own).collect()
}

/// A variable's name stands as a text in the source of the function that reads it, or of a crate that it uses.
fn every_variable_is_read(template: &Template) -> Vec<String> {
    let global = &template.0["Globals"]["Function"]["Environment"]["Variables"];
    let mut faults = Vec::new();
    for (function, properties) in template.functions() {
        let sources = sources(&root().join("functions").join(template.binary(function)));
        let own = properties["Environment"]["Variables"].as_object().unwrap();
        for name in own.keys().chain(global.as_object().unwrap().keys()) {
            if !sources.contains(&format!("\"{name}\"")) {
                faults.push(format!("{function}: does not read {name}"));
            }
        }
    }
    faults
}

/// All Rust source of a crate and of the workspace's crates that it is built from.
fn sources(folder: &Path) -> String {
    static READ: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());
    if let Some(known) = READ.lock().unwrap().get(folder) {
        return known.clone();
    }
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let (_, dependencies) = manifest.split_once("[dependencies]").unwrap();
    let dependencies = dependencies.split("\n[").next().unwrap();
    let shared = dependencies.lines().filter_map(|line| line.strip_prefix("chairbook-")?.split_once('.'));
    let all = rust(&folder.join("src"))
        + &shared.map(|(name, _)| sources(&root().join("shared").join(name))).collect::<String>();
    READ.lock().unwrap().insert(folder.to_owned(), all.clone());
    all
}

/// All Rust source below a folder.
fn rust(folder: &Path) -> String {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .map(|path| if path.is_dir() { rust(&path) } else { std::fs::read_to_string(path).unwrap() })
        .collect()
}

fn functions_are_the_folders(template: &Template) -> Vec<String> {
    let deployed: BTreeSet<_> =
        template.functions().map(|(function, _)| template.binary(function).to_owned()).collect();
    let folders: BTreeSet<_> = std::fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let differ = deployed.symmetric_difference(&folders);
    differ.map(|name| format!("{name}: is in functions/ or in the template, not in both")).collect()
}

/// Health asks every other function, errors of every function are alarmed, and every log is watched for them.
fn every_function_is_watched(template: &Template) -> Vec<String> {
    let mut faults = Vec::new();
    let health = &template.0["Resources"]["HealthFunction"]["Properties"]["Environment"]["Variables"];
    let asked = texts(&health["HEALTH_FUNCTIONS"]);
    let invocable: Vec<_> = template
        .statements()
        .filter(|(role, statement)| *role == "HealthRole" && statement["Action"] == "lambda:InvokeFunction")
        .flat_map(|(_, statement)| texts(&statement["Resource"]))
        .collect();
    let alarmed = |function: &str| {
        template.of_type("AWS::CloudWatch::Alarm").any(|(_, alarm)| {
            alarm["Namespace"] == "AWS/Lambda"
                && alarm["MetricName"] == "Errors"
                && list(&alarm["Dimensions"]).iter().any(|dimension| refers_to(&dimension["Value"], function))
        })
    };
    let throttled = |function: &str| {
        template.of_type("AWS::CloudWatch::Alarm").flat_map(|(_, alarm)| list(&alarm["Metrics"])).any(
            |metric| {
                let metric = &metric["MetricStat"]["Metric"];
                metric["MetricName"] == "Throttles"
                    && list(&metric["Dimensions"])
                        .iter()
                        .any(|dimension| refers_to(&dimension["Value"], function))
            },
        )
    };
    for (function, properties) in template.functions() {
        let name = properties["FunctionName"]["Fn::Sub"].as_str().unwrap();
        let ends = format!(":function:{name}");
        if function != "HealthFunction"
            && !(asked.contains(&name) && invocable.iter().any(|arn| arn.ends_with(&ends)))
        {
            faults.push(format!("{function}: health does not ask it"));
        }
        if !alarmed(function) {
            faults.push(format!("{function}: no alarm on its errors"));
        }
        if !throttled(function) {
            faults.push(format!("{function}: no alarm on its throttles"));
        }
        let group = properties["LoggingConfig"]["LogGroup"]["Ref"].as_str().unwrap_or_default();
        let watched = template.of_type("AWS::Logs::MetricFilter").any(|(_, filter)| {
            refers_to(&filter["LogGroupName"], group) && !filter["FilterPattern"].is_null()
        });
        if !watched {
            faults.push(format!("{function}: nobody counts the errors that it logs"));
        }
    }
    faults
}

/// An alarm on a metric that logs make has a filter that makes it, and a filter looks for a line that its function writes.
fn alarms_count_lines_that_there_are(template: &Template) -> Vec<String> {
    let mut faults = Vec::new();
    let mut made = BTreeSet::new();
    for (filter, properties) in template.of_type("AWS::Logs::MetricFilter") {
        made.extend(
            list(&properties["MetricTransformations"]).iter().filter_map(|made| made["MetricName"].as_str()),
        );
        let pattern = properties["FilterPattern"].as_str().unwrap_or_default();
        let message = pattern.split_once("$.message = ").map(|(_, rest)| rest.trim_end_matches([' ', '}']));
        let watched = template.functions().find(|(_, function)| {
            refers_to(
                &properties["LogGroupName"],
                function["LoggingConfig"]["LogGroup"]["Ref"].as_str().unwrap_or_default(),
            )
        });
        let Some((function, _)) = watched else {
            faults.push(format!("{filter}: watches no function's log"));
            continue;
        };
        if let Some(message) = message
            && !sources(&root().join("functions").join(template.binary(function))).contains(message)
        {
            faults.push(format!("{filter}: {function} never writes {message}"));
        }
    }
    for (alarm, properties) in template.of_type("AWS::CloudWatch::Alarm") {
        let metric = properties["MetricName"].as_str().unwrap_or_default();
        if refers_to_own_namespace(properties) && !made.contains(metric) {
            faults.push(format!("{alarm}: nothing makes its metric {metric}"));
        }
        // Health's probes are invocations, too.
        if metric == "Invocations" {
            faults.push(format!("{alarm}: counts invocations in which nothing was done"));
        }
        if properties["ComparisonOperator"] == "LessThanThreshold"
            && properties["TreatMissingData"] == "breaching"
        {
            faults.push(format!("{alarm}: fires after the first deployment, before there are data"));
        }
    }
    faults
}

fn refers_to_own_namespace(alarm: &Value) -> bool {
    texts(&alarm["Namespace"]).iter().any(|text| text.starts_with("Chairbook/"))
}

/// A record that a reader of a stream gives up is a dead letter before the stream forgets it, after 24 hours.
fn no_record_of_a_stream_is_lost(template: &Template) -> Vec<String> {
    let mut faults = Vec::new();
    for (function, properties) in template.functions() {
        let events = properties["Events"].as_object().unwrap().values();
        for event in events.filter(|event| event["Type"] == "DynamoDB").map(|event| &event["Properties"]) {
            if event["MaximumRecordAgeInSeconds"].as_u64().is_none_or(|age| age + 3_600 > 86_400) {
                faults.push(format!("{function}: its stream forgets records before they are given up"));
            }
            if event["DestinationConfig"]["OnFailure"]["Destination"].is_null() {
                faults.push(format!("{function}: what it gives up is lost"));
            }
        }
    }
    faults
}

/// What API Gateway knows of a request that it could not have answered is in its log.
fn the_api_logs_why_it_failed(template: &Template) -> Vec<String> {
    let format =
        template.0["Resources"]["Api"]["Properties"]["AccessLogSettings"]["Format"].as_str().unwrap();
    let format: Value = serde_json::from_str(format).unwrap();
    let values = texts(&format);
    ["$context.requestId", "$context.error.message", "$context.integrationErrorMessage", "$context.routeKey"]
        .iter()
        .filter(|value| !values.contains(value))
        .map(|value| format!("Api: does not log {value}"))
        .collect()
}

fn every_parameter_is_described(template: &Template) -> Vec<String> {
    template
        .section("Parameters")
        .filter(|(_, parameter)| parameter["Description"].as_str().is_none_or(|text| text.trim().is_empty()))
        .map(|(name, _)| format!("{name}: no description"))
        .collect()
}

/// The first cells of the rows below a heading, without their backticks.
fn documented(document: &str, heading: &str) -> BTreeSet<String> {
    let (_, rest) = document.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(cell, _)| cell.to_owned()).collect()
}

/// The dashboard has every alarm, every table, and each metric of functions of every function.
fn the_dashboard_shows_everything(template: &Template) -> Vec<String> {
    let (_, dashboard) = template.of_type("AWS::CloudWatch::Dashboard").next().unwrap();
    let body = dashboard["DashboardBody"]["Fn::Sub"].as_str().unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let widgets: Vec<_> = list(&body["widgets"]).iter().map(|widget| &widget["properties"]).collect();
    let alarms: BTreeSet<_> = widgets.iter().flat_map(|widget| texts(&widget["alarms"])).collect();
    let mut missing: Vec<_> = template
        .of_type("AWS::CloudWatch::Alarm")
        .filter(|(alarm, _)| !alarms.contains(format!("${{{alarm}.Arn}}").as_str()))
        .map(|(alarm, _)| format!("{alarm}: not on the dashboard"))
        .collect();
    let shown: BTreeSet<[&str; 3]> = widgets
        .iter()
        .flat_map(|widget| list(&widget["metrics"]))
        .map(|metric| [0, 1, 3].map(|place| metric[place].as_str().unwrap()))
        .collect();
    let functions = ["Duration", "Errors", "Throttles", "ConcurrentExecutions"].as_slice();
    let tables =
        ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "TransactionConflict"].as_slice();
    for (namespace, metrics, resource_type) in [
        ("AWS/Lambda", functions, "AWS::Serverless::Function"),
        ("AWS/DynamoDB", tables, "AWS::DynamoDB::Table"),
    ] {
        for (id, _) in template.of_type(resource_type) {
            let dimension = format!("${{{id}}}");
            let is_shown = |metric: &str| shown.iter().any(|found| *found == [namespace, metric, &dimension]);
            let absent = metrics.iter().filter(|metric| !is_shown(metric));
            missing.extend(absent.map(|metric| format!("{id}: its {metric} are not on the dashboard")));
        }
    }
    missing
}

fn compare(what: &str, written: &BTreeSet<String>, documented: &BTreeSet<String>) -> Vec<String> {
    assert!(!documented.is_empty(), "no {what} is documented");
    let missing = written.difference(documented).map(|name| format!("{name}: {what} without documentation"));
    let stale =
        documented.difference(written).map(|name| format!("{name}: documented {what} that is not there"));
    missing.chain(stale).collect()
}

fn routes_are_documented(template: &Template) -> Vec<String> {
    let routes = template
        .functions()
        .flat_map(|(_, properties)| properties["Events"].as_object().unwrap().values())
        .filter(|event| event["Type"] == "HttpApi")
        .map(|event| {
            let text = |name: &str| event["Properties"][name].as_str().unwrap();
            format!("{} {}", text("Method"), text("Path"))
        })
        .collect();
    let reference: Value = serde_json::from_str(&file("docs/openapi.json")).unwrap();
    let paths = reference["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    compare("route", &routes, &operations.collect())
}

fn parameters_are_documented(template: &Template) -> Vec<String> {
    let parameters = template.section("Parameters").map(|(name, _)| name.to_owned()).collect();
    compare("parameter", &parameters, &documented(&file("docs/operations.md"), "Parameters"))
}

fn alarms_are_documented(template: &Template) -> Vec<String> {
    let functions: BTreeSet<_> = template
        .functions()
        .map(|(function, _)| format!("{}ErrorsAlarm", function.trim_end_matches("Function")))
        .collect();
    let alarms = template.of_type("AWS::CloudWatch::Alarm").map(|(alarm, _)| {
        if functions.contains(alarm) { "…ErrorsAlarm".to_owned() } else { alarm.to_owned() }
    });
    compare("alarm", &alarms.collect(), &documented(&file("docs/operations.md"), "Alarms"))
}

const PROMISES: [(&str, Promise); 19] = [
    ("no wildcard in a policy", no_wildcard_in_a_policy),
    ("every table survives", every_table_survives),
    ("every function has a role of its own", every_function_has_a_role_of_its_own),
    ("every function logs to a group that forgets", every_function_logs_to_a_group_that_forgets),
    ("every queue has dead letters or is them", every_queue_has_dead_letters_or_is_them),
    ("only auth writes verification keys", only_auth_writes_verification_keys),
    ("secrets reach only who needs them", secrets_reach_only_who_needs_them),
    ("what is deployed calls AWS", what_is_deployed_calls_aws),
    ("every variable is read", every_variable_is_read),
    ("functions are the folders", functions_are_the_folders),
    ("every function is watched", every_function_is_watched),
    ("alarms count lines that there are", alarms_count_lines_that_there_are),
    ("no record of a stream is lost", no_record_of_a_stream_is_lost),
    ("the API logs why it failed", the_api_logs_why_it_failed),
    ("the dashboard shows everything", the_dashboard_shows_everything),
    ("every parameter is described", every_parameter_is_described),
    ("routes are documented", routes_are_documented),
    ("parameters are documented", parameters_are_documented),
    ("alarms are documented", alarms_are_documented),
];

#[test]
fn the_template_keeps_its_promises() {
    let template = Template::as_it_is();
    let faults: Vec<_> = PROMISES
        .iter()
        .flat_map(|(promise, faults_of)| faults_of(&template).into_iter().map(move |fault| (promise, fault)))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// One change of the template's text and the fault that must come of it, for every way in which a promise can break.
const BROKEN: [(&str, &str, &str); 45] = [
    ("\"${RelayLateAlarm.Arn}\",\n", "", "RelayLateAlarm: not on the dashboard"),
    (
        "[\"AWS/Lambda\", \"Errors\", \"FunctionName\", \"${StatsFunction}\"",
        "[\"AWS/Lambda\", \"Errors\", \"FunctionName\", \"${RelayFunction}\"",
        "StatsFunction: its Errors are not on the dashboard",
    ),
    ("Service: backup.amazonaws.com", "Service: lambda.amazonaws.com", "BackupRole: managed policies"),
    ("Resource: !GetAtt AuthLogGroup.Arn", "Resource: '*'", "AuthRole: wildcard in Resource *"),
    (
        "Resource: !GetAtt LimitsTable.Arn",
        "Resource: !Sub ${LimitsTable.Arn}/index/*",
        "AuthRole: wildcard in Resource",
    ),
    ("Action: sqs:SendMessage", "Action: sqs:*", "RelayRole: wildcard in Action sqs:*"),
    ("Action: sqs:SendMessage", "NotAction: sqs:SendMessage", "RelayRole: NotAction"),
    (
        "Resource: !GetAtt LimitsTable.Arn",
        "NotResource: !GetAtt LimitsTable.Arn",
        "AuthRole: a statement without Resource",
    ),
    (
        "      Policies:\n        - PolicyName: relay",
        "      ManagedPolicyArns: [arn:aws:iam::aws:policy/AdministratorAccess]\n      Policies:\n        - PolicyName: relay",
        "RelayRole: managed policies",
    ),
    (
        "PointInTimeRecoveryEnabled: true",
        "PointInTimeRecoveryEnabled: false",
        "UsersTable: no point-in-time recovery",
    ),
    (
        "DeletionProtectionEnabled: !If [IsDeletionProtected, true, false]",
        "TableClass: STANDARD",
        "UsersTable: no deletion protection",
    ),
    (
        "  UsersTable:\n    Type: AWS::DynamoDB::Table\n    DeletionPolicy: RetainExceptOnCreate",
        "  UsersTable:\n    Type: AWS::DynamoDB::Table",
        "UsersTable: DeletionPolicy is not RetainExceptOnCreate",
    ),
    (
        "    Type: String\n    Default: 'true'",
        "    Type: String\n    Default: 'false'",
        "DeletionProtection: is not on by default",
    ),
    (
        "Role: !GetAtt CatalogRole.Arn",
        "Role: !GetAtt AuthRole.Arn",
        "CatalogFunction: shares AuthRole with AuthFunction",
    ),
    ("      Role: !GetAtt CatalogRole.Arn\n", "", "CatalogFunction: no role of this template"),
    ("Service: lambda.amazonaws.com", "Service: ec2.amazonaws.com", "AuthRole: may be assumed by others"),
    ("LogGroup: !Ref RelayLogGroup", "LogGroup: /aws/lambda/relay", "RelayFunction: no log group"),
    (
        "LogGroup: !Ref RelayLogGroup",
        "LogGroup: !Ref EmailLogGroup",
        "RelayFunction: shares EmailLogGroup with EmailFunction",
    ),
    (
        "      RetentionInDays: !Ref LogRetentionDays\n\n  # --- The domain",
        "\n  # --- The domain",
        "ApiLogGroup: keeps its logs for ever",
    ),
    (
        "deadLetterTargetArn: !GetAtt NotificationsDeadLetterQueue.Arn",
        "nothing: here",
        "NotificationsQueue: loses",
    ),
    (
        "Destination: !GetAtt StatisticsDeadLetterQueue.Arn",
        "Destination: !GetAtt NotificationsDeadLetterQueue.Arn",
        "StatisticsDeadLetterQueue: loses",
    ),
    (
        "              - Sid: ReadRecipients\n                Effect: Allow\n                Action: dynamodb:GetItem",
        "              - Sid: ReadRecipients\n                Effect: Allow\n                Action: dynamodb:PutItem",
        "",
    ),
    (
        "Action: dynamodb:GetItem\n                Resource: !GetAtt UsersTable.Arn\n                Condition:\n                  ForAllValues:StringLike:\n                    dynamodb:LeadingKeys: ['KEY#*']",
        "Action: dynamodb:PutItem\n                Resource: !GetAtt UsersTable.Arn\n                Condition:\n                  ForAllValues:StringLike:\n                    dynamodb:LeadingKeys: ['K*']",
        "UsersRole: may write verification keys",
    ),
    (
        "                Action: dynamodb:UpdateItem\n                Resource: !GetAtt EventsTable.Arn",
        "                Action: [dynamodb:UpdateItem]\n                Resource: [!GetAtt EventsTable.Arn, !Sub '${UsersTable.Arn}']",
        "EmailRole: may write verification keys",
    ),
    (
        "          CLOUDFRONT_SECRET: !Ref CloudFrontSecret\n      Events:\n        ListCategories",
        "          CLOUDFRONT_SECRET: !Sub '{{resolve:secretsmanager:${SigningSecret}:SecretString}}'\n      Events:\n        ListCategories",
        "SigningSecret: is given to",
    ),
    (
        "          CLOUDFRONT_SECRET: !Ref CloudFrontSecret\n      Events:\n        GetRoot",
        "      Events:\n        GetRoot",
        "DocsFunction: serves what did not come by CloudFront",
    ),
    ("    NoEcho: true\n", "", "DistributionSecret: is shown"),
    (
        "AWS_ENDPOINT_URL: ''",
        "AWS_ENDPOINT_URL: http://127.0.0.1:4566",
        "AWS_ENDPOINT_URL: is \"http://127.0.0.1:4566\"",
    ),
    ("        AWS_ENDPOINT_URL: ''\n", "", "AWS_ENDPOINT_URL: is null"),
    (
        "          NOTIFICATIONS_QUEUE_URL: !Ref NotificationsQueue\n",
        "          AWS_ENDPOINT_URL_SQS: ''\n",
        "RelayFunction: has its own AWS_ENDPOINT_URL_SQS",
    ),
    ("        CHAIRBOOK_LOG: !Ref LogLevel", "        LOG: !Ref LogLevel", "AuthFunction: does not read LOG"),
    (
        "          RESERVATION_HOLD: !Ref ReservationHold",
        "          OWNER_EMAIL: !Ref OwnerEmail",
        "AppointmentsFunction: does not read OWNER_EMAIL",
    ),
    ("        Binary: relay", "        Binary: email", "relay: is in functions/ or in the template"),
    ("              - !Sub ${AWS::StackName}-relay\n", "", "RelayFunction: health does not ask it"),
    (
        "          Value: !Ref RelayFunction\n      Statistic: Sum",
        "          Value: !Ref EmailFunction\n      Statistic: Sum",
        "RelayFunction: no alarm on its errors",
    ),
    (
        "      LogGroupName: !Ref HealthLogGroup\n      FilterPattern: '{ $.level = \"ERROR\" }'",
        "      LogGroupName: !Ref HealthLogGroup",
        "HealthFunction: nobody counts the errors",
    ),
    (
        "                  Value: !Ref StatsFunction\n            Stat: Sum",
        "                  Value: !Ref EmailFunction\n            Stat: Sum",
        "StatsFunction: no alarm on its throttles",
    ),
    (
        "$.message = \"customers reminded\"",
        "$.message = \"reminded\"",
        "ReminderRuns: RemindersFunction never writes",
    ),
    (
        "MetricName: EventsRelayed\n          MetricValue: '1'",
        "MetricName: Relayed\n          MetricValue: '1'",
        "",
    ),
    (
        "      MetricName: MailWait\n",
        "      MetricName: MailsWait\n",
        "MailsLateAlarm: nothing makes its metric MailsWait",
    ),
    (
        "      MetricName: ReservationSweeps\n",
        "      MetricName: Invocations\n",
        "ExpireReservationsSilentAlarm: counts invocations",
    ),
    ("            MaximumRecordAgeInSeconds: 79200\n", "", "RelayFunction: its stream forgets records"),
    (
        ",\"integrationErrorMessage\":\"$context.integrationErrorMessage\"",
        "",
        "Api: does not log $context.integrationErrorMessage",
    ),
    (
        "    Description: How long an access token is valid, for example 7d\n",
        "",
        "AccessTokenLifetime: no description",
    ),
    (
        "Path: '/api/v1/experts/{id}'",
        "Path: '/api/v1/experts/{expertId}'",
        "GET /api/v1/experts/{expertId}: route without documentation",
    ),
];

#[test]
fn a_broken_promise_is_noticed() {
    let text = file("template.yaml");
    for (intact, broken, expected) in BROKEN {
        assert!(text.contains(intact), "the template has changed: {intact}");
        let template = Template::parse(&text.replacen(intact, broken, 1));
        let faults: Vec<_> = PROMISES.iter().flat_map(|(_, faults_of)| faults_of(&template)).collect();
        if expected.is_empty() {
            assert!(faults.is_empty(), "{broken}: {faults:?}");
        } else {
            assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{broken}: {faults:?}");
        }
    }
}

#[test]
fn documents_that_lag_behind_are_noticed() {
    let mut template = Template::as_it_is();
    let resources = template.0["Resources"].as_object_mut().unwrap();
    resources.remove("HealthFunction");
    resources.remove("DeadLettersAlarm");
    template.0["Parameters"].as_object_mut().unwrap().remove("OwnerEmail");
    template.0["Parameters"]["Unheard"] = json!({"Description": "Of"});
    assert_eq!(routes_are_documented(&template), ["GET /api/v1/health: documented route that is not there"]);
    assert_eq!(
        parameters_are_documented(&template),
        ["Unheard: parameter without documentation", "OwnerEmail: documented parameter that is not there"]
    );
    assert!(
        alarms_are_documented(&template)
            .contains(&"DeadLettersAlarm: documented alarm that is not there".to_owned())
    );
}

/// A row's `ttl` ends it only if its table was told; a table that was told has rows that end.
#[tokio::test]
async fn rows_that_end_are_in_tables_that_let_them() {
    let stack = TestStack::start().await;
    let customer = stack.customer().await;
    customer.get("/appointments/my").await.data(200);
    let template = Template::as_it_is();
    for (table, properties) in template.of_type("AWS::DynamoDB::Table") {
        let has_ttl = stack.items(table).await.iter().any(|item| item.contains_key("ttl"));
        let told = &properties["TimeToLiveSpecification"];
        assert_eq!(told["AttributeName"] == "ttl" && told["Enabled"] == true, has_ttl, "{table}");
    }
    stack.finish().await;
}
