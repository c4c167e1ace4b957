//! `POST /todos`.

use axum::extract::State;
use chairbook_models::event::{Event, EventData};
use chairbook_models::ids::{EventId, TodoId};
use chairbook_models::todo::{Status, Todo};
use chairbook_platform::{clock, random};
use chairbook_store::AddOutcome;
use chairbook_web::idempotency::replayed_if;
use chairbook_web::{Access, Created, Customer, Keyed, Located, RepeatError, RequestError, Web};

use crate::error::{CreateError, TooManyError};
use crate::fields::Request;
use crate::view::OneTodo;

pub(crate) async fn create(
    _: State<Web>,
    customer: Customer,
    request: Keyed<Request>,
) -> Result<Located<OneTodo>, CreateError> {
    let (now, caller, store) = (clock::now(), customer.caller, customer.store());
    let (Request { details, status }, identity) = request.identify(&caller.user_id.to_string());
    let id = TodoId::new(now, random::bytes());
    let todo = Todo::new(id, caller.user_id, details, status.unwrap_or(Status::Pending), now);
    let event_id = match &identity {
        Some(identity) => EventId::derived(identity.id_bytes("event")),
        None => EventId::new(now, random::bytes()),
    };
    let event = Event::about_todo(event_id, EventData::TodoCreated, now, caller.into(), &todo);
    let request_sha256 = identity.as_ref().map(|identity| identity.request_sha256.clone());
    let told = match store.add_todo(&todo, &Event { request_sha256, ..event }).await? {
        AddOutcome::Added => return Ok(reply(&todo, false)?),
        AddOutcome::TooManyOpen => return Err(TooManyError::TooManyOpen.into()),
        AddOutcome::Repeated(told) => told,
    };
    // Only a derived id is there already.
    identity.ok_or_else(RequestError::unavailable)?.check(&told)?;
    let made = match told.subjects.todo_id {
        Some(id) => store.todo(caller.user_id, id).await?,
        None => None,
    };
    Ok(reply(&made.ok_or(RepeatError::DeletedSince { thing: "To-do" })?, true)?)
}

fn reply(todo: &Todo, is_repeat: bool) -> Result<Located<OneTodo>, RequestError> {
    let reply = Created::created("The to-do is added.", OneTodo::from(todo));
    replayed_if(is_repeat, reply).at(format!("/api/v1/todos/{}", todo.id))
}
