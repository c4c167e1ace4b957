//! What a function with `ReportBatchItemFailures` answers
//! (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>).

use std::collections::BTreeSet;

use serde_json::Value;

/// The ids of the failed messages, out of `ids`.
///
/// Nothing at all, an empty object, and an absent, null or empty list mean that none failed.
///
/// # Errors
/// What makes the whole batch count as failed: an answer that cannot be read, or an item without the id of a message
/// of this batch.
pub(super) fn failed_items(payload: &[u8], ids: &[&str]) -> Result<BTreeSet<String>, &'static str> {
    if payload.trim_ascii().is_empty() {
        return Ok(BTreeSet::new());
    }
    let answer: Value = serde_json::from_slice(payload).map_err(|_| "the answer is not JSON")?;
    let items = match &answer {
        Value::Null => return Ok(BTreeSet::new()),
        Value::Object(answer) => match answer.get("batchItemFailures") {
            None | Some(Value::Null) => return Ok(BTreeSet::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err("batchItemFailures is not a list"),
        },
        _ => return Err("the answer is not an object with batchItemFailures"),
    };
    let mut failed = BTreeSet::new();
    for item in items {
        let id = item.get("itemIdentifier").and_then(Value::as_str).unwrap_or_default();
        if id.is_empty() {
            return Err("an item of batchItemFailures has no itemIdentifier");
        }
        if !ids.contains(&id) {
            return Err("an itemIdentifier is not the id of a message of the batch");
        }
        failed.insert(id.to_owned());
    }
    Ok(failed)
}

#[cfg(test)]
mod tests {
    use super::failed_items;

    #[test]
    fn nothing_reported_is_success() {
        for payload in ["", " ", "null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#]
        {
            let failed = failed_items(payload.as_bytes(), &["a"]);
            assert_eq!(failed.map(|failed| failed.len()), Ok(0), "{payload}");
        }
    }

    #[test]
    fn named_items_have_failed() {
        let payload = br#"{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"b"}]}"#;
        let failed = failed_items(payload, &["a", "b"]).unwrap();
        assert_eq!(failed.into_iter().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn what_cannot_be_read_fails_the_batch() {
        let payloads = [
            "not json",
            "[]",
            r#""ok""#,
            r#"{"batchItemFailures":"a"}"#,
            r#"{"batchItemFailures":["a"]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"id":"a"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"someone-else"}]}"#,
        ];
        for payload in payloads {
            assert!(failed_items(payload.as_bytes(), &["a"]).is_err(), "{payload}");
        }
    }
}
