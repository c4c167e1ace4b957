//! Handlers that describe themselves by the types of their arguments and of their result.

use axum::extract::{Path, State};
use axum::handler::Handler;
use http::HeaderMap;
use schemars::{JsonSchema, json_schema};
use serde::Serialize;

use super::describer::Describer;
use super::errors::ApiErrors;
use super::operation::{Header, Location, Operation, Parameter, ResponseContent, Security};
use crate::access::{Access, Admin, Client, Customer, Owner, Pending, Visitor};
use crate::conditional::Revalidated;
use crate::fields::{Body, FromFields, Id, Query};
use crate::idempotency::{IdempotencyKey, Keyed};
use crate::reply::{Located, Reply};

/// A type of a handler's argument.
pub trait Input {
    /// Adds what the argument asks of a request, and the refusals of requests that do not have it.
    fn describe(operation: &mut Operation<'_>);
}

/// A type of a handler's argument that says who may call it.
pub trait Caller: Input {}

/// A type of a handler's result.
pub trait Output {
    /// Adds the responses.
    fn describe(operation: &mut Operation<'_>);
}

/// A handler whose first argument is the state and whose second says who may call it. Only such a handler becomes a
/// route.
pub trait Endpoint<T, S>: Handler<T, S> {
    /// Adds all that the handler's types say.
    fn describe(operation: &mut Operation<'_>);
}

macro_rules! endpoints {
    ($(($($argument:ident),*);)+) => {
        $(impl<F, R, M, S, C, $($argument,)* Reply> Endpoint<(M, State<S>, C, $($argument,)*), S> for F
        where
            F: Handler<(M, State<S>, C, $($argument,)*), S> + Fn(State<S>, C, $($argument,)*) -> R,
            R: Future<Output = Reply>,
            C: Caller,
            $($argument: Input,)*
            Reply: Output,
        {
            fn describe(operation: &mut Operation<'_>) {
                C::describe(operation);
                $($argument::describe(operation);)*
                <Reply as Output>::describe(operation);
            }
        })+
    };
}

endpoints! {
    ();
    (A1);
    (A1, A2);
    (A1, A2, A3);
    (A1, A2, A3, A4);
}

impl Input for Visitor {
    fn describe(operation: &mut Operation<'_>) {
        operation.security = Some(Security::Anybody);
    }
}

/// Adds the refusals of a caller who is not logged in.
fn logged_in(operation: &mut Operation<'_>, security: Security) {
    operation.security = Some(security);
    for (code, description, message) in [
        ("unauthorized", "The request has no access token.", "Please log in: this needs an access token."),
        (
            "invalid_token",
            "The access token is not valid.",
            "Your access token is not valid. Please log in again.",
        ),
        (
            "token_expired",
            "The access token has expired.",
            "Your access token has expired. Please log in again.",
        ),
        (
            "session_ended",
            "The session of the access token has ended.",
            "You are logged out. Please log in again.",
        ),
    ] {
        operation.refusal(401, code, description, message);
    }
}

/// Adds the refusal of a caller whose role may not do this.
fn forbidden(operation: &mut Operation<'_>, message: &str) {
    operation.refusal(403, "forbidden", "The caller's role may not do this.", message);
}

impl Input for Customer {
    fn describe(operation: &mut Operation<'_>) {
        logged_in(operation, Security::Customer);
    }
}

impl Input for Admin {
    fn describe(operation: &mut Operation<'_>) {
        logged_in(operation, Security::Admin);
        forbidden(operation, "Only admins may do this.");
    }
}

impl Input for Owner {
    fn describe(operation: &mut Operation<'_>) {
        logged_in(operation, Security::Owner);
        forbidden(operation, "Only the owner may do this.");
    }
}

impl<A: Access + Input> Input for Pending<A> {
    fn describe(operation: &mut Operation<'_>) {
        A::describe(operation);
    }
}

impl Caller for Visitor {}
impl Caller for Customer {}
impl Caller for Admin {}
impl Caller for Owner {}
impl<A: Access + Caller> Caller for Pending<A> {}

impl Input for Client {
    fn describe(_: &mut Operation<'_>) {}
}

impl Input for HeaderMap {
    fn describe(_: &mut Operation<'_>) {}
}

impl Input for http::Method {
    fn describe(_: &mut Operation<'_>) {}
}

/// Adds the refusal of wrong fields.
pub(crate) fn validated(operation: &mut Operation<'_>) {
    operation.refusal(
        400,
        "validation_failed",
        "Fields of the request are missing, wrong or not known; `error.fields` names them, at most 20.",
        "Some fields are not right.",
    );
}

fn described_body<T: FromFields>(operation: &mut Operation<'_>) {
    operation.body = Some(Describer::object_of::<T>(operation.generator));
    validated(operation);
    operation.refusal(
        400,
        "malformed_json",
        "The body is not a JSON object.",
        "The body must be a JSON object.",
    );
    operation.refusal(
        413,
        "body_too_large",
        "The body has more than 64 KiB.",
        "The body may have at most 64 KiB.",
    );
    operation.refusal(
        415,
        "unsupported_media_type",
        "The body is not declared to be JSON.",
        "The body must be JSON, with the header `Content-Type: application/json`.",
    );
}

impl<T: FromFields> Input for Body<T> {
    fn describe(operation: &mut Operation<'_>) {
        described_body::<T>(operation);
    }
}

impl<T: FromFields> Input for Query<T> {
    fn describe(operation: &mut Operation<'_>) {
        let fields = Describer::fields_of::<T>(operation.generator);
        operation.parameters.extend(fields.into_iter().map(|field| Parameter {
            name: field.name.to_owned(),
            location: Location::Query,
            is_required: field.is_required,
            schema: field.schema,
        }));
        validated(operation);
        operation.refusal(
            400,
            "malformed_query",
            "The query string is malformed.",
            "The query string is malformed.",
        );
    }
}

impl Input for IdempotencyKey {
    fn describe(operation: &mut Operation<'_>) {
        operation.parameters.push(Parameter {
            name: "Idempotency-Key".to_owned(),
            location: Location::Header,
            is_required: false,
            schema: json_schema!({
                "type": "string",
                "minLength": 1,
                "maxLength": 255,
                "pattern": "^[ -~]+$",
                "description": "A text of the client's choice that makes this request and its repeats one request.",
                "examples": ["9f6c1d6e-7c4e-4b0e-8d6c-2f1f6f0e8a55"],
            }),
        });
        operation.headers.push(Header {
            name: "Idempotency-Replayed",
            description: "`true` where the request is a repeat, and nothing was done.",
            schema: json_schema!({"type": "string", "enum": ["true"]}),
            is_required: false,
        });
        validated(operation);
        operation.refusal(
            422,
            "idempotency_key_reused",
            "The caller has used this Idempotency-Key for another request.",
            "This Idempotency-Key was used for another request. Please use a new one.",
        );
    }
}

impl<T: FromFields> Input for Keyed<T> {
    fn describe(operation: &mut Operation<'_>) {
        IdempotencyKey::describe(operation);
        described_body::<T>(operation);
    }
}

/// Adds the refusal of an id that nothing has.
pub(crate) fn not_found(operation: &mut Operation<'_>) {
    operation.refusal(
        404,
        "not_found",
        "There is no such thing, or the caller may not see it.",
        "Resource not found.",
    );
}

impl<T: JsonSchema> Input for Id<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.path_parameter::<T>();
        not_found(operation);
    }
}

impl Input for Path<String> {
    fn describe(operation: &mut Operation<'_>) {
        operation.path_parameter::<String>();
        if let Some(parameter) = operation.parameters.last_mut() {
            let description = format!("The {}, as a link of this API has it.", parameter.name);
            parameter.schema.insert("description".to_owned(), description.into());
        }
    }
}

impl<T: Output, E: ApiErrors> Output for Result<T, E> {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
        E::describe(operation);
    }
}

impl<T: Serialize + JsonSchema, const STATUS: u16> Output for Reply<T, STATUS> {
    fn describe(operation: &mut Operation<'_>) {
        let schema = operation.generator.subschema_for::<T>();
        operation.response(STATUS, ResponseContent::Enveloped(schema), Vec::new());
    }
}

impl<T: Serialize + JsonSchema> Output for Located<T> {
    fn describe(operation: &mut Operation<'_>) {
        let schema = operation.generator.subschema_for::<T>();
        let location = Header {
            name: "Location",
            description: "The address of what was created.",
            schema: json_schema!({"type": "string", "format": "uri-reference"}),
            is_required: true,
        };
        operation.response(201, ResponseContent::Enveloped(schema), vec![location]);
    }
}

impl<T: Serialize + JsonSchema> Output for Revalidated<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.parameters.push(Parameter {
            name: "If-None-Match".to_owned(),
            location: Location::Header,
            is_required: false,
            schema: json_schema!({
                "type": "string",
                "description": "The `ETag` of the response that the client has.",
            }),
        });
        let etag = || Header {
            name: "ETag",
            description: "The response's tag, for `If-None-Match`. It changes whenever the body does.",
            schema: json_schema!({"type": "string"}),
            is_required: false,
        };
        let schema = operation.generator.subschema_for::<T>();
        operation.response(200, ResponseContent::Enveloped(schema), vec![etag()]);
        operation.response(304, ResponseContent::Nothing, vec![etag()]);
    }
}
