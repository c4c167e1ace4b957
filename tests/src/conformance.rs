//! Each response that a test receives, checked against `docs/openapi.json`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value};

/// Statuses of responses of API Gateway itself, to requests that reach no function: their bodies have a `message` and
/// nothing else, or are empty.
const GATEWAY_STATUSES: [u16; 6] = [400, 413, 429, 431, 500, 503];

/// The keywords whose schemas apply to the same object as the schema that they are in.
const IN_PLACE: [&str; 4] = ["allOf", "anyOf", "oneOf", "$ref"];

static REFERENCE: LazyLock<Reference> = LazyLock::new(|| {
    let path = crate::stack::root().join("docs/openapi.json");
    Reference::new(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
});

/// The reference, and the validators that were made of it.
struct Reference {
    document: Value,
    validators: Mutex<HashMap<(String, Method, u16), Arc<Validator>>>,
}

/// Checks a response against the reference.
///
/// # Panics
/// When the reference does not allow it: a status, a media type, a member or an error code that the operation does not
/// list.
#[track_caller]
pub(crate) fn check(method: &Method, path: &str, status: StatusCode, headers: &HeaderMap, body: &str) {
    if let Err(problem) = REFERENCE.check(method, path, status.as_u16(), headers, body) {
        panic!("{method} {path} -> {status} is not what docs/openapi.json allows: {problem}\n{body}");
    }
}

/// Returns whether a response is one that API Gateway makes itself.
fn is_of_gateway(status: u16, headers: &HeaderMap, body: &str) -> bool {
    let members: Option<Map<String, Value>> = serde_json::from_str(body).ok();
    let is_bare = body.is_empty() || members.is_some_and(|members| members.keys().eq(["message"]));
    GATEWAY_STATUSES.contains(&status) && is_bare && !headers.contains_key("x-request-id")
}

impl Reference {
    fn new(mut document: Value) -> Self {
        close(&mut document, true);
        Self { document, validators: Mutex::default() }
    }

    fn check(
        &self,
        method: &Method,
        path: &str,
        status: u16,
        headers: &HeaderMap,
        body: &str,
    ) -> Result<(), String> {
        // The console and the mailbox are no part of the API; `OPTIONS` is answered by API Gateway.
        if path.starts_with("/_") || method == Method::OPTIONS || is_of_gateway(status, headers, body) {
            return Ok(());
        }
        let Some(route) = self.route(path) else {
            return (status == 404).then_some(()).ok_or_else(|| "there is no such path".to_owned());
        };
        let name = method.as_str().to_lowercase();
        let operation = &self.document["paths"][route][&name];
        if operation.is_null() {
            let is_refused = [404, 405].contains(&status);
            return is_refused.then_some(()).ok_or_else(|| format!("{route} has no {name}"));
        }
        let response = self.resolved(&operation["responses"][status.to_string()]);
        if response.is_null() {
            return Err("the operation does not list this status".to_owned());
        }
        if !headers.contains_key("x-request-id") {
            return Err("there is no X-Request-Id".to_owned());
        }
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            if self.resolved(header)["required"] == true && !headers.contains_key(name) {
                return Err(format!("there is no {name}"));
            }
        }
        let Some(content) = response["content"].as_object() else {
            return body.is_empty().then_some(()).ok_or_else(|| "there is a body".to_owned());
        };
        let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        let Some(media) = content.get(media_type) else {
            return Err(format!("the operation does not list {media_type:?}"));
        };
        if media_type != "application/json" {
            return Ok(());
        }
        let body: Value =
            serde_json::from_str(body).map_err(|error| format!("the body is not JSON: {error}"))?;
        let validator = self.validator((route.to_owned(), method.clone(), status), &media["schema"]);
        let problems: Vec<_> = validator
            .iter_errors(&body)
            .map(|problem| format!("{}: {problem}", problem.instance_path()))
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }

    /// Resolves a reference; anything else is returned as it is.
    fn resolved<'d>(&'d self, value: &'d Value) -> &'d Value {
        match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => self.document.pointer(pointer).unwrap(),
            None => value,
        }
    }

    /// The path of the document that a request's path is one of; a segment that is written out goes before a parameter.
    fn route(&self, path: &str) -> Option<&str> {
        let segments: Vec<_> = path.split('/').collect();
        let is_parameter = |segment: &str| segment.starts_with('{');
        let fits = |route: &&String| {
            let named: Vec<_> = route.split('/').collect();
            named.len() == segments.len()
                && named
                    .iter()
                    .zip(&segments)
                    .all(|(named, segment)| named == segment || is_parameter(named) && !segment.is_empty())
        };
        let routes = self.document["paths"].as_object().unwrap().keys().filter(fits);
        routes
            .min_by_key(|route| route.split('/').filter(|part| is_parameter(part)).count())
            .map(String::as_str)
    }

    fn validator(&self, key: (String, Method, u16), schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap();
        let made = validators.entry(key).or_insert_with(|| {
            let mut whole = schema.clone();
            whole["components"] = self.document["components"].clone();
            Arc::new(jsonschema::options().should_validate_formats(true).build(&whole).unwrap())
        });
        Arc::clone(made)
    }
}

