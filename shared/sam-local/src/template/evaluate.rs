//! Evaluates intrinsic functions, so that what is left of a resource is plain data.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::document::{Entry, Intrinsic, Kind, Node};
use super::parameters::Value;
use super::problem::Problems;
use super::resource_types::Role;
use super::sections::{Resource, Sections};
use super::substitution::{self, Piece};
use super::{ACCOUNT, PARTITION, REGION, Settings};

/// What a value becomes: `None` is `AWS::NoValue`, whose key or list entry disappears.
type Evaluated = Option<Node>;

/// A message about one call; the evaluator adds the line and the subject.
type Fault = String;

pub(super) struct Evaluator<'t> {
    pub(super) sections: &'t Sections,
    pub(super) parameters: &'t BTreeMap<String, Value>,
    settings: &'t Settings<'t>,
    pub(super) problems: &'t Problems,
    /// Conditions and names being worked out, to find circles.
    in_progress: RefCell<Vec<String>>,
}

impl<'t> Evaluator<'t> {
    pub(super) fn new(
        sections: &'t Sections,
        parameters: &'t BTreeMap<String, Value>,
        settings: &'t Settings<'t>,
        problems: &'t Problems,
    ) -> Self {
        Self { sections, parameters, settings, problems, in_progress: RefCell::default() }
    }

    /// Evaluates everything in a value. Faults are noted under `subject`, and leave [`Kind::Faulty`] behind.
    pub(super) fn evaluate(&self, node: &Node, subject: &str) -> Evaluated {
        let line = node.line;
        match &node.kind {
            Kind::List(items) => {
                let items = items.iter().filter_map(|item| self.evaluate(item, subject)).collect();
                Some(Node { line, kind: Kind::List(items) })
            }
            Kind::Map(entries) => {
                let entries = entries.iter().filter_map(|entry| {
                    let value = self.evaluate(&entry.value, subject)?;
                    Some(Entry { key: entry.key.clone(), line: entry.line, value })
                });
                Some(Node { line, kind: Kind::Map(entries.collect()) })
            }
            Kind::Call(intrinsic, argument) => {
                self.call(*intrinsic, argument, subject).unwrap_or_else(|fault| {
                    self.problems.add_once(line, subject, format!("{}: {fault}", intrinsic.name()));
                    Some(Node::faulty(line))
                })
            }
            _ => Some(node.clone()),
        }
    }

    fn call(&self, intrinsic: Intrinsic, argument: &Node, subject: &str) -> Result<Evaluated, Fault> {
        let line = argument.line;
        let text = |text: String| Ok(Some(Node::text(line, text)));
        match intrinsic {
            Intrinsic::Ref => match argument.as_text() {
                Some(name) => self.reference(&name, line),
                None => Err("takes the name of a parameter or a resource".to_owned()),
            },
            Intrinsic::GetAtt => {
                let (resource, attribute) = substitution::get_att(argument)?;
                text(self.attribute(resource, attribute)?)
            }
            Intrinsic::Sub => self.substitute(argument, subject),
            Intrinsic::Join => {
                let (separator, items) = pair(argument, "a separator and a list")?;
                let separator = separator.as_text().ok_or("its separator must be text")?;
                let Some(items) = self.evaluate(items, subject) else {
                    return Err("its list is AWS::NoValue".to_owned());
                };
                let Some(texts) = texts(&items)? else { return Ok(Some(Node::faulty(line))) };
                text(texts.join(&separator))
            }
            Intrinsic::Split => {
                let (separator, source) = pair(argument, "a separator and text")?;
                let separator = separator.as_text().filter(|text| !text.is_empty());
                let separator = separator.ok_or("its separator must be text")?;
                match self.evaluate(source, subject) {
                    Some(Node { kind: Kind::Faulty, .. }) => Ok(Some(Node::faulty(line))),
                    Some(source) => {
                        let source = source.as_text().ok_or("its second argument must be text")?;
                        let parts = source.split(&*separator).map(|part| Node::text(line, part)).collect();
                        Ok(Some(Node { line, kind: Kind::List(parts) }))
                    }
                    None => Err("its second argument is AWS::NoValue".to_owned()),
                }
            }
            Intrinsic::Select => {
                let (index, items) = pair(argument, "an index and a list")?;
                let index =
                    self.evaluate(index, subject).and_then(|node| node.as_text()?.parse::<usize>().ok());
                let index = index.ok_or("its index must be a whole number, counted from 0")?;
                match self.evaluate(items, subject).map(|node| node.kind) {
                    Some(Kind::Faulty) => Ok(Some(Node::faulty(line))),
                    Some(Kind::List(items)) => {
                        let length = items.len();
                        let chosen = items.into_iter().nth(index);
                        chosen.map(Some).ok_or_else(|| {
                            format!("the list has {length} entries, so {index} is none of them")
                        })
                    }
                    _ => Err("its second argument must be a list".to_owned()),
                }
            }
            Intrinsic::If => {
                let [condition, when_true, when_false] = argument.as_list().unwrap_or_default() else {
                    return Err("takes a condition's name and two values".to_owned());
                };
                let name = condition.as_text().ok_or("its first argument must be a condition's name")?;
                let chosen = if self.condition(&name)? { when_true } else { when_false };
                Ok(self.evaluate(chosen, subject))
            }
            Intrinsic::FindInMap => self.find_in_map(argument, subject),
            Intrinsic::And | Intrinsic::Or | Intrinsic::Not | Intrinsic::Equals | Intrinsic::Condition => {
                Err("belongs in the Conditions section; here write !If with a condition's name".to_owned())
            }
        }
    }

