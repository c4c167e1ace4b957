//! Callers, and their admission.
//!
//! A handler declares its callers by the extractor that it takes: [`Visitor`] (anybody), [`Customer`] (anybody logged
//! in), [`Admin`], [`Owner`]. Each has passed the rate limit and, except for [`Visitor`], the check of its session
//! before the handler runs, and brings the [`Store`]: nothing is written for a request that has not been admitted,
//! since nothing else hands out a store. Password hashing and the strength check ask for an admitted caller for the
//! same reason.
//!
//! A handler that has reads of its own takes [`Pending`] of one of them and passes the reads to
//! [`Pending::admit_with`], which makes them side by side with those checks: one round trip instead of two.

use std::future::Future;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use chairbook_auth::Caller;
use chairbook_auth::access_token::{Claims, TokenError, key_id};
use chairbook_models::ids::UserId;
use chairbook_models::user::Role;
use chairbook_platform::clock;
use chairbook_store::{Reader, Store};
use http::header::AUTHORIZATION;
use http::request::Parts;
use jiff::Timestamp;

use crate::admission::Checking;
use crate::contract::RequestError;
use crate::error::ApiError;

/// The checks in front of one request, as the layer leaves them for the handler's extractors.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) store: Store,
    pub(crate) claims: Result<Arc<Claims>, ApiError>,
    pub(crate) checking: Checking,
}

/// Reads the access token of a request and checks its signature, issuer and expiry.
///
/// # Errors
/// 401 when there is none or it is refused, 503 when its key could not be read.
pub(crate) async fn claims(
    parts: &Parts,
    reader: &Reader,
    issuer: &str,
    now: Timestamp,
) -> Result<Arc<Claims>, ApiError> {
    let header = parts.headers.get(AUTHORIZATION).ok_or_else(no_token)?;
    let Some(token) = header.to_str().ok().and_then(bearer) else {
        return Err(ApiError::unauthorized(
            "unauthorized",
            "The Authorization header must be `Bearer` and an access token.",
        ));
    };
    check(token, reader, issuer, now).await.map(Arc::new)
}

/// The refusal of a request without an access token.
pub(crate) fn no_token() -> ApiError {
    ApiError::unauthorized("unauthorized", "Please log in: this needs an access token.")
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn check(token: &str, reader: &Reader, issuer: &str, now: Timestamp) -> Result<Claims, ApiError> {
    let refused = |error: TokenError| match error {
        TokenError::Expired => {
            ApiError::unauthorized("token_expired", "Your access token has expired. Please log in again.")
        }
        TokenError::Malformed | TokenError::Invalid => {
            ApiError::unauthorized("invalid_token", "Your access token is not valid. Please log in again.")
        }
    };
    let kid = key_id(token).map_err(refused)?;
    let key = reader
        .verification_key(&kid)
        .await
        .map_err(RequestError::from)?
        .ok_or_else(|| refused(TokenError::Invalid))?;
    key.verify(token, issuer, now).map_err(refused)
}

impl Gate {
    fn of(parts: &Parts) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| ApiError::bug(&"a route without its layers"))
    }

    /// Waits for the checks, and refuses a request over the limit.
    async fn pass(&self) -> Result<Result<Caller, ApiError>, ApiError> {
        let checks = self.checking.clone().await?;
        match checks.standing.and_then(|standing| standing.refusal()) {
            Some(refusal) => Err(refusal),
            None => Ok(checks.caller),
        }
    }
}

/// Origin of a request. Fit for the caller's own list of sessions, not for deciding anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// The address, as API Gateway saw it, or CloudFront where that is in front.
    pub ip: Option<String>,
    /// The client's name for itself, at most 256 characters of it.
    pub user_agent: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

mod sealed {
    use std::sync::Arc;

    use chairbook_auth::Caller;
    use chairbook_auth::access_token::Claims;
    use chairbook_store::Store;

    use crate::error::ApiError;

    /// The making of admitted callers, which is for this module alone.
    pub trait Admit: Sized {
        /// The part of the request that is needed before any table has been asked.
        type Presented: Clone + Send + Sync;

        fn present(claims: &Result<Arc<Claims>, ApiError>) -> Result<Self::Presented, ApiError>;

        fn admit(caller: Result<Caller, ApiError>, store: Store) -> Result<Self, ApiError>;
    }
}

/// A kind of caller. Only admission makes one, so whoever holds one has been admitted.
pub trait Access: sealed::Admit + Send + Sync {
    /// The tables, to change them.
    fn store(&self) -> &Store;
}

/// A kind of caller who is logged in.
pub trait LoggedIn: Access {
    /// Returns the one who was admitted.
    fn caller(&self) -> Caller;

