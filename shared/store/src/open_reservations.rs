//! Table `appointments`: which reservations a customer has open, so that they are never more than the salon allows.
//! Appointments that are confirmed on their customer's word that they have paid are among them; which are open is said
//! by [`Appointment::is_open`](chairbook_models::appointment::Appointment::is_open).
//!
//! Booking adds the appointment's id to a set in the customer's row, in its own transaction and on the condition that
//! the set is smaller than the limit: exact, however many requests come at once. Whatever ends a reservation (payment,
//! cancellation, the clock) leaves the set alone; ids of those that are no longer open are taken out when the limit is
//! met, and cannot come back, since nothing that a customer can do opens one again.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use chairbook_models::ids::{AppointmentId, UserId};
use futures_util::future::try_join_all;
use jiff::Timestamp;

use crate::item::{Item, n};
use crate::transaction::{finish, outwait_conflicts, update};
use crate::{Store, StoreError, keys, meter};

/// The attribute that holds the ids.
const RESERVATIONS: &str = "reservations";

impl Store {
    /// The write that makes an appointment one of at most `limit` that its customer has open.
    pub(crate) fn open_reservation_write(
        &self,
        user: UserId,
        appointment: AppointmentId,
        limit: u32,
    ) -> Result<TransactWriteItem, StoreError> {
        finish(
            update(self.appointments()?, keys::open_reservations(user))
                .update_expression("ADD #reservations :this")
                .condition_expression("attribute_not_exists(#reservations) OR size(#reservations) < :limit")
                .expression_attribute_names("#reservations", RESERVATIONS)
                .expression_attribute_values(":this", AttributeValue::Ss(vec![appointment.to_string()]))
                .expression_attribute_values(":limit", n(limit)),
        )
    }

    /// Takes the appointments that are no longer open out of a customer's row, which was found like this. Returns
    /// whether there were any.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be looked up or taken out.
    pub(crate) async fn close_ended_reservations(
        &self,
        user: UserId,
        found: Option<&Item>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let listed = found.and_then(|item| item.get(RESERVATIONS)?.as_ss().ok());
        let looked_up = listed.into_iter().flatten().map(async |id| {
            let appointment = match id.parse() {
                Ok(id) => self.appointment(id).await?,
                Err(_) => None,
            };
            let is_open = appointment.is_some_and(|found| found.is_open(now));
            Ok::<_, StoreError>((!is_open).then(|| id.clone()))
        });
        let ended: Vec<String> = try_join_all(looked_up).await?.into_iter().flatten().collect();
        if ended.is_empty() {
            return Ok(false);
        }
        let call = self
            .update_item(self.appointments()?, keys::open_reservations(user))
            .update_expression("DELETE #reservations :ended")
            .expression_attribute_names("#reservations", RESERVATIONS)
            .expression_attribute_values(":ended", AttributeValue::Ss(ended));
        // They may be booking once more just now.
        outwait_conflicts(|| async { Ok(meter::metered(call.clone().send()).await?) }).await?;
        Ok(true)
    }

    /// Forgets which appointments somebody has had open.
    ///
    /// # Errors
    /// [`StoreError`] when the row could not be deleted.
    pub async fn forget_open_reservations(&self, user: UserId) -> Result<(), StoreError> {
        self.delete_row(self.appointments()?, keys::open_reservations(user)).await
    }
}
