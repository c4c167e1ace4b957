//! Looks at every reference of the template, also in branches of `!If` that are not taken and in resources that are
//! left out, and notes those that lead nowhere: `CloudFormation` would refuse them whatever the parameters are.

use super::document::{Intrinsic, Kind, Node};
use super::evaluate::{is_pseudo_parameter, unknown_attribute, unknown_name};
use super::problem::Problems;
use super::sections::Sections;
use super::substitution::{self, Piece};

pub(super) fn check(sections: &Sections, problems: &Problems) {
    for section in ["Conditions", "Resources", "Outputs"] {
        for entry in sections.entries(section) {
            let walk =
                Walk { sections, subject: &entry.key, problems, parameters_only: section == "Conditions" };
            walk.node(&entry.value);
        }
    }
    if let Some(globals) = sections.section("Globals") {
        Walk { sections, subject: "Globals", problems, parameters_only: false }.node(globals);
    }
}

struct Walk<'t> {
    sections: &'t Sections,
    subject: &'t str,
    problems: &'t Problems,
    /// Conditions are settled before there are resources.
    parameters_only: bool,
}

impl Walk<'_> {
    fn node(&self, node: &Node) {
        match &node.kind {
            Kind::List(items) => items.iter().for_each(|item| self.node(item)),
            Kind::Map(entries) => entries.iter().for_each(|entry| self.node(&entry.value)),
            Kind::Call(intrinsic, argument) => {
                if let Err(fault) = self.call(*intrinsic, argument) {
                    self.problems.add_once(node.line, self.subject, format!("{}: {fault}", intrinsic.name()));
                }
                self.node(argument);
            }
            Kind::Null | Kind::Boolean(_) | Kind::Number(_) | Kind::Text(_) | Kind::Faulty => {}
        }
    }

    fn call(&self, intrinsic: Intrinsic, argument: &Node) -> Result<(), String> {
        match intrinsic {
            Intrinsic::Ref => match argument.as_text() {
                Some(name) => self.name(&name),
                None => Err("takes the name of a parameter or a resource".to_owned()),
            },
            Intrinsic::GetAtt => {
                let (resource, attribute) = substitution::get_att(argument)?;
                self.attribute(resource, attribute)
            }
            Intrinsic::Sub => {
                let (text, names) = substitution::arguments(argument)?;
                for piece in substitution::pieces(text)? {
                    match piece {
                        Piece::Name(name) if names.is_some_and(|names| names.get(name).is_some()) => {}
                        Piece::Name(name) => self.name(name)?,
                        Piece::Attribute(resource, attribute) => self.attribute(resource, attribute)?,
                        Piece::Literal(_) => {}
                    }
                }
                Ok(())
            }
            Intrinsic::If | Intrinsic::Condition => {
                let name = match argument.as_list() {
                    Some(items) => items.first().and_then(Node::as_text),
                    None => argument.as_text(),
                };
                match name {
                    Some(name)
                        if self.sections.entries("Conditions").iter().any(|entry| entry.key == *name) =>
                    {
                        Ok(())
                    }
                    Some(name) => Err(format!("there is no condition {name}")),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn name(&self, name: &str) -> Result<(), String> {
        let is_parameter = name == "AWS::NoValue"
            || is_pseudo_parameter(name)
            || self.sections.entries("Parameters").iter().any(|entry| entry.key == name);
        let is_resource = self.sections.declares(name) || self.sections.api_of_stage(name).is_some();
        match (is_parameter, is_resource) {
            (false, true) if self.parameters_only => {
                Err(format!("a condition cannot refer to the resource {name}"))
            }
            (true, _) | (false, true) => Ok(()),
            (false, false) => Err(unknown_name(name)),
        }
    }

    fn attribute(&self, id: &str, attribute: &str) -> Result<(), String> {
        if self.parameters_only {
            return Err(format!("a condition cannot refer to the resource {id}"));
        }
        match self.sections.resource(id) {
            Some(resource) if resource.kind.attributes.contains(&attribute) => Ok(()),
            Some(resource) => Err(unknown_attribute(resource, attribute)),
            // A declared resource of an unknown type has its own fault already.
            None if self.sections.declares(id) => Ok(()),
            None => Err(unknown_name(id)),
        }
    }
}
