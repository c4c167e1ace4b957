//! The template's top level: its sections, and the resources with the attributes that every resource may have.

use super::document::{Entry, Node};
use super::problem::Problems;
use super::properties::Properties;
use super::resource_types::{self, ResourceType};

/// A template cut into sections, nothing evaluated yet.
#[derive(Debug)]
pub(super) struct Sections {
    root: Node,
}

impl Sections {
    pub(super) fn read(root: Node, problems: &Problems) -> Self {
        if let Some(top) = Properties::open(&root, "Template", problems) {
            top.without_meaning_here(&["AWSTemplateFormatVersion", "Description", "Metadata"]);
            for section in ["Parameters", "Mappings", "Conditions", "Globals", "Resources", "Outputs"] {
                top.properties(section);
            }
            top.require("Resources");
            let transform = top.get("Transform").map(|node| match node.as_list() {
                Some([only]) => only.as_text().map(Into::into),
                Some(_) => None,
                None => node.as_text().map(String::from),
            });
            if transform.is_some_and(|name| name.as_deref() != Some("AWS::Serverless-2016-10-31")) {
                top.fault("Transform", "must be AWS::Serverless-2016-10-31 and nothing else");
            }
            top.close();
        }
        Self { root }
    }

    pub(super) fn section(&self, name: &str) -> Option<&Node> {
        self.root.get(name)
    }

    pub(super) fn entries(&self, section: &str) -> &[Entry] {
        self.section(section).and_then(Node::as_map).unwrap_or_default()
    }

    /// Every resource whose type is known, in the template's order. Faults are noted once, by [`check_resources`].
    pub(super) fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        self.entries("Resources").iter().filter_map(|entry| {
            let kind = entry.value.get("Type")?.as_text()?;
            Some(Resource {
                id: &entry.key,
                line: entry.line,
                node: &entry.value,
                kind: resource_types::find(&kind)?,
            })
        })
    }

    pub(super) fn resource(&self, id: &str) -> Option<Resource<'_>> {
        self.resources().find(|resource| resource.id == id)
    }

    /// The API whose stage a reference such as `Api.Stage` names: SAM's way to refer to a resource that it makes
    /// (<https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources-httpapi.html>).
    pub(super) fn api_of_stage(&self, name: &str) -> Option<Resource<'_>> {
        let api = self.resource(name.strip_suffix(".Stage")?)?;
        (api.kind.role == resource_types::Role::HttpApi).then_some(api)
    }

    /// Whether something of this name is declared under `Resources`, of a known type or not.
    pub(super) fn declares(&self, id: &str) -> bool {
        self.entries("Resources").iter().any(|entry| entry.key == id)
    }
}

/// One resource as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resource<'t> {
    pub(super) id: &'t str,
    pub(super) line: usize,
    pub(super) node: &'t Node,
    pub(super) kind: &'static ResourceType,
}

impl Resource<'_> {
    pub(super) fn condition(&self) -> Option<&str> {
        self.node.get("Condition").and_then(|node| match &node.kind {
            super::document::Kind::Text(name) => Some(name.as_str()),
            _ => None,
        })
    }
}

/// Checks what every resource has: a known type, and only attributes that exist.
pub(super) fn check_resources(sections: &Sections, problems: &Problems) {
    const POLICIES: [&str; 4] = ["Delete", "Retain", "RetainExceptOnCreate", "Snapshot"];
    for entry in sections.entries("Resources") {
        let Some(resource) = Properties::open(&entry.value, entry.key.as_str(), problems) else { continue };
        if !entry.key.chars().all(|character| character.is_ascii_alphanumeric()) {
            problems.add(entry.line, &entry.key, "a logical id has letters and digits only");
        }
        if let Some(kind) = resource.required_text("Type")
            && resource_types::find(&kind).is_none()
        {
            let executed = resource_types::executed();
            resource.fault(
                "Type",
                format!("the local stack neither runs {kind} nor knows that it may be left out; it runs {executed}"),
            );
        }
        resource.without_meaning_here(&["Metadata", "Properties"]);
        resource.one_of("DeletionPolicy", &POLICIES);
        resource.one_of("UpdateReplacePolicy", &POLICIES);
        if let Some(condition) = resource.text("Condition")
            && !sections.entries("Conditions").iter().any(|entry| entry.key == condition)
        {
            resource.fault("Condition", format!("there is no condition {condition}"));
        }
        if let Some(node) = resource.get("DependsOn") {
            let names = match node.as_list() {
                Some(items) => items.iter().collect(),
                None => vec![node],
            };
            for name in names {
                match name.as_text() {
                    Some(id) if sections.declares(&id) => {}
                    _ => resource.fault("DependsOn", format!("there is no resource {}", name.describe())),
                }
            }
        }
        resource.close();
    }
}
