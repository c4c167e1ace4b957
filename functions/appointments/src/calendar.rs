//! `GET /appointments/{id}/calendar.ics`: the appointment as it stands, as the file that mails about it carry.

use axum::body::Body;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use chairbook_mail::calendar;
use chairbook_models::appointment;
use chairbook_models::ids::AppointmentId;
use chairbook_platform::clock;
use chairbook_web::contract::{Operation, Output, ResponseContent};
use chairbook_web::{Customer, Id, Pending, RequestError};
use futures_util::try_join;
use http::header;

use crate::State;
use crate::error::FindError;
use crate::one::visible_to;

pub(crate) async fn calendar(
    Shared(state): Shared<State>,
    customer: Pending<Customer>,
    Id(id): Id<AppointmentId>,
) -> Result<CalendarFile, FindError> {
    let reader = &state.web.reader;
    let reads = async { try_join!(reader.appointment(id), reader.catalog()) };
    let (customer, (found, catalog)) = customer.admit_with(reads).await?;
    let found = visible_to(customer.caller, found)?;
    let profile = reader.profile(found.user_id).await?;
    // As the sweep will leave it, whether or not it has come by.
    let shown = appointment::expire(&found, clock::now()).unwrap_or(found);
    let file = calendar::attachment(&shown, profile.as_ref(), &catalog.settings.salon_name, &state.mail_from);
    let response = Response::builder()
        .header(header::CONTENT_TYPE, file.content_type)
        .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file.filename))
        .body(Body::from(file.content));
    Ok(CalendarFile(response.map_err(|error| RequestError::bug(&error))?))
}

/// An iCalendar file (RFC 5545) to be kept.
pub(crate) struct CalendarFile(Response);

impl IntoResponse for CalendarFile {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Output for CalendarFile {
    fn describe(operation: &mut Operation<'_>) {
        operation.response(200, ResponseContent::Text("text/calendar"), Vec::new());
    }
}
