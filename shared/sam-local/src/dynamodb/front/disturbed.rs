//! How calls go while DynamoDB has faults: they meet conflicts, are throttled, fail, come late, and see what was there
//! before.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use dynoxide::DynoxideError;
use dynoxide::actions::batch_get_item::KeysAndAttributes;
use dynoxide::actions::batch_write_item::WriteRequest;
use dynoxide::errors::CancellationReason;
use dynoxide::types::AttributeValue;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::Front;
use super::call::{Answer, Call};
use super::in_flight::Held;
use super::item_id::ItemId;
use super::replica::{Change, Replicas};
use crate::faults::{DynamoDbError, Standing};

/// Tokens of transactions that are remembered.
const MOST_TOKENS: usize = 100_000;

/// The fate of a call.
#[derive(Debug, Default)]
struct Fate {
    error: Option<DynamoDbError>,
    /// Set where it is carried out before its error.
    after: bool,
    delay: Duration,
}

impl Front {
    /// Answers a call as its fate wants it; `None` as [`Call::run`] has it.
    pub(super) async fn run(&self, operation: &str, mut call: Call) -> Option<Answer> {
        let faults = &self.inner.faults;
        if !self.is_for_functions || faults.dynamodb_is_quiet() {
            return self.carry_out(call, None);
        }
        let standing = faults.standing();
        let is_repeat = self.is_done(&call);
        let fate = self.fate(operation, &call, standing.as_deref(), is_repeat);
        if let Some(error) = fate.error.filter(|error| !fate.after && *error != DynamoDbError::Unprocessed) {
            tokio::time::sleep(fate.delay).await;
            return Some(refusal(&call, error, &first_only(&call)));
        }
        let held = match standing.as_deref().filter(|_| !is_repeat) {
            Some(standing) => match self.hold(&call, standing).await {
                Ok(held) => held,
                Err(answer) => return Some(answer),
            },
            None => None,
        };
        let left_out = self.leave_out(&mut call, &fate, standing.as_deref());
        if let Some(left_out) = &left_out
            && call.items().is_empty()
        {
            // Nothing is left to be done, which only happens to writes.
            return Some(Answer {
                status: StatusCode::OK,
                body: json!({ "UnprocessedItems": left_out }).to_string().into(),
            });
        }
        let token = token(&call).map(str::to_owned);
        let answer = self.carry_out(call, standing.as_ref())?;
        drop(held);
        if answer.status == StatusCode::OK
            && let Some(token) = token
        {
            self.remember(token);
        }
        let answer = left_out.map_or(Some(answer.clone()), |left_out| with_left_out(&answer, left_out))?;
        tokio::time::sleep(fate.delay).await;
        Some(if fate.after { internal_error() } else { answer })
    }

    fn fate(&self, operation: &str, call: &Call, standing: Option<&Standing>, is_repeat: bool) -> Fate {
        let keys: Vec<ItemId> = call.items().iter().filter_map(|item| self.inner.keys.id(item)).collect();
        let keys: Vec<&str> = keys.iter().flat_map(ItemId::texts).collect();
        if let Some(fault) = self.inner.faults.next_dynamodb(operation, &call.tables(), &keys) {
            return Fate { error: fault.error, after: fault.after, delay: fault.delay() };
        }
        let Some(standing) = standing else { return Fate::default() };
        let setting = standing.setting;
        let may_conflict =
            !is_repeat && !matches!(call, Call::GetItem(_) | Call::Query(_) | Call::BatchGetItem(_));
        let conflict = if may_conflict { setting.conflict } else { 0.0 };
        let drawn = standing.one_of(&[
            (conflict, ("conflictDrawn", DynamoDbError::TransactionConflict, false)),
            (setting.throttling, ("throttling", DynamoDbError::ThrottlingException, false)),
            (setting.error_before, ("errorBefore", DynamoDbError::InternalServerError, false)),
            (setting.error_after, ("errorAfter", DynamoDbError::InternalServerError, true)),
        ]);
        let mut fate = Fate::default();
        if let Some((name, error, after)) = drawn {
            standing.note(name);
            (fate.error, fate.after) = (Some(error), after);
        }
        if standing.happens(setting.slow) {
            standing.note("slow");
            fate.delay = Duration::from_millis(setting.slow_millis);
        }
        fate
    }

