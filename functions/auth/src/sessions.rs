//! `GET /auth/sessions`, `DELETE /auth/sessions/{id}`, `POST /auth/logout-all`.

use axum::extract::State as Shared;
use chairbook_auth::Session;
use chairbook_models::event::EventData;
use chairbook_models::ids::SessionId;
use chairbook_platform::clock;
use chairbook_store::StoreError;
use chairbook_web::view::Empty;
use chairbook_web::{Access, Customer, Id, Page, Paging, Pending, Query, Reply, RequestError, cursor};

use crate::error::EndSessionError;
use crate::view::{self, EndedSessions};
use crate::{State, account_event};

pub(crate) async fn list(
    Shared(state): Shared<State>,
    customer: Pending<Customer>,
    Query(paging): Query<Paging>,
) -> Result<Reply<Page<view::Session>>, RequestError> {
    let now = clock::now();
    let user = customer.user_id();
    let list = format!("sessions {user}");
    let after = paging.start(&list, |last| last.parse().ok())?;
    let is_live = |session: &Session| session.is_live(now);
    let sessions = state.web.reader.sessions_page(user, is_live, paging.limit(), after);
    let (customer, page) = customer.admit_with(sessions).await?;
    let cursor = |last: SessionId| cursor::encode(&list, &last.to_string());
    let show = |session: &Session| view::Session::seen_from(customer.caller.session_id, session);
    let page = Page::bounded(&page.items, page.next.map(cursor), show, |last| cursor(last.id))?;
    Ok(Reply::ok("Where you are logged in.", page))
}

pub(crate) async fn end(
    _: Shared<State>,
    customer: Customer,
    Id(id): Id<SessionId>,
) -> Result<Reply<Empty>, EndSessionError> {
    let caller = customer.caller;
    let ended = EventData::UserSessionsEnded { session_id: Some(id) };
    let event = account_event(ended, caller.user_id, caller.into(), clock::now());
    match customer.store().end_session(caller.user_id, id, &event).await {
        Ok(()) => Ok(Reply::ok("The session is ended.", Empty {})),
        Err(StoreError::Changed) => Err(EndSessionError::NotFound),
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn end_all(
    Shared(state): Shared<State>,
    customer: Pending<Customer>,
) -> Result<Reply<EndedSessions>, RequestError> {
    let sessions = state.web.reader.sessions(customer.user_id());
    let (customer, sessions) = customer.admit_with(sessions).await?;
    let caller = customer.caller;
    let ended = EventData::UserSessionsEnded { session_id: None };
    let event = account_event(ended, caller.user_id, caller.into(), clock::now());
    customer.store().end_sessions(&sessions, &event).await?;
    let ended = EndedSessions { ended_sessions: sessions.len() };
    Ok(Reply::ok("You are logged out everywhere.", ended))
}
