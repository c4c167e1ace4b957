//! Filter criteria of event source mappings: which records reach the function
//! (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax>).

mod check;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub use check::check;

/// Whether any of the patterns matches the record; without a pattern every record matches. The patterns must
/// be such as [`check`] accepts.
#[must_use]
pub fn matches(patterns: &[Value], record: &Value) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| level_matches(pattern, Some(record)))
}

/// The keys of a pattern must all match; `record` is `None` where the record ends before the pattern does.
fn level_matches(pattern: &Value, record: Option<&Value>) -> bool {
    let Value::Object(pattern) = pattern else { return false };
    pattern.iter().all(|(key, expected)| {
        if key == "$or"
            && let Value::Array(alternatives) = expected
        {
            return alternatives.iter().any(|alternative| level_matches(alternative, record));
        }
        let actual = record.and_then(|record| record.get(key));
        match expected {
            Value::Array(alternatives) => alternatives.iter().any(|matcher| field_matches(matcher, actual)),
            _ => level_matches(expected, actual),
        }
    })
}

/// Of a field with several values, one that matches is enough. Only values count, not the objects around them.
fn field_matches(matcher: &Value, actual: Option<&Value>) -> bool {
    let values: Vec<&Value> = match actual {
        None | Some(Value::Object(_)) => Vec::new(),
        Some(Value::Array(values)) => values.iter().filter(|value| !value.is_object()).collect(),
        Some(value) => vec![value],
    };
    if let Some(expected) = matcher.get("exists").and_then(Value::as_bool) {
        return expected != values.is_empty();
    }
    values.into_iter().any(|value| value_matches(matcher, value))
}

fn value_matches(matcher: &Value, value: &Value) -> bool {
    let Value::Object(operation) = matcher else { return equals(matcher, value) };
    let Some((operator, operand)) = only(operation) else { return false };
    match operator {
        "prefix" => both(value, operand, |text, prefix| text.starts_with(prefix)),
        "suffix" => both(value, operand, |text, suffix| text.ends_with(suffix)),
        "equals-ignore-case" => {
            both(value, operand, |text, other| text.to_lowercase() == other.to_lowercase())
        }
        "numeric" => value.as_f64().is_some_and(|number| numeric_matches(operand, number)),
        "anything-but" => match operand {
            Value::Array(excluded) => !excluded.iter().any(|excluded| equals(excluded, value)),
            Value::Object(_) => !value_matches(operand, value),
            _ => !equals(operand, value),
        },
        _ => false,
    }
}

/// Numbers are compared by value: 1, 1.0 and 1e0 are the same.
fn equals(expected: &Value, value: &Value) -> bool {
    expected == value
        || matches!((expected.as_f64(), value.as_f64()), (Some(expected), Some(value)) if same(expected, value))
}

fn same(left: f64, right: f64) -> bool {
    left.total_cmp(&right).is_eq() || (left - right).abs() < f64::EPSILON * left.abs()
}

fn both(value: &Value, operand: &Value, compare: impl Fn(&str, &str) -> bool) -> bool {
    value.as_str().zip(operand.as_str()).is_some_and(|(value, operand)| compare(value, operand))
}

/// `[">", 0, "<=", 5]`: pairs that must all hold.
fn numeric_matches(operand: &Value, number: f64) -> bool {
    let Some(operand) = operand.as_array() else { return false };
    operand.chunks(2).all(|pair| {
        let [operator, limit] = pair else { return false };
        let Some(limit) = limit.as_f64() else { return false };
        match operator.as_str() {
            Some("=") => same(number, limit),
            Some("<") => number < limit,
            Some("<=") => number <= limit,
            Some(">") => number > limit,
            Some(">=") => number >= limit,
            _ => false,
        }
    })
}

fn only(operation: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = operation.iter();
    let (operator, operand) = entries.next()?;
    entries.next().is_none().then_some((operator.as_str(), operand))
}
