//! From YAML text to a tree in which every node knows its line and every intrinsic function, short (`!Ref`) or long
//! (`Fn::Join`), looks the same.

use std::borrow::Cow;

use saphyr::{MarkedYaml, Scalar, ScalarStyle, Tag, YamlData, YamlLoader};
use saphyr_parser::Parser;

use super::problem::Problems;

/// A value of the template.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// Where it begins, counted from 1.
    pub(super) line: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Boolean(bool),
    /// As it was written: CloudFormation turns numbers into text without changing them (`1.10` stays `1.10`).
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    Call(Intrinsic, Box<Node>),
    /// A value that could not be found out; its fault has been noted, so readers pass over it in silence.
    Faulty,
}

/// One key of a map with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) value: Node,
}

/// `CloudFormation`'s intrinsic functions that are honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intrinsic {
    And,
    Condition,
    Equals,
    FindInMap,
    GetAtt,
    If,
    Join,
    Not,
    Or,
    Ref,
    Select,
    Split,
    Sub,
}

impl Intrinsic {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::And => "!And",
            Self::Condition => "!Condition",
            Self::Equals => "!Equals",
            Self::FindInMap => "!FindInMap",
            Self::GetAtt => "!GetAtt",
            Self::If => "!If",
            Self::Join => "!Join",
            Self::Not => "!Not",
            Self::Or => "!Or",
            Self::Ref => "!Ref",
            Self::Select => "!Select",
            Self::Split => "!Split",
            Self::Sub => "!Sub",
        }
    }

    /// By the name after `!` or `Fn::`.
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "And" => Self::And,
            "Condition" => Self::Condition,
            "Equals" => Self::Equals,
            "FindInMap" => Self::FindInMap,
            "GetAtt" => Self::GetAtt,
            "If" => Self::If,
            "Join" => Self::Join,
            "Not" => Self::Not,
            "Or" => Self::Or,
            "Ref" => Self::Ref,
            "Select" => Self::Select,
            "Split" => Self::Split,
            "Sub" => Self::Sub,
            _ => return None,
        })
    }
}

const SUPPORTED: &str = "the local stack knows And, Condition, Equals, FindInMap, GetAtt, If, Join, Not, Or, Ref, Select, Split and Sub";

impl Node {
    pub(super) fn text(line: usize, text: impl Into<String>) -> Self {
        Self { line, kind: Kind::Text(text.into()) }
    }

    pub(super) fn faulty(line: usize) -> Self {
        Self { line, kind: Kind::Faulty }
    }

    /// A scalar as text, the way `CloudFormation` passes it on; `None` for anything else.
    pub(super) fn as_text(&self) -> Option<Cow<'_, str>> {
        match &self.kind {
            Kind::Boolean(value) => Some(if *value { "true" } else { "false" }.into()),
            Kind::Number(text) | Kind::Text(text) => Some(text.as_str().into()),
            Kind::Null | Kind::List(_) | Kind::Map(_) | Kind::Call(..) | Kind::Faulty => None,
        }
    }

    pub(super) fn as_list(&self) -> Option<&[Self]> {
        if let Kind::List(items) = &self.kind { Some(items) } else { None }
    }

    pub(super) fn as_map(&self) -> Option<&[Entry]> {
        if let Kind::Map(entries) = &self.kind { Some(entries) } else { None }
    }

    /// The value of a map's key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// What a person would call it, for messages.
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Boolean(value) => value.to_string(),
            Kind::Number(text) => text.clone(),
            Kind::Text(text) => format!("'{text}'"),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
            Kind::Call(intrinsic, _) => intrinsic.name().to_owned(),
            Kind::Faulty => "a faulty value".to_owned(),
        }
    }
}

/// Reads a template's text. `None` when it is not one YAML document; everything wrong is noted.
pub(super) fn parse(text: &str, problems: &Problems) -> Option<Node> {
    let mut loader: YamlLoader<'_, MarkedYaml<'_>> = YamlLoader::default();
    // Scalars stay as written; what they mean is decided below, with their text at hand.
    loader.early_parse(false);
    let scanned = Parser::new_from_str(text).load(&mut loader, true);
    if let Some(error) = scanned.err().or_else(|| loader.error().cloned()) {
        problems.add(error.marker().line(), "YAML", error.info());
        return None;
    }
    let mut documents = loader.into_documents().into_iter();
    match (documents.next(), documents.next()) {
        (Some(document), None) => Some(convert(&document, problems)),
        (None, _) => {
            problems.add(0, "YAML", "the template is empty");
            None
        }
        (Some(_), Some(second)) => {
            problems.add(
                second.span.start.line(),
                "YAML",
                "a template is one document; a second one begins here",
            );
            None
        }
    }
}

fn convert(node: &MarkedYaml<'_>, problems: &Problems) -> Node {
    let line = node.span.start.line();
    match &node.data {
        YamlData::Representation(text, style, tag) => {
            let (intrinsic, tag) = match tag {
                Some(tag) if !tag.is_yaml_core_schema() => (Some(tag), None),
                other => (None, other.as_ref()),
            };
            let plain = Node { line, kind: scalar(text, *style, tag, line, problems) };
            match intrinsic {
                Some(tag) => tagged(tag, plain, problems),
                None => plain,
            }
        }
        YamlData::Sequence(items) => {
            Node { line, kind: Kind::List(items.iter().map(|item| convert(item, problems)).collect()) }
        }
        YamlData::Mapping(map) => {
            let mut entries: Vec<Entry> = Vec::with_capacity(map.len());
            for (key, value) in map {
                let key_line = key.span.start.line();
                let YamlData::Representation(name, _, None) = &key.data else {
                    problems.add(key_line, "YAML", "a key must be plain text");
                    continue;
                };
                if entries.iter().any(|entry| entry.key == *name) {
                    problems.add(key_line, "YAML", format!("the key {name} is there twice"));
                }
                entries.push(Entry {
                    key: name.to_string(),
                    line: key_line,
                    value: convert(value, problems),
                });
            }
            long_form(line, entries, problems)
        }
        YamlData::Tagged(tag, inner) => tagged(tag, convert(inner, problems), problems),
        YamlData::Value(_) | YamlData::Alias(_) | YamlData::BadValue => {
            problems.add(line, "YAML", "this value cannot be read");
            Node::faulty(line)
        }
    }
}

