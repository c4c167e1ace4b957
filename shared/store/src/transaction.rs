//! Transactions: all of several writes, or none.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::builders::{ConditionCheckBuilder, DeleteBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Delete, Put, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use chairbook_models::backoff::Backoff;

use crate::item::{Item, n, s};
use crate::keys::Key;
use crate::{Store, StoreError, meter};

/// The tries in all of a transaction that met another one on the same item, or of a read that DynamoDB left out.
///
/// They take five seconds as a rule and ten at most, so that dozens who want the same item at once get it one after the
/// other, and whoever waits for an answer still gets one.
pub(crate) const TRIES: u32 = 12;

/// The pauses between those tries.
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(25), factor: 2, longest: Duration::from_millis(1_600) };

/// The outcome of a transaction.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// All of it is written.
    Committed,
    /// Nothing is written, since a condition did not hold: for each write whether its condition failed, and
    /// the item that it found.
    Refused(Vec<Refusal>),
}

/// One write's part in a refused transaction.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Refusal {
    /// Set where this write's condition did not hold.
    pub(crate) failed: bool,
    /// The item that the condition was checked against.
    pub(crate) found: Option<Item>,
}

impl From<CancellationReason> for Refusal {
    fn from(reason: CancellationReason) -> Self {
        Self { failed: reason.code.as_deref() == Some("ConditionalCheckFailed"), found: reason.item }
    }
}

/// A put that succeeds only if no row has its key.
pub(crate) fn create(table: &str, item: Item) -> Result<TransactWriteItem, StoreError> {
    put(table, item, Some("attribute_not_exists(pk)"))
}

/// A put, on a condition if there is one.
pub(crate) fn put(table: &str, item: Item, condition: Option<&str>) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .set_condition_expression(condition.map(str::to_owned))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .map_err(unbuilt)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// A check of a row, which writes nothing; to be given its condition and completed by [`finish_check`].
pub(crate) fn check(table: &str, key: Key) -> ConditionCheckBuilder {
    ConditionCheck::builder()
        .table_name(table)
        .key("pk", s(key.pk))
        .key("sk", s(key.sk))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
}

/// Completes a check.
pub(crate) fn finish_check(check: ConditionCheckBuilder) -> Result<TransactWriteItem, StoreError> {
    Ok(TransactWriteItem::builder().condition_check(check.build().map_err(unbuilt)?).build())
}

