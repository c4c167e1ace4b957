//! The checks in front of every handler: the rate limit and the session, each once per request.
//!
//! Under the default policy a live session counts as its user, everybody else by the source address. Under a tight
//! policy, which guards what can be guessed or what sends mail, a request counts by its address and by its session, so
//! that neither many addresses with one session nor many sessions at one address raise the limit. A session counts only
//! once it is known to live: it is read first by a process that meets it for the first time, and beside the count from
//! then on.

use std::net::IpAddr;
use std::sync::Arc;

use chairbook_auth::Caller;
use chairbook_auth::access_token::Claims;
use chairbook_models::ids::{SessionId, UserId};
use chairbook_store::StoreError;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, OptionFuture, Shared};
use jiff::Timestamp;

use crate::access::no_token;
use crate::app::Web;
use crate::contract::RequestError;
use crate::error::ApiError;
use crate::memory::Memory;
use crate::rate_limit::{Policy, Standing};

/// The outcome of the checks.
#[derive(Debug, Clone)]
pub(crate) struct Checks {
    /// The client's standing under the route's policy; `None` where the route has none.
    pub(crate) standing: Option<Standing>,
    /// The caller, or the refusal of a request that needs one.
    pub(crate) caller: Result<Caller, ApiError>,
}

/// The checks, made once and awaited by all that need them.
pub(crate) type Checking = Shared<BoxFuture<'static, Result<Checks, ApiError>>>;

/// Facts about clients that a process has learned.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    /// Clients over a policy's limit, until its window ends: a count never falls within one.
    exhausted: Memory<(&'static str, String)>,
    /// Sessions that were live when they were last read, until the token expires: presumed to live on.
    live: Memory<(UserId, SessionId)>,
    /// Sessions that have ended, until the token expires: none comes back.
    ended: Memory<(UserId, SessionId)>,
}

/// A client's standing in each bucket in which its request was counted.
struct Counts {
    by_source: Option<Standing>,
    by_session: Option<Standing>,
}

impl Counts {
    /// The standing that leaves less.
    fn standing(&self) -> Option<Standing> {
        match (self.by_source, self.by_session) {
            (Some(by_source), Some(by_session)) => Some(by_source.tighter(by_session)),
            (by_source, by_session) => by_source.or(by_session),
        }
    }
}

/// One request as the checks see it.
pub(crate) struct Question {
    pub(crate) web: Web,
    pub(crate) policy: Option<Policy>,
    pub(crate) claims: Result<Arc<Claims>, ApiError>,
    /// The source address, as [`source`] gives it.
    pub(crate) source: String,
    pub(crate) now: Timestamp,
}

/// The name under which requests from an address are counted. An IPv6 customer is given a /64 at least (RFC 6177), so
/// all of its addresses count as one.
pub(crate) fn source(ip: Option<&str>) -> String {
    match ip.and_then(|ip| ip.parse().ok()) {
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => {
            let [a, b, c, d, ..] = ip.segments();
            let network = || format!("{a:x}:{b:x}:{c:x}:{d:x}::/64");
            ip.to_ipv4_mapped().map_or_else(network, |ip| ip.to_string())
        }
        None => "unknown".to_owned(),
    }
}

impl Question {
    /// The standing of a client that this process knows to be over the limit: nothing more is to be asked or counted
    /// for it.
    pub(crate) fn known_to_be_exhausted(&self) -> Option<Standing> {
        let policy = self.policy?;
        let claims = self.claims.as_ref().ok().filter(|claims| !self.has_ended(claims));
        let buckets = match claims {
            Some(claims) if policy.is_tight => vec![self.source.clone(), claims.sid.to_string()],
            Some(claims) => vec![claims.sub.to_string()],
            None => vec![self.source.clone()],
        };
        let exhausted = &self.web.learned.exhausted;
        let is_known = buckets.into_iter().any(|bucket| exhausted.knows(&(policy.name, bucket), self.now));
        is_known.then(|| policy.exhausted(self.now))
    }

