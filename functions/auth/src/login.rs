//! `POST /auth/login`.

use axum::extract::State as Shared;
use chairbook_auth::email_address::EmailAddress;
use chairbook_auth::lockout;
use chairbook_auth::opaque_token::{self, RefreshToken};
use chairbook_auth::session::Session;
use chairbook_models::event::{Actor, EventData};
use chairbook_models::ids::SessionId;
use chairbook_platform::{clock, random};
use chairbook_store::{Account, Store, StoreError};
use chairbook_web::password::{Checked, GivenPassword, attempts_left, check_password};
use chairbook_web::{Access, Body, Client, Fields, FromFields, Reply, RequestError, Visitor};

use crate::error::LoginError;
use crate::password::Password;
use crate::view::Login;
use crate::{State, account_event, client_info};

/// Tries to log in while the password or the role changes.
const TRIES: u32 = 5;

/// `{email,password}`.
pub(crate) struct Request {
    email: EmailAddress,
    password: GivenPassword,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let email = fields.required("email");
        let password = fields.required("password");
        Some(Self { email: email?, password: password? })
    }
}

pub(crate) async fn login(
    Shared(state): Shared<State>,
    visitor: Visitor,
    client: Client,
    Body(request): Body<Request>,
) -> Result<Reply<Login>, LoginError> {
    let (email, password) = (request.email.canonical(), &request.password);
    let store = visitor.store();
    for _ in 0..TRIES {
        let (account, is_weakly_hashed) = match check_password(&visitor, email, password).await? {
            Checked::Wrong { failures } => return Err(refusal(failures)),
            Checked::Right { account, is_weakly_hashed } => (account, is_weakly_hashed),
        };
        if !account.verified {
            store.password_was_right(email, account.user_id).await?;
            return Err(LoginError::EmailNotVerified);
        }
        let stronger_hash =
            if is_weakly_hashed { Some(Password::known(password).hash(&visitor).await?) } else { None };
        let opened = open_session(&state, store, email, &account, &client, stronger_hash.as_deref()).await?;
        if let Some(reply) = opened {
            return Ok(reply);
        }
        store.password_was_right(email, account.user_id).await?;
    }
    Err(RequestError::unavailable().into())
}

/// The refusal after so many wrong passwords in a row.
fn refusal(failures: u32) -> LoginError {
    match attempts_left(failures) {
        Ok(details) => {
            let left = lockout::attempts_remaining(failures);
            let attempts = if left == 1 { "attempt" } else { "attempts" };
            LoginError::InvalidCredentials { left, attempts, details }
        }
        Err(locked) => locked.into(),
    }
}

/// Opens a session, unless the password or the role has changed since the account was read.
async fn open_session(
    state: &State,
    store: &Store,
    email: &str,
    account: &Account,
    client: &Client,
    stronger_hash: Option<&str>,
) -> Result<Option<Reply<Login>>, RequestError> {
    let now = clock::now();
    let user_id = account.user_id;
    let session_id = SessionId::new(now, random::bytes());
    let refresh_token = RefreshToken::new(user_id, session_id, random::bytes());
    let session = Session {
        id: session_id,
        user_id,
        role: account.role,
        refresh_sha256: refresh_token.sha256(),
        refresh_family_sha256: refresh_token.family_sha256(),
        previous_refresh_sha256: None,
        refreshed_at: None,
        ip: client.ip.clone(),
        user_agent: client.user_agent.clone(),
        created_at: now,
        last_used_at: now,
        expires_at: state.refresh_end(now)?,
    };
    let device = device(client);
    // At the first login every device is new, which is no news.
    let is_new = !account.devices.is_empty() && !account.devices.contains(&device);
    let logged_in = EventData::UserLoggedIn { client: client_info(client), new_device: is_new };
    let event = account_event(logged_in, user_id, Actor::User(user_id), now);

    let key = state.signer.verification_key();
    let (opened, profile, published) = futures_util::join!(
        store.log_in(email, account, &session, &device, stronger_hash, &event),
        store.profile(user_id),
        store.publish_verification_key(key, now),
    );
    match opened {
        Err(StoreError::Changed) => return Ok(None),
        other => other?,
    }
    published?;
    let profile = profile?.ok_or_else(|| RequestError::bug(&"credentials without a profile"))?;
    let login = Login::new(&profile, account.role, state.tokens(&refresh_token, now)?);
    Ok(Some(Reply::ok(format!("Welcome back, {}!", profile.name), login)))
}

/// A device's fingerprint: what the client calls itself, hashed. Coarse on purpose: it decides no more than
/// whether a login mail says "new device".
fn device(client: &Client) -> String {
    let mut fingerprint = opaque_token::sha256_hex(client.user_agent.as_deref().unwrap_or(""));
    fingerprint.truncate(16);
    fingerprint
}

#[cfg(test)]
mod tests {
    use chairbook_web::ApiError;

    use super::*;

    #[test]
    fn the_third_failure_locks_for_thirty_seconds() {
        let answers: Vec<_> = (1..=3).map(|failures| ApiError::from(refusal(failures))).collect();
        assert_eq!(answers[0].details["attemptsRemaining"], 2);
        assert!(answers[0].message.ends_with("You have 2 attempts left."), "{}", answers[0].message);
        assert_eq!(answers[1].details["attemptsRemaining"], 1);
        assert!(answers[1].message.ends_with("You have 1 attempt left."), "{}", answers[1].message);
        assert_eq!((answers[2].status.as_u16(), answers[2].retry_after), (429, Some(30)));
        assert_eq!(answers[2].message, "Too many wrong passwords. Try again in 30 seconds.");
    }
}
