//! Function `auth`: accounts, logging in and out, and the keys that verify access tokens.

mod change_password;
mod error;
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
mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use chairbook_auth::access_token::Signer;
use chairbook_auth::email_address::EmailAddress;
use chairbook_auth::opaque_token::{self, RefreshToken};
use chairbook_auth::seal::Sealer;
use chairbook_models::event::{Actor, ClientInfo, Event, EventData, Subjects};
use chairbook_models::ids::{EventId, UserId};
use chairbook_models::mailed_link::{RESET_LIFETIME, VERIFICATION_LIFETIME};
use chairbook_models::user::Role;
use chairbook_platform::env::{self, ConfigError};
use chairbook_platform::random;
use chairbook_store::{OneTimeToken, TokenPurpose};
use chairbook_web::{Api, Client, Limit, Live, RequestError, Web, about};
use jiff::{SignedDuration, Timestamp};

use crate::view::{TokenType, Tokens};

/// The handlers' shared state.
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
        let web = Web::from_env(&["USERS_TABLE", "EVENTS_TABLE", "LIMITS_TABLE"])?;
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
        data: EventData,
        account: Option<(UserId, &str)>,
        email: &str,
        now: Timestamp,
    ) -> Result<(OneTimeToken, Event), RequestError> {
        let event_id = EventId::new(now, random::bytes());
        self.one_time_token_in(event_id, purpose, data, account, email, now)
    }

    /// The same, with an event of this id.
    fn one_time_token_in(
        &self,
        event_id: EventId,
        purpose: TokenPurpose,
        data: EventData,
        account: Option<(UserId, &str)>,
        email: &str,
        now: Timestamp,
    ) -> Result<(OneTimeToken, Event), RequestError> {
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
            data,
            now,
            actor,
            recipient,
            Subjects { user_id: recipient, ..Subjects::default() },
        );
        let sealed =
            self.sealer.seal(&token, &event.id.to_string()).map_err(|error| RequestError::bug(&error))?;
        event.sealed_secret = Some(sealed);
        // Somebody made up, to whom nothing is delivered, so that the index of recipients costs as much, too.
        event.recipient = Some(row.user_id);
        Ok((row, event))
    }

    /// The role that an address gets when its owner proves that it is theirs, if it is another than it has.
    fn role_of(&self, email: &str) -> Option<Role> {
        self.owner.as_ref().is_some_and(|owner| owner.canonical() == email).then_some(Role::Owner)
    }

    /// A pair of tokens for a session, as responses show it.
    fn tokens(&self, refresh_token: &RefreshToken, now: Timestamp) -> Result<Tokens, RequestError> {
        let seconds = self.access_lifetime.as_secs();
        let access_token = self
            .signer
            .sign(
                refresh_token.user_id,
                refresh_token.session_id,
                now,
                i64::try_from(seconds).unwrap_or(i64::MAX),
            )
            .map_err(|error| RequestError::bug(&error))?;
        Ok(Tokens {
            access_token,
            expires_in: seconds,
            refresh_token: refresh_token.encode(),
            token_type: TokenType::Bearer,
        })
    }

    /// The expiry of a refresh token that is issued now.
    fn refresh_end(&self, now: Timestamp) -> Result<Timestamp, RequestError> {
        let lifetime =
            SignedDuration::try_from(self.refresh_lifetime).map_err(|error| RequestError::bug(&error))?;
        now.saturating_add(lifetime).map_err(|error| RequestError::bug(&error))
    }
}

/// An event about a user's account, of which they are notified.
pub(crate) fn account_event(data: EventData, user_id: UserId, actor: Actor, now: Timestamp) -> Event {
    let id = EventId::new(now, random::bytes());
    Event::about_user(id, data, now, actor, user_id, Some(user_id))
}

/// A request's client, as events keep it.
pub(crate) fn client_info(client: &Client) -> ClientInfo {
    ClientInfo { ip: client.ip.clone(), user_agent: client.user_agent.clone() }
}

/// The group's routes.
pub fn api<A: Api<State>>(api: A) -> A {
    let api = accounts(api);
    let api = sessions(api);
    passwords(api).get(
        "/.well-known/jwks.json",
        about("getKeySet", "Get the keys that verify access tokens")
            .described("A JWKS (RFC 7517). Clients may keep it for five minutes."),
        // Public keys, kept by whoever asks: asking costs nothing worth limiting.
        Limit::None,
        jwks::jwks,
    )
}

