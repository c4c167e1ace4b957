use serde_json::json;

use super::*;

#[track_caller]
fn case(pattern: Value, matching: &[Value], others: &[Value]) {
    check(&pattern).unwrap();
    let patterns = [pattern];
    for record in matching {
        assert!(matches(&patterns, record), "{} must match {record}", patterns[0]);
    }
    for record in others {
        assert!(!matches(&patterns, record), "{} must not match {record}", patterns[0]);
    }
}

#[test]
fn no_pattern_matches_everything_and_any_pattern_is_enough() {
    assert!(matches(&[], &json!({ "a": 1 })));
    let patterns = [json!({ "a": [1] }), json!({ "b": [2] })];
    assert!(matches(&patterns, &json!({ "b": 2 })));
    assert!(!matches(&patterns, &json!({ "b": 1 })));
}

#[test]
fn a_stream_record_by_event_name_and_new_image() {
    let record = |name: &str, delivery: &str| json!({ "eventName": name, "dynamodb": { "NewImage": { "delivery": { "S": delivery }, "n": { "N": "5" } } } });
    case(
        json!({ "eventName": ["INSERT"], "dynamodb": { "NewImage": { "delivery": { "S": ["pending"] } } } }),
        &[record("INSERT", "pending")],
        &[
            record("MODIFY", "pending"),
            record("INSERT", "done"),
            json!({ "eventName": "INSERT", "dynamodb": { "Keys": {} } }),
            json!({ "eventName": "INSERT", "dynamodb": { "NewImage": { "delivery": "pending" } } }),
        ],
    );
    // DynamoDB's numbers are texts.
    case(
        json!({ "dynamodb": { "NewImage": { "n": { "N": ["5"] } } } }),
        &[record("INSERT", "x")],
        &[json!({})],
    );
}

#[test]
fn literals() {
    case(
        json!({ "a": ["x", 1, true, null] }),
        &[json!({ "a": "x" }), json!({ "a": 1.0 })],
        &[json!({ "a": "X" })],
    );
    case(
        json!({ "a": [null] }),
        &[json!({ "a": null })],
        &[json!({}), json!({ "a": "" }), json!({ "a": false })],
    );
    case(json!({ "a": [false] }), &[json!({ "a": false })], &[json!({ "a": "false" }), json!({ "a": 0 })]);
    case(json!({ "a": [300] }), &[json!({ "a": 3e2 })], &[json!({ "a": "300" }), json!({ "a": 300.5 })]);
    case(
        json!({ "a": ["x"] }),
        &[json!({ "a": ["y", "x"] })],
        &[json!({ "a": [] }), json!({ "a": [["x"]] })],
    );
}

#[test]
fn operators() {
    let exists = |expected: bool| json!({ "a": [{ "exists": expected }] });
    case(exists(true), &[json!({ "a": null }), json!({ "a": 0 })], &[json!({}), json!({ "a": { "b": 1 } })]);
    case(exists(false), &[json!({}), json!({ "a": { "b": 1 } })], &[json!({ "a": null })]);
    case(
        json!({ "a": { "b": [{ "exists": false }] } }),
        &[json!({}), json!({ "a": {} }), json!({ "a": 1 })],
        &[json!({ "a": { "b": 1 } })],
    );
    case(
        json!({ "a": [{ "prefix": "ab" }] }),
        &[json!({ "a": "abc" })],
        &[json!({ "a": "ba" }), json!({ "a": 1 })],
    );
    case(json!({ "a": [{ "suffix": "bc" }] }), &[json!({ "a": "abc" })], &[json!({ "a": "bca" })]);
    case(
        json!({ "a": [{ "equals-ignore-case": "Été" }] }),
        &[json!({ "a": "éTÉ" })],
        &[json!({ "a": "ete" })],
    );
    case(
        json!({ "a": [{ "anything-but": ["x", 1] }] }),
        &[json!({ "a": "y" }), json!({ "a": 2 }), json!({ "a": null })],
        &[json!({ "a": "x" }), json!({ "a": 1 }), json!({})],
    );
    case(json!({ "a": [{ "anything-but": "x" }] }), &[json!({ "a": "y" })], &[json!({ "a": "x" })]);
    case(
        json!({ "a": [{ "anything-but": { "prefix": "x" } }] }),
        &[json!({ "a": "yx" })],
        &[json!({ "a": "xy" })],
    );
}

#[test]
fn numeric() {
    case(
        json!({ "a": [{ "numeric": [">", 0, "<=", 5] }] }),
        &[json!({ "a": 1 }), json!({ "a": 5.0 })],
        &[json!({ "a": 0 }), json!({ "a": 5.1 }), json!({ "a": "1" }), json!({})],
    );
    case(json!({ "a": [{ "numeric": ["=", 0.1] }] }), &[json!({ "a": 0.1 })], &[json!({ "a": 0.2 })]);
    case(json!({ "a": [{ "numeric": [">=", -2] }] }), &[json!({ "a": -2 })], &[json!({ "a": -2.5 })]);
    case(json!({ "a": [{ "numeric": ["<", 0] }] }), &[json!({ "a": -1 })], &[json!({ "a": 0 })]);
}

#[test]
fn or_across_fields() {
    case(
        json!({ "t": ["x"], "$or": [{ "a": [1] }, { "b": { "c": ["y"] } }] }),
        &[json!({ "t": "x", "a": 1 }), json!({ "t": "x", "b": { "c": "y" } })],
        &[json!({ "t": "x" }), json!({ "a": 1 }), json!({ "t": "x", "a": 2, "b": { "c": "z" } })],
    );
}

#[test]
fn what_cannot_be_honoured_is_named() {
    for (pattern, expected) in [
        (json!([]), "a filter pattern must be a JSON object"),
        (json!({}), "at least one key"),
        (json!({ "a": "x" }), "the filter pattern's a must be a list of what matches, such as [\"x\"]"),
        (json!({ "a": [] }), "the filter pattern's a lists nothing"),
        (json!({ "a": [["x"]] }), "a list within a list"),
        (
            json!({ "a": { "b": [{ "wildcard": "x*" }] } }),
            "the filter pattern's a.b holds {\"wildcard\":\"x*\"}; known are exists",
        ),
        (json!({ "a": [{ "cidr": "10.0.0.0/8" }] }), "known are exists"),
        (json!({ "a": [{ "prefix": 1 }] }), "takes a text"),
        (json!({ "a": [{ "prefix": { "equals-ignore-case": "x" } }] }), "takes a text"),
        (json!({ "a": [{ "exists": "yes" }] }), "true or false"),
        (json!({ "a": [{ "numeric": [">"] }] }), "numeric takes"),
        (json!({ "a": [{ "numeric": ["!=", 1] }] }), "numeric takes"),
        (json!({ "a": [{ "anything-but": [] }] }), "anything-but takes"),
        (json!({ "a": [{ "anything-but": { "numeric": ["=", 1] } }] }), "anything-but takes"),
        (json!({ "a": [{ "prefix": "x", "suffix": "y" }] }), "exactly one operator"),
        (json!({ "$or": [{ "a": [1] }] }), "the filter pattern's $or must list at least two"),
        (json!({ "$or": [{ "a": [1] }, { "b": 1 }] }), "the filter pattern's $or.b must be a list"),
    ] {
        let fault = check(&pattern).unwrap_err();
        assert!(fault.contains(expected), "{pattern}: {fault}");
    }
}