    /// Takes the items of a transaction for as long as the setting says, and looks whether a write's are free.
    async fn hold(&self, call: &Call, standing: &Standing) -> Result<Option<Held>, Answer> {
        let time = Duration::from_millis(standing.setting.transaction_millis);
        let may_conflict = matches!(
            call,
            Call::PutItem(_)
                | Call::UpdateItem(_)
                | Call::DeleteItem(_)
                | Call::TransactWriteItems(_)
                | Call::TransactGetItems(_)
        );
        if time.is_zero() || !may_conflict {
            return Ok(None);
        }
        let items: Option<Vec<ItemId>> = call.items().iter().map(|item| self.inner.keys.id(item)).collect();
        // DynamoDB refuses it anyway.
        let Some(items) = items else { return Ok(None) };
        let conflicts = if matches!(call, Call::TransactWriteItems(_)) {
            match self.inner.in_flight.take(&items) {
                Ok(held) => {
                    tokio::time::sleep(time).await;
                    return Ok(Some(held));
                }
                Err(conflicts) => conflicts,
            }
        } else {
            self.inner.in_flight.conflicts(&items)
        };
        if conflicts.contains(&true) {
            standing.note("conflictMet");
            return Err(refusal(call, DynamoDbError::TransactionConflict, &conflicts));
        }
        Ok(None)
    }

    /// Takes out of a batch what is to come back unprocessed.
    fn leave_out(&self, call: &mut Call, fate: &Fate, standing: Option<&Standing>) -> Option<Value> {
        let all = fate.error == Some(DynamoDbError::Unprocessed);
        let mut is_first = true;
        let in_flight = &self.inner.in_flight;
        let mut is_left_out = |id: Option<ItemId>| {
            let is_kept = std::mem::take(&mut is_first);
            let conflicts = id.is_some_and(|id| in_flight.conflicts(&[id]) == [true]);
            !is_kept
                && (all || standing.is_some_and(|standing| standing.happens(standing.setting.unprocessed)))
                || conflicts
        };
        let id = |table: &str, item: &dynoxide::Item| {
            self.inner.keys.id(&super::item_id::Named { table, item, is_written: true })
        };
        let mut left_out = Map::new();
        match call {
            Call::BatchGetItem(request) => {
                for (table, keys) in &mut request.request_items {
                    // Reads meet no conflicts.
                    let (out, kept) =
                        std::mem::take(&mut keys.keys).into_iter().partition(|_| is_left_out(None));
                    keys.keys = kept;
                    let out: Vec<_> = out;
                    if !out.is_empty() {
                        left_out.insert(table.clone(), unprocessed_keys(keys, &out));
                    }
                }
                request.request_items.retain(|_, keys| !keys.keys.is_empty());
            }
            Call::BatchWriteItem(request) => {
                for (table, writes) in &mut request.request_items {
                    let (out, kept) = std::mem::take(writes).into_iter().partition(|write: &WriteRequest| {
                        let item = write.put_request.as_ref().map(|put| &put.item);
                        let item = item.or_else(|| write.delete_request.as_ref().map(|delete| &delete.key));
                        is_left_out(item.and_then(|item| id(table, item)))
                    });
                    *writes = kept;
                    let out: Vec<_> = out;
                    if !out.is_empty() {
                        left_out.insert(table.clone(), out.iter().map(unprocessed_write).collect());
                    }
                }
                request.request_items.retain(|_, writes| !writes.is_empty());
            }
            _ => return None,
        }
        if left_out.is_empty() {
            return None;
        }
        if let Some(standing) = standing {
            standing.note("unprocessed");
        }
        Some(Value::Object(left_out))
    }