/// A put that succeeds only if the row that it replaces has this `revision`; without one, only if no row has its key
/// or the row that has it has no revision.
pub(crate) fn replace(
    table: &str,
    item: Item,
    revision: Option<i64>,
) -> Result<TransactWriteItem, StoreError> {
    let condition = match revision {
        Some(_) => "revision = :revision",
        None => "attribute_not_exists(revision)",
    };
    let values = revision.map(|revision| HashMap::from([(":revision".to_owned(), n(revision))]));
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression(condition)
        .set_expression_attribute_values(values)
        .build()
        .map_err(unbuilt)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// A put that succeeds only if the row that it replaces has this `version`.
pub(crate) fn replace_version(
    table: &str,
    item: Item,
    version: u32,
) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression("#version = :version")
        .expression_attribute_names("#version", "version")
        .expression_attribute_values(":version", n(version))
        .build()
        .map_err(unbuilt)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// A deletion, on a condition if there is one.
pub(crate) fn delete(
    table: &str,
    key: Key,
    condition: Option<&str>,
) -> Result<TransactWriteItem, StoreError> {
    finish_deletion(deletion(table, key).set_condition_expression(condition.map(str::to_owned)))
}

/// A deletion, to be completed by [`finish_deletion`].
pub(crate) fn deletion(table: &str, key: Key) -> DeleteBuilder {
    Delete::builder()
        .table_name(table)
        .key("pk", s(key.pk))
        .key("sk", s(key.sk))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
}

/// Completes a deletion.
pub(crate) fn finish_deletion(deletion: DeleteBuilder) -> Result<TransactWriteItem, StoreError> {
    Ok(TransactWriteItem::builder().delete(deletion.build().map_err(unbuilt)?).build())
}

/// An update, to be completed by [`finish`].
pub(crate) fn update(table: &str, key: Key) -> UpdateBuilder {
    Update::builder()
        .table_name(table)
        .key("pk", s(key.pk))
        .key("sk", s(key.sk))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
}

/// Completes an update.
pub(crate) fn finish(update: UpdateBuilder) -> Result<TransactWriteItem, StoreError> {
    Ok(TransactWriteItem::builder().update(update.build().map_err(unbuilt)?).build())
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that `map_err` wants")]
pub(crate) fn unbuilt(error: aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::Refused(error.to_string())
}

/// Waits before try number `tries + 1`.
pub(crate) async fn pause(tries: u32) {
    let mut random = [0; 4];
    if aws_lc_rs::rand::fill(&mut random).is_ok() {
        tokio::time::sleep(BACKOFF.pause(tries.saturating_add(1), u32::from_be_bytes(random))).await;
    }
}

/// Makes a write of one item again, a few times, while a transaction has that item.
pub(crate) async fn outwait_conflicts<T, F>(write: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for tries in 0..TRIES - 1 {
        match write().await {
            Err(StoreError::Unavailable(code)) if code == "TransactionConflictException" => {
                pause(tries).await;
            }
            other => return other,
        }
    }
    write().await
}

/// Makes an update, or none where its condition does not hold.
pub(crate) async fn unless_condition_fails(update: UpdateItemFluentBuilder) -> Result<(), StoreError> {
    let written = || async {
        match meter::metered(update.clone().send()).await {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            other => other.map(|_| ()).map_err(StoreError::from),
        }
    };
    outwait_conflicts(written).await
}

/// Makes a write again, a few times, for as long as DynamoDB does not let it: for what must not be left undone.
pub(crate) async fn insist<F>(write: impl Fn() -> F) -> Result<(), StoreError>
where
    F: Future<Output = Result<(), StoreError>>,
{
    for tries in 0..TRIES - 1 {
        match write().await {
            Err(StoreError::Unavailable(_)) => pause(tries).await,
            other => return other,
        }
    }
    write().await
}

/// Returns 32 random hexadecimal digits; nothing where there is no randomness.
pub(crate) fn random_token() -> Option<String> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).ok()?;
    Some(format!("{:032x}", u128::from_be_bytes(random)))
}

impl Store {
    /// Writes all of the items or none. One that meets another transaction on the same item is tried again a
    /// few times.
    pub(crate) async fn transact(&self, items: Vec<TransactWriteItem>) -> Result<Outcome, StoreError> {
        // DynamoDB knows a transaction again by its token
        // (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html). It is one for
        // all tries: a try whose answer was lost may have been carried out, and its conditions would refuse the next.
        let token = random_token();
        for tries in 0..TRIES {
            let call = self
                .client
                .transact_write_items()
                .set_transact_items(Some(items.clone()))
                .set_client_request_token(token.clone())
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send();
            let Err(error) = meter::metered(call).await else { return Ok(Outcome::Committed) };
            let Some(reasons) = cancellation_reasons(&error) else { return Err(error.into()) };
            let code = |code: &str| reasons.iter().any(|reason| reason.code.as_deref() == Some(code));
            if code("ConditionalCheckFailed") {
                return Ok(Outcome::Refused(reasons.into_iter().map(Refusal::from).collect()));
            }
            if !(code("TransactionConflict")
                || code("ThrottlingError")
                || code("ProvisionedThroughputExceeded"))
            {
                let codes: Vec<_> = reasons.into_iter().filter_map(|reason| reason.code).collect();
                return Err(StoreError::Refused(format!("transaction cancelled: {codes:?}")));
            }
            pause(tries).await;
        }
        Err(StoreError::Unavailable("TransactionConflict".to_owned()))
    }

    /// Writes all of the items or none; a condition that does not hold is [`StoreError::Changed`].
    pub(crate) async fn transact_or_changed(&self, items: Vec<TransactWriteItem>) -> Result<(), StoreError> {
        match self.transact(items).await? {
            Outcome::Committed => Ok(()),
            Outcome::Refused(_) => Err(StoreError::Changed),
        }
    }
}

fn cancellation_reasons(error: &SdkError<TransactWriteItemsError>) -> Option<Vec<CancellationReason>> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            Some(cancelled.cancellation_reasons().to_vec())
        }
        _ => None,
    }
}
