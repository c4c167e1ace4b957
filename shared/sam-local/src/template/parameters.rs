//! The template's `Parameters` and the values given for them.

use std::collections::BTreeMap;

use super::document::{Kind, Node};
use super::problem::Problems;
use super::properties::Properties;

/// The value of a parameter after its type was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    One(String),
    List(Vec<String>),
}

impl Value {
    pub(super) fn to_node(&self, line: usize) -> Node {
        match self {
            Self::One(text) => Node::text(line, text.clone()),
            Self::List(items) => Node {
                line,
                kind: Kind::List(items.iter().map(|item| Node::text(line, item.clone())).collect()),
            },
        }
    }
}

/// Reads `Parameters` and settles every value: the given one, else `Default`.
///
/// A value that is wrong is noted and left as it is: later stages need some value, to find further faults.
pub(super) fn resolve(
    section: Option<&Node>,
    given: &BTreeMap<String, String>,
    problems: &Problems,
) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    for entry in section.and_then(Node::as_map).unwrap_or_default() {
        let Some(declaration) = Properties::open(&entry.value, format!("Parameter {}", entry.key), problems)
        else {
            continue;
        };
        let given = given.get(&entry.key).map(String::as_str);
        values.insert(entry.key.clone(), value(&declaration, &entry.key, given, problems));
        declaration.close();
    }
    for name in given.keys().filter(|name| !values.contains_key(*name)) {
        let known: Vec<_> = values.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        problems.add(
            0,
            format!("Parameter {name}"),
            format!("the template has no such parameter; it has {known}"),
        );
    }
    values
}

fn value(declaration: &Properties<'_>, name: &str, given: Option<&str>, problems: &Problems) -> Value {
    const TYPES: [&str; 4] = ["String", "Number", "CommaDelimitedList", "List<Number>"];
    let kind = match declaration.require("Type") {
        Some(_) => declaration.one_of("Type", &TYPES),
        None => None,
    };
    declaration.without_meaning_here(&["Description", "NoEcho"]);
    let constraints = Constraints::read(declaration);
    let default = declaration.text("Default");
    let line = if given.is_some() { 0 } else { declaration.line() };
    let Some(text) = given.map(str::to_owned).or(default) else {
        problems.add(
            declaration.line(),
            format!("Parameter {name}"),
            format!("has no Default and no value was given; give one with --parameter {name}=…"),
        );
        return Value::One(String::new());
    };
    let is_list = matches!(kind, Some("CommaDelimitedList" | "List<Number>"));
    let items: Vec<String> = if is_list {
        text.split(',').map(|item| item.trim().to_owned()).collect()
    } else {
        vec![text.clone()]
    };
    for item in &items {
        let number = matches!(kind, Some("Number" | "List<Number>"));
        if let Err(expected) = constraints.check(item, number) {
            let expected = constraints.description.as_deref().unwrap_or(&expected);
            let source = if given.is_some() { "" } else { " (its Default)" };
            problems.add(line, format!("Parameter {name}"), format!("'{item}'{source} must be {expected}"));
        }
    }
    if is_list { Value::List(items) } else { Value::One(text) }
}

/// What a value must satisfy.
struct Constraints {
    allowed_values: Option<Vec<String>>,
    pattern: Option<(String, regex_lite::Regex)>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    minimum_length: Option<u32>,
    maximum_length: Option<u32>,
    description: Option<String>,
}

