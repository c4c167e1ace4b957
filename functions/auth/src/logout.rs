//! `POST /auth/logout`.

use axum::extract::State as Shared;
use chairbook_models::event::{Event, EventData};
use chairbook_models::ids::EventId;
use chairbook_platform::{clock, random};
use chairbook_store::StoreError;
use chairbook_web::view::Empty;
use chairbook_web::{Access, Customer, Reply, RequestError};

use crate::State;

pub(crate) async fn logout(_: Shared<State>, customer: Customer) -> Result<Reply<Empty>, RequestError> {
    let (now, caller) = (clock::now(), customer.caller);
    let id = EventId::new(now, random::bytes());
    let data = EventData::UserLoggedOut {};
    let event = Event::about_user(id, data, now, caller.into(), caller.user_id, None);
    match customer.store().end_session(caller.user_id, caller.session_id, &event).await {
        // Another request has logged this session out meanwhile, which is what was wanted.
        Ok(()) | Err(StoreError::Changed) => Ok(Reply::ok("You are logged out.", Empty {})),
        Err(error) => Err(error.into()),
    }
}