    /// Makes the checks.
    pub(crate) fn checking(self) -> Checking {
        async move { self.check().await.map_err(ApiError::from) }.boxed().shared()
    }

    async fn check(self) -> Result<Checks, RequestError> {
        let Some(policy) = self.policy else {
            return Ok(Checks { standing: None, caller: Err(no_token()) });
        };
        let claims = match &self.claims {
            Ok(claims) if self.has_ended(claims) => Err(ApiError::session_ended()),
            other => other.clone(),
        };
        let claims = match claims {
            Ok(claims) => claims,
            Err(refused) => {
                let standing = self.count(policy, None).await?.standing();
                return Ok(Checks { standing, caller: Err(refused) });
            }
        };
        if self.web.learned.live.knows(&(claims.sub, claims.sid), self.now) {
            let (counts, caller) =
                futures_util::try_join!(self.count(policy, Some(&claims)), self.caller(&claims))?;
            let standing = match (&caller, counts.by_source) {
                (Ok(_), _) => counts.standing(),
                (Err(_), Some(by_source)) => Some(by_source),
                (Err(_), None) => self.count(policy, None).await?.standing(),
            };
            return Ok(Checks { standing, caller });
        }
        let caller = self.caller(&claims).await?;
        let live = caller.is_ok().then_some(&*claims);
        Ok(Checks { standing: self.count(policy, live).await?.standing(), caller })
    }

    /// Reads the session. The inner error is the refusal of one that has ended.
    async fn caller(&self, claims: &Claims) -> Result<Result<Caller, ApiError>, StoreError> {
        let session = self.web.reader.session(claims.sub, claims.sid).await?;
        let until = Timestamp::from_second(claims.exp).unwrap_or(self.now);
        let learned = &self.web.learned;
        let Some(session) = session.filter(|session| session.is_live(self.now)) else {
            learned.ended.keep((claims.sub, claims.sid), until, self.now);
            return Ok(Err(ApiError::session_ended()));
        };
        learned.live.keep((claims.sub, claims.sid), until, self.now);
        Ok(Ok(Caller { user_id: session.user_id, session_id: session.id, role: session.role }))
    }

    /// Counts the request for its live session, if it has one, or else for its source address; under a tight policy
    /// for both.
    async fn count(&self, policy: Policy, live: Option<&Claims>) -> Result<Counts, StoreError> {
        let by_source = live.is_none() || policy.is_tight;
        let by_source = OptionFuture::from(by_source.then(|| self.count_for(policy, self.source.clone())));
        let by_session = OptionFuture::from(live.map(|claims| {
            let client = if policy.is_tight { claims.sid.to_string() } else { claims.sub.to_string() };
            self.count_for(policy, client)
        }));
        let (by_source, by_session) = futures_util::join!(by_source, by_session);
        Ok(Counts { by_source: by_source.transpose()?, by_session: by_session.transpose()? })
    }

    async fn count_for(&self, policy: Policy, client: String) -> Result<Standing, StoreError> {
        let standing = policy.count(&self.web.store, &client, self.now).await?;
        if standing.refusal().is_some() {
            let exhausted = &self.web.learned.exhausted;
            exhausted.keep((policy.name, client), policy.window_end(self.now), self.now);
        }
        Ok(standing)
    }

    fn has_ended(&self, claims: &Claims) -> bool {
        self.web.learned.ended.knows(&(claims.sub, claims.sid), self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one_source() {
        for (ip, source_name) in [
            (Some("192.0.2.7"), "192.0.2.7"),
            (Some("::ffff:192.0.2.7"), "192.0.2.7"),
            (Some("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64"),
            (Some("2001:db8:1:2:ffff::1"), "2001:db8:1:2::/64"),
            (Some("2001:db8:1:3::1"), "2001:db8:1:3::/64"),
            (Some("nonsense"), "unknown"),
            (None, "unknown"),
        ] {
            assert_eq!(source(ip), source_name, "{ip:?}");
        }
    }
}
