//! Opaque tokens: 32 random bytes that mean nothing but what a row says of their SHA-256. One-time tokens
//! (verify an e-mail address, reset a password) and refresh tokens.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chairbook_models::ids::{SessionId, UserId};

/// The lower-case hexadecimal SHA-256 of a text: what the tables keep of a token.
#[must_use]
pub fn sha256_hex(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().fold(String::with_capacity(64), |mut hex, byte| {
        for nibble in [byte >> 4, byte & 15] {
            hex.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
        hex
    })
}

/// A one-time token from 32 random bytes: 43 characters of URL-safe base64.
#[must_use]
pub fn one_time(random: [u8; 32]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(random)
}

/// A refresh token: opaque to its bearer, and for us the session that it belongs to besides its 32 random bytes. Their
/// first half stays the same as the token is replaced, which tells an older token of a session from a made-up one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshToken {
    /// Whose session it refreshes.
    pub user_id: UserId,
    /// The session.
    pub session_id: SessionId,
    random: [u8; 32],
}

impl RefreshToken {
    /// A new token for a session.
    #[must_use]
    pub const fn new(user_id: UserId, session_id: SessionId, random: [u8; 32]) -> Self {
        Self { user_id, session_id, random }
    }

    /// The token that replaces it: of the same family, so that the older one is known for what it is when it comes
    /// back.
    #[must_use]
    pub fn next(&self, random: [u8; 16]) -> Self {
        let mut next = *self;
        next.random[16..].copy_from_slice(&random);
        next
    }

    /// The SHA-256 of what all tokens of a session have in common, and nobody else can guess.
    #[must_use]
    pub fn family_sha256(&self) -> String {
        sha256_hex(&BASE64_URL_SAFE_NO_PAD.encode(&self.bytes()[..48]))
    }

    fn bytes(&self) -> [u8; 64] {
        let mut bytes = [0_u8; 64];
        bytes[..16].copy_from_slice(&self.user_id.to_bytes());
        bytes[16..32].copy_from_slice(&self.session_id.to_bytes());
        bytes[32..].copy_from_slice(&self.random);
        bytes
    }

    /// The token as its bearer keeps it: 86 characters of URL-safe base64.
    #[must_use]
    pub fn encode(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.bytes())
    }

    /// Reads a token; `None` if it is not of that form.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let bytes: [u8; 64] = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (user, rest) = bytes.split_at(16);
        let (session, random) = rest.split_at(16);
        Some(Self {
            user_id: UserId::derived(user.try_into().ok()?),
            session_id: SessionId::derived(session.try_into().ok()?),
            random: random.try_into().ok()?,
        })
    }

    /// Returns the hash of it that the session's row keeps.
    #[must_use]
    pub fn sha256(&self) -> String {
        sha256_hex(&self.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_is_written_as_everybody_writes_it() {
        assert_eq!(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_refresh_token_is_read_back_and_names_its_session() {
        let token = RefreshToken::new(UserId::derived([1; 16]), SessionId::derived([2; 16]), [3; 32]);
        assert_eq!(RefreshToken::decode(&token.encode()), Some(token));
        assert_eq!(token.encode().len(), 86);
        let next = token.next([4; 16]);
        assert_ne!(next.sha256(), token.sha256());
        assert_eq!(next.family_sha256(), token.family_sha256());
        let other = RefreshToken::new(token.user_id, token.session_id, [4; 32]);
        assert_ne!(other.family_sha256(), token.family_sha256());
        for bad in ["", "abc", "!", &token.encode()[1..], &format!("{}A", token.encode())] {
            assert_eq!(RefreshToken::decode(bad), None, "{bad}");
        }
    }
}