    fn substitute(&self, argument: &Node, subject: &str) -> Result<Evaluated, Fault> {
        let line = argument.line;
        let (text, names) = substitution::arguments(argument)?;
        let names = names.and_then(|names| self.evaluate(names, subject));
        let mut result = String::new();
        for piece in substitution::pieces(text)? {
            match piece {
                Piece::Literal(literal) => result.push_str(literal),
                Piece::Attribute(resource, attribute) => {
                    result.push_str(&self.attribute(resource, attribute)?);
                }
                Piece::Name(name) => {
                    let value = match names.as_ref().and_then(|names| names.get(name)) {
                        Some(value) => Some(value.clone()),
                        None => self.reference(name, line)?,
                    };
                    match value {
                        Some(Node { kind: Kind::Faulty, .. }) => return Ok(Some(Node::faulty(line))),
                        Some(value) => match value.as_text() {
                            Some(value) => result.push_str(&value),
                            None => return Err(format!("${{{name}}} is {}, not text", value.describe())),
                        },
                        None => return Err(format!("${{{name}}} is AWS::NoValue, not text")),
                    }
                }
            }
        }
        Ok(Some(Node::text(line, result)))
    }

    fn find_in_map(&self, argument: &Node, subject: &str) -> Result<Evaluated, Fault> {
        let arguments = argument.as_list().unwrap_or_default();
        let names: Vec<_> = arguments.iter().filter_map(|node| self.evaluate(node, subject)).collect();
        let [map, top, second] = names.as_slice() else {
            return Err("takes a mapping, a key and a key below it".to_owned());
        };
        let mut found = self.sections.section("Mappings");
        let mut path = "Mappings".to_owned();
        for name in [map, top, second] {
            let name = name.as_text().ok_or("its arguments must be text")?;
            found = found.and_then(|node| node.get(&name));
            if found.is_none() {
                return Err(format!("{path} has no {name}"));
            }
            path = format!("{path}.{name}");
        }
        Ok(found.cloned())
    }

    /// What `!Ref` answers.
    fn reference(&self, name: &str, line: usize) -> Result<Evaluated, Fault> {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        if let Some(value) = pseudo_parameter(name, self.settings.stack_name) {
            return Ok(Some(Node::text(line, value)));
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(Some(value.to_node(line)));
        }
        if self.sections.api_of_stage(name).is_some() {
            // No API has another.
            return Ok(Some(Node::text(line, "$default")));
        }
        let resource = self.existing(name)?;
        let value = match resource.kind.role {
            Role::Queue => self.queue_url(&self.name_of(resource)?),
            Role::Secret => secret_arn(&self.name_of(resource)?),
            Role::LeftOut if resource.kind.name == "AWS::SNS::Topic" => self.arn(resource)?,
            _ => self.name_of(resource)?,
        };
        Ok(Some(Node::text(line, value)))
    }

    /// What `!GetAtt` answers.
    fn attribute(&self, id: &str, attribute: &str) -> Result<String, Fault> {
        let resource = self.existing(id)?;
        if !resource.kind.attributes.contains(&attribute) {
            return Err(unknown_attribute(resource, attribute));
        }
        match attribute {
            "Arn" | "TopicArn" | "PolicyArn" | "Id" => self.arn(resource),
            "ApiEndpoint" => Ok(self.settings.url.to_owned()),
            "QueueUrl" => Ok(self.queue_url(&self.name_of(resource)?)),
            "StreamArn" => {
                let properties = resource.node.get("Properties");
                if properties.and_then(|node| node.get("StreamSpecification")).is_none() {
                    return Err(format!("{id} has no StreamSpecification, so it has no StreamArn"));
                }
                Ok(format!("{}/stream/local", self.arn(resource)?))
            }
            _ => self.name_of(resource),
        }
    }

