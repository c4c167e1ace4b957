//! Templates as anybody may write them: what is text stays text, and of whatever is no template it is said why.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use super::document::{Kind, Node, parse};
use super::model::ScheduleExpression;
use super::problem::Problems;
use super::substitution::{Piece, pieces};
use super::{GeneratedSecret, Settings, TemplateError, model, resolve, route, schedule};

/// A whole template.
const TEMPLATE: &str = include_str!("../../tests/notes/template.yaml");

/// What templates are made of.
const FRAGMENTS: [&str; 44] = [
    "\n",
    "\n  ",
    "\n    ",
    " ",
    ": ",
    ":",
    "- ",
    ",",
    "[",
    "]",
    "{",
    "}",
    "'",
    "\"",
    "#",
    "&a",
    "*a",
    "|",
    ">",
    "---",
    "!",
    "!Ref ",
    "!Sub ",
    "!GetAtt ",
    "!If ",
    "!Join ",
    "!Select ",
    "!Split ",
    "!FindInMap ",
    "!Equals ",
    "Fn::Sub",
    "Ref",
    "Condition",
    "Resources:",
    "Parameters:",
    "Outputs:",
    "Conditions:",
    "Type",
    "AWS::SQS::Queue",
    "${",
    "A.Arn",
    "AWS::NoValue",
    "\u{85}",
    "é",
];

fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![8 => select(&FRAGMENTS[..]).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from), 1 => "[A-Z]"];
    vec(fragment, 0..60).prop_map(|parts| parts.concat())
}

/// Text that looks like more than text.
fn value() -> impl Strategy<Value = String> {
    let part = select(
        &["${", "}", "${A}", "${!A}", "!Ref A", ",", "\n", "'", "\"", ": ", "{{resolve:", "é", "b", " "][..],
    );
    prop_oneof![vec(part, 0..8).prop_map(|parts| parts.concat()), any::<String>()]
}

fn resolved(text: &str, parameters: &[(&str, &str)]) -> Result<model::System, TemplateError> {
    let parameters =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let secrets = |secret: &GeneratedSecret| Ok(secret.logical_id.clone());
    let settings = Settings {
        url: "http://127.0.0.1:3000",
        stack_name: "shop",
        parameters: &parameters,
        secrets: &secrets,
    };
    resolve(text, &settings)
}

/// The outputs of a template that has nothing else.
fn outputs(expressions: &[&str], parameters: &[(&str, &str)]) -> Vec<String> {
    let parameter = |(name, _): &(&str, &str)| format!("  {name}: {{Type: String}}\n");
    let output = |(place, expression): (usize, &&str)| format!("  Output{place}: {{Value: {expression}}}\n");
    let template = [
        "Transform: AWS::Serverless-2016-10-31\nParameters:\n".to_owned(),
        parameters.iter().map(parameter).collect::<Vec<_>>().concat(),
        "Resources: {}\nOutputs:\n".to_owned(),
        expressions.iter().enumerate().map(output).collect::<Vec<_>>().concat(),
    ]
    .concat();
    let system = resolved(&template, parameters).unwrap_or_else(|error| panic!("{error} in {template}"));
    (0..expressions.len()).map(|place| system.outputs[&format!("Output{place}")].clone()).collect()
}

