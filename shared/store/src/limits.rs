//! Table `limits`: the requests of each client and the mails to each address, by windows.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use chairbook_models::ids::EventId;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::item::{n, number, s};
use crate::transaction::outwait_conflicts;
use crate::{Store, StoreError, keys, meter};

/// The time for which the count of a day's mails is kept from the day's beginning: a mail asked for at its end may come
/// to its turn a day later, and never after that.
const MAILS_KEPT: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Limits of the mails of one kind to one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailLimits {
    /// Mails in an hour.
    pub per_hour: u32,
    /// Mails in a day.
    pub per_day: u32,
}

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
            .return_values(ReturnValue::UpdatedNew);
        let counted = outwait_conflicts(|| async { Ok(meter::metered(call.clone().send()).await?) }).await?;
        let item = counted.attributes.unwrap_or_default();
        number(&item, "requests")
            .and_then(|requests| u64::try_from(requests).ok())
            .ok_or_else(|| StoreError::Malformed("a rate limit row without a count".to_owned()))
    }

    /// Counts the mail of an event that was asked for at `at`, and returns whether it is within the limits of its kind
    /// and address. Hours and days are those of UTC. One conditional write, exact however many are made at once; an
    /// event is counted once, however often this is asked.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be counted.
    pub async fn count_mail(
        &self,
        kind: &str,
        address_sha256: &str,
        event: EventId,
        at: Timestamp,
        limits: MailLimits,
    ) -> Result<bool, StoreError> {
        let at = at.to_zoned(TimeZone::UTC);
        let day = at.date();
        let midnight = at.timestamp().as_second() - at.timestamp().as_second().rem_euclid(24 * 60 * 60);
        let event = event.to_string();
        let call = self
            .update_item(self.limits()?, keys::mails(kind, address_sha256, day))
            .update_expression("SET #ttl = :ttl ADD #hour :events, #day :events")
            .condition_expression(
                "contains(#hour, :event) OR ((attribute_not_exists(#hour) OR size(#hour) < :per_hour) \
                 AND (attribute_not_exists(#day) OR size(#day) < :per_day))",
            )
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#hour", format!("hour_{:02}", at.hour()))
            .expression_attribute_names("#day", "day")
            .expression_attribute_values(":ttl", n(midnight.saturating_add(MAILS_KEPT.as_secs())))
            .expression_attribute_values(":event", s(&event))
            .expression_attribute_values(":events", AttributeValue::Ss(vec![event]))
            .expression_attribute_values(":per_hour", n(limits.per_hour))
            .expression_attribute_values(":per_day", n(limits.per_day));
        let count = || async {
            match meter::metered(call.clone().send()).await {
                Ok(_) => Ok(true),
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
                {
                    Ok(false)
                }
                Err(error) => Err(error.into()),
            }
        };
        outwait_conflicts(count).await
    }
}
