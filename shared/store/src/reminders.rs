//! Table `appointments`: which starts customers were reminded of.

use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_models::appointment::Appointment;
use chairbook_models::event::Event;

use crate::item::{instant, s};
use crate::transaction::{finish, update};
use crate::{Store, StoreError, keys};

impl Store {
    /// Keeps that the customer of an appointment was reminded of its start, with the event that brings the mail. No
    /// other attribute changes, `version` neither: whoever changes the appointment at the same time does not find it
    /// changed.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when the appointment is no longer as it was read, or its customer was reminded of this
    /// start before.
    pub async fn remind(&self, appointment: &Appointment, event: &Event) -> Result<(), StoreError> {
        let reminded = update(self.appointments()?, keys::appointment(appointment.id))
            .update_expression("SET reminded_for = :start")
            .condition_expression(
                "#version = :version AND (attribute_not_exists(reminded_for) OR reminded_for <> :start)",
            )
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":version", AttributeValue::N(appointment.version.to_string()))
            .expression_attribute_values(":start", s(instant(appointment.starts_at)));
        self.transact_or_changed(vec![finish(reminded)?, self.event_write(event)?]).await
    }
}