    pub(super) fn arn(&self, resource: Resource<'_>) -> Result<String, Fault> {
        let name = self.name_of(resource)?;
        Ok(match resource.kind.role {
            Role::Function => arn("lambda", &format!("function:{name}")),
            Role::Table => arn("dynamodb", &format!("table/{name}")),
            Role::Queue => arn("sqs", &name),
            Role::Secret => secret_arn(&name),
            Role::HttpApi | Role::LeftOut => {
                let service = resource.kind.name.split("::").nth(1).unwrap_or_default().to_ascii_lowercase();
                arn(&service, &name)
            }
        })
    }

    /// The name that a resource's property gives it, else its logical id.
    fn name_of(&self, resource: Resource<'_>) -> Result<String, Fault> {
        let properties = resource.node.get("Properties");
        let written = resource.kind.name_property.and_then(|property| properties?.get(property));
        let Some(written) = written else { return Ok(resource.id.to_owned()) };
        let _guard = self.enter(format!("the name of {}", resource.id))?;
        match self.evaluate(written, resource.id) {
            None | Some(Node { kind: Kind::Faulty, .. }) => Ok(resource.id.to_owned()),
            Some(name) => name
                .as_text()
                .map(String::from)
                .ok_or_else(|| format!("the name of {} must be text, not {}", resource.id, name.describe())),
        }
    }

    /// [`Self::name_of`], with its fault noted and the logical id instead.
    pub(super) fn name(&self, resource: Resource<'_>) -> String {
        self.name_of(resource).unwrap_or_else(|fault| {
            self.problems.add(resource.line, resource.id, fault);
            resource.id.to_owned()
        })
    }

    /// Evaluates every condition once, so that the faults of those that nothing uses are found too.
    pub(super) fn check_conditions(&self) {
        for entry in self.sections.entries("Conditions") {
            if let Err(fault) = self.condition(&entry.key) {
                self.problems.add(entry.line, format!("Condition {}", entry.key), fault);
            }
        }
    }

    fn queue_url(&self, name: &str) -> String {
        format!("{}/_local/sqs/{ACCOUNT}/{name}", self.settings.url)
    }

    /// A resource that is declared and whose condition holds.
    fn existing(&self, id: &str) -> Result<Resource<'t>, Fault> {
        let Some(resource) = self.sections.resource(id) else {
            return Err(if self.sections.declares(id) {
                format!("{id} is of a type that the local stack does not know")
            } else {
                unknown_name(id)
            });
        };
        match resource.condition() {
            Some(condition) if !self.condition(condition)? => {
                Err(format!("{id} is not there, because its condition {condition} does not hold"))
            }
            _ => Ok(resource),
        }
    }

    /// Whether a resource's or an output's own condition holds (a faulty one counts as holding).
    pub(super) fn is_present(&self, node: &Node, subject: &str) -> bool {
        let Some(condition) = node.get("Condition") else { return true };
        let Some(name) = condition.as_text() else { return true };
        self.condition(&name).unwrap_or_else(|fault| {
            self.problems.add(condition.line, subject, fault);
            true
        })
    }

    /// Whether a condition of the `Conditions` section holds.
    pub(super) fn condition(&self, name: &str) -> Result<bool, Fault> {
        let entries = self.sections.entries("Conditions");
        let Some(entry) = entries.iter().find(|entry| entry.key == name) else {
            return Err(format!("there is no condition {name}"));
        };
        let _guard = self.enter(format!("the condition {name}"))?;
        self.truth(&entry.value, name)
    }

    fn truth(&self, node: &Node, subject: &str) -> Result<bool, Fault> {
        const EXPECTED: &str = "a condition is !And, !Or, !Not, !Equals or !Condition";
        let (intrinsic, argument) = match &node.kind {
            Kind::Call(intrinsic, argument) => (*intrinsic, &**argument),
            // `Condition: Name`, the long form of `!Condition Name`.
            Kind::Map(entries) => match entries.as_slice() {
                [entry] if entry.key == "Condition" => (Intrinsic::Condition, &entry.value),
                _ => return Err(EXPECTED.to_owned()),
            },
            _ => return Err(EXPECTED.to_owned()),
        };
        let several = |range: std::ops::RangeInclusive<usize>| {
            argument.as_list().filter(|items| range.contains(&items.len())).ok_or_else(|| {
                format!(
                    "{} takes a list of {} to {} conditions",
                    intrinsic.name(),
                    range.start(),
                    range.end()
                )
            })
        };
        match intrinsic {
            Intrinsic::Condition => {
                self.condition(&argument.as_text().ok_or("!Condition takes a condition's name")?)
            }
            // Every operand is looked at, so that a fault in the second is found even when the first decides.
            Intrinsic::And => {
                let truths = several(2..=10)?.iter().map(|item| self.truth(item, subject));
                Ok(truths.collect::<Result<Vec<_>, _>>()?.into_iter().all(|truth| truth))
            }
            Intrinsic::Or => {
                let truths = several(2..=10)?.iter().map(|item| self.truth(item, subject));
                Ok(truths.collect::<Result<Vec<_>, _>>()?.into_iter().any(|truth| truth))
            }
            Intrinsic::Not => match argument.as_list() {
                Some([only]) => Ok(!self.truth(only, subject)?),
                _ => Err("!Not takes a list of one condition".to_owned()),
            },
            Intrinsic::Equals => {
                let (left, right) = pair(argument, "two values")?;
                let plain = |node| {
                    self.evaluate(node, subject).map(|node| (node.as_text().map(String::from), node.kind))
                };
                match (plain(left), plain(right)) {
                    (Some((Some(left), _)), Some((Some(right), _))) => Ok(left == right),
                    (Some((_, left)), Some((_, right))) => Ok(same(&left, &right)),
                    _ => Err("!Equals cannot compare AWS::NoValue".to_owned()),
                }
            }
            _ => Err(EXPECTED.to_owned()),
        }
    }

    fn enter(&self, what: String) -> Result<Guard<'_>, Fault> {
        let mut in_progress = self.in_progress.borrow_mut();
        if in_progress.contains(&what) {
            return Err(format!("{what} depends on itself"));
        }
        in_progress.push(what);
        Ok(Guard(&self.in_progress))
    }
}