/// Makes each schema of an object refuse members that it does not list. The document does not: a response may gain
/// members without breaking a client, but not without being described.
fn close(value: &mut Value, is_alone: bool) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| close(item, is_alone)),
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                close(member, !IN_PLACE.contains(&name.as_str()));
            }
            let is_object = members.get("properties").is_some_and(Value::is_object);
            if is_alone && is_object && !members.contains_key("additionalProperties") {
                members.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reference() -> Reference {
        let thing =
            json!({"type": "object", "properties": {"at": {"type": "string", "format": "date-time"}}});
        let responses = json!({
            "201": {"description": "It is made.", "headers": {"Location": {"required": true}}},
            "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
            "304": {"description": "Nothing."},
        });
        Reference::new(json!({
            "paths": {"/things/{id}": {"get": {"responses": responses}}, "/things/my": {"get": {"responses": {}}}},
            "components": {"schemas": {"Thing": thing}},
        }))
    }

    fn checked(path: &str, status: u16, media_type: &str, body: &str) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", "1".parse().unwrap());
        headers.insert(CONTENT_TYPE, media_type.parse().unwrap());
        reference().check(&Method::GET, path, status, &headers, body)
    }

    #[test]
    fn what_is_described_is_allowed() {
        let json = "application/json";
        assert_eq!(checked("/things/1", 200, json, r#"{"at": "2026-03-03T09:00:00Z"}"#), Ok(()));
        assert_eq!(checked("/things/1", 304, json, ""), Ok(()));
        assert_eq!(checked("/else", 404, json, "{}"), Ok(()));
        let unavailable = r#"{"message": "Service Unavailable"}"#;
        assert_eq!(reference().check(&Method::GET, "/things/1", 503, &HeaderMap::new(), unavailable), Ok(()));
    }

    #[test]
    fn what_is_not_described_is_refused() {
        let json = "application/json";
        for (path, status, media_type, body) in [
            ("/things/1", 200, json, r#"{"at": "2026-03-03T09:00:00Z", "more": 1}"#),
            ("/things/1", 200, json, r#"{"at": "yesterday"}"#),
            ("/things/1", 200, json, "[]"),
            ("/things/1", 200, "text/html", "{}"),
            ("/things/1", 202, json, "{}"),
            ("/things/1", 503, json, r#"{"message": "Service Unavailable"}"#),
            ("/things/1", 304, json, "{}"),
            ("/things/1", 201, json, ""),
            ("/things/my", 200, json, "{}"),
            ("/else", 200, json, "{}"),
        ] {
            assert!(checked(path, status, media_type, body).is_err(), "{path} {status} {media_type} {body}");
        }
    }
}
