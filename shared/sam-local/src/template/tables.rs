//! `AWS::DynamoDB::Table`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::model::Table;
use super::properties::Properties;

/// Reads a table's evaluated properties.
pub(super) fn read(logical_id: &str, name: String, table: &Properties<'_>) -> Table {
    table.without_meaning_here(&[
        "ContributorInsightsSpecification",
        "DeletionProtectionEnabled",
        "OnDemandThroughput",
        "PointInTimeRecoverySpecification",
        "SSESpecification",
        "TableClass",
        "TableName",
        "Tags",
    ]);
    table.boolean("DeletionProtectionEnabled");
    let mut definitions = BTreeSet::new();
    let attributes: Vec<_> = table
        .each("AttributeDefinitions")
        .iter()
        .filter_map(|attribute| {
            let name = attribute.required_text("AttributeName");
            let kind = attribute
                .require("AttributeType")
                .and_then(|_| attribute.one_of("AttributeType", &["S", "N", "B"]));
            attribute.close();
            let (name, kind) = (name?, kind?);
            if !definitions.insert(name.clone()) {
                attribute.fault("AttributeName", format!("{name} is defined twice"));
            }
            Some(json!({ "AttributeName": name, "AttributeType": kind }))
        })
        .collect();
    table.require("AttributeDefinitions");

    let mut used = BTreeSet::new();
    let mut create = json!({
        "TableName": name,
        "AttributeDefinitions": attributes,
        "KeySchema": keys(table, &definitions, &mut used),
        "BillingMode": "PAY_PER_REQUEST",
    });
    if let Some("PAY_PER_REQUEST") = table.one_of("BillingMode", &["PAY_PER_REQUEST", "PROVISIONED"]) {
        if table.has("ProvisionedThroughput") {
            table.fault("ProvisionedThroughput", "does not go with BillingMode: PAY_PER_REQUEST");
        }
    } else {
        create["BillingMode"] = json!("PROVISIONED");
        create["ProvisionedThroughput"] = throughput(table);
    }
    for list in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        let indexes: Vec<_> =
            table.each(list).iter().map(|index| read_index(index, &definitions, &mut used)).collect();
        if !indexes.is_empty() {
            create[list] = Value::Array(indexes);
        }
    }
    for name in definitions.difference(&used) {
        table.fault(
            "AttributeDefinitions",
            format!("{name} is no key of the table or of an index; DynamoDB refuses it"),
        );
    }

    let has_stream = table.properties("StreamSpecification").is_some_and(|stream| {
        const VIEWS: [&str; 4] = ["KEYS_ONLY", "NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE"];
        let view = stream.require("StreamViewType").and_then(|_| stream.one_of("StreamViewType", &VIEWS));
        create["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": view });
        stream.close();
        true
    });
    let ttl_attribute = table.properties("TimeToLiveSpecification").and_then(|ttl| {
        let enabled = ttl.require("Enabled").and_then(|_| ttl.boolean("Enabled"));
        let attribute = if enabled == Some(true) {
            ttl.required_text("AttributeName")
        } else {
            ttl.text("AttributeName")
        };
        ttl.close();
        attribute.filter(|_| enabled == Some(true))
    });
    table.close();
    Table { logical_id: logical_id.to_owned(), name, create_table: create, ttl_attribute, has_stream }
}

fn read_index(index: &Properties<'_>, definitions: &BTreeSet<String>, used: &mut BTreeSet<String>) -> Value {
    index.without_meaning_here(&["ContributorInsightsSpecification", "OnDemandThroughput"]);
    let mut create = json!({
        "IndexName": index.required_text("IndexName"),
        "KeySchema": keys(index, definitions, used),
    });
    if index.has("ProvisionedThroughput") {
        create["ProvisionedThroughput"] = throughput(index);
    }
    index.require("Projection");
    if let Some(projection) = index.properties("Projection") {
        const TYPES: [&str; 3] = ["ALL", "INCLUDE", "KEYS_ONLY"];
        let kind =
            projection.require("ProjectionType").and_then(|_| projection.one_of("ProjectionType", &TYPES));
        create["Projection"] = json!({ "ProjectionType": kind });
        match (kind, projection.texts("NonKeyAttributes")) {
            (Some("INCLUDE"), Some(attributes)) => {
                create["Projection"]["NonKeyAttributes"] = json!(attributes);
            }
            (Some("INCLUDE"), None) => {
                projection.fault("NonKeyAttributes", "is missing, and INCLUDE needs it");
            }
            (_, Some(_)) => projection.fault("NonKeyAttributes", "goes with ProjectionType: INCLUDE only"),
            (_, None) => {}
        }
        projection.close();
    }
    index.close();
    create
}

fn throughput(owner: &Properties<'_>) -> Value {
    owner.require("ProvisionedThroughput");
    let Some(throughput) = owner.properties("ProvisionedThroughput") else { return Value::Null };
    let units = |name| throughput.require(name).and_then(|_| throughput.natural(name, 1..=40_000));
    let value = json!({ "ReadCapacityUnits": units("ReadCapacityUnits"), "WriteCapacityUnits": units("WriteCapacityUnits") });
    throughput.close();
    value
}

/// `KeySchema`: one HASH key, then perhaps one RANGE key, each of them defined.
fn keys(owner: &Properties<'_>, definitions: &BTreeSet<String>, used: &mut BTreeSet<String>) -> Value {
    owner.require("KeySchema");
    let elements = owner.each("KeySchema");
    let mut kinds = Vec::new();
    let mut schema = Vec::new();
    for element in &elements {
        let name = element.required_text("AttributeName");
        let kind = element.require("KeyType").and_then(|_| element.one_of("KeyType", &["HASH", "RANGE"]));
        element.close();
        if let Some(name) = &name {
            if !definitions.contains(name) {
                element.fault("AttributeName", format!("{name} is not among the AttributeDefinitions"));
            }
            used.insert(name.clone());
        }
        kinds.extend(kind);
        schema.push(json!({ "AttributeName": name, "KeyType": kind }));
    }
    if kinds.len() == elements.len()
        && !matches!(kinds.as_slice(), ["HASH"] | ["HASH", "RANGE"])
        && owner.has("KeySchema")
    {
        owner.fault("KeySchema", "must be a HASH key, or a HASH key followed by a RANGE key");
    }
    Value::Array(schema)
}