    /// Checks the session and its role again, for a change that is to be decided again: a role that was checked beside
    /// one state of a thing decides nothing about another.
    ///
    /// # Errors
    /// 401 or 403, as at first.
    fn again(&self) -> impl Future<Output = Result<Self, RequestError>> + Send;
}

/// Anybody, within the rate limit.
#[derive(Clone)]
pub struct Visitor {
    store: Store,
}

impl sealed::Admit for Visitor {
    type Presented = ();

    fn present(_claims: &Result<Arc<Claims>, ApiError>) -> Result<(), ApiError> {
        Ok(())
    }

    fn admit(_caller: Result<Caller, ApiError>, store: Store) -> Result<Self, ApiError> {
        Ok(Self { store })
    }
}

impl Access for Visitor {
    fn store(&self) -> &Store {
        &self.store
    }
}

macro_rules! logged_in {
    ($(#[$doc:meta])+ $access:ident, $role:expr, $refusal:literal) => {
        $(#[$doc])+
        #[derive(Clone)]
        pub struct $access {
            /// The user, with the session that they came by and their role.
            pub caller: Caller,
            store: Store,
        }

        impl sealed::Admit for $access {
            type Presented = Arc<Claims>;

            fn present(claims: &Result<Arc<Claims>, ApiError>) -> Result<Arc<Claims>, ApiError> {
                claims.clone()
            }

            fn admit(caller: Result<Caller, ApiError>, store: Store) -> Result<Self, ApiError> {
                let caller = caller?;
                if caller.role >= $role { Ok(Self { caller, store }) } else { Err(ApiError::forbidden($refusal)) }
            }
        }

        impl Access for $access {
            fn store(&self) -> &Store {
                &self.store
            }
        }

        impl LoggedIn for $access {
            fn caller(&self) -> Caller {
                self.caller
            }

            async fn again(&self) -> Result<Self, RequestError> {
                let Caller { user_id, session_id, .. } = self.caller;
                let session = self.store.session(user_id, session_id).await?;
                let session = session.filter(|session| session.is_live(clock::now()));
                let caller = session
                    .map(|session| Caller { role: session.role, ..self.caller })
                    .ok_or_else(ApiError::session_ended);
                <Self as sealed::Admit>::admit(caller, self.store.clone()).map_err(RequestError::new)
            }
        }
    };
}

logged_in!(
    /// Anybody who is logged in.
    Customer,
    Role::User,
    "You may not do this."
);
logged_in!(
    /// An admin or an owner.
    Admin,
    Role::Admin,
    "Only admins may do this."
);
logged_in!(
    /// An owner.
    Owner,
    Role::Owner,
    "Only the owner may do this."
);

/// A caller who has not been admitted yet.
pub struct Pending<A: Access> {
    gate: Gate,
    presented: A::Presented,
}

impl<A: Access<Presented = Arc<Claims>>> Pending<A> {
    /// The user that the token names: good for looking up their own things while the session is being checked, not
    /// for changing anything.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.presented.sub
    }
}

impl<A: Access> Pending<A> {
    /// Checks the caller.
    ///
    /// # Errors
    /// 401, 403, 429.
    pub async fn admit(&self) -> Result<A, RequestError> {
        let caller = self.gate.pass().await.map_err(RequestError::new)?;
        A::admit(caller, self.gate.store.clone()).map_err(RequestError::new)
    }

    /// Checks the caller while the reads are made. The caller's refusal comes before the reads' failure. A handler has
    /// no [`Store`] before this gives it one, so what runs beside the checks can only read.
    ///
    /// # Errors
    /// 401, 403, 429, or the reads' error.
    pub async fn admit_with<T, E>(
        &self,
        reads: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<(A, T), RequestError>
    where
        E: Into<RequestError>,
    {
        let (admitted, read) = futures_util::join!(self.admit(), reads);
        Ok((admitted?, read.map_err(Into::into)?))
    }
}

impl<S: Send + Sync, A: Access> FromRequestParts<S> for Pending<A> {
    type Rejection = RequestError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, RequestError> {
        let gate = Gate::of(parts).map_err(RequestError::new)?;
        let presented = A::present(&gate.claims).map_err(RequestError::new)?;
        Ok(Self { gate, presented })
    }
}

macro_rules! admitted {
    ($($access:ident),+) => {
        $(impl<S: Send + Sync> FromRequestParts<S> for $access {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
                Ok(Pending::<Self>::from_request_parts(parts, state).await?.admit().await?)
            }
        })+
    };
}

admitted!(Visitor, Customer, Admin, Owner);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer abc"), Some("abc"));
        for bad in ["abc", "Basic abc", "", "Bearerabc"] {
            assert_eq!(bearer(bad), None, "{bad}");
        }
    }
}
