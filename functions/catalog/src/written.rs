//! Responses that are written while the catalog is at hand from which they borrow.

use std::borrow::Cow;
use std::marker::PhantomData;

use chairbook_web::RequestError;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// The JSON of a `T`. A view borrows its texts from the catalog, which a response outlives, so that nothing of them is
/// copied but into their JSON.
pub(crate) struct Written<T> {
    json: Box<RawValue>,
    /// `fn(T)`: what is written of a view that borrows is the same as of one that borrows for longer.
    of: PhantomData<fn(T)>,
}

impl<T: Serialize> Written<T> {
    /// Writes it.
    pub(crate) fn new(data: &T) -> Result<Self, RequestError> {
        let json = to_raw_value(data).map_err(|error| RequestError::bug(&error))?;
        Ok(Self { json, of: PhantomData })
    }
}

impl<T> Serialize for Written<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for Written<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
