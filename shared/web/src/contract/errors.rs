//! Refusals that endpoints declare by type.

use axum::response::{IntoResponse, Response};
use chairbook_store::StoreError;
use serde::Serialize;
use serde_json::{Map, Value};

use super::operation::Operation;
use crate::error::{ApiError, FieldError};

/// The refusals of an endpoint, of a group, or of something that several groups do; [`crate::errors!`] makes one.
pub trait ApiErrors: Into<ApiError> {
    /// Adds each kind of refusal.
    fn describe(operation: &mut Operation<'_>);
}

/// A refusal that any request may meet: wrong fields, a caller who is not admitted, a database that is not available, a
/// bug. The types of a handler's arguments describe those that its requests can meet.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestError(Box<ApiError>);

impl RequestError {
    pub(crate) fn new(error: ApiError) -> Self {
        Self(Box::new(error))
    }

    /// 400 `validation_failed` with the wrong fields.
    #[must_use]
    pub fn validation(fields: Vec<FieldError>) -> Self {
        Self::new(ApiError::validation(fields))
    }

    /// 401 `session_ended`.
    #[must_use]
    pub fn session_ended() -> Self {
        Self::new(ApiError::session_ended())
    }

    /// 503 `unavailable`, to be tried again in a second.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(ApiError::unavailable())
    }

    /// 500 `internal_error`: a bug, which is logged and not shown.
    #[must_use]
    pub fn bug(detail: &dyn std::fmt::Display) -> Self {
        Self::new(ApiError::bug(detail))
    }

    /// The wrong fields.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        *error.0
    }
}

impl From<StoreError> for RequestError {
    fn from(error: StoreError) -> Self {
        Self::new(match error {
            StoreError::Unavailable(reason) => ApiError::outage(reason),
            StoreError::SessionEnded => ApiError::session_ended(),
            StoreError::RoleChanged => ApiError::forbidden(
                "Your role has changed while you were doing this. Please look at it again.",
            ),
            other => ApiError::bug(&other),
        })
    }
}

impl IntoResponse for RequestError {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl ApiErrors for RequestError {
    fn describe(_: &mut Operation<'_>) {}
}

crate::errors! {
    /// Refusals of a change that is written on the condition that nobody else has changed the same thing meanwhile.
    pub enum WriteError {
        /// Somebody else has changed the same thing at the same moment.
        ChangedMeanwhile => CONFLICT "changed_meanwhile"
            "Somebody else has changed this meanwhile. Please look at it again.";
        ..Request(RequestError);
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Changed => Self::ChangedMeanwhile,
            other => Self::Request(other.into()),
        }
    }
}

/// The members of a refusal's details.
///
/// # Panics
/// Never for a struct with named members, which is what details are.
#[must_use]
pub fn details_of(details: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(details) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// The last of a message and, where there is one, an example of it, as people read it: braces are doubled in the source.
#[must_use]
pub fn example_message(messages: &[&str]) -> String {
    messages.last().map_or_else(String::new, |message| message.replace("{{", "{").replace("}}", "}"))
}

/// Declares the refusals of an endpoint or of a group as an enum:
///
/// ```
/// chairbook_web::errors! {
///     /// Refusals of a payment.
///     pub(crate) enum PayError {
///         /// The salon has its money already. (This comment is part of the API's reference.)
///         AlreadyPaid => CONFLICT "already_paid" "This appointment is paid for already.";
///         /// There are no part payments.
///         WrongAmount { price: i64 } => BAD_REQUEST("amount") "wrong_amount" "must be the whole price, {price}";
///         ..Write(chairbook_web::WriteError: chairbook_web::RequestError);
///     }
/// }
/// ```
///
/// A variant has the name of an HTTP status, in parentheses the request's field that is at fault if there is one, the
/// machine-readable code and the message, in which the variant's members can stand; `like` gives the reference an example
/// of a message that is nothing but such a member. Members with these names have a
/// meaning: `details` is flattened into the response's `error`, `field` names the field at fault where that differs, and
/// `retry_after` is the seconds of `Retry-After`. After them come the enums that this one includes, each with the types from which it is made.
#[macro_export]
macro_rules! errors {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident {
            $(
                $(#[doc = $description:literal])+
                $variant:ident $({ $($member:ident : $type:ty),+ $(,)? })?
                    => $status:ident $(($field:literal))? $code:literal $message:literal
                    $(like $example:literal)?;
            )*
            $(..$included:ident($inner:ty $(: $($source:ty),+)?);)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug)]
        $visibility enum $name {
            $($(#[doc = $description])+ $variant $({
                $(
                    #[doc = "A part of the message or of the response."]
                    $member: $type,
                )+
            })?,)*
            $(#[doc = "One of the refusals that these include."] $included($inner),)*
        }

        impl From<$name> for $crate::ApiError {
            fn from(error: $name) -> Self {
                match error {
                    $($name::$variant $({ $($member),+ })? => {
                        #[allow(unused_mut, clippy::allow_attributes, clippy::useless_format)]
                        let mut error = $crate::errors!(
                            @error $status $code (::std::format!($message)) $($field)?
                        );
                        $($($crate::errors!(@member error $member $member);)+)?
                        error
                    })*
                    $($name::$included(inner) => inner.into(),)*
                }
            }
        }

        impl ::axum::response::IntoResponse for $name {
            fn into_response(self) -> ::axum::response::Response {
                $crate::ApiError::from(self).into_response()
            }
        }

        impl $crate::contract::ApiErrors for $name {
            fn describe(operation: &mut $crate::contract::Operation<'_>) {
                $({
                    let details: [Option<$crate::contract::Schema>; _] =
                        [None, $($($crate::errors!(@details operation $member $type)),+)?];
                    operation.error($crate::contract::ErrorKind {
                        status: ::http::StatusCode::$status.as_u16(),
                        code: $code,
                        description: concat!($($description),+).trim().to_owned(),
                        field: [None, $(Some($field))?].into_iter().flatten().next(),
                        message: $crate::contract::example_message(&[$message, $($example)?]),
                        details: details.into_iter().flatten().next(),
                    });
                })*
                $(<$inner as $crate::contract::ApiErrors>::describe(operation);)*
                let _ = operation;
            }
        }

        $(
            impl From<$inner> for $name {
                fn from(inner: $inner) -> Self {
                    Self::$included(inner)
                }
            }
            $($(
                impl From<$source> for $name {
                    fn from(source: $source) -> Self {
                        Self::$included(source.into())
                    }
                }
            )+)?
        )*
    };
    (@error $status:ident $code:literal ($message:expr)) => {
        $crate::ApiError::new(::http::StatusCode::$status, $code, $message)
    };
    (@error $status:ident $code:literal ($message:expr) $field:literal) => {
        $crate::ApiError::new(::http::StatusCode::$status, $code, $message).at_field($field)
    };
    (@member $error:ident field $value:ident) => {
        $error = $error.at_field($value);
    };
    (@member $error:ident details $value:ident) => {
        $error.details.extend($crate::contract::details_of(&$value));
    };
    (@member $error:ident retry_after $value:ident) => {
        $error.retry_after = Some($value);
    };
    (@member $error:ident $member:ident $value:ident) => {
        let _ = $value;
    };
    (@details $operation:ident details $type:ty) => {
        Some($operation.generator.subschema_for::<$type>())
    };
    (@details $operation:ident $member:ident $type:ty) => {
        None
    };
}
