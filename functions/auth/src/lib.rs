//! Function `auth`: accounts, logging in and out, and the keys that verify access tokens.

mod change_password;
mod jwks;
mod login;
mod logout;
mod mailed_link;
mod page;
mod password;
mod refresh;
mod register;
mod reset_password;
mod sessions;
mod verify_email;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{delete, get, post};
use chairbook_auth::access_token::Signer;
use chairbook_auth::email_address::EmailAddress;
use chairbook_auth::opaque_token::{self, RefreshToken};
use chairbook_auth::seal::Sealer;
use chairbook_models::event::{Actor, Event, EventType, Subjects};
use chairbook_models::ids::{EventId, UserId};
use chairbook_models::user::Role;
use chairbook_platform::env::{self, ConfigError};
use chairbook_platform::random;
use chairbook_store::{OneTimeToken, TokenPurpose};
use chairbook_web::{ApiError, Client, Web};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// How long a token that verifies an e-mail address is good.
const VERIFICATION_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// How long a token that resets a password is good.
const RESET_LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// What the handlers share.
#[derive(Clone)]
pub struct State {
    web: Web,
    signer: Arc<Signer>,
    sealer: Arc<Sealer>,
    access_lifetime: Duration,
    refresh_lifetime: Duration,
    owner: Option<EmailAddress>,
}

