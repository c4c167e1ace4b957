//! Sessions, tokens and keys as responses show them.

use chairbook_auth::Session as KeptSession;
use chairbook_auth::access_token::VerificationKey;
use chairbook_models::ids::{SessionId, UserId};
use chairbook_models::user::{Profile, Role};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// The scheme by which an access token is presented.
#[derive(Serialize, JsonSchema)]
pub(crate) enum TokenType {
    /// `Authorization: Bearer <access token>` (RFC 6750).
    Bearer,
}

/// A pair of tokens for a session.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tokens {
    /// A JWT, for the header `Authorization`.
    pub(crate) access_token: String,
    /// The access token's lifetime, seconds.
    pub(crate) expires_in: u64,
    /// An opaque token for the next pair. It works once.
    pub(crate) refresh_token: String,
    pub(crate) token_type: TokenType,
}

/// The person who has logged in.
#[derive(Serialize, JsonSchema)]
struct LoggedInUser {
    email: String,
    id: UserId,
    name: String,
    role: Role,
}

/// A new session.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Login {
    #[serde(flatten)]
    tokens: Tokens,
    user: LoggedInUser,
}

impl Login {
    /// A session of somebody who has logged in with this role.
    pub(crate) fn new(profile: &Profile, role: Role, tokens: Tokens) -> Self {
        let Profile { id, name, email, .. } = profile.clone();
        Self { tokens, user: LoggedInUser { email, id, name: name.into(), role } }
    }
}

/// An e-mail address that is verified.
#[derive(Serialize, JsonSchema)]
pub(crate) struct VerifiedAddress {
    /// Always `true`.
    verified: bool,
}

impl VerifiedAddress {
    pub(crate) const fn new() -> Self {
        Self { verified: true }
    }
}

/// A session: a place where the caller is logged in.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    created_at: Timestamp,
    /// Set for the session of this request.
    current: bool,
    /// The time (UTC) at which it ends unless its refresh token is used before.
    expires_at: Timestamp,
    id: SessionId,
    /// The source address of the login.
    ip: Option<String>,
    /// The time (UTC) of the login or of the last refresh.
    last_used_at: Timestamp,
    /// The client's name for itself at the login, at most 256 characters of it.
    user_agent: Option<String>,
}

impl Session {
    /// A session as it is shown to somebody who has come by `current`.
    pub(crate) fn seen_from(current: SessionId, session: &KeptSession) -> Self {
        Self {
            created_at: session.created_at,
            current: session.id == current,
            expires_at: session.expires_at,
            id: session.id,
            ip: session.ip.clone(),
            last_used_at: session.last_used_at,
            user_agent: session.user_agent.clone(),
        }
    }
}

/// The sessions that have been ended.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndedSessions {
    /// The number of sessions.
    pub(crate) ended_sessions: usize,
}

/// A public key that verifies access tokens (RFC 8037).
#[derive(Serialize, JsonSchema)]
struct JsonWebKey {
    /// The algorithm: Ed25519 signatures.
    #[schemars(extend("const" = "EdDSA"))]
    alg: &'static str,
    /// The curve.
    #[schemars(extend("const" = "Ed25519"))]
    crv: &'static str,
    /// The key's id, its RFC 7638 thumbprint: the `kid` in the header of the tokens that it verifies.
    kid: String,
    /// The key's type: an octet key pair.
    #[schemars(extend("const" = "OKP"))]
    kty: &'static str,
    /// The key's purpose: signatures.
    #[serde(rename = "use")]
    #[schemars(extend("const" = "sig"))]
    key_use: &'static str,
    /// The public key, 32 bytes in URL-safe base64.
    x: String,
}

impl From<&VerificationKey> for JsonWebKey {
    fn from(key: &VerificationKey) -> Self {
        Self {
            alg: "EdDSA",
            crv: "Ed25519",
            kid: key.kid.clone(),
            kty: "OKP",
            key_use: "sig",
            x: key.x.clone(),
        }
    }
}

/// The public keys that verify access tokens (RFC 7517).
#[derive(Serialize, JsonSchema)]
pub(crate) struct JsonWebKeySet {
    keys: Vec<JsonWebKey>,
}

impl From<&[VerificationKey]> for JsonWebKeySet {
    fn from(keys: &[VerificationKey]) -> Self {
        Self { keys: keys.iter().map(JsonWebKey::from).collect() }
    }
}
