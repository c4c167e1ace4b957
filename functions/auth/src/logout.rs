//! `POST /auth/logout`.

use axum::extract::State as Shared;
use chairbook_models::event::{Event, EventType, Subjects};
use chairbook_models::ids::EventId;
use chairbook_platform::{clock, random};
use chairbook_store::StoreError;
use chairbook_web::{ApiError, Customer, Reply};
use serde_json::{Value, json};

use crate::State;

pub(crate) async fn logout(
    Shared(state): Shared<State>,
    Customer(caller): Customer,
) -> Result<Reply<Value>, ApiError> {
    let now = clock::now();
    let event = Event::new(
        EventId::new(now, random::bytes()),
        EventType::UserLoggedOut,
        now,
        caller.into(),
        None,
        Subjects { user_id: Some(caller.user_id), ..Subjects::default() },
    );
    match state.web.store.end_session(caller.user_id, caller.session_id, &event).await {
        // Another request has logged this session out meanwhile, which is what was wanted.
        Ok(()) | Err(StoreError::Changed) => Ok(Reply::ok("You are logged out.", json!({}))),
        Err(error) => Err(error.into()),
    }
}
