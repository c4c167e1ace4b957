//! The calls that functions make all the time, read once and run by dynoxide's typed methods.

use bytes::Bytes;
use dynoxide::actions::batch_get_item::BatchGetItemRequest;
use dynoxide::actions::batch_write_item::BatchWriteItemRequest;
use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::actions::put_item::PutItemRequest;
use dynoxide::actions::query::QueryRequest;
use dynoxide::actions::transact_get_items::TransactGetItemsRequest;
use dynoxide::actions::transact_write_items::TransactWriteItemsRequest;
use dynoxide::actions::update_item::UpdateItemRequest;
use dynoxide::{Database, DynoxideError};
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A call that was read.
#[derive(Debug)]
pub(crate) enum Call {
    GetItem(GetItemRequest),
    Query(Box<QueryRequest>),
    PutItem(Box<PutItemRequest>),
    UpdateItem(Box<UpdateItemRequest>),
    DeleteItem(Box<DeleteItemRequest>),
    TransactWriteItems(TransactWriteItemsRequest),
    TransactGetItems(TransactGetItemsRequest),
    BatchGetItem(BatchGetItemRequest),
    BatchWriteItem(BatchWriteItemRequest),
}

/// A response but for its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Call {
    /// Reads a call; `None` for an operation that is none of these, and for a body that is not plainly right or has what is
    /// obsolete (`Expected`, `KeyConditions`, …): dynoxide's server knows how DynamoDB words each refusal.
    pub(crate) fn read(operation: &str, body: &[u8]) -> Option<Self> {
        match operation {
            "GetItem" => read(body).map(Self::GetItem),
            "Query" => {
                let request: QueryRequest = read(body)?;
                let is_plain = request.key_conditions.is_none()
                    && request.query_filter.is_none()
                    && request.exclusive_start_key_raw.as_ref().is_none_or(is_map_of_structures);
                is_plain.then(|| Self::Query(Box::new(request)))
            }
            "PutItem" => {
                let request: PutItemRequest = read(body)?;
                request.expected.is_none().then(|| Self::PutItem(Box::new(request)))
            }
            "UpdateItem" => {
                let request: UpdateItemRequest = read(body)?;
                let is_plain = request.expected.is_none() && request.attribute_updates.is_none();
                is_plain.then(|| Self::UpdateItem(Box::new(request)))
            }
            "DeleteItem" => {
                let request: DeleteItemRequest = read(body)?;
                request.expected.is_none().then(|| Self::DeleteItem(Box::new(request)))
            }
            "TransactWriteItems" => read(body).map(Self::TransactWriteItems),
            "TransactGetItems" => read(body).map(Self::TransactGetItems),
            "BatchGetItem" => {
                let body = batch(body, is_map_of_structures)?;
                serde_json::from_value(body).ok().map(Self::BatchGetItem)
            }
            "BatchWriteItem" => {
                let body = batch(body, |tables| {
                    tables.as_object().is_some_and(|tables| tables.values().all(is_list_of_writes))
                })?;
                serde_json::from_value(body).ok().map(Self::BatchWriteItem)
            }
            _ => None,
        }
    }

    /// Runs it. `None` where DynamoDB refuses it in words that depend on how it was written; then nothing has happened, and
    /// dynoxide's server has the answer.
    pub(crate) fn run(self, database: &Database) -> Option<Answer> {
        match self {
            Self::GetItem(request) => answer(&database.get_item(request)),
            Self::Query(request) => answer(&database.query(*request)),
            Self::PutItem(request) => answer(&database.put_item(*request)),
            Self::UpdateItem(request) => answer(&database.update_item(*request)),
            Self::DeleteItem(request) => answer(&database.delete_item(*request)),
            Self::TransactWriteItems(request) => answer(&database.transact_write_items(request)),
            Self::TransactGetItems(request) => answer(&database.transact_get_items(request)),
            Self::BatchGetItem(request) => answer(&database.batch_get_item(request)),
            Self::BatchWriteItem(request) => answer(&database.batch_write_item(request)),
        }
    }
}

/// Reads a body that has nothing but what `T` knows.
fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let mut is_known = true;
    let request = serde_ignored::deserialize(&mut json, |_| is_known = false).ok()?;
    json.end().ok()?;
    is_known.then_some(request)
}

/// Reads the body of a batch, whose tables are to look as `are_tables` says: dynoxide's types would take lists for
/// structures.
fn batch(body: &[u8], are_tables: impl Fn(&Value) -> bool) -> Option<Value> {
    const MEMBERS: [&str; 3] = ["RequestItems", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics"];
    let members: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let is_plain = members.keys().all(|name| MEMBERS.contains(&name.as_str()))
        && are_tables(members.get("RequestItems")?);
    is_plain.then_some(Value::Object(members))
}

fn is_map_of_structures(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.values().all(Value::is_object))
}

fn is_list_of_writes(value: &Value) -> bool {
    value.as_array().is_some_and(|writes| writes.iter().all(is_map_of_structures))
}

fn answer<T: Serialize>(outcome: &dynoxide::Result<T>) -> Option<Answer> {
    match outcome {
        Ok(response) => {
            let body = serde_json::to_vec(response).ok()?;
            Some(Answer { status: StatusCode::OK, body: body.into() })
        }
        Err(error) if is_certain(error) => Some(Answer {
            status: StatusCode::from_u16(error.status_code()).ok()?,
            body: error.to_json().into(),
        }),
        Err(_) => None,
    }
}

/// Returns true if the error's words do not depend on the form of the request.
fn is_certain(error: &DynoxideError) -> bool {
    match error {
        DynoxideError::ConditionalCheckFailedException(..) | DynoxideError::ResourceNotFoundException(_) => {
            true
        }
        DynoxideError::TransactionCanceledException(_, reasons) => {
            reasons.iter().all(|reason| matches!(reason.code.as_str(), "None" | "ConditionalCheckFailed"))
        }
        _ => false,
    }
}