    /// Runs a call on the database, or, if it need not see what was just written, on a copy that is behind; `standing` is
    /// nothing for calls that see everything at once.
    fn carry_out(&self, call: Call, standing: Option<&Arc<Standing>>) -> Option<Answer> {
        let database = &self.inner.database;
        if call.items().iter().any(|item| item.is_written) {
            return self.write(call);
        }
        let Some(standing) = standing else { return call.run(database) };
        let mut replicas = self.replicas();
        let (replica, name) = match &call {
            Call::Query(request) if request.index_name.is_some() => (&mut replicas.indexes, "laggingIndex"),
            call if is_eventual(call) && standing.happens(standing.setting.stale_reads) => {
                (&mut replicas.reads, "staleRead")
            }
            _ => return call.run(database),
        };
        let Some(replica) = replica else { return call.run(database) };
        standing.note(name);
        call.run(replica.as_it_was())
    }

    /// Makes a write, and tells the copies what has come of it. Writes are made one after the other, as dynoxide makes
    /// them anyway, so that the copies learn of them in their order.
    fn write(&self, call: Call) -> Option<Answer> {
        let Self { inner, .. } = self;
        let mut replicas = self.replicas();
        if !replicas.are_needed() {
            return call.run(&inner.database);
        }
        let written: Vec<_> = call
            .items()
            .iter()
            .filter(|item| item.is_written)
            .filter_map(|item| Some((item.table.to_owned(), inner.keys.key(item)?)))
            .collect();
        let answer = call.run(&inner.database)?;
        if answer.status == StatusCode::OK {
            replicas.push(written.into_iter().filter_map(|(table, key)| {
                let read = inner.database.get_item(dynoxide::actions::get_item::GetItemRequest {
                    table_name: table.clone(),
                    key: key.clone(),
                    consistent_read: Some(true),
                    ..Default::default()
                });
                Some(Change { table, key, image: read.ok()?.item })
            }));
        }
        Some(answer)
    }

    /// The copies that are wanted at the moment.
    fn replicas(&self) -> MutexGuard<'_, Replicas> {
        let Self { inner, .. } = self;
        let mut replicas = inner.replicas.lock().unwrap_or_else(PoisonError::into_inner);
        replicas.follow(inner.faults.standing().as_ref(), &inner.database, &inner.tables);
        replicas
    }

    /// Notes that an operation has gone past the front.
    pub(super) fn passed_by(&self, operation: &str) {
        let is_read = ["BatchGet", "Describe", "Get", "List", "Query", "Scan", "TransactGet"]
            .iter()
            .any(|read| operation.starts_with(read));
        if !is_read {
            self.inner.replicas.lock().unwrap_or_else(PoisonError::into_inner).forget();
        }
    }

    /// Returns true if a call repeats a transaction that was carried out.
    fn is_done(&self, call: &Call) -> bool {
        token(call).is_some_and(|token| {
            self.inner.done.lock().unwrap_or_else(PoisonError::into_inner).contains(token)
        })
    }

    fn remember(&self, token: String) {
        let mut done = self.inner.done.lock().unwrap_or_else(PoisonError::into_inner);
        if done.len() >= MOST_TOKENS {
            done.clear();
        }
        done.insert(token);
    }
}

/// The token by which DynamoDB knows a transaction again.
fn token(call: &Call) -> Option<&str> {
    match call {
        Call::TransactWriteItems(request) => request.client_request_token.as_deref(),
        _ => None,
    }
}

/// Returns true if a read need not be consistent.
fn is_eventual(call: &Call) -> bool {
    let is_eventual = |consistent: Option<bool>| consistent != Some(true);
    match call {
        Call::GetItem(request) => is_eventual(request.consistent_read),
        Call::Query(request) => is_eventual(request.consistent_read),
        Call::BatchGetItem(request) => {
            request.request_items.values().all(|keys| is_eventual(keys.consistent_read))
        }
        _ => false,
    }
}

