//! `template.yaml`, parsed and resolved into a [`model::System`].
//!
//! [`resolve`] is pure: text, parameters and the stack's own URL in, plain data or every fault of the template out.
//! The steps, one module each: [`document`](self) (YAML to a tree with lines), `parameters`, `references` (every
//! reference leads somewhere), `globals` (merged as SAM does), `evaluate` (intrinsic functions), `secrets` (dynamic
//! references), then one reader per resource type. Readers are strict: a property that nobody asks for is a fault.
//!
//! To support one more resource type, add it to `resource_types` with its attributes, give `System` a field for it,
//! write its reader next to `queues`, and call that from [`resolve`].

mod api;
mod document;
#[cfg(test)]
mod edge_properties;
mod evaluate;
mod events;
mod functions;
mod globals;
pub mod model;
mod parameters;
mod problem;
mod properties;
mod queues;
mod references;
mod resource_types;
mod route;
mod schedule;
mod secrets;
mod sections;
mod substitution;
mod tables;

use std::collections::BTreeMap;

use document::Node;
use evaluate::Evaluator;
use model::{LeftOut, System};
use problem::Problems;
use properties::Properties;
use resource_types::Role;
use sections::{Resource, Sections};

pub use problem::{Problem, TemplateError};
pub use secrets::{GeneratedSecret, SecretSource};

/// `AWS::Region` of everything local.
pub const REGION: &str = "us-east-1";
/// `AWS::AccountId` of everything local.
pub const ACCOUNT: &str = "000000000000";
const PARTITION: &str = "aws";

/// What a template is resolved with.
pub struct Settings<'s> {
    /// The stack's own URL, such as `http://127.0.0.1:3000`: the API's endpoint and the base of queue URLs.
    pub url: &'s str,
    /// The value of `AWS::StackName`.
    pub stack_name: &'s str,
    /// Values for the template's parameters; the rest take their defaults.
    pub parameters: &'s BTreeMap<String, String>,
    /// Supplies the values of generated secrets.
    pub secrets: &'s SecretSource<'s>,
}

/// Resolves a template.
///
/// # Errors
/// Every fault of the template and of the given parameters, each with its line and with what would be right.
pub fn resolve(text: &str, settings: &Settings<'_>) -> Result<System, TemplateError> {
    let problems = Problems::default();
    let system = document::parse(text, &problems).map(|root| read(root, settings, &problems));
    problems.into_result()?;
    system.ok_or_else(|| TemplateError { problems: Vec::new() })
}

fn read(root: Node, settings: &Settings<'_>, problems: &Problems) -> System {
    let sections = Sections::read(root, problems);
    let parameters = parameters::resolve(sections.section("Parameters"), settings.parameters, problems);
    sections::check_resources(&sections, problems);
    references::check(&sections, problems);
    globals::check(sections.section("Globals"), problems);
    let evaluator = Evaluator::new(&sections, &parameters, settings, problems);
    evaluator.check_conditions();
    let resources: Vec<Resource<'_>> =
        sections.resources().filter(|resource| evaluator.is_present(resource.node, resource.id)).collect();

    let globals = sections.section("Globals");
    let properties = |resource: Resource<'_>| {
        let global = match resource.kind.role {
            Role::Function => globals.and_then(|node| node.get("Function")),
            Role::HttpApi => globals.and_then(|node| node.get("HttpApi")),
            _ => None,
        };
        let merged = globals::merge(global, resource.node.get("Properties"));
        merged
            .and_then(|node| evaluator.evaluate(&node, resource.id))
            .unwrap_or(Node { line: resource.line, kind: document::Kind::Map(Vec::new()) })
    };
    let of_role = |role| resources.iter().copied().filter(move |resource| resource.kind.role == role);

    let secrets = read_secrets(of_role(Role::Secret), &properties, &evaluator, settings, problems);
    let resolved =
        |resource: Resource<'_>| secrets::replace(properties(resource), &secrets, resource.id, problems);

    let mut system = System {
        functions: Vec::new(),
        api: None,
        tables: Vec::new(),
        queues: Vec::new(),
        left_out: Vec::new(),
        outputs: BTreeMap::new(),
    };
    for resource in of_role(Role::Table) {
        let node = resolved(resource);
        let Some(properties) = Properties::open(&node, resource.id, problems) else { continue };
        system.tables.push(tables::read(resource.id, evaluator.name(resource), &properties));
    }
    let mut queues = Vec::new();
    for resource in of_role(Role::Queue) {
        let node = resolved(resource);
        let Some(properties) = Properties::open(&node, resource.id, problems) else { continue };
        let (name, arn) = (evaluator.name(resource), evaluator.arn(resource).unwrap_or_default());
        queues.push(queues::read(resource.id, name, arn, &properties, problems));
    }
    queues::check(&queues, problems);
    for resource in of_role(Role::HttpApi) {
        let node = resolved(resource);
        let Some(properties) = Properties::open(&node, resource.id, problems) else { continue };
        let api = api::read(resource.id, &properties, &mut system.left_out);
        if let Some(first) = system.api.replace(api) {
            let message =
                format!("the local stack runs one HTTP API, and {} is there already", first.logical_id);
            problems.add(resource.line, resource.id, message);
        }
    }
    system.queues = queues.into_iter().map(|definition| definition.queue).collect();
    for resource in of_role(Role::Function) {
        let node = resolved(resource);
        let Some(properties) = Properties::open(&node, resource.id, problems) else { continue };
        let name = evaluator.name(resource);
        let function = functions::read(resource, name, &properties, &mut system, problems);
        system.functions.push(function);
    }
    check_names(&system, &sections, problems);
    for resource in of_role(Role::LeftOut) {
        // Evaluated all the same, so that a faulty reference is found.
        resolved(resource);
        system.left_out.push(LeftOut {
            logical_id: resource.id.to_owned(),
            resource_type: resource.kind.name.to_owned(),
            property: None,
        });
    }
    system.outputs = read_outputs(&sections, &evaluator, problems);
    system
}