/// Registering, and verifying the address.
fn accounts<A: Api<State>>(api: A) -> A {
    api.post(
        "/api/v1/auth/register",
        about("register", "Register an account").described(
            "The account can be used once its e-mail address is verified, by the link in the mail that the address gets. \
             With an `Idempotency-Key`, a request is the same whatever its password is.",
        ),
        Limit::Tight("register"),
        register::register,
    )
    .get(
        "/api/v1/auth/verify-email/{token}",
        about("followVerificationLink", "Follow the link in a verification mail").described(
            "Browsers get a page whose button sends `POST /api/v1/auth/verify-email`; opening it changes nothing, and \
             refusals are pages, too. For a program that asks for JSON by name (`Accept: application/json`, and no \
             preference for `text/html`) the address is verified, unless the account becomes the owner’s.",
        ),
        Limit::Default,
        verify_email::follow,
    )
    .post(
        "/api/v1/auth/verify-email",
        about("verifyEmail", "Verify an e-mail address").described(
            "A password replaces the one given at registration, and ends every session of the account.",
        ),
        Limit::Tight("verify-email"),
        verify_email::confirm,
    )
    .post(
        "/api/v1/auth/resend-verification",
        about("resendVerification", "Ask for another verification mail").described(
            "The response is the same whether or not there is such an account, and whether or not it has had its share \
             of mails.",
        ),
        Limit::Tight("resend-verification"),
        verify_email::resend,
    )
}

/// Logging in and out.
fn sessions<A: Api<State>>(api: A) -> A {
    api.post(
        "/api/v1/auth/login",
        about("logIn", "Log in").described(
            "Three wrong passwords in a row lock the account for 30 seconds, each further three for twice as long, up to \
             15 minutes.",
        ),
        Limit::Tight("login"),
        login::login,
    )
    .post(
        "/api/v1/auth/refresh",
        about("refreshTokens", "Get a new pair of tokens").described(
            "A refresh token works once. Used again within ten seconds, it is refused and nothing ends; used again later, \
             or after its successor, it ends its session.",
        ),
        Limit::Default,
        refresh::refresh,
    )
    .post(
        "/api/v1/auth/logout",
        about("logOut", "Log out").described("Ends the session of this request."),
        Limit::Default,
        logout::logout,
    )
    .post(
        "/api/v1/auth/logout-all",
        about("logOutEverywhere", "Log out everywhere").described("Ends every session of the caller."),
        Limit::Default,
        sessions::end_all,
    )
    .get(
        "/api/v1/auth/sessions",
        about("listSessions", "List one's own sessions, the latest opened first"),
        Limit::Default,
        sessions::list,
    )
    .delete(
        "/api/v1/auth/sessions/{id}",
        about("endSession", "End one of one's own sessions"),
        Limit::Default,
        sessions::end,
    )
}

/// New passwords.
fn passwords<A: Api<State>>(api: A) -> A {
    api.post(
        "/api/v1/auth/forgot-password",
        about("requestPasswordReset", "Ask for a mail to reset a password").described(
            "The response is the same whether or not there is such an account, and whether or not it has had its share \
             of mails.",
        ),
        Limit::Tight("forgot-password"),
        reset_password::forgot,
    )
    .get(
        "/api/v1/auth/reset-password/{token}",
        about("followPasswordResetLink", "Follow the link in a mail for a new password").described(
            "Browsers get a page where a new password is chosen; opening it changes nothing. A program that asks for \
             JSON by name is told which request to send.",
        ),
        Limit::Default,
        reset_password::form,
    )
    .post(
        "/api/v1/auth/reset-password",
        about("resetPassword", "Reset a password")
            .described("Ends every session of the account, and verifies its address, to which the token went."),
        Limit::Tight("reset-password"),
        reset_password::reset,
    )
    .post(
        "/api/v1/auth/change-password",
        about("changePassword", "Change one's own password")
            .described("Ends every other session of the caller."),
        Limit::Tight("change-password"),
        change_password::change,
    )
}

/// The function's routes.
pub fn router(state: State) -> Router {
    chairbook_web::router(api(Live::new(state.web.clone())).into_routes(state))
}