/// A text in YAML's double quotes, which JSON's are.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[track_caller]
fn check_faults(text: &str, error: &TemplateError) {
    assert!(!error.problems.is_empty(), "refused without a word");
    for problem in &error.problems {
        assert!(!problem.subject.is_empty() && !problem.message.is_empty(), "{problem:?}");
        // The last one can be after everything.
        let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count() + 1;
        assert!(problem.line.is_none_or(|line| (1..=lines).contains(&line)), "{problem}, of {lines} lines");
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let text = || prop_oneof![any::<String>(), "[a-zA-Z0-9 .:~_-]{0,12}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(text(), inner, 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Whether a node is what JSON says.
fn is_the_same(node: &Node, json: &Value) -> bool {
    match (&node.kind, json) {
        (Kind::Null, Value::Null) => true,
        (Kind::Boolean(is), Value::Bool(said)) => is == said,
        (Kind::Number(is), Value::Number(said)) => *is == said.to_string(),
        (Kind::Text(is), Value::String(said)) => is == said,
        (Kind::List(items), Value::Array(said)) => {
            items.len() == said.len() && items.iter().zip(said).all(|(item, said)| is_the_same(item, said))
        }
        (Kind::Map(entries), Value::Object(said)) => {
            entries.len() == said.len()
                && entries
                    .iter()
                    .all(|entry| said.get(&entry.key).is_some_and(|said| is_the_same(&entry.value, said)))
        }
        _ => false,
    }
}

/// A piece of a `!Sub` text, as one writes it and as it is read.
fn piece() -> impl Strategy<Value = (String, Vec<(char, String)>)> {
    let read =
        |kind: char, parts: &[&str]| parts.iter().map(|part| (kind, (*part).to_owned())).collect::<Vec<_>>();
    prop_oneof![
        "[^$]{1,10}".prop_map(move |text| (text.clone(), read('=', &[&text]))),
        "[^}.!]{0,10}".prop_map(move |text| (format!("${{!{text}}}"), read('=', &["${", &text, "}"]))),
        (" ?", "[A-Za-z][A-Za-z:]{0,10}", " ?").prop_map(move |(before, name, after)| (
            format!("${{{before}{name}{after}}}"),
            read('$', &[&name])
        )),
        ("[A-Za-z]{1,10}", "[A-Za-z]{1,10}").prop_map(move |(resource, name)| (
            format!("${{{resource}.{name}}}"),
            read('.', &[&resource, &name])
        )),
    ]
}

/// The same of what was read, with literals that touch as one.
fn together(pieces: impl IntoIterator<Item = (char, String)>) -> Vec<(char, String)> {
    let mut all: Vec<(char, String)> = Vec::new();
    for (kind, text) in pieces {
        match all.last_mut() {
            Some(('=', last)) if kind == '=' => last.push_str(&text),
            _ if kind == '=' && text.is_empty() => {}
            _ => all.push((kind, text)),
        }
    }
    all
}

proptest! {
    #[test]
    fn whatever_is_no_template_is_refused_with_its_line(text in prop_oneof![3 => fragments(), 1 => any::<String>()]) {
        if let Err(error) = resolved(&text, &[]) {
            check_faults(&text, &error);
        }
    }

    #[test]
    fn what_a_parameter_says_is_never_read_as_template(a in value(), b in value()) {
        let expressions =
            ["!Ref A", "!Sub '<${A}|${B}>'", "!Join ['', [!Ref A, '|', !Ref B]]", "!Sub ['${C}${A}', {C: !Ref B}]"];
        let expected = [a.clone(), format!("<{a}|{b}>"), format!("{a}|{b}"), format!("{b}{a}")];
        prop_assert_eq!(outputs(&expressions, &[("A", &a), ("B", &b)]), expected);
    }

    #[test]
    fn what_was_split_is_joined_again(text in value(), separator in prop_oneof!["[,;|]{1,2}", "[a-b]", "é"], place in any::<Index>()) {
        let parts: Vec<_> = text.split(&separator).collect();
        let place = place.index(parts.len());
        let separator = quoted(&separator);
        let split = format!("!Split [{separator}, !Ref A]");
        let found = outputs(&[&format!("!Join [{separator}, {split}]"), &format!("!Select [{place}, {split}]")], &[("A", &text)]);
        prop_assert_eq!(found, [text.as_str(), parts[place]]);
    }

    #[test]
    fn a_literal_of_any_text_is_that_text(text in value()) {
        let escaped = text.replace("${", "${D}");
        let found = outputs(&[&format!("!Sub {}", quoted(&escaped)), &quoted(&text)], &[("D", "${")]);
        prop_assert_eq!(found, [text.clone(), text]);
    }

    #[test]
    fn a_text_is_cut_where_its_names_are(parts in vec(piece(), 0..8)) {
        let (written, read): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let text = written.concat();
        let found = pieces(&text).unwrap().into_iter().flat_map(|piece| match piece {
            Piece::Literal(text) => vec![('=', text.to_owned())],
            Piece::Name(name) => vec![('$', name.to_owned())],
            Piece::Attribute(resource, name) => vec![('.', resource.to_owned()), ('.', name.to_owned())],
        });
        prop_assert_eq!(together(found), together(read.into_iter().flatten()));
    }

    #[test]
    fn json_is_yaml(value in json_value()) {
        let problems = Problems::default();
        let text = value.to_string();
        let node = parse(&text, &problems);
        prop_assert_eq!(problems.into_result(), Ok(()));
        prop_assert!(is_the_same(&node.clone().unwrap(), &value), "{} became {:?}", text, node);
    }

    #[test]
    fn a_route_is_its_key(method in "(?i:get|put|any|x)", path in prop_oneof!["(/([a-z.]{1,3}|\\{[a-z]{1,2}\\+?\\})){0,4}/?", any::<String>()]) {
        match route::parse(&method, &path) {
            Ok(read) => {
                let key = read.key();
                let (method, path) = key.split_once(' ').unwrap_or(("ANY", &key));
                prop_assert_eq!(route::parse(method, path), Ok(read.clone()));
                let names = path.matches('{').count();
                prop_assert_eq!(route::shape(&read).matches('{').count(), names, "{}", key);
            }
            Err((property, message)) => prop_assert!(["Method", "Path"].contains(&property) && !message.is_empty()),
        }
    }

    #[test]
    fn a_schedule_is_a_rate_or_six_fields(
        text in prop_oneof![
            "rate\\([0-9]{1,11} (minute|hour|day)s?\\)",
            "cron\\(([0-9A-Z?*/#,LW-]{1,5} ?){5,7}\\)",
            any::<String>(),
        ],
    ) {
        match schedule::parse(&text) {
            Ok(ScheduleExpression::Rate(rate)) => {
                prop_assert!(rate.as_secs() >= 60);
                let number: u64 = text.trim_start_matches("rate(").split(' ').next().unwrap().parse().unwrap();
                prop_assert_eq!(text.contains("s)"), number > 1);
                prop_assert_eq!(rate.as_secs() % (number * 60), 0);
            }
            Ok(ScheduleExpression::Cron(fields)) => {
                prop_assert_eq!(fields.split_whitespace().count(), 6);
                prop_assert_eq!(text, format!("cron({fields})"));
            }
            Err(message) => prop_assert!(!message.is_empty()),
        }
    }
}

proptest! {
    // Each reads the whole template.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.div_ceil(16), ..ProptestConfig::default() })]

    #[test]
    fn a_mistake_in_the_template_is_told_with_its_line(
        line in any::<Index>(),
        place in any::<Index>(),
        change in prop_oneof![
            Just(None),
            select(&FRAGMENTS[..]).prop_map(|fragment| Some(fragment.to_owned())),
            fragments().prop_map(Some),
        ],
    ) {
        let mut lines: Vec<_> = TEMPLATE.lines().map(str::to_owned).collect();
        let line = line.index(lines.len());
        match change {
            None => drop(lines.remove(line)),
            Some(text) => {
                let places: Vec<_> = lines[line].char_indices().map(|(place, _)| place).chain([lines[line].len()]).collect();
                let place = places[place.index(places.len())];
                lines[line].insert_str(place, &text);
            }
        }
        let text = lines.join("\n");
        if let Err(error) = resolved(&text, &[]) {
            check_faults(&text, &error);
        }
    }
}

/// Else the mistakes above would be in what is wrong already.
#[test]
fn the_template_itself_has_no_mistake() {
    assert!(resolved(TEMPLATE, &[]).is_ok_and(|system| !system.functions.is_empty()));
}
