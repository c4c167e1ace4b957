//! What is kept about somebody outside their account, for them to have and for us to forget.

use chairbook_models::appointment::Appointment;
use chairbook_models::event::{Delivery, Event};
use chairbook_models::ids::UserId;

use crate::appointments::appointment_write;
use crate::item::{from_item, s};
use crate::{Reader, Store, StoreError, keys, meter};

impl Reader {
    /// The events of which somebody is the recipient, the latest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn events_of(&self, user: UserId, limit: usize) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        let mut start = None;
        loop {
            let call = self
                .query(self.events()?)
                .index_name("by_recipient")
                .key_condition_expression("recipient = :user")
                .expression_attribute_values(":user", s(user.to_string()))
                .scan_index_forward(false)
                .set_exclusive_start_key(start)
                .send();
            let page = meter::metered(call).await?;
            for item in page.items.unwrap_or_default() {
                events.push(from_item(item)?);
            }
            start = page.last_evaluated_key;
            if start.is_none() || events.len() >= limit {
                events.truncate(limit);
                return Ok(events);
            }
        }
    }
}

impl Store {
    /// Takes the recipient and all that is said of them out of an event; a mail that was still to be sent is not.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written.
    pub async fn forget_recipient(&self, event: &Event) -> Result<(), StoreError> {
        let open = matches!(event.delivery, Some(Delivery::Pending | Delivery::Sending));
        let expression = "REMOVE recipient, #data, sealed_secret";
        let mut call = self
            .update_item(self.events()?, keys::event(event.id))
            .expression_attribute_names("#data", "data");
        call = if open {
            call.update_expression(format!("SET delivery = :skipped {expression}"))
                .expression_attribute_values(":skipped", s("skipped"))
        } else {
            call.update_expression(expression)
        };
        meter::metered(call.send()).await?;
        Ok(())
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
