//! `GET`, `PUT` and `DELETE /todos/{id}`, `PUT /todos/{id}/status`.

use axum::extract::State;
use chairbook_models::event::{Event, EventData, TodoFacts};
use chairbook_models::ids::{EventId, TodoId};
use chairbook_models::todo::{Status, Todo};
use chairbook_platform::{clock, random};
use chairbook_store::{ChangeOutcome, StoreError};
use chairbook_web::fields::format::{Format as _, one_of};
use chairbook_web::view::Empty;
use chairbook_web::{
    Access, Body, Customer, Fields, FromFields, Id, LoggedIn, Pending, Reply, RequestError, Web, WriteError,
};
use futures_util::try_join;
use jiff::Timestamp;

use crate::error::{ChangeError, DeleteError, FindError, TooManyError};
use crate::fields::Request;
use crate::view::OneTodo;

/// Tries of a change while the to-do changes.
const TRIES: u32 = 3;

pub(crate) async fn show(
    State(web): State<Web>,
    customer: Pending<Customer>,
    Id(id): Id<TodoId>,
) -> Result<Reply<OneTodo>, FindError> {
    let (_, found) = customer.admit_with(web.reader.todo(customer.user_id(), id)).await?;
    Ok(Reply::ok("The to-do.", OneTodo::from(&found.ok_or(FindError::NotFound)?)))
}

pub(crate) async fn change(
    State(web): State<Web>,
    customer: Pending<Customer>,
    Id(id): Id<TodoId>,
    Body(Request { details, status }): Body<Request>,
) -> Result<Reply<OneTodo>, ChangeError> {
    write(&web, customer, id, |before, now| {
        before.changed(details.clone(), status.unwrap_or(before.status), now)
    })
    .await
}

/// `{status}`.
pub(crate) struct StatusRequest {
    status: Status,
}

impl FromFields for StatusRequest {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let status = one_of(&Status::ALL).about("The new status; each can follow each.");
        fields.required_as("status", status).map(|status| Self { status })
    }
}

pub(crate) async fn set_status(
    State(web): State<Web>,
    customer: Pending<Customer>,
    Id(id): Id<TodoId>,
    Body(StatusRequest { status }): Body<StatusRequest>,
) -> Result<Reply<OneTodo>, ChangeError> {
    write(&web, customer, id, |before, now| before.with_status(status, now)).await
}

/// Decides on a change of a to-do and writes it; decides again on what is there then if it has changed meanwhile.
async fn write(
    web: &Web,
    customer: Pending<Customer>,
    id: TodoId,
    decide: impl Fn(&Todo, Timestamp) -> Option<Todo>,
) -> Result<Reply<OneTodo>, ChangeError> {
    let (mut customer, mut found) = customer.admit_with(web.reader.todo(customer.user_id(), id)).await?;
    for _ in 0..TRIES {
        let before = found.ok_or(FindError::NotFound)?;
        let now = clock::now();
        let Some(after) = decide(&before, now) else {
            return Ok(Reply::ok("The to-do is as it was.", OneTodo::from(&before)));
        };
        let event = event(before.event_of_change(&after), &customer, &after, now);
        match customer.store().change_todo(&before, &after, &event).await {
            Ok(ChangeOutcome::Changed) => {
                return Ok(Reply::ok("The to-do is changed.", OneTodo::from(&after)));
            }
            Ok(ChangeOutcome::TooManyOpen) => return Err(TooManyError::TooManyOpen.into()),
            Err(StoreError::Changed) => (customer, found) = look_again(&customer, id).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(WriteError::ChangedMeanwhile.into())
}

pub(crate) async fn delete(
    State(web): State<Web>,
    customer: Pending<Customer>,
    Id(id): Id<TodoId>,
) -> Result<Reply<Empty>, DeleteError> {
    let (mut customer, mut found) = customer.admit_with(web.reader.todo(customer.user_id(), id)).await?;
    for _ in 0..TRIES {
        let before = found.ok_or(FindError::NotFound)?;
        let event = event(EventData::TodoDeleted, &customer, &before, clock::now());
        match customer.store().delete_todo(&before, &event).await {
            Ok(()) => return Ok(Reply::ok("The to-do is deleted.", Empty {})),
            Err(StoreError::Changed) => (customer, found) = look_again(&customer, id).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(WriteError::ChangedMeanwhile.into())
}

fn event(data: fn(TodoFacts) -> EventData, customer: &Customer, todo: &Todo, now: Timestamp) -> Event {
    let id = EventId::new(now, random::bytes());
    Event::about_todo(id, data, now, customer.caller.into(), todo)
}

/// Looks again at the caller and at a to-do that has changed meanwhile.
async fn look_again(customer: &Customer, id: TodoId) -> Result<(Customer, Option<Todo>), RequestError> {
    let found =
        async { customer.store().todo(customer.caller.user_id, id).await.map_err(RequestError::from) };
    try_join!(customer.again(), found)
}
