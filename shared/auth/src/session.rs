//! Sessions: what a login leaves behind, and what every request is checked against.

use chairbook_models::event::Actor;
use chairbook_models::ids::{SessionId, UserId};
use chairbook_models::user::Role;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::opaque_token::RefreshToken;

/// A login session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The id, `ses_…`, which access tokens carry as `sid`.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The role of its bearer; kept equal to the profile's.
    pub role: Role,
    /// The SHA-256 of the refresh token in force.
    pub refresh_sha256: String,
    /// The SHA-256 of what its refresh tokens have in common.
    pub refresh_family_sha256: String,
    /// The SHA-256 of the refresh token before the one in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_refresh_sha256: Option<String>,
    /// The time at which that one was replaced (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refreshed_at: Option<Timestamp>,
    /// The client's address at login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The name that the client gave itself at login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The time of the login (UTC).
    pub created_at: Timestamp,
    /// The time at which a token was last issued for it (UTC).
    pub last_used_at: Timestamp,
    /// The time at which it ends at the latest (UTC).
    pub expires_at: Timestamp,
}

/// For so long a refresh token that was just replaced is taken for the second half of a double click, not for a theft.
pub const REFRESH_GRACE: SignedDuration = SignedDuration::from_secs(10);

/// The meaning of a refresh token to its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// It is the one in force.
    InForce,
    /// It was replaced a moment ago, probably by another request of the same client.
    JustReplaced,
    /// It was replaced before: somebody has a copy.
    Reused,
    /// It was never one of this session's.
    Unknown,
}

impl Session {
    /// Returns the meaning of a refresh token to this session
    /// (<https://datatracker.ietf.org/doc/html/rfc9700#section-4.14.2>).
    #[must_use]
    pub fn refresh(&self, token: &RefreshToken, now: Timestamp) -> Refresh {
        let sha256 = token.sha256();
        if token.family_sha256() != self.refresh_family_sha256 {
            return Refresh::Unknown;
        }
        if sha256 == self.refresh_sha256 {
            return Refresh::InForce;
        }
        let was_just_replaced = self.previous_refresh_sha256.as_ref() == Some(&sha256)
            && self.refreshed_at.is_some_and(|at| now.duration_since(at) < REFRESH_GRACE);
        if was_just_replaced { Refresh::JustReplaced } else { Refresh::Reused }
    }

    /// Returns true if it is still good. A row outlives its time to live by up to days, so the time itself decides.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

/// Somebody whose token and session have been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub user_id: UserId,
    /// By which session.
    pub session_id: SessionId,
    /// The role, as the session's row had it.
    pub role: Role,
}

impl From<Caller> for Actor {
    fn from(caller: Caller) -> Self {
        Self::User(caller.user_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_token_is_known_for_what_it_is() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let first = RefreshToken::new(UserId::derived([1; 16]), SessionId::derived([2; 16]), [3; 32]);
        let second = first.next([4; 16]);
        let third = second.next([5; 16]);
        let session = Session {
            id: first.session_id,
            user_id: first.user_id,
            role: Role::User,
            refresh_sha256: third.sha256(),
            refresh_family_sha256: first.family_sha256(),
            previous_refresh_sha256: Some(second.sha256()),
            refreshed_at: Some(at(100)),
            ip: None,
            user_agent: None,
            created_at: at(0),
            last_used_at: at(100),
            expires_at: at(1_000),
        };
        let stranger = RefreshToken::new(first.user_id, first.session_id, [6; 32]);
        for (token, now, meaning) in [
            (&third, 100, Refresh::InForce),
            (&third, 900, Refresh::InForce),
            (&second, 109, Refresh::JustReplaced),
            (&second, 110, Refresh::Reused),
            (&first, 101, Refresh::Reused),
            (&stranger, 101, Refresh::Unknown),
        ] {
            assert_eq!(session.refresh(token, at(now)), meaning, "{now}");
        }
    }
}
