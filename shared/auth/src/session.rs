//! Sessions: what a login leaves behind, and what every request is checked against.

use chairbook_models::event::Actor;
use chairbook_models::ids::{SessionId, UserId};
use chairbook_models::user::Role;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A login session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The id.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// What its bearer may do; kept equal to the profile's.
    pub role: Role,
    /// The SHA-256 of the refresh token in force.
    pub refresh_sha256: String,
    /// The client's address at login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// What the client called itself at login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// When it began (UTC).
    pub created_at: Timestamp,
    /// When a token was last issued for it (UTC).
    pub last_used_at: Timestamp,
    /// When it ends at the latest (UTC).
    pub expires_at: Timestamp,
}

impl Session {
    /// Whether it is still good. A row outlives its time to live by up to days, so the time itself decides.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

/// Somebody whose token and session have been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub user_id: UserId,
    /// By which session.
    pub session_id: SessionId,
    /// What they may do.
    pub role: Role,
}

impl From<Caller> for Actor {
    fn from(caller: Caller) -> Self {
        Self::User(caller.user_id)
    }
}
