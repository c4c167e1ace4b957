//! An operation as its handler's types describe it.

use schemars::{JsonSchema, Schema, SchemaGenerator};

/// The people who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Anybody, without a token.
    Anybody,
    /// Anybody; some of what is asked for needs a token.
    Optional,
    /// Anybody who is logged in.
    Customer,
    /// Admins and owners.
    Admin,
    /// Owners.
    Owner,
}

/// The part of a request that has a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// The path.
    Path,
    /// The query string.
    Query,
    /// A header.
    Header,
}

/// A parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// The part of the request that has it.
    pub location: Location,
    /// Set where a request must have it.
    pub is_required: bool,
    /// The schema of its values.
    pub schema: Schema,
}

/// A header of a response.
#[derive(Debug, Clone)]
pub struct Header {
    /// Its name.
    pub name: &'static str,
    /// Its meaning.
    pub description: &'static str,
    /// The schema of its values.
    pub schema: Schema,
    /// Set where every such response has it.
    pub is_required: bool,
}

/// The content of a response.
#[derive(Debug, Clone)]
pub enum ResponseContent {
    /// JSON of this schema, in the usual envelope.
    Enveloped(Schema),
    /// JSON of this schema, as it is.
    Json(Schema),
    /// A text of this media type.
    Text(&'static str),
    /// Nothing.
    Nothing,
}

/// A response to a request that was not refused.
#[derive(Debug, Clone)]
pub struct SuccessResponse {
    /// The HTTP status.
    pub status: u16,
    /// The contents that it can have, one for each media type.
    pub content: Vec<ResponseContent>,
    /// Its headers, besides those that every response has.
    pub headers: Vec<Header>,
}

/// A kind of refusal.
#[derive(Debug, Clone)]
pub struct ErrorKind {
    /// The HTTP status.
    pub status: u16,
    /// The machine-readable code.
    pub code: &'static str,
    /// The circumstances.
    pub description: String,
    /// A message for people.
    pub message: String,
    /// The field of the request that is at fault, if it is always the same.
    pub field: Option<&'static str>,
    /// The schema of the further members of `error`.
    pub details: Option<Schema>,
}

/// An operation, to which each type of its handler's signature adds its part.
#[derive(Debug)]
pub struct Operation<'g> {
    /// The generator of all schemas.
    pub generator: &'g mut SchemaGenerator,
    /// Names of the path's parameters that no type has described yet, in order.
    unnamed: Vec<String>,
    /// The people who may call it.
    pub security: Option<Security>,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// The schema of its body.
    pub body: Option<Schema>,
    /// Its responses.
    pub responses: Vec<SuccessResponse>,
    /// Its refusals.
    pub errors: Vec<ErrorKind>,
    /// Set where a browser gets a refusal by the handler as a page.
    pub has_pages: bool,
    /// Headers of its successful responses that depend on the request, such as `Idempotency-Replayed`.
    pub headers: Vec<Header>,
}

impl<'g> Operation<'g> {
    /// An operation at a path such as `/api/v1/users/{id}`, of which nothing is known yet.
    pub fn new(path: &str, generator: &'g mut SchemaGenerator) -> Self {
        let named = path.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
        Self {
            generator,
            unnamed: named.map(|(name, _)| name.to_owned()).collect(),
            security: None,
            parameters: Vec::new(),
            body: None,
            responses: Vec::new(),
            errors: Vec::new(),
            has_pages: false,
            headers: Vec::new(),
        }
    }

    /// The next parameter of the path is a `T`.
    ///
    /// # Panics
    /// When the path has no further parameter.
    pub fn path_parameter<T: JsonSchema>(&mut self) {
        assert!(!self.unnamed.is_empty(), "the handler reads more parameters than the path has");
        let name = self.unnamed.remove(0);
        let schema = self.generator.subschema_for::<T>();
        self.parameters.push(Parameter { name, location: Location::Path, is_required: true, schema });
    }

    /// Adds a refusal. A particular description, which comes later, takes the place of a general one of the same code.
    pub fn error(&mut self, kind: ErrorKind) {
        match self.errors.iter_mut().find(|known| (known.status, known.code) == (kind.status, kind.code)) {
            Some(known) => *known = kind,
            None => self.errors.push(kind),
        }
    }

    /// Adds a refusal without further members.
    pub fn refusal(&mut self, status: u16, code: &'static str, description: &str, message: &str) {
        let (description, message) = (description.to_owned(), message.to_owned());
        self.error(ErrorKind { status, code, description, message, field: None, details: None });
    }

    /// Adds a response.
    pub fn response(&mut self, status: u16, content: ResponseContent, headers: Vec<Header>) {
        match self.responses.iter_mut().find(|known| known.status == status) {
            Some(known) => known.content.push(content),
            None => self.responses.push(SuccessResponse { status, content: vec![content], headers }),
        }
    }

    /// Names of the path's parameters that no type has described.
    #[must_use]
    pub fn undescribed(&self) -> &[String] {
        &self.unnamed
    }
}
