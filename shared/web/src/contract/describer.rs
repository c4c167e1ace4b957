//! A request type's schema, by reading nothing.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::fields::format::Format;
use crate::fields::{Fields, FromFields};

/// A field as its type describes it.
#[derive(Debug, Clone)]
pub struct DescribedField {
    /// Its name.
    pub name: &'static str,
    /// Set where it must be there.
    pub is_required: bool,
    /// The schema of its values.
    pub schema: Schema,
}

/// Fields that are all absent, and that note what is asked of them.
#[derive(Debug)]
pub struct Describer<'g> {
    generator: &'g mut SchemaGenerator,
    fields: Vec<DescribedField>,
}

impl Fields for Describer<'_> {
    fn optional_as<F: Format>(&mut self, field: &'static str, format: F) -> Option<Option<F::Value>> {
        self.note(field, false, &format);
        None
    }

    fn required_as<F: Format>(&mut self, field: &'static str, format: F) -> Option<F::Value> {
        self.note(field, true, &format);
        None
    }

    fn refuse(&mut self, _field: impl Into<String>, _message: impl Into<String>) {}
}

impl<'g> Describer<'g> {
    /// The fields that `T` reads, in order.
    pub fn fields_of<T: FromFields>(generator: &'g mut SchemaGenerator) -> Vec<DescribedField> {
        let mut describer = Self { generator, fields: Vec::new() };
        let _ = T::from_fields(&mut describer);
        describer.fields
    }

    /// The schema of a JSON object that `T` is read from. No member but these is read, so no other is permitted.
    pub fn object_of<T: FromFields>(generator: &'g mut SchemaGenerator) -> Schema {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for field in Self::fields_of::<T>(generator) {
            let schema = if field.is_required {
                required.push(field.name);
                field.schema
            } else {
                nullable(field.schema)
            };
            properties.insert(field.name.to_owned(), schema.to_value());
        }
        let mut object = json_schema!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        if !required.is_empty() {
            object.insert("required".to_owned(), json!(required));
        }
        object
    }

    fn note<F: Format>(&mut self, name: &'static str, is_required: bool, format: &F) {
        let schema = format.schema(self.generator);
        self.fields.push(DescribedField { name, is_required, schema });
    }
}

/// A schema that permits `null`, too.
fn nullable(mut schema: Schema) -> Schema {
    if let Some(Value::Array(names)) = schema.get_mut("enum") {
        names.push(Value::Null);
    }
    match schema.get("type").cloned() {
        Some(kind @ Value::String(_)) => {
            schema.insert("type".to_owned(), json!([kind, "null"]));
            schema
        }
        _ => json_schema!({"anyOf": [schema, {"type": "null"}]}),
    }
}
