//! `POST /auth/refresh`: a new pair of tokens for a refresh token, which is worth nothing afterwards.

use axum::extract::State as Shared;
use chairbook_auth::opaque_token::RefreshToken;
use chairbook_auth::session::{Refresh, Session};
use chairbook_models::event::{Actor, EventData};
use chairbook_platform::{clock, random};
use chairbook_store::{Rotation, Store, StoreError};
use chairbook_web::fields::format::{Format, text};
use chairbook_web::{Access, Body, Client, Fields, FromFields, Pending, Reply, Visitor};
use jiff::Timestamp;

use crate::error::RefreshError;
use crate::view::Tokens;
use crate::{State, account_event, client_info};

/// `{refreshToken}`.
pub(crate) struct Request {
    refresh_token: String,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let token = text().about("The refresh token of the last pair of tokens.");
        fields.required_as("refreshToken", token).map(|refresh_token| Self { refresh_token })
    }
}

pub(crate) async fn refresh(
    Shared(state): Shared<State>,
    visitor: Pending<Visitor>,
    client: Client,
    Body(request): Body<Request>,
) -> Result<Reply<Tokens>, RefreshError> {
    let now = clock::now();
    let token = RefreshToken::decode(&request.refresh_token);
    let session = async {
        match &token {
            Some(token) => state.web.reader.session(token.user_id, token.session_id).await,
            None => Ok(None),
        }
    };
    let (visitor, session) = visitor.admit_with(session).await?;
    let (Some(token), Some(session)) = (token, session.filter(|session| session.is_live(now))) else {
        return Err(RefreshError::InvalidToken);
    };
    match session.refresh(&token, now) {
        Refresh::InForce => rotate(&state, visitor.store(), &session, &token, now).await,
        Refresh::JustReplaced => Err(RefreshError::JustReplaced),
        Refresh::Reused => {
            let revoked =
                EventData::UserSessionRevoked { client: client_info(&client), session_id: session.id };
            let event = account_event(revoked, session.user_id, Actor::System, now);
            match visitor.store().end_session(session.user_id, session.id, &event).await {
                Ok(()) | Err(StoreError::Changed) => {}
                Err(error) => return Err(error.into()),
            }
            Err(RefreshError::Reused)
        }
        Refresh::Unknown => Err(RefreshError::InvalidToken),
    }
}

async fn rotate(
    state: &State,
    store: &Store,
    session: &Session,
    token: &RefreshToken,
    now: Timestamp,
) -> Result<Reply<Tokens>, RefreshError> {
    let next = token.next(random::bytes());
    let actor = Actor::User(session.user_id);
    let event = account_event(EventData::UserSessionRefreshed {}, session.user_id, actor, now);
    let rotation =
        Rotation { session, refresh_sha256: &next.sha256(), at: now, expires_at: state.refresh_end(now)? };
    match store.rotate_refresh_token(&rotation, &event).await {
        Ok(()) => Ok(Reply::ok("Here are your new tokens.", state.tokens(&next, now)?)),
        Err(StoreError::Changed) => {
            // Another request has used the token, or has ended its session.
            let session = store.session(session.user_id, session.id).await?;
            Err(if session.is_some() { RefreshError::JustReplaced } else { RefreshError::InvalidToken })
        }
        Err(error) => Err(error.into()),
    }
}
