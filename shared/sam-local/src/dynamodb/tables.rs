//! Creates the template's tables, and finds out whether those of an earlier run still fit.

use std::collections::BTreeMap;
use std::path::Path;

use dynoxide::Database;
use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::describe_time_to_live::DescribeTimeToLiveRequest;
use dynoxide::actions::update_time_to_live::{TimeToLiveSpecification, UpdateTimeToLiveRequest};
use dynoxide::errors::DynoxideError;
use serde_json::Value;

use super::DynamoDbError;
use crate::template::model::Table;

/// Creates a table unless it is there already, and sets its TTL.
pub(super) fn prepare(database: &Database, table: &Table, file: &Path) -> Result<(), DynamoDbError> {
    let refused = |fault: String| DynamoDbError::Refused {
        table: table.logical_id.clone(),
        fault: fault.trim_start_matches("VALIDATION:").to_owned(),
    };
    match database.describe_table(DescribeTableRequest { table_name: table.name.clone() }) {
        Ok(present) => {
            let present = serde_json::to_value(present.table).map_err(|error| refused(error.to_string()))?;
            let differences = Shape::of(&table.create_table).differences(&Shape::of(&present));
            if !differences.is_empty() {
                return Err(DynamoDbError::Changed {
                    table: table.logical_id.clone(),
                    name: table.name.clone(),
                    file: file.to_owned(),
                    differences: differences.join(" and "),
                });
            }
        }
        Err(DynoxideError::ResourceNotFoundException(_)) => {
            let request: CreateTableRequest = serde_json::from_value(table.create_table.clone())
                .map_err(|error| refused(error.to_string()))?;
            database.create_table(request).map_err(|error| refused(error.to_string()))?;
        }
        Err(error) => return Err(refused(error.to_string())),
    }
    set_time_to_live(database, table).map_err(|error| refused(error.to_string()))
}

fn set_time_to_live(database: &Database, table: &Table) -> Result<(), DynoxideError> {
    let set = |attribute_name: &str, enabled| {
        let specification = TimeToLiveSpecification { attribute_name: attribute_name.to_owned(), enabled };
        database.update_time_to_live(UpdateTimeToLiveRequest {
            table_name: table.name.clone(),
            time_to_live_specification: specification,
        })
    };
    let request = DescribeTimeToLiveRequest { table_name: table.name.clone() };
    let present = database.describe_time_to_live(request)?.time_to_live_description.attribute_name;
    if present == table.ttl_attribute {
        return Ok(());
    }
    // DynamoDB refuses to move TTL from one attribute to another in one step.
    if let Some(attribute) = present {
        set(&attribute, false)?;
    }
    if let Some(attribute) = &table.ttl_attribute {
        set(attribute, true)?;
    }
    Ok(())
}

/// What of a table cannot change while it holds items, read from a `CreateTable` request or a `TableDescription`,
/// which name these things alike.
#[derive(Debug, PartialEq, Eq)]
struct Shape {
    keys: Vec<String>,
    /// By name.
    indexes: BTreeMap<String, Index>,
    stream: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Index {
    keys: Vec<String>,
    is_local: bool,
    projection: String,
    projected: Vec<String>,
}

impl Shape {
    fn of(table: &Value) -> Self {
        let types: BTreeMap<&str, &str> = list(&table["AttributeDefinitions"])
            .filter_map(|attribute| {
                Some((attribute["AttributeName"].as_str()?, attribute["AttributeType"].as_str()?))
            })
            .collect();
        let keys = |schema: &Value| {
            let mut keys: Vec<_> = list(schema)
                .filter_map(|key| {
                    let name = key["AttributeName"].as_str()?;
                    let kind = types.get(name).copied().unwrap_or_default();
                    Some(format!("{} {name} {kind}", key["KeyType"].as_str()?))
                })
                .collect();
            keys.sort();
            keys
        };
        let mut indexes = BTreeMap::new();
        for (property, is_local) in [("GlobalSecondaryIndexes", false), ("LocalSecondaryIndexes", true)] {
            for index in list(&table[property]) {
                let projection = &index["Projection"];
                let mut projected: Vec<_> =
                    list(&projection["NonKeyAttributes"]).map(|name| text(name).to_owned()).collect();
                projected.sort();
                let shape = Index {
                    keys: keys(&index["KeySchema"]),
                    is_local,
                    projection: text(&projection["ProjectionType"]).to_owned(),
                    projected,
                };
                indexes.insert(text(&index["IndexName"]).to_owned(), shape);
            }
        }
        let stream = &table["StreamSpecification"];
        let stream = (stream["StreamEnabled"] == true).then(|| text(&stream["StreamViewType"]).to_owned());
        Self { keys: keys(&table["KeySchema"]), indexes, stream }
    }

    fn differences(&self, present: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        if self.keys != present.keys {
            differences.push("its keys".to_owned());
        }
        for (name, index) in &self.indexes {
            if present.indexes.get(name) != Some(index) {
                differences.push(format!("its index {name}"));
            }
        }
        for name in present.indexes.keys().filter(|name| !self.indexes.contains_key(*name)) {
            differences.push(format!("its index {name}"));
        }
        if self.stream != present.stream {
            differences.push("its stream".to_owned());
        }
        differences
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
