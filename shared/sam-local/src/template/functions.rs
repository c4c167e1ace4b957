//! `AWS::Serverless::Function`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::Node;
use super::events;
use super::model::{AsynchronousInvocation, Function, System};
use super::problem::Problems;
use super::properties::Properties;
use super::sections::Resource;

/// Lambda's longest timeout, seconds.
const LONGEST_TIMEOUT: u32 = 900;

/// Reads a function from its evaluated properties and from its `Metadata`. The system has its tables, queues and API
/// already, so that event sources can be checked against them.
pub(super) fn read(
    resource: Resource<'_>,
    name: String,
    function: &Properties<'_>,
    system: &mut System,
    problems: &Problems,
) -> Function {
    // Permissions, packaging and observation: what they refer to has been checked, and nothing here acts on them.
    function.without_meaning_here(&[
        "AssumeRolePolicyDocument",
        "CodeUri",
        "Description",
        "EphemeralStorage",
        "FunctionName",
        "Handler",
        "KmsKeyArn",
        "LoggingConfig",
        "PermissionsBoundary",
        "Policies",
        "PropagateTags",
        "RecursiveLoop",
        "Role",
        "RolePath",
        "Tags",
        "Tracing",
    ]);
    if function.require("Runtime").is_some() {
        function.one_of("Runtime", &["provided.al2023", "provided.al2"]);
    }
    for architecture in function.texts("Architectures").unwrap_or_default() {
        if !matches!(architecture.as_str(), "x86_64" | "arm64") {
            function.fault("Architectures", format!("must be x86_64 or arm64, not '{architecture}'"));
        }
    }
    let timeout =
        Duration::from_secs(u64::from(function.natural("Timeout", 1..=LONGEST_TIMEOUT).unwrap_or(3)));
    let read = Function {
        logical_id: resource.id.to_owned(),
        name,
        binary: binary(resource, problems).unwrap_or_default(),
        timeout,
        memory_mb: function.natural("MemorySize", 128..=10_240).unwrap_or(128),
        reserved_concurrency: function
            .natural("ReservedConcurrentExecutions", 0..=1_000)
            .map(|count| count as usize),
        environment: environment(function),
        event_sources: events::read(resource.id, timeout, function, system, problems),
        asynchronous: asynchronous(function),
    };
    function.close();
    read
}

/// `Metadata.BuildProperties.Binary`: the cargo binary, as `sam build` finds it too.
fn binary(resource: Resource<'_>, problems: &Problems) -> Option<String> {
    let metadata = resource.node.get("Metadata");
    let binary = metadata.and_then(|node| node.get("BuildProperties")).and_then(|node| node.get("Binary"));
    let binary = binary.and_then(Node::as_text).filter(|name| !name.is_empty());
    if binary.is_none() {
        let message = "Metadata.BuildProperties.Binary is missing: it names the cargo binary of the function";
        problems.add(metadata.map_or(resource.line, |node| node.line), resource.id, message);
    }
    binary.map(Into::into)
}

fn environment(function: &Properties<'_>) -> BTreeMap<String, String> {
    let Some(environment) = function.properties("Environment") else { return BTreeMap::new() };
    let mut variables = BTreeMap::new();
    let entries = environment.get("Variables").and_then(Node::as_map).unwrap_or_default();
    for entry in entries {
        let fault = |message: String| {
            environment.fault_at(entry.line, format_args!("Variables.{}", entry.key), message);
        };
        let first_is_letter = entry.key.starts_with(|character: char| character.is_ascii_alphabetic());
        if !first_is_letter
            || !entry.key.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
        {
            fault("must be letters, digits and underscores, beginning with a letter".to_owned());
        } else if RESERVED.contains(&entry.key.as_str()) || entry.key.starts_with("AWS_LAMBDA_") {
            fault("is a name that Lambda keeps for itself".to_owned());
        }
        match entry.value.as_text() {
            Some(value) => {
                variables.insert(entry.key.clone(), value.into_owned());
            }
            None if entry.value.kind == super::document::Kind::Faulty => {}
            None => fault(format!("must be text, not {}", entry.value.describe())),
        }
    }
    environment.close();
    variables
}

/// Names that Lambda sets and refuses to have set.
const RESERVED: &[&str] = &[
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SESSION_TOKEN",
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
];

fn asynchronous(function: &Properties<'_>) -> AsynchronousInvocation {
    let mut config = AsynchronousInvocation::default();
    let Some(properties) = function.properties("EventInvokeConfig") else { return config };
    properties.refuse("DestinationConfig", "use a queue of your own from the function");
    if let Some(attempts) = properties.natural("MaximumRetryAttempts", 0..=2) {
        config.maximum_retry_attempts = attempts;
    }
    if let Some(seconds) = properties.natural("MaximumEventAgeInSeconds", 60..=21_600) {
        config.maximum_event_age = Duration::from_secs(u64::from(seconds));
    }
    properties.close();
    config
}