impl State {
    /// From the environment: what [`Web::from_env`] reads, `SIGNING_SECRET`, `SEALING_SECRET`,
    /// `ACCESS_TOKEN_LIFETIME`, `REFRESH_TOKEN_LIFETIME` and `OWNER_EMAIL`, which may be empty.
    ///
    /// # Errors
    /// [`ConfigError`] names what is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        let web = Web::from_env()?;
        let invalid = |name: &str| {
            let name = name.to_owned();
            move |problem: String| ConfigError::Invalid { name, problem }
        };
        let signer = Signer::from_secret(&env::required("SIGNING_SECRET")?, &web.issuer)
            .map_err(|error| invalid("SIGNING_SECRET")(error.to_string()))?;
        let sealer = Sealer::from_secret(&env::required("SEALING_SECRET")?)
            .map_err(|error| invalid("SEALING_SECRET")(error.to_string()))?;
        let owner = match env::optional("OWNER_EMAIL") {
            Some(_) => Some(env::parsed("OWNER_EMAIL")?),
            None => None,
        };
        Ok(Self {
            web,
            signer: Arc::new(signer),
            sealer: Arc::new(sealer),
            access_lifetime: env::duration("ACCESS_TOKEN_LIFETIME")?,
            refresh_lifetime: env::duration("REFRESH_TOKEN_LIFETIME")?,
            owner,
        })
    }

    /// A new one-time token, and the event that brings it to its address, sealed.
    ///
    /// For an address that nobody has there is no `account`: what is written then goes nowhere, but takes as long.
    fn one_time_token(
        &self,
        purpose: TokenPurpose,
        event_type: EventType,
        account: Option<(UserId, &str)>,
        email: &str,
        now: Timestamp,
    ) -> Result<(OneTimeToken, Event), ApiError> {
        let event_id = EventId::new(now, random::bytes());
        self.one_time_token_in(event_id, purpose, event_type, account, email, now)
    }

    /// The same, with an event of this id.
    fn one_time_token_in(
        &self,
        event_id: EventId,
        purpose: TokenPurpose,
        event_type: EventType,
        account: Option<(UserId, &str)>,
        email: &str,
        now: Timestamp,
    ) -> Result<(OneTimeToken, Event), ApiError> {
        let token = opaque_token::one_time(random::bytes());
        let lifetime = match purpose {
            TokenPurpose::VerifyEmail => VERIFICATION_LIFETIME,
            TokenPurpose::ResetPassword => RESET_LIFETIME,
        };
        let password_sha256 = match (purpose, account) {
            (TokenPurpose::ResetPassword, Some((_, password_hash))) => {
                Some(opaque_token::sha256_hex(password_hash))
            }
            _ => None,
        };
        let recipient = account.map(|(user_id, _)| user_id);
        let row = OneTimeToken {
            sha256: opaque_token::sha256_hex(&token),
            purpose,
            user_id: recipient.unwrap_or_else(|| UserId::new(now, random::bytes())),
            email: email.to_owned(),
            password_sha256,
            expires_at: now.saturating_add(lifetime).unwrap_or(now),
        };
        let actor = recipient.map_or(Actor::System, Actor::User);
        let mut event = Event::new(
            event_id,
            event_type,
            now,
            actor,
            recipient,
            Subjects { user_id: recipient, ..Subjects::default() },
        );
        let sealed =
            self.sealer.seal(&token, &event.id.to_string()).map_err(|error| ApiError::bug(&error))?;
        event.sealed_secret = Some(sealed);
        // Somebody made up, to whom nothing is delivered, so that the index of recipients costs as much, too.
        event.recipient = Some(row.user_id);
        Ok((row, event))
    }

    /// The role that an address gets when its owner proves that it is theirs, if it is another than it has.
    fn role_of(&self, email: &str) -> Option<Role> {
        self.owner.as_ref().is_some_and(|owner| owner.canonical() == email).then_some(Role::Owner)
    }

    /// A pair of tokens for a session, as the answer shows it.
    fn tokens(
        &self,
        refresh_token: &RefreshToken,
        now: Timestamp,
    ) -> Result<serde_json::Map<String, Value>, ApiError> {
        let seconds = self.access_lifetime.as_secs();
        let access_token = self
            .signer
            .sign(
                refresh_token.user_id,
                refresh_token.session_id,
                now,
                i64::try_from(seconds).unwrap_or(i64::MAX),
            )
            .map_err(|error| ApiError::bug(&error))?;
        Ok([
            ("accessToken", json!(access_token)),
            ("refreshToken", json!(refresh_token.encode())),
            ("tokenType", json!("Bearer")),
            ("expiresIn", json!(seconds)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect())
    }

    /// When a refresh token that is issued now runs out.
    fn refresh_end(&self, now: Timestamp) -> Result<Timestamp, ApiError> {
        let lifetime =
            SignedDuration::try_from(self.refresh_lifetime).map_err(|error| ApiError::bug(&error))?;
        now.saturating_add(lifetime).map_err(|error| ApiError::bug(&error))
    }
}

/// An event about a user's account: who did it, whom it is told, and from where it was done.
pub(crate) fn account_event(
    event_type: EventType,
    user_id: UserId,
    actor: Actor,
    client: Option<&Client>,
    now: Timestamp,
) -> Event {
    let id = EventId::new(now, random::bytes());
    let mut event = Event::about_user(id, event_type, now, actor, user_id, Some(user_id));
    if let Some(client) = client {
        event.data.extend(client.ip.iter().map(|ip| ("ip".to_owned(), json!(ip))));
        event.data.extend(client.user_agent.iter().map(|agent| ("userAgent".to_owned(), json!(agent))));
    }
    event
}

/// The function's routes.
pub fn router(state: State) -> Router {
    let web = state.web.clone();
    let tight = |name| Some(web.auth_policy(name));
    let usual = Some(web.default_policy());
    chairbook_web::router(
        Router::new()
            .route("/api/v1/auth/register", web.guard(tight("register"), post(register::register)))
            .route("/api/v1/auth/verify-email/{token}", web.guard(usual, get(verify_email::follow)))
            .route("/api/v1/auth/verify-email", web.guard(tight("verify-email"), post(verify_email::confirm)))
            .route(
                "/api/v1/auth/resend-verification",
                web.guard(tight("resend-verification"), post(verify_email::resend)),
            )
            .route("/api/v1/auth/login", web.guard(tight("login"), post(login::login)))
            .route("/api/v1/auth/refresh", web.guard(usual, post(refresh::refresh)))
            .route("/api/v1/auth/logout", web.guard(usual, post(logout::logout)))
            .route("/api/v1/auth/logout-all", web.guard(usual, post(sessions::end_all)))
            .route("/api/v1/auth/sessions", web.guard(usual, get(sessions::list)))
            .route("/api/v1/auth/sessions/{id}", web.guard(usual, delete(sessions::end)))
            .route(
                "/api/v1/auth/forgot-password",
                web.guard(tight("forgot-password"), post(reset_password::forgot)),
            )
            .route("/api/v1/auth/reset-password/{token}", web.guard(usual, get(reset_password::form)))
            .route(
                "/api/v1/auth/reset-password",
                web.guard(tight("reset-password"), post(reset_password::reset)),
            )
            .route(
                "/api/v1/auth/change-password",
                web.guard(tight("change-password"), post(change_password::change)),
            )
            // Public keys, kept by whoever asks: asking costs nothing worth limiting.
            .route("/.well-known/jwks.json", web.guard(None, get(jwks::jwks)))
            .with_state(state),
    )
}
