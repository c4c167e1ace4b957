//! Finds what a filter pattern asks for and cannot have, before the first record comes.

use serde_json::Value;

use super::only;

/// Whether [`super::matches`] honours all of a pattern.
///
/// # Errors
/// What it does not know, and where in the pattern that is.
pub fn check(pattern: &Value) -> Result<(), String> {
    check_level(pattern, "")
}

fn check_level(pattern: &Value, path: &str) -> Result<(), String> {
    let Some(level) = pattern.as_object().filter(|level| !level.is_empty()) else {
        return Err(format!("{} must be a JSON object with at least one key", place(path)));
    };
    for (key, expected) in level {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match expected {
            Value::Array(alternatives) if key == "$or" => {
                if alternatives.len() < 2 {
                    return Err(format!("{} must list at least two patterns", place(&path)));
                }
                alternatives.iter().try_for_each(|alternative| check_level(alternative, &path))?;
            }
            Value::Array(matchers) if matchers.is_empty() => {
                return Err(format!("{} lists nothing, so it would match nothing", place(&path)));
            }
            Value::Array(matchers) => {
                matchers.iter().try_for_each(|matcher| check_matcher(matcher, &path))?;
            }
            Value::Object(_) => check_level(expected, &path)?,
            _ => {
                return Err(format!("{} must be a list of what matches, such as [{expected}]", place(&path)));
            }
        }
    }
    Ok(())
}

fn check_matcher(matcher: &Value, path: &str) -> Result<(), String> {
    let operation = match matcher {
        Value::Object(operation) => operation,
        Value::Array(_) => return Err(format!("{} holds a list within a list: {matcher}", place(path))),
        _ => return Ok(()),
    };
    let wrong = |right: &str| Err(format!("{} holds {matcher}; {right}", place(path)));
    let Some((operator, operand)) = only(operation) else {
        return wrong("an operation has exactly one operator");
    };
    match operator {
        "exists" if operand.is_boolean() => Ok(()),
        "exists" => wrong("exists takes true or false"),
        "prefix" | "suffix" | "equals-ignore-case" if operand.is_string() => Ok(()),
        "prefix" | "suffix" | "equals-ignore-case" => wrong("it takes a text"),
        "numeric" if is_numeric(operand) => Ok(()),
        "numeric" => wrong("numeric takes one or two pairs such as [\">\", 0, \"<=\", 5]"),
        "anything-but" => match operand {
            Value::String(_) | Value::Number(_) => Ok(()),
            Value::Array(values)
                if !values.is_empty()
                    && values.iter().all(|value| value.is_string() || value.is_number()) =>
            {
                Ok(())
            }
            Value::Object(inner)
                if only(inner).is_some_and(|(operator, operand)| {
                    matches!(operator, "prefix" | "suffix" | "equals-ignore-case") && operand.is_string()
                }) =>
            {
                Ok(())
            }
            _ => wrong(
                "anything-but takes texts or numbers, or one prefix, suffix or equals-ignore-case of a text",
            ),
        },
        _ => wrong("known are exists, prefix, suffix, equals-ignore-case, anything-but and numeric"),
    }
}

fn is_numeric(operand: &Value) -> bool {
    let is_pair = |pair: &[Value]| {
        matches!(pair, [Value::String(operator), Value::Number(_)]
            if matches!(operator.as_str(), "=" | "<" | "<=" | ">" | ">="))
    };
    operand
        .as_array()
        .is_some_and(|operand| (1..=4).contains(&operand.len()) && operand.chunks(2).all(is_pair))
}

fn place(path: &str) -> String {
    if path.is_empty() { "a filter pattern".to_owned() } else { format!("the filter pattern's {path}") }
}
