//! `AWS::SecretsManager::Secret`, and the dynamic references (`{{resolve:secretsmanager:…}}`) that read one.
//!
//! The values are not made here: whoever resolves a template passes in what supplies them, so that they can be kept
//! between runs and the resolver stays pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::document::{Entry, Kind, Node};
use super::problem::Problems;
use super::properties::Properties;

/// `GenerateSecretString`: how a secret's value is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneratedSecret {
    /// The secret's logical id, by which a value made earlier is found again.
    pub logical_id: String,
    /// `PasswordLength`, default 32.
    pub length: usize,
    /// The characters to draw from, one list per included type (lower case, upper case, numbers, punctuation, space).
    pub character_types: Vec<String>,
    /// `RequireEachIncludedType`, default true: at least one character of each list.
    pub require_each_type: bool,
    /// `SecretStringTemplate` and `GenerateStringKey`: the JSON object, and the key in it that gets the value.
    pub template: Option<(String, String)>,
}

/// Supplies the value of a generated secret: the same one every time for an equal description.
///
/// `Err` is a message for people.
pub type SecretSource<'s> = dyn Fn(&GeneratedSecret) -> Result<String, String> + 's;

/// A secret as the template declares it.
pub(super) enum Definition {
    Literal(String),
    Generated(GeneratedSecret),
}

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const NUMBERS: &str = "0123456789";
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// Reads a secret's evaluated properties.
pub(super) fn read(logical_id: &str, secret: &Properties<'_>) -> Option<Definition> {
    secret.without_meaning_here(&["Description", "KmsKeyId", "Name", "ReplicaRegions", "Tags"]);
    let definition = match (secret.text("SecretString"), secret.properties("GenerateSecretString")) {
        (Some(_), Some(_)) => {
            secret.fault("SecretString", "does not go with GenerateSecretString");
            None
        }
        (Some(text), None) => Some(Definition::Literal(text)),
        (None, Some(generate)) => Some(Definition::Generated(read_generated(logical_id, &generate))),
        (None, None) => {
            secret.fault("GenerateSecretString", "is missing, and so is SecretString");
            None
        }
    };
    secret.close();
    definition
}

fn read_generated(logical_id: &str, generate: &Properties<'_>) -> GeneratedSecret {
    let excluded = generate.text("ExcludeCharacters").unwrap_or_default();
    let excludes = |name| generate.boolean(name) == Some(true);
    let types = [
        (!excludes("ExcludeLowercase"), LOWER),
        (!excludes("ExcludeUppercase"), UPPER),
        (!excludes("ExcludeNumbers"), NUMBERS),
        (!excludes("ExcludePunctuation"), PUNCTUATION),
        (excludes("IncludeSpace"), " "),
    ];
    let character_types: Vec<String> = types
        .into_iter()
        .filter(|(included, _)| *included)
        .map(|(_, characters)| {
            characters.chars().filter(|character| !excluded.contains(*character)).collect()
        })
        .filter(|characters: &String| !characters.is_empty())
        .collect();
    if character_types.is_empty() {
        generate.fault("ExcludeCharacters", "leaves no character to draw from");
    }
    let length = generate.natural("PasswordLength", 1..=4_096).unwrap_or(32) as usize;
    let require_each_type = generate.boolean("RequireEachIncludedType").unwrap_or(true);
    if require_each_type && length < character_types.len() {
        generate.fault("PasswordLength", "is too small for one character of each included type");
    }
    let template = match (generate.text("SecretStringTemplate"), generate.text("GenerateStringKey")) {
        (Some(template), Some(key)) => {
            if !matches!(serde_json::from_str(&template), Ok(serde_json::Value::Object(_))) {
                generate.fault("SecretStringTemplate", "must be a JSON object");
            }
            Some((template, key))
        }
        (None, None) => None,
        _ => {
            generate.fault("SecretStringTemplate", "and GenerateStringKey go together");
            None
        }
    };
    generate.close();
    GeneratedSecret {
        logical_id: logical_id.to_owned(),
        length,
        character_types,
        require_each_type,
        template,
    }
}

/// The values behind dynamic references: by every name that may refer to the secret (its ARN, its name).
pub(super) type Values = BTreeMap<String, Result<String, String>>;

