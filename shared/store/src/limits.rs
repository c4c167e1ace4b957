//! Table `limits`: how often each client called in each window.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;
use jiff::Timestamp;

use crate::item::{n, number};
use crate::{Store, StoreError, keys, meter};

impl Store {
    /// Counts one request of a client under a policy and returns how many that makes in the window that `now`
    /// is in. Windows are fixed: they begin at multiples of their length since 1970 (UTC). One write.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be counted.
    pub async fn count_request(
        &self,
        policy: &str,
        client: &str,
        window: Duration,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let length = i64::try_from(window.as_secs()).unwrap_or(i64::MAX).max(1);
        let start = now.as_second() - now.as_second().rem_euclid(length);
        let call = self
            .update_item(self.limits()?, keys::rate_limit(policy, client, start))
            .update_expression("SET #ttl = :ttl ADD requests :one")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", n(start.saturating_add(length)))
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::UpdatedNew)
            .send();
        let item = meter::metered(call).await?.attributes.unwrap_or_default();
        number(&item, "requests")
            .and_then(|requests| u64::try_from(requests).ok())
            .ok_or_else(|| StoreError::Malformed("a rate limit row without a count".to_owned()))
    }
}