/// Of the items of a call, the first.
fn first_only(call: &Call) -> Vec<bool> {
    (0..call.items().len()).map(|place| place == 0).collect()
}

/// DynamoDB's answer to a call that meets an error; `items` says which items of a transaction it is about.
fn refusal(call: &Call, error: DynamoDbError, items: &[bool]) -> Answer {
    const IS_ONGOING: &str = "Transaction is ongoing for the item";
    const THROUGHPUT: &str = "The level of configured provisioned throughput for the table was exceeded. Consider \
                              increasing your provisioning level with the UpdateTable API.";
    const THROTTLED: &str = "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table \
         or index so please try again shortly.";
    let is_transaction = matches!(call, Call::TransactWriteItems(_) | Call::TransactGetItems(_));
    let (code, message, kind) = match error {
        DynamoDbError::TransactionConflict => (
            "TransactionConflict",
            IS_ONGOING,
            "com.amazonaws.dynamodb.v20120810#TransactionConflictException",
        ),
        DynamoDbError::ThrottlingException => {
            ("ThrottlingError", THROTTLED, "com.amazon.coral.availability#ThrottlingException")
        }
        DynamoDbError::ProvisionedThroughputExceededException => (
            "ProvisionedThroughputExceeded",
            THROUGHPUT,
            "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        ),
        DynamoDbError::InternalServerError | DynamoDbError::Unprocessed => return internal_error(),
    };
    if is_transaction { cancelled(items, code, message) } else { error_answer(400, kind, message) }
}

fn cancelled(items: &[bool], code: &str, message: &str) -> Answer {
    let reasons: Vec<CancellationReason> = items
        .iter()
        .map(|is_reason| match is_reason {
            true => {
                CancellationReason { code: code.to_owned(), message: Some(message.to_owned()), item: None }
            }
            false => CancellationReason { code: "None".to_owned(), ..CancellationReason::default() },
        })
        .collect();
    let codes: Vec<&str> = reasons.iter().map(|reason| reason.code.as_str()).collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    let error = DynoxideError::TransactionCanceledException(message, reasons);
    Answer { status: StatusCode::BAD_REQUEST, body: error.to_json().into() }
}

fn internal_error() -> Answer {
    error_answer(
        500,
        "com.amazonaws.dynamodb.v20120810#InternalServerError",
        "The request processing has failed because of an unknown error, exception or failure.",
    )
}

fn error_answer(status: u16, kind: &str, message: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer { status, body: json!({ "__type": kind, "message": message }).to_string().into() }
}

/// The entry of `UnprocessedKeys` of a table.
fn unprocessed_keys(
    keys: &KeysAndAttributes,
    out: &[std::collections::HashMap<String, AttributeValue>],
) -> Value {
    let mut entry = json!({ "Keys": out });
    for (name, value) in [
        ("ConsistentRead", json!(keys.consistent_read)),
        ("ProjectionExpression", json!(keys.projection_expression)),
        ("ExpressionAttributeNames", json!(keys.expression_attribute_names)),
        ("AttributesToGet", json!(keys.attributes_to_get)),
    ] {
        if !value.is_null() {
            entry[name] = value;
        }
    }
    entry
}

fn unprocessed_write(write: &WriteRequest) -> Value {
    match (&write.put_request, &write.delete_request) {
        (Some(put), _) => json!({ "PutRequest": { "Item": put.item } }),
        (None, Some(delete)) => json!({ "DeleteRequest": { "Key": delete.key } }),
        (None, None) => json!({}),
    }
}

fn with_left_out(answer: &Answer, left_out: Value) -> Option<Answer> {
    if answer.status != StatusCode::OK {
        return Some(answer.clone());
    }
    let mut body: Value = serde_json::from_slice(&answer.body).ok()?;
    let member = if body.get("UnprocessedKeys").is_some() { "UnprocessedKeys" } else { "UnprocessedItems" };
    body[member] = left_out;
    Some(Answer { status: answer.status, body: body.to_string().into() })
}