/// Replaces the dynamic references in every text of an evaluated value.
pub(super) fn replace(node: Node, values: &Values, subject: &str, problems: &Problems) -> Node {
    let line = node.line;
    let kind = match node.kind {
        Kind::Text(text) if text.contains("{{resolve:") => match replace_in(&text, values) {
            Ok(text) => Kind::Text(text),
            Err(fault) => {
                problems.add(line, subject, fault);
                Kind::Faulty
            }
        },
        Kind::List(items) => {
            Kind::List(items.into_iter().map(|item| replace(item, values, subject, problems)).collect())
        }
        Kind::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|entry| Entry { value: replace(entry.value, values, subject, problems), ..entry })
                .collect(),
        ),
        other => other,
    };
    Node { line, kind }
}

fn replace_in(text: &str, values: &Values) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{resolve:") {
        let Some((reference, after)) = after.split_once("}}") else {
            return Err("a dynamic reference ({{resolve:…}}) is not closed".to_owned());
        };
        result.push_str(before);
        result.push_str(&look_up(reference, values)?);
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

/// `secretsmanager:<secret>:SecretString[:<key>[:<stage>[:<version>]]]`; an ARN has colons of its own.
fn look_up(reference: &str, values: &Values) -> Result<String, String> {
    let Some(rest) = reference.strip_prefix("secretsmanager:") else {
        return Err(format!(
            "{{{{resolve:{reference}}}}} is not supported: only secretsmanager references are"
        ));
    };
    let (secret, options) = match rest.split_once(":SecretString") {
        Some((secret, options)) => (secret, options.strip_prefix(':').unwrap_or(options)),
        None => (rest, ""),
    };
    let mut options = options.split(':');
    let key = options.next().filter(|key| !key.is_empty());
    let stage = options.next().filter(|stage| !matches!(*stage, "" | "AWSCURRENT"));
    if stage.or(options.next().filter(|version| !version.is_empty())).is_some() {
        return Err(format!("{{{{resolve:{reference}}}}}: only the current version of a secret is there"));
    }
    let value = match values.get(secret) {
        Some(Ok(value)) => value,
        Some(Err(fault)) => return Err(fault.clone()),
        None => return Err(format!("{{{{resolve:{reference}}}}}: the template has no secret {secret}")),
    };
    let Some(key) = key else { return Ok(value.clone()) };
    let json: serde_json::Value = serde_json::from_str(value).map_err(|_| {
        format!("{{{{resolve:{reference}}}}} asks for a key, but the secret's value is not JSON")
    })?;
    match json.get(key) {
        Some(serde_json::Value::String(text)) => Ok(text.clone()),
        Some(other) => Ok(other.to_string()),
        None => Err(format!("{{{{resolve:{reference}}}}}: the secret's value has no key {key}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:Signing";

    fn values() -> Values {
        BTreeMap::from([
            (ARN.to_owned(), Ok("s3cret".to_owned())),
            ("json".to_owned(), Ok(r#"{"user":"a","port":5}"#.to_owned())),
        ])
    }

    #[test]
    fn references_are_replaced() {
        let replaced = |text: &str| replace_in(text, &values());
        assert_eq!(
            replaced(&format!("{{{{resolve:secretsmanager:{ARN}:SecretString}}}}")).unwrap(),
            "s3cret"
        );
        assert_eq!(replaced(&format!("{{{{resolve:secretsmanager:{ARN}}}}}")).unwrap(), "s3cret");
        assert_eq!(
            replaced("{{resolve:secretsmanager:json:SecretString:user}}:{{resolve:secretsmanager:json:SecretString:port}}")
                .unwrap(),
            "a:5"
        );
        assert_eq!(replaced("{{resolve:secretsmanager:json:SecretString:user:AWSCURRENT}}").unwrap(), "a");
        assert_eq!(replaced("plain").unwrap(), "plain");
    }

    #[test]
    fn bad_references_say_why() {
        for (text, expected) in [
            ("{{resolve:ssm:x:1}}", "only secretsmanager"),
            ("{{resolve:secretsmanager:other:SecretString}}", "no secret other"),
            ("{{resolve:secretsmanager:json:SecretString:none}}", "no key none"),
            ("{{resolve:secretsmanager:json:SecretString:user:AWSPREVIOUS}}", "only the current version"),
            ("{{resolve:secretsmanager:json", "not closed"),
        ] {
            let error = replace_in(text, &values()).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let text = format!("{{{{resolve:secretsmanager:{ARN}:SecretString:key}}}}");
        let error = replace_in(&text, &values()).unwrap_err();
        assert!(error.contains("not JSON") && !error.contains("s3cret"), "{error}");
    }
}
