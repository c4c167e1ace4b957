//! `POST /auth/login`.

use axum::extract::State as Shared;
use chairbook_auth::email_address::EmailAddress;
use chairbook_auth::lockout;
use chairbook_auth::opaque_token::{self, RefreshToken};
use chairbook_auth::password::Verdict;
use chairbook_auth::session::Session;
use chairbook_models::event::{Actor, EventType};
use chairbook_models::ids::SessionId;
use chairbook_platform::{clock, random};
use chairbook_store::{Account, LoginAttempt, Store, StoreError};
use chairbook_web::password::{GivenPassword, locked, seconds_until};
use chairbook_web::{Access, ApiError, Body, Client, Fields, FromFields, Reply, Visitor};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::password::Password;
use crate::{State, account_event};

/// `{email,password}`.
pub(crate) struct Request {
    email: EmailAddress,
    password: GivenPassword,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
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
) -> Result<Reply<Value>, ApiError> {
    let now = clock::now();
    let email = request.email.canonical();
    let store = visitor.store();
    let (account, failures) = match store.attempt_login(email, now).await? {
        // Seen from now: the attempt that locked the account may have come after this request did.
        LoginAttempt::Locked { until } => return Err(locked(seconds_until(until, clock::now()))),
        LoginAttempt::Counted { account, failures } => (account, failures),
    };
    let password = request.password;
    let phc = account.as_ref().map(|account| account.password_hash.clone());
    let verified = if account.is_some() {
        password.verify(phc, &visitor).await?
    } else {
        // Beside the hash, so that it adds nothing to the answer's time.
        let (verdict, remembered) = futures_util::join!(
            password.verify(phc, &visitor),
            store.forget_unknown_address_later(email, now)
        );
        remembered?;
        verdict?
    };
    let (Some(account), Verdict::Right | Verdict::RightButWeaklyHashed) = (account, verified) else {
        return Err(refusal(failures));
    };
    if !account.verified {
        store.forget_failed_logins(email, account.user_id).await?;
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "email_not_verified",
            "Please verify your e-mail address first: follow the link that we sent you, or ask for a new one.",
        ));
    }
    let stronger_hash = match verified {
        Verdict::RightButWeaklyHashed => Some(Password::known(&password).hash(&visitor).await?),
        _ => None,
    };
    open_session(&state, store, email, &account, &client, stronger_hash.as_deref(), now).await
}

fn refusal(failures: u32) -> ApiError {
    if let Some(lock) = lockout::lock_after(failures) {
        return locked(lock.as_secs());
    }
    let left = lockout::attempts_remaining(failures);
    let attempts = if left == 1 { "attempt" } else { "attempts" };
    ApiError::unauthorized(
        "invalid_credentials",
        &format!("The e-mail address or the password is wrong. You have {left} {attempts} left."),
    )
    .with_detail("attemptsRemaining", json!(left))
}

async fn open_session(
    state: &State,
    store: &Store,
    email: &str,
    account: &Account,
    client: &Client,
    stronger_hash: Option<&str>,
    now: Timestamp,
) -> Result<Reply<Value>, ApiError> {
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
    let mut event = account_event(EventType::UserLoggedIn, user_id, Actor::User(user_id), Some(client), now);
    event.data.insert("newDevice".to_owned(), json!(is_new));

    let key = state.signer.verification_key();
    let (opened, profile, published) = futures_util::join!(
        store.log_in(email, account, &session, &device, stronger_hash, &event),
        store.profile(user_id),
        store.publish_verification_key(key, now),
    );
    match opened {
        // The password or the role has changed while it was being checked.
        Err(StoreError::Changed) => return Err(ApiError::unavailable()),
        other => other?,
    }
    published?;
    let profile = profile?.ok_or_else(|| ApiError::bug(&"credentials without a profile"))?;
    let mut data = state.tokens(&refresh_token, now)?;
    data.insert(
        "user".to_owned(),
        json!({"id": user_id, "name": profile.name, "email": profile.email, "role": account.role}),
    );
    Ok(Reply::ok(format!("Welcome back, {}!", profile.name), Value::Object(data)))
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
    use super::*;

    #[test]
    fn the_third_failure_locks_for_thirty_seconds() {
        let answers: Vec<_> = (1..=3).map(refusal).collect();
        assert_eq!(answers[0].details["attemptsRemaining"], 2);
        assert_eq!(answers[1].details["attemptsRemaining"], 1);
        assert_eq!((answers[2].status.as_u16(), answers[2].retry_after), (429, Some(30)));
        assert_eq!(answers[2].message, "Too many wrong passwords. Try again in 30 seconds.");
    }
}