/// The value of every secret, by its ARN and by its name.
fn read_secrets<'t>(
    resources: impl Iterator<Item = Resource<'t>>,
    properties: &dyn Fn(Resource<'t>) -> Node,
    evaluator: &Evaluator<'_>,
    settings: &Settings<'_>,
    problems: &Problems,
) -> secrets::Values {
    let mut values = secrets::Values::new();
    for resource in resources {
        let node = properties(resource);
        let definition = Properties::open(&node, resource.id, problems)
            .and_then(|properties| secrets::read(resource.id, &properties));
        let value = match definition {
            Some(secrets::Definition::Literal(text)) => Ok(text),
            Some(secrets::Definition::Generated(generated)) => (settings.secrets)(&generated),
            None => continue,
        };
        if let Err(fault) = &value {
            problems.add(resource.line, resource.id, fault);
        }
        let name = evaluator.name(resource);
        values.insert(evaluator.arn(resource).unwrap_or_default(), value.clone());
        values.insert(name, value);
    }
    values
}

/// No two tables, queues or functions may share a name, and no two routes a shape.
fn check_names(system: &System, sections: &Sections, problems: &Problems) {
    let line = |id: &str| sections.resource(id).map_or(0, |resource| resource.line);
    let functions =
        system.functions.iter().map(|function| ("function", &function.name, &function.logical_id));
    let tables = system.tables.iter().map(|table| ("table", &table.name, &table.logical_id));
    let queues = system.queues.iter().map(|queue| ("queue", &queue.name, &queue.logical_id));
    let mut seen = BTreeMap::new();
    for (kind, name, id) in functions.chain(tables).chain(queues) {
        if let Some(first) = seen.insert((kind, name), id) {
            problems.add(line(id), id, format!("the {kind} name {name} is taken by {first}"));
        }
    }
    let mut routes = BTreeMap::new();
    for function in &system.functions {
        for route in function.routes() {
            if let Some(first) = routes.insert(route::shape(route), &function.logical_id) {
                let message = format!("the route {} is already one of {first}", route.key());
                problems.add(line(&function.logical_id), &function.logical_id, message);
            }
        }
    }
}

fn read_outputs(
    sections: &Sections,
    evaluator: &Evaluator<'_>,
    problems: &Problems,
) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    for entry in sections.entries("Outputs") {
        let subject = format!("Output {}", entry.key);
        let Some(output) = Properties::open(&entry.value, subject.as_str(), problems) else { continue };
        output.without_meaning_here(&["Condition", "Description", "Export"]);
        let value = output.require("Value");
        output.close();
        if let Some(value) = value
            && evaluator.is_present(&entry.value, &subject)
            && let Some(value) = evaluator.evaluate(value, &subject)
        {
            match value.as_text() {
                Some(text) => {
                    outputs.insert(entry.key.clone(), text.into_owned());
                }
                None if value.kind == document::Kind::Faulty => {}
                None => problems.add(value.line, subject, format!("must be text, not {}", value.describe())),
            }
        }
    }
    outputs
}

#[cfg(test)]
mod tests;
