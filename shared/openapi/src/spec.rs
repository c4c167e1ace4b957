//! The routes of all groups, as their handlers describe themselves.

use chairbook_web::contract::{
    About, Api, Endpoint, ErrorKind, Header, Limit, Method, Operation, Parameter, Security, SuccessResponse,
};
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

/// One route.
#[derive(Debug)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, such as `/api/v1/users/{id}`.
    pub path: &'static str,
    /// Its rate limit.
    pub limit: Limit,
    /// The people who may call it.
    pub security: Security,
    pub(crate) about: About,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<Schema>,
    pub(crate) responses: Vec<SuccessResponse>,
    pub(crate) headers: Vec<Header>,
    pub(crate) has_pages: bool,
    pub(crate) errors: Vec<ErrorKind>,
}

impl Route {
    /// The operation's id, such as `payAppointment`.
    #[must_use]
    pub const fn operation_id(&self) -> &'static str {
        self.about.operation_id
    }
}

/// A list of routes that describe themselves.
#[derive(Debug)]
pub struct Spec {
    pub(crate) generator: SchemaGenerator,
    pub(crate) routes: Vec<Route>,
}

impl Default for Spec {
    fn default() -> Self {
        let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
            settings.transforms.push(Box::new(RecursiveTransform(plain)));
        });
        Self { generator: settings.into_generator(), routes: Vec::new() }
    }
}

/// Writes a schema in the plainest form that there is for it: an enumeration as `enum`, which generators of clients
/// know best, and a description without the line breaks that it has in the source.
fn plain(schema: &mut Schema) {
    let named = schema.get("oneOf").and_then(Value::as_array).and_then(|choices| {
        let name = |choice: &Value| Some(choice.get("const")?.as_str()?.to_owned());
        let described = |choice: &Value| {
            let description = choice.get("description")?.as_str()?;
            Some(format!("- `{}`: {}", name(choice)?, unwrapped(description)))
        };
        let names: Option<Vec<_>> = choices.iter().map(name).collect();
        Some((names?, choices.iter().filter_map(described).collect::<Vec<_>>()))
    });
    let description = schema.get("description").and_then(Value::as_str).map(unwrapped);
    if let Some((names, described)) = named {
        schema.remove("oneOf");
        schema.insert("type".to_owned(), "string".into());
        schema.insert("enum".to_owned(), names.into());
        let description =
            description.into_iter().chain((!described.is_empty()).then(|| described.join("\n")));
        schema.insert("description".to_owned(), description.collect::<Vec<_>>().join("\n\n").into());
    } else if let Some(description) = description {
        schema.insert("description".to_owned(), description.into());
    }
}

/// A text without line breaks but those between paragraphs and before items of lists.
fn unwrapped(text: &str) -> String {
    let mut unwrapped = String::with_capacity(text.len());
    for line in text.lines() {
        let goes_on = !unwrapped.is_empty() && !unwrapped.ends_with('\n');
        if goes_on {
            unwrapped.push(if line.is_empty() || line.starts_with("- ") { '\n' } else { ' ' });
        }
        unwrapped.push_str(line);
        if line.is_empty() {
            unwrapped.push('\n');
        }
    }
    unwrapped
}

impl<S> Api<S> for Spec {
    fn route<T, H>(mut self, method: Method, path: &'static str, about: About, limit: Limit, _: H) -> Self
    where
        H: Endpoint<T, S>,
        T: 'static,
    {
        let mut operation = Operation::new(path, &mut self.generator);
        H::describe(&mut operation);
        let undescribed = operation.undescribed();
        assert!(undescribed.is_empty(), "no argument of the handler reads {undescribed:?} of {path}");
        crate::errors::add_general(&mut operation, limit);
        let Operation { security, parameters, body, responses, errors, has_pages, headers, .. } = operation;
        self.routes.push(Route {
            method,
            path,
            limit,
            security: security.unwrap_or(Security::Anybody),
            about,
            parameters,
            body,
            responses,
            headers,
            has_pages,
            errors,
        });
        self
    }
}
