//! `GET /appointments/{id}`.

use axum::extract::State as Shared;
use chairbook_auth::Caller;
use chairbook_models::appointment::Appointment;
use chairbook_models::ids::AppointmentId;
use chairbook_models::user::Role;
use chairbook_platform::clock;
use chairbook_web::{Customer, Id, Pending, Reply};

use crate::State;
use crate::error::FindError;
use crate::view::OneAppointment;

/// The appointment, if the caller may see it: their own, or anybody's for an admin. Somebody else's is not
/// found.
pub(crate) fn visible_to(caller: Caller, found: Option<Appointment>) -> Result<Appointment, FindError> {
    found
        .filter(|found| found.user_id == caller.user_id || caller.role >= Role::Admin)
        .ok_or(FindError::NotFound)
}

pub(crate) async fn one(
    Shared(state): Shared<State>,
    customer: Pending<Customer>,
    Id(id): Id<AppointmentId>,
) -> Result<Reply<OneAppointment>, FindError> {
    let (customer, found) = customer.admit_with(state.web.reader.appointment(id)).await?;
    let appointment = visible_to(customer.caller, found)?;
    Ok(Reply::ok("The appointment.", OneAppointment::at(&appointment, clock::now())))
}
