//! Table `events`: events, and the progress of their e-mails.

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use chairbook_models::event::{Delivery, Event};
use chairbook_models::ids::EventId;
use jiff::{SignedDuration, Timestamp};

use crate::item::{from_item, instant, n, number, s, to_item};
use crate::transaction::{insist, outwait_conflicts, random_token, unless_condition_fails};
use crate::users::OneTimeToken;
use crate::{Reader, Store, StoreError, keys, meter, transaction};

/// The retention of an event: notifications and the audit log reach back this far.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// The attribute with the SHA-256 of the one-time token that an event brings.
pub(crate) const TOKEN_SHA256: &str = "token_sha256";

/// The result of claiming an event's delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// It is the caller's to deliver until the lease ends.
    Claimed(Box<Event>),
    /// Somebody else is delivering it until then.
    Busy {
        /// The end of their lease (UTC).
        until: Timestamp,
    },
    /// Its delivery has come to this end already.
    Done(Delivery),
    /// There is no such event, or nobody is to get mail for it.
    Missing,
}

/// The outcome of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// SES took it.
    Sent {
        /// SES's message id.
        message_id: String,
    },
    /// It no longer made sense.
    Skipped {
        /// The reason, in a word or two.
        reason: &'static str,
    },
    /// It can never be sent.
    Failed {
        /// SES's error code, never an address.
        reason: String,
    },
    /// It is to be tried again.
    Retry {
        /// The reason, in a word or two.
        reason: String,
    },
}

impl Reader {
    /// One event.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be read.
    pub async fn event(&self, id: EventId) -> Result<Option<Event>, StoreError> {
        self.get(self.events()?, keys::event(id), true).await?.map(from_item).transpose()
    }
}

impl Store {
    /// Adds an event that tells of something which changes nothing else.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written.
    pub async fn add_event(&self, event: &Event) -> Result<(), StoreError> {
        self.transact_or_changed(vec![self.event_write(event)?]).await
    }

    /// The write of an event, for the transaction of the change that it tells of.
    pub(crate) fn event_write(&self, event: &Event) -> Result<TransactWriteItem, StoreError> {
        self.event_with_token_write(event, None)
    }

    /// The same of an event that brings a one-time token. It keeps the token's hash, by which an erasure finds the token.
    pub(crate) fn event_with_token_write(
        &self,
        event: &Event,
        token: Option<&OneTimeToken>,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut item = to_item(keys::event(event.id), event)?;
        item.insert("at".to_owned(), s(instant(event.at)));
        // What only unread notifications have: the index `by_unread` holds them alone.
        if let (Some(recipient), Some(_)) = (event.recipient, event.event_type().category()) {
            item.insert("unread".to_owned(), s(recipient.to_string()));
        }
        let end = event.at.saturating_add(KEPT).unwrap_or(Timestamp::MAX);
        item.insert("ttl".to_owned(), n(end.as_second()));
        if let Some(token) = token {
            item.insert(TOKEN_SHA256.to_owned(), s(&token.sha256));
        }
        transaction::create(self.events()?, item)
    }

