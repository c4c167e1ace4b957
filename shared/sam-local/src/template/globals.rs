//! `Globals`: what every function and every API has unless it says otherwise. Merged as SAM does: maps key by key,
//! lists one after the other, anything else replaced.

use super::document::{Entry, Kind, Node};
use super::problem::Problems;
use super::properties::Properties;

const FUNCTION: &[&str] = &[
    "Architectures",
    "AssumeRolePolicyDocument",
    "CodeUri",
    "Description",
    "Environment",
    "EphemeralStorage",
    "EventInvokeConfig",
    "Handler",
    "KmsKeyArn",
    "LoggingConfig",
    "MemorySize",
    "PermissionsBoundary",
    "PropagateTags",
    "RecursiveLoop",
    "ReservedConcurrentExecutions",
    "RolePath",
    "Runtime",
    "Tags",
    "Timeout",
    "Tracing",
];

const HTTP_API: &[&str] = &[
    "AccessLogSettings",
    "CorsConfiguration",
    "DefaultRouteSettings",
    "FailOnWarnings",
    "PropagateTags",
    "RouteSettings",
    "Tags",
];

/// Notes what the section holds beyond what SAM merges and the local stack honours.
pub(super) fn check(section: Option<&Node>, problems: &Problems) {
    let Some(globals) = section.and_then(|node| Properties::open(node, "Globals", problems)) else { return };
    for (name, known) in [("Function", FUNCTION), ("HttpApi", HTTP_API)] {
        if let Some(properties) = globals.properties(name) {
            properties.without_meaning_here(known);
            properties.close();
        }
    }
    globals.close();
}

/// The properties of a resource with the global ones underneath.
pub(super) fn merge(global: Option<&Node>, own: Option<&Node>) -> Option<Node> {
    match (global, own) {
        (None, own) => own.cloned(),
        (Some(global), None) => Some(global.clone()),
        (Some(global), Some(own)) => Some(match (&global.kind, &own.kind) {
            (Kind::Map(global), Kind::Map(entries)) => {
                let mut merged: Vec<Entry> = Vec::new();
                for entry in global {
                    let mine = entries.iter().find(|mine| mine.key == entry.key);
                    let value = merge(Some(&entry.value), mine.map(|mine| &mine.value));
                    merged.extend(value.map(|value| Entry {
                        key: entry.key.clone(),
                        line: entry.line,
                        value,
                    }));
                }
                let new = entries.iter().filter(|entry| !global.iter().any(|other| other.key == entry.key));
                merged.extend(new.cloned());
                Node { line: own.line, kind: Kind::Map(merged) }
            }
            (Kind::List(global), Kind::List(items)) => {
                Node { line: own.line, kind: Kind::List(global.iter().chain(items).cloned().collect()) }
            }
            _ => own.clone(),
        }),
    }
}
