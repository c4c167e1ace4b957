//! Function `auth`: accounts, logging in and out, and the keys that verify access tokens.

mod jwks;
mod login;
mod logout;
mod password;
mod register;
mod verify_email;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use chairbook_auth::access_token::Signer;
use chairbook_auth::email_address::EmailAddress;
use chairbook_auth::opaque_token;
use chairbook_auth::seal::Sealer;
use chairbook_models::event::{Actor, Event, EventType, Subjects};
use chairbook_models::ids::{EventId, UserId};
use chairbook_platform::env::{self, ConfigError};
use chairbook_platform::random;
use chairbook_store::VerificationToken;
use chairbook_web::{ApiError, Web};
use jiff::{SignedDuration, Timestamp};

/// How long a token that verifies an e-mail address is good.
const VERIFICATION_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

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

    /// A new token that verifies an address, and the event that brings it there, sealed.
    fn verification(
        &self,
        event_type: EventType,
        user_id: UserId,
        email: &str,
        now: Timestamp,
    ) -> Result<(VerificationToken, Event), ApiError> {
        let token = opaque_token::one_time(random::bytes());
        let row = VerificationToken {
            sha256: opaque_token::sha256_hex(&token),
            user_id,
            email: email.to_owned(),
            expires_at: now.saturating_add(VERIFICATION_LIFETIME).unwrap_or(now),
        };
        let mut event = Event::new(
            EventId::new(now, random::bytes()),
            event_type,
            now,
            Actor::User(user_id),
            Some(user_id),
            Subjects { user_id: Some(user_id), ..Subjects::default() },
        );
        let sealed =
            self.sealer.seal(&token, &event.id.to_string()).map_err(|error| ApiError::bug(&error))?;
        event.sealed_secret = Some(sealed);
        Ok((row, event))
    }
}

/// The function's routes.
pub fn router(state: State) -> Router {
    let web = state.web.clone();
    let tight = |name| Some(web.auth_policy(name));
    let usual = Some(web.default_policy());
    chairbook_web::router(
        Router::new()
            .route("/api/v1/auth/register", web.guard(tight("register"), post(register::register)))
            .route("/api/v1/auth/verify-email/{token}", web.guard(usual, get(verify_email::verify)))
            .route(
                "/api/v1/auth/resend-verification",
                web.guard(tight("resend-verification"), post(verify_email::resend)),
            )
            .route("/api/v1/auth/login", web.guard(tight("login"), post(login::login)))
            .route("/api/v1/auth/logout", web.guard(usual, post(logout::logout)))
            // Public keys, kept by whoever asks: asking costs nothing worth limiting.
            .route("/.well-known/jwks.json", web.guard(None, get(jwks::jwks)))
            .with_state(state),
    )
}
