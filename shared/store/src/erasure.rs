//! The personal data outside an account, to export and to erase.

use chairbook_models::appointment::Appointment;
use chairbook_models::event::{Delivery, Event};
use chairbook_models::ids::{EventId, UserId};
use jiff::Timestamp;
use serde::Deserialize;

use crate::appointments::appointment_write;
use crate::events::TOKEN_SHA256;
use crate::item::{Item, from_item, index_key, instant, s, text};
use crate::paging::{ListPage, PageKey, read_page};
use crate::transaction::unless_condition_fails;
use crate::users::is_leaving;
use crate::{Reader, Store, StoreError, keys, meter};

/// Accounts that are leaving stand in their own partition of the index `by_created`, out of the list of users, so that
/// finding them is one query.
pub(crate) const LEAVING_PARTITION: &str = "LEAVING";

/// An account that has ended, but whose owner has not been forgotten yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// The user that it was.
    pub user_id: UserId,
    /// The canonical form of their address.
    pub email: String,
    /// The end of the account (UTC).
    pub since: Timestamp,
}

/// A profile's row while it is leaving.
#[derive(Deserialize)]
struct LeavingRow {
    id: UserId,
    leaving_email: String,
    leaving_since: Timestamp,
}

fn leaving(item: Item) -> Result<Leaving, StoreError> {
    let LeavingRow { id, leaving_email, leaving_since } = from_item(item)?;
    Ok(Leaving { user_id: id, email: leaving_email, since: leaving_since })
}

impl From<&Event> for PageKey<EventId> {
    fn from(last: &Event) -> Self {
        Self { id: last.id, at: last.at }
    }
}

impl Reader {
    /// The account with this id, if it is leaving.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be read.
    pub async fn leaving(&self, id: UserId) -> Result<Option<Leaving>, StoreError> {
        let row = self.get(self.users()?, keys::profile(id), true).await?;
        row.filter(is_leaving).map(leaving).transpose()
    }

    /// Accounts that are leaving, at most a page of them; the index lags behind by fractions of a second.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn all_leaving(&self) -> Result<Vec<Leaving>, StoreError> {
        let found = meter::metered(self.by_created(LEAVING_PARTITION)?.send()).await?;
        found.items.unwrap_or_default().into_iter().map(leaving).collect()
    }

    /// The events of which somebody is the recipient, the latest first.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn events_of(
        &self,
        user: UserId,
        limit: usize,
        after: Option<PageKey<EventId>>,
    ) -> Result<ListPage<Event, PageKey<EventId>>, StoreError> {
        let start = after.map(|key| {
            index_key(keys::event(key.id), [("recipient", user.to_string()), ("at", instant(key.at))])
        });
        let query = self
            .query(self.events()?)
            .index_name("by_recipient")
            .key_condition_expression("recipient = :user")
            .expression_attribute_values(":user", s(user.to_string()))
            .scan_index_forward(false);
        read_page(query, start, limit, |_| true, |last: &Event| PageKey::from(last)).await
    }
}

impl Store {
    /// Removes the recipient and their personal data from an event, see [`EventData::anonymised`]; a mail that was still
    /// to be sent is skipped. The one-time token that it brought, which knows their address, is deleted before.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written.
    pub async fn forget_recipient(&self, event: &Event) -> Result<(), StoreError> {
        if event.sealed_secret.is_some() {
            self.forget_token_of(event.id).await?;
        }
        let open = matches!(event.delivery, Some(Delivery::Pending | Delivery::Sending));
        let data = event.data.clone().anonymised().members();
        let expression = "SET #data = :data REMOVE recipient, sealed_secret, unread, read_at";
        let mut call = self
            .update_item(self.events()?, keys::event(event.id))
            .expression_attribute_names("#data", "data")
            .expression_attribute_values(
                ":data",
                serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(data)?,
            );
        call = if open {
            call.update_expression(expression.replacen("SET", "SET delivery = :skipped,", 1))
                .expression_attribute_values(":skipped", s("skipped"))
        } else {
            call.update_expression(expression)
        };
        // A row that its time to live has removed must not come back as a fragment.
        unless_condition_fails(call.condition_expression("attribute_exists(pk)")).await
    }

    /// Deletes the one-time token that an event brought, if it is still there.
    async fn forget_token_of(&self, event: EventId) -> Result<(), StoreError> {
        let row = self.get(self.events()?, keys::event(event), true).await?;
        match row.as_ref().and_then(|row| text(row, TOKEN_SHA256)) {
            Some(sha256) => self.delete_row(self.users()?, keys::token(sha256)).await,
            None => Ok(()),
        }
    }

    /// Changes what an appointment says, but not when it is or where it stands.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when it is no longer as `before` says.
    pub async fn rewrite_appointment(
        &self,
        before: &Appointment,
        after: &Appointment,
    ) -> Result<(), StoreError> {
        self.transact_or_changed(vec![appointment_write(self.appointments()?, before, after)?]).await
    }
}
