//! The event by which the function `health` asks every other function whether it answers.

use serde_json::{Value, json};

/// The probe's `source`.
const SOURCE: &str = "chairbook.health";

/// A probe.
#[must_use]
pub fn event() -> Value {
    json!({"source": SOURCE})
}

/// Returns whether an invocation's event is a probe.
#[must_use]
pub fn is_probe(event: &Value) -> bool {
    event.get("source").and_then(Value::as_str) == Some(SOURCE)
}

/// The response of a function that is up.
#[must_use]
pub fn response() -> Value {
    json!({"ok": true})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_probe_is_one() {
        assert!(is_probe(&event()));
        for other in
            [json!({}), json!(null), json!([1]), json!({"source": "aws.events"}), json!({"source": 1})]
        {
            assert!(!is_probe(&other), "{other}");
        }
    }
}
