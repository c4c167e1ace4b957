//! Who is calling, and whether they may.
//!
//! A handler says who may call it by the extractor that it takes: [`Visitor`] (anybody), [`Customer`] (anybody
//! logged in), [`Admin`], [`Owner`]. Each has been through the rate limit and, but for [`Visitor`], through its
//! session before the handler runs. A handler that has reads of its own takes [`Pending`] of one of them and
//! passes the reads to [`Pending::admit_with`], which makes them side by side with those checks: one round trip
//! instead of two.

use std::future::Future;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use chairbook_auth::access_token::{Claims, TokenError, key_id};
use chairbook_auth::{Caller, Session};
use chairbook_models::ids::UserId;
use chairbook_models::user::Role;
use chairbook_store::Store;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use http::header::AUTHORIZATION;
use http::request::Parts;
use jiff::Timestamp;

use crate::error::ApiError;
use crate::rate_limit::Standing;

/// The rate limit's count, made once and awaited by whoever needs it.
pub(crate) type Counting = Shared<BoxFuture<'static, Result<Option<Standing>, ApiError>>>;

/// What the layer in front of the handlers knows of a request.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) store: Store,
    pub(crate) now: Timestamp,
    /// What the token says, if there is one.
    pub(crate) presented: Option<Result<Arc<Claims>, ApiError>>,
    pub(crate) counting: Counting,
}

/// Reads the token of a request and checks its signature, issuer and expiry. `None` when there is none.
pub(crate) async fn presented(
    parts: &Parts,
    store: &Store,
    issuer: &str,
    now: Timestamp,
) -> Option<Result<Arc<Claims>, ApiError>> {
    let header = parts.headers.get(AUTHORIZATION)?;
    let Some(token) = header.to_str().ok().and_then(bearer) else {
        return Some(Err(ApiError::unauthorized(
            "unauthorized",
            "The Authorization header must be `Bearer` and an access token.",
        )));
    };
    Some(check(token, store, issuer, now).await.map(Arc::new))
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn check(token: &str, store: &Store, issuer: &str, now: Timestamp) -> Result<Claims, ApiError> {
    let refused = |error: TokenError| match error {
        TokenError::Expired => {
            ApiError::unauthorized("token_expired", "Your access token has expired. Please log in again.")
        }
        TokenError::Malformed | TokenError::Invalid => {
            ApiError::unauthorized("invalid_token", "Your access token is not valid. Please log in again.")
        }
    };
    let kid = key_id(token).map_err(refused)?;
    let key = store.verification_key(&kid).await?.ok_or_else(|| refused(TokenError::Invalid))?;
    key.verify(token, issuer, now).map_err(refused)
}

impl Gate {
    fn of(parts: &Parts) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| ApiError::bug(&"a route without its layers"))
    }

    /// Waits for the rate limit, and refuses who is over it.
    async fn limit(&self) -> Result<(), ApiError> {
        let standing = self.counting.clone().await?;
        standing.and_then(|standing| standing.refusal()).map_or(Ok(()), Err)
    }

    fn claims(&self) -> Result<Arc<Claims>, ApiError> {
        self.presented.clone().unwrap_or_else(|| {
            Err(ApiError::unauthorized("unauthorized", "Please log in: this needs an access token."))
        })
    }

    /// Waits for the rate limit and reads the session, side by side.
    async fn caller(&self, claims: &Claims) -> Result<Caller, ApiError> {
        let (limit, session) = futures_util::join!(self.limit(), self.store.session(claims.sub, claims.sid));
        limit?;
        live(session?, self.now).ok_or_else(|| {
            ApiError::unauthorized("session_ended", "You are logged out. Please log in again.")
        })
    }
}

fn live(session: Option<Session>, now: Timestamp) -> Option<Caller> {
    let session = session.filter(|session| session.is_live(now))?;
    Some(Caller { user_id: session.user_id, session_id: session.id, role: session.role })
}

/// Where a request comes from. Fit for the caller's own list of sessions, not for deciding anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// The address, as API Gateway saw it.
    pub ip: Option<String>,
    /// What the client calls itself, at most 256 characters of it.
    pub user_agent: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// A kind of caller.
pub trait Access: Sized + Send {
    /// What is known before any table has been asked.
    type Presented: Clone + Send + Sync;

    /// What a request presents.
    ///
    /// # Errors
    /// 401 when that is not enough.
    fn present(gate: &RequestGate) -> Result<Self::Presented, ApiError>;

    /// Checks it.
    ///
    /// # Errors
    /// 401, 403 or 429.
    fn admit(
        gate: &RequestGate,
        presented: &Self::Presented,
    ) -> impl Future<Output = Result<Self, ApiError>> + Send;
}

/// The checks in front of one request.
pub struct RequestGate(Gate);

/// Anybody, within the rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visitor;

/// Anybody who is logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Customer(pub Caller);

/// An admin or an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admin(pub Caller);

/// An owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner(pub Caller);

impl Access for Visitor {
    type Presented = ();

    fn present(_gate: &RequestGate) -> Result<(), ApiError> {
        Ok(())
    }

    async fn admit(gate: &RequestGate, (): &()) -> Result<Self, ApiError> {
        gate.0.limit().await.map(|()| Self)
    }
}

macro_rules! logged_in {
    ($access:ident, $role:expr, $refusal:literal) => {
        impl Access for $access {
            type Presented = Arc<Claims>;

            fn present(gate: &RequestGate) -> Result<Arc<Claims>, ApiError> {
                gate.0.claims()
            }

            async fn admit(gate: &RequestGate, claims: &Arc<Claims>) -> Result<Self, ApiError> {
                let caller = gate.0.caller(claims).await?;
                if caller.role >= $role { Ok(Self(caller)) } else { Err(ApiError::forbidden($refusal)) }
            }
        }
    };
}

logged_in!(Customer, Role::User, "You may not do this.");
logged_in!(Admin, Role::Admin, "Only admins may do this.");
logged_in!(Owner, Role::Owner, "Only the owner may do this.");

/// A caller who has not been admitted yet.
pub struct Pending<A: Access> {
    gate: RequestGate,
    presented: A::Presented,
}

impl<A: Access<Presented = Arc<Claims>>> Pending<A> {
    /// Whose token it is: good for looking up their own things while the session is being checked, not for
    /// changing anything.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.presented.sub
    }
}

impl<A: Access> Pending<A> {
    /// Checks the caller while the reads are made. The caller's refusal comes before the reads' failure.
    ///
    /// # Errors
    /// 401, 403, 429, or the reads' error.
    pub async fn admit_with<T, E>(
        &self,
        reads: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<(A, T), ApiError>
    where
        E: Into<ApiError>,
    {
        let (admitted, read) = futures_util::join!(A::admit(&self.gate, &self.presented), reads);
        Ok((admitted?, read.map_err(Into::into)?))
    }
}

impl<S: Send + Sync, A: Access> FromRequestParts<S> for Pending<A> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let gate = RequestGate(Gate::of(parts)?);
        let presented = A::present(&gate)?;
        Ok(Self { gate, presented })
    }
}

macro_rules! admitted {
    ($($access:ident),+) => {
        $(impl<S: Send + Sync> FromRequestParts<S> for $access {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
                let gate = RequestGate(Gate::of(parts)?);
                let presented = Self::present(&gate)?;
                Self::admit(&gate, &presented).await
            }
        })+
    };
}

admitted!(Visitor, Customer, Admin, Owner);

/// Starts counting a request.
pub(crate) fn counting(
    counted: impl Future<Output = Result<Option<Standing>, ApiError>> + Send + 'static,
) -> Counting {
    counted.boxed().shared()
}

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