impl Constraints {
    fn read(declaration: &Properties<'_>) -> Self {
        let number = |name: &'static str| {
            let text = declaration.text(name)?;
            let number = text.parse::<f64>().ok();
            if number.is_none() {
                declaration.fault(name, format!("must be a number, not '{text}'"));
            }
            number
        };
        let pattern = declaration.text("AllowedPattern").and_then(|pattern| {
            // CloudFormation asks for the whole value to match.
            match regex_lite::Regex::new(&format!("^(?:{pattern})$")) {
                Ok(regex) => Some((pattern, regex)),
                Err(error) => {
                    declaration.fault("AllowedPattern", format!("cannot be used: {error}"));
                    None
                }
            }
        });
        Self {
            allowed_values: declaration.texts("AllowedValues"),
            pattern,
            minimum: number("MinValue"),
            maximum: number("MaxValue"),
            minimum_length: declaration.natural("MinLength", 0..=u32::MAX),
            maximum_length: declaration.natural("MaxLength", 0..=u32::MAX),
            description: declaration.text("ConstraintDescription"),
        }
    }

    /// `Err` says what a right value would be.
    fn check(&self, value: &str, is_number: bool) -> Result<(), String> {
        if let Some(allowed) = &self.allowed_values
            && !allowed.iter().any(|other| other == value)
        {
            return Err(format!("one of {}", allowed.join(", ")));
        }
        if is_number {
            let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
            let Some(number) = number else { return Err("a number".to_owned()) };
            if self.minimum.is_some_and(|minimum| number < minimum) {
                return Err(format!("at least {}", self.minimum.unwrap_or_default()));
            }
            if self.maximum.is_some_and(|maximum| number > maximum) {
                return Err(format!("at most {}", self.maximum.unwrap_or_default()));
            }
        }
        let length = u32::try_from(value.chars().count()).unwrap_or(u32::MAX);
        if let Some(minimum) = self.minimum_length.filter(|minimum| length < *minimum) {
            return Err(format!("at least {minimum} characters long"));
        }
        if let Some(maximum) = self.maximum_length.filter(|maximum| length > *maximum) {
            return Err(format!("at most {maximum} characters long"));
        }
        match &self.pattern {
            Some((pattern, regex)) if !regex.is_match(value) => {
                Err(format!("something that matches {pattern}"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::document;
    use super::*;

    fn resolved(section: &str, given: &[(&str, &str)]) -> Result<BTreeMap<String, Value>, String> {
        let problems = Problems::default();
        let node = document::parse(section, &problems).unwrap();
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let values = resolve(Some(&node), &given, &problems);
        problems.into_result().map(|()| values).map_err(|error| error.to_string())
    }

    #[test]
    fn a_given_value_wins_over_the_default() {
        let section = "Hold: {Type: String, Default: 4h}\nEmpty: {Type: String, Default: ''}\nRatio: {Type: Number, Default: 1.10}";
        let values = resolved(section, &[("Hold", "5s")]).unwrap();
        assert_eq!(values["Hold"], Value::One("5s".into()));
        assert_eq!(values["Empty"], Value::One(String::new()));
        assert_eq!(values["Ratio"], Value::One("1.10".into()));
    }

    #[test]
    fn lists_are_split_and_every_item_is_checked() {
        let section = "Origins: {Type: CommaDelimitedList, Default: '*', AllowedPattern: '\\*|https?://.+'}";
        let values = resolved(section, &[("Origins", "https://a.example, https://b.example")]).unwrap();
        assert_eq!(
            values["Origins"],
            Value::List(vec!["https://a.example".into(), "https://b.example".into()])
        );
        let error = resolved(section, &[("Origins", "https://a.example,nowhere")]).unwrap_err();
        assert!(error.contains("Parameter Origins: 'nowhere' must be something that matches"), "{error}");
    }

    #[test]
    fn bad_values_say_what_would_be_right() {
        for (section, value, expected) in [
            ("A: {Type: String, AllowedValues: [x, y]}", "z", "Parameter A: 'z' must be one of x, y"),
            ("A: {Type: Number, MinValue: 1}", "0", "Parameter A: '0' must be at least 1"),
            ("A: {Type: Number, MaxValue: 5}", "6", "Parameter A: '6' must be at most 5"),
            ("A: {Type: Number}", "many", "Parameter A: 'many' must be a number"),
            ("A: {Type: String, MinLength: 3}", "ab", "at least 3 characters"),
            ("A: {Type: String, MaxLength: 1}", "ab", "at most 1 characters"),
            (
                "A: {Type: String, AllowedPattern: '[0-9]+h', ConstraintDescription: hours}",
                "4hh",
                "'4hh' must be hours",
            ),
            ("A: {Type: String, AllowedPattern: '(?=x)'}", "x", "AllowedPattern: cannot be used"),
            ("A: {Type: 'AWS::SSM::Parameter::Value<String>'}", "x", "Type: must be one of String, Number"),
            ("A: {Type: String, Defualt: x}", "x", "A: Defualt: is unknown here; known are AllowedPattern"),
            ("B: {Type: String}", "x", "Parameter A: the template has no such parameter; it has B"),
        ] {
            let error = resolved(section, &[("A", value)]).unwrap_err();
            assert!(error.contains(expected), "{section}: {error}");
        }
    }

    #[test]
    fn a_bad_default_and_a_missing_value_are_faults_too() {
        let error = resolved("A: {Type: Number, Default: x}\nB: {Type: String}", &[]).unwrap_err();
        assert!(error.contains("line 1: Parameter A: 'x' (its Default) must be a number"), "{error}");
        assert!(error.contains("line 2: Parameter B: has no Default"), "{error}");
    }
}