/// Takes the entry that [`Evaluator::enter`] made away again.
struct Guard<'e>(&'e RefCell<Vec<String>>);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().pop();
    }
}

fn pair<'n>(argument: &'n Node, what: &str) -> Result<(&'n Node, &'n Node), Fault> {
    match argument.as_list() {
        Some([first, second]) => Ok((first, second)),
        _ => Err(format!("takes a list of {what}")),
    }
}

/// Equality without regard to lines.
fn same(left: &Kind, right: &Kind) -> bool {
    match (left, right) {
        (Kind::List(left), Kind::List(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| same(&left.kind, &right.kind))
        }
        (Kind::Map(left), Kind::Map(right)) => {
            left.len() == right.len()
                && left.iter().all(|entry| {
                    right
                        .iter()
                        .any(|other| other.key == entry.key && same(&entry.value.kind, &other.value.kind))
                })
        }
        _ => left == right,
    }
}

/// Whether a name is that of a pseudo parameter other than `AWS::NoValue`.
pub(super) fn is_pseudo_parameter(name: &str) -> bool {
    pseudo_parameter(name, "").is_some()
}

/// The value of a pseudo parameter other than `AWS::NoValue`.
fn pseudo_parameter(name: &str, stack_name: &str) -> Option<String> {
    Some(match name {
        "AWS::AccountId" => ACCOUNT.to_owned(),
        "AWS::Partition" => PARTITION.to_owned(),
        "AWS::Region" => REGION.to_owned(),
        "AWS::StackId" => arn("cloudformation", &format!("stack/{stack_name}/local")),
        "AWS::StackName" => stack_name.to_owned(),
        "AWS::URLSuffix" => "amazonaws.com".to_owned(),
        _ => return None,
    })
}

/// The message for a name that nothing in the template bears.
pub(super) fn unknown_name(name: &str) -> Fault {
    format!("there is no parameter or resource {name}")
}

/// The message for an attribute that a resource does not have.
pub(super) fn unknown_attribute(resource: Resource<'_>, attribute: &str) -> Fault {
    let known = match resource.kind.attributes {
        [] => "it has none".to_owned(),
        attributes => format!("it has {}", attributes.join(", ")),
    };
    format!("{} ({}) has no attribute {attribute}; {known}", resource.id, resource.kind.name)
}

fn arn(service: &str, resource: &str) -> String {
    format!("arn:{PARTITION}:{service}:{REGION}:{ACCOUNT}:{resource}")
}

fn secret_arn(name: &str) -> String {
    arn("secretsmanager", &format!("secret:{name}"))
}

/// The text of every entry of a list; `None` when an entry is faulty already.
fn texts(items: &Node) -> Result<Option<Vec<String>>, Fault> {
    if items.kind == Kind::Faulty {
        return Ok(None);
    }
    let items = items.as_list().ok_or("its second argument must be a list")?;
    if items.iter().any(|item| item.kind == Kind::Faulty) {
        return Ok(None);
    }
    let texts = items.iter().map(|item| {
        item.as_text()
            .map(String::from)
            .ok_or_else(|| format!("its list must hold text, not {}", item.describe()))
    });
    texts.collect::<Result<_, _>>().map(Some)
}