fn scalar(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Cow<'_, Tag>>,
    line: usize,
    problems: &Problems,
) -> Kind {
    match Scalar::parse_from_cow_and_metadata(Cow::Borrowed(text), style, tag) {
        Some(Scalar::Null) => Kind::Null,
        Some(Scalar::Boolean(value)) => Kind::Boolean(value),
        Some(Scalar::Integer(_) | Scalar::FloatingPoint(_)) => Kind::Number(text.to_owned()),
        Some(Scalar::String(text)) => Kind::Text(text.into_owned()),
        None => {
            problems.add(line, "YAML", format!("'{text}' does not fit its tag"));
            Kind::Faulty
        }
    }
}

fn tagged(tag: &Tag, argument: Node, problems: &Problems) -> Node {
    let line = argument.line;
    if tag.handle == "!"
        && let Some(intrinsic) = Intrinsic::from_name(&tag.suffix)
    {
        return Node { line, kind: Kind::Call(intrinsic, Box::new(argument)) };
    }
    problems.add(line, "YAML", format!("the tag {tag} is not supported: {SUPPORTED}"));
    Node::faulty(line)
}

/// Turns `{Ref: X}` and `{Fn::Name: …}` into calls. `Condition` has no such form here: as a map's only key it is a
/// resource's attribute or a policy's, and what reads conditions knows it.
fn long_form(line: usize, mut entries: Vec<Entry>, problems: &Problems) -> Node {
    if let [entry] = entries.as_slice() {
        let intrinsic = match entry.key.strip_prefix("Fn::") {
            Some(name) => Intrinsic::from_name(name)
                .filter(|name| !matches!(name, Intrinsic::Condition | Intrinsic::Ref)),
            None if entry.key == "Ref" => Some(Intrinsic::Ref),
            None => return Node { line, kind: Kind::Map(entries) },
        };
        let Some(intrinsic) = intrinsic else {
            problems.add(entry.line, "YAML", format!("{} is not supported: {SUPPORTED}", entry.key));
            return Node::faulty(line);
        };
        if let Some(entry) = entries.pop() {
            return Node { line, kind: Kind::Call(intrinsic, Box::new(entry.value)) };
        }
    }
    for entry in &entries {
        if entry.key.starts_with("Fn::") {
            problems.add(entry.line, "YAML", format!("{} must be the only key of its map", entry.key));
        }
    }
    Node { line, kind: Kind::Map(entries) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Node {
        let problems = Problems::default();
        let node = parse(text, &problems).unwrap();
        problems.into_result().unwrap();
        node
    }

    fn faults(text: &str) -> String {
        let problems = Problems::default();
        parse(text, &problems);
        problems.into_result().unwrap_err().to_string()
    }

    #[test]
    fn scalars_keep_their_text_and_know_their_type() {
        let node = parsed("a: 1.10\nb: '1'\nc: true\nd: 2012-10-17\ne:\nf: yes\n");
        let kind = |key: &str| node.get(key).unwrap().kind.clone();
        assert_eq!(kind("a"), Kind::Number("1.10".into()));
        assert_eq!(kind("b"), Kind::Text("1".into()));
        assert_eq!(kind("c"), Kind::Boolean(true));
        assert_eq!(kind("d"), Kind::Text("2012-10-17".into()));
        assert_eq!(kind("e"), Kind::Null);
        assert_eq!(kind("f"), Kind::Text("yes".into()));
    }

    #[test]
    fn short_and_long_forms_are_the_same_call() {
        let node = parsed("- !Ref A\n- Ref: A\n- !Join ['', [a]]\n- Fn::Join: ['', [a]]\n- !GetAtt A.Arn\n");
        let items = node.as_list().unwrap();
        let kinds: Vec<_> = items.iter().map(|item| matches!(&item.kind, Kind::Call(..))).collect();
        assert_eq!(kinds, [true; 5]);
        assert_eq!(items[0].describe(), items[1].describe());
        assert_eq!(items[2].describe(), items[3].describe());
    }

    #[test]
    fn lines_are_counted_from_one_and_aliases_are_expanded() {
        let node = parsed("a: &x\n  b: 1\nc: *x\n");
        assert_eq!(node.get("a").unwrap().get("b").unwrap().line, 2);
        assert_eq!(node.get("c").unwrap().get("b").unwrap().kind, Kind::Number("1".into()));
    }

    #[test]
    fn faults_name_their_line() {
        assert!(
            faults("a: 1\nb: !ImportValue x\n")
                .contains("line 2: YAML: the tag !ImportValue is not supported")
        );
        assert!(
            faults("a:\n  Fn::ImportValue: x\n").contains("line 2: YAML: Fn::ImportValue is not supported")
        );
        assert!(faults("a: 1\n'a': 2\n").contains("line 2: YAML: the key a is there twice"));
        assert!(faults("a: 1\na: 2\n").contains("line 2"));
        assert!(faults("a: [1\nb: 2\n").contains("line 2"));
        assert!(faults("a: 1\n---\nb: 2\n").contains("one document"));
        assert!(faults("").contains("empty"));
        assert!(faults("a: {Fn::Join: x, b: 1}\n").contains("must be the only key"));
    }
}
