//! Refusals as responses.

use std::collections::BTreeMap;

use chairbook_web::ApiError;
use chairbook_web::contract::{ErrorKind, Limit, Operation};
use http::StatusCode;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

/// Adds the refusals that every operation can give, or every one with such a limit.
pub(crate) fn add_general(operation: &mut Operation<'_>, limit: Limit) {
    operation.refusal(
        400,
        "malformed_request",
        "The path, the query string or the Host header is malformed.",
        "The request is malformed: its path, its query string or its Host header is not one.",
    );
    if limit != Limit::None {
        operation.refusal(
            429,
            "rate_limited",
            "The client has sent more requests than the rate limit allows.",
            "Too many requests. Please try again in 60 seconds.",
        );
    }
    operation.refusal(
        500,
        "internal_error",
        "A bug. The response's `requestId` finds it in the log.",
        "Something went wrong on our side. Please quote the request id if you tell us.",
    );
    operation.refusal(
        503,
        "unavailable",
        "The database is not available or too busy.",
        "We are busy. Please try again in a moment.",
    );
}

/// The refusals of one status.
pub(crate) struct Refusals {
    /// A name made of the codes.
    pub(crate) name: String,
    /// Each code with its circumstances, in Markdown.
    pub(crate) description: String,
    /// The schema of the bodies.
    pub(crate) schema: Schema,
    /// A body for each code.
    pub(crate) examples: Vec<(&'static str, Value)>,
}

/// The refusals of an operation by their status. The members of details are written out for each, which says more to a
/// reader and to a generator of clients than a schema of combined schemas would.
pub(crate) fn by_status(errors: Vec<ErrorKind>, generator: &SchemaGenerator) -> BTreeMap<u16, Refusals> {
    let mut kinds: BTreeMap<u16, Vec<ErrorKind>> = BTreeMap::new();
    for kind in errors {
        kinds.entry(kind.status).or_default().push(kind);
    }
    kinds.into_iter().map(|(status, kinds)| (status, refusals(&kinds, generator))).collect()
}

fn refusals(kinds: &[ErrorKind], generator: &SchemaGenerator) -> Refusals {
    let codes: Vec<_> = kinds.iter().map(|kind| kind.code).collect();
    let mut members = Map::new();
    for kind in kinds {
        members.extend(kind.details.iter().flat_map(|details| members_of(details, generator)));
    }
    members.insert("code".to_owned(), json!({"type": "string", "enum": codes}));
    members.insert(
        "fields".to_owned(),
        json!({
            "description": "The fields of the request that are at fault, at most 20; empty where none is.",
            "type": "array",
            "items": {"$ref": "#/components/schemas/FieldError"},
            "maxItems": 20,
        }),
    );
    members.insert(
        "requestId".to_owned(),
        json!({"type": "string", "description": "The value of `X-Request-Id`."}),
    );
    let schema = json_schema!({
        "type": "object",
        "properties": {
            "success": {"type": "boolean", "const": false},
            "message": {"type": "string", "description": "A message for people."},
            "error": {
                "type": "object",
                "properties": members,
                "required": ["code", "fields", "requestId"],
            },
        },
        "required": ["success", "message", "error"],
    });
    let described = kinds.iter().map(|kind| format!("- `{}`: {}", kind.code, kind.description));
    Refusals {
        name: name(&codes),
        description: described.collect::<Vec<_>>().join("\n"),
        schema,
        examples: kinds.iter().map(|kind| (kind.code, example(kind))).collect(),
    }
}

/// Codes that say what is wrong with the form of a request.
const FORMAL: [&str; 4] = ["malformed_request", "malformed_json", "malformed_query", "validation_failed"];

/// The name of a response with these codes: of those that are not merely formal, if there are any, and of three at most.
fn name(codes: &[&str]) -> String {
    let particular: Vec<_> = codes.iter().filter(|code| !FORMAL.contains(code)).collect();
    let named = if particular.is_empty() { codes.iter().collect() } else { particular };
    let words = named.iter().take(3).flat_map(|code| code.split('_')).map(capitalised);
    words.chain((named.len() > 3).then(|| "AndOthers".to_owned())).collect()
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at_checked(1).unwrap_or_default();
    first.to_uppercase() + rest
}

/// The members of an object's schema, which may be in the components.
fn members_of(schema: &Schema, generator: &SchemaGenerator) -> Map<String, Value> {
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    let object = match reference {
        Some(name) => generator.definitions().get(name).and_then(Value::as_object),
        None => schema.as_object(),
    };
    object.and_then(|object| object.get("properties")).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn example(kind: &ErrorKind) -> Value {
    let error = ApiError::new(StatusCode::BAD_REQUEST, kind.code, kind.message.as_str());
    match kind.field {
        Some(field) => error.at_field(field),
        None => error,
    }
    .body("Zk3vLhTJliAEPEg=")
}

/// The schema of one wrong field.
pub(crate) fn field_error() -> Schema {
    json_schema!({
        "description": "A field that is at fault.",
        "type": "object",
        "properties": {
            "field": {
                "type": "string",
                "description": "The field's name, as the request writes it; nested ones like `monday[0].to`.",
            },
            "message": {"type": "string", "description": "What would be right.", "examples": ["is required"]},
        },
        "required": ["field", "message"],
    })
}