    /// Claims the delivery of an event until `lease_until`, unless it has been delivered or somebody else has
    /// claimed it. A lease that has run out is nobody's: its holder is gone.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be claimed.
    pub async fn claim_delivery(
        &self,
        id: EventId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Claim, StoreError> {
        let lease = random_token().unwrap_or_else(|| instant(now));
        let call = self
            .update_item(self.events()?, keys::event(id))
            .update_expression(
                "SET delivery = :sending, lease_until = :until, lease = :lease ADD delivery_attempts :one",
            )
            // The same claim may come twice: DynamoDB's answer to it can be lost when it was made.
            .condition_expression(
                "delivery = :pending OR (delivery = :sending AND (lease_until <= :now OR lease = :lease))",
            )
            .expression_attribute_values(":lease", s(lease))
            .expression_attribute_values(":sending", s("sending"))
            .expression_attribute_values(":pending", s("pending"))
            .expression_attribute_values(":until", n(lease_until.as_millisecond()))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let claim = || async {
            match meter::metered(call.clone().send()).await {
                Ok(output) => Ok(Ok(output.attributes.unwrap_or_default())),
                Err(error) => match error.as_service_error() {
                    Some(service) if service.is_conditional_check_failed_exception() => {
                        Ok(Err(crate::users::condition_item(service)))
                    }
                    _ => Err(error.into()),
                },
            }
        };
        let item = match outwait_conflicts(claim).await? {
            Ok(claimed) => return Ok(Claim::Claimed(Box::new(from_item(claimed)?))),
            Err(None) => return Ok(Claim::Missing),
            Err(Some(found)) => found,
        };
        let lease = number(&item, "lease_until").and_then(|until| Timestamp::from_millisecond(until).ok());
        let event: Event = from_item(item)?;
        Ok(match (event.delivery, lease) {
            (None, _) => Claim::Missing,
            (Some(Delivery::Sending), Some(until)) => Claim::Busy { until },
            (Some(delivery), _) => Claim::Done(delivery),
        })
    }

    /// Marks how a claimed delivery went, however often DynamoDB has to be asked.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be marked.
    pub async fn finish_delivery(
        &self,
        id: EventId,
        outcome: DeliveryOutcome,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (delivery, name, detail) = match outcome {
            DeliveryOutcome::Sent { message_id } => (Delivery::Sent, "message_id", message_id),
            DeliveryOutcome::Skipped { reason } => (Delivery::Skipped, "delivery_reason", reason.to_owned()),
            DeliveryOutcome::Failed { reason } => (Delivery::Failed, "delivery_reason", reason),
            DeliveryOutcome::Retry { reason } => (Delivery::Pending, "delivery_reason", reason),
        };
        let call = self
            .update_item(self.events()?, keys::event(id))
            .update_expression(
                "SET delivery = :delivery, delivered_at = :now, #detail = :detail REMOVE lease_until, lease",
            )
            // A row that its time to live has removed must not come back as a fragment.
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#detail", name)
            .expression_attribute_values(
                ":delivery",
                serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(delivery)?,
            )
            .expression_attribute_values(":now", s(instant(now)))
            .expression_attribute_values(":detail", s(detail));
        // Else the mail would be sent once more.
        insist(|| unless_condition_fails(call.clone())).await
    }
}

#[cfg(test)]
mod tests {
    use chairbook_models::event::{Actor, EventData, EventType, Subjects};
    use chairbook_models::ids::{AppointmentId, UserId};

    use super::*;
    use crate::item::text;

    #[test]
    fn every_event_is_read_back_as_it_was_written() {
        let user = UserId::derived([1; 16]);
        let subjects = Subjects {
            user_id: Some(user),
            appointment_id: Some(AppointmentId::derived([2; 16])),
            ..Subjects::default()
        };
        for event_type in EventType::ALL {
            let (id, at) = (EventId::derived([3; 16]), Timestamp::from_second(1_772_532_000).unwrap());
            let data = EventData::example(event_type);
            let event = Event::new(id, data, at, Actor::User(user), Some(user), subjects.clone());
            let event = Event { sealed_secret: Some("sealed".to_owned()), ..event };
            let mut item = to_item(keys::event(id), &event).unwrap();
            assert_eq!(text(&item, "type"), Some(event_type.as_str()));
            let members =
                item["data"].as_m().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
            assert_eq!(members, event.data.members().into_iter().map(|(name, _)| name).collect());
            // The attributes that the table has besides.
            item.insert("at".to_owned(), s(instant(event.at)));
            item.insert("ttl".to_owned(), n(1_900_000_000));
            item.insert("delivery_attempts".to_owned(), n(2));
            item.insert("lease_until".to_owned(), n(1_772_532_000_000_i64));
            item.insert("lease".to_owned(), s("00000000000000000000000000000007"));
            assert_eq!(from_item::<Event>(item).unwrap(), event);
        }
    }
}
