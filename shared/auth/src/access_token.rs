//! Access tokens: JWTs signed with Ed25519 (`alg` EdDSA, RFC 8037), verified without asking anybody.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chairbook_models::ids::{SessionId, UserId};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::seal::derive_key;

/// Seconds by which the clocks of two machines may differ: a token from further in the future is nobody's.
const CLOCK_SKEW_SECONDS: i64 = 60;

/// The content of an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer, as the deployment is configured.
    pub iss: String,
    /// Whose it is.
    pub sub: UserId,
    /// By which session.
    pub sid: SessionId,
    /// The time of its issue, seconds since 1970 (UTC).
    pub iat: i64,
    /// The time at which it ends, seconds since 1970 (UTC).
    pub exp: i64,
}

/// The claims as a token presents them: ours, and the one that would put its beginning off
/// (<https://datatracker.ietf.org/doc/html/rfc7519#section-4.1.5>).
#[derive(Deserialize)]
struct PresentedClaims {
    iss: String,
    sub: UserId,
    sid: SessionId,
    iat: i64,
    exp: i64,
    nbf: Option<i64>,
}

/// Reasons why an access token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not a JWT signed with EdDSA that names its key.
    #[error("the access token is malformed")]
    Malformed,
    /// The signature, the issuer or a claim is wrong.
    #[error("the access token is not valid")]
    Invalid,
    /// It was good once.
    #[error("the access token has expired")]
    Expired,
}

/// Reasons why no key came of the signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no signing key can be made from the secret")]
pub struct KeyError;

/// A public key, as a JWKS lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationKey {
    /// The key's id: its RFC 7638 thumbprint.
    pub kid: String,
    /// The public key, 32 bytes in URL-safe base64.
    pub x: String,
}

impl VerificationKey {
    /// Checks a token's algorithm, signature, issuer, beginning and expiry.
    ///
    /// # Errors
    /// [`TokenError`] when it is refused.
    pub fn verify(&self, token: &str, issuer: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let key = DecodingKey::from_ed_components(&self.x).map_err(|_| TokenError::Invalid)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.validate_exp = false;
        validation.validate_aud = false;
        let presented = jsonwebtoken::decode::<PresentedClaims>(token, &key, &validation);
        let PresentedClaims { iss, sub, sid, iat, exp, nbf } =
            presented.map_err(|_| TokenError::Invalid)?.claims;
        let now = now.as_second();
        if iat.max(nbf.unwrap_or(iat)) > now.saturating_add(CLOCK_SKEW_SECONDS) {
            return Err(TokenError::Invalid);
        }
        if exp <= now { Err(TokenError::Expired) } else { Ok(Claims { iss, sub, sid, iat, exp }) }
    }
}

/// The id of the key that a token says it is signed with, before anything about it is believed.
///
/// # Errors
/// [`TokenError::Malformed`] when it is not a JWT, names another algorithm than EdDSA, or names no plausible
/// key.
pub fn key_id(token: &str) -> Result<String, TokenError> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
    let kid = header.kid.ok_or(TokenError::Malformed)?;
    let plausible =
        kid.len() == 43 && kid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if header.alg == Algorithm::EdDSA && plausible { Ok(kid) } else { Err(TokenError::Malformed) }
}

/// Signs access tokens.
pub struct Signer {
    key: EncodingKey,
    public: VerificationKey,
    issuer: String,
}

impl Signer {
    /// The signer that the signing secret stands for.
    ///
    /// # Errors
    /// [`KeyError`] if no key comes of it.
    pub fn from_secret(secret: &str, issuer: &str) -> Result<Self, KeyError> {
        let seed = derive_key(secret, "sign access tokens").ok_or(KeyError)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError)?;
        let document = pair.to_pkcs8v1().map_err(|_| KeyError)?;
        let x = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        Ok(Self {
            key: EncodingKey::from_ed_der(document.as_ref()),
            public: VerificationKey { kid: thumbprint(&x), x },
            issuer: issuer.to_owned(),
        })
    }

    /// The key that verifies what this signs.
    #[must_use]
    pub const fn verification_key(&self) -> &VerificationKey {
        &self.public
    }

    /// An access token for a session, good for `lifetime_seconds` from `now`.
    ///
    /// # Errors
    /// [`KeyError`] if signing fails.
    pub fn sign(
        &self,
        user_id: UserId,
        session_id: SessionId,
        now: Timestamp,
        lifetime_seconds: i64,
    ) -> Result<String, KeyError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.public.kid.clone());
        let iat = now.as_second();
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: user_id,
            sid: session_id,
            iat,
            exp: iat.saturating_add(lifetime_seconds),
        };
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(|_| KeyError)
    }
}

/// RFC 7638's thumbprint of an Ed25519 key: members in lexicographic order, no white space.
fn thumbprint(x: &str) -> String {
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    BASE64_URL_SAFE_NO_PAD
        .encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "chairbook";

    fn signer() -> Signer {
        Signer::from_secret("a secret of the salon", ISSUER).unwrap()
    }

    fn token(signer: &Signer, at: i64) -> String {
        let now = Timestamp::from_second(at).unwrap();
        signer.sign(UserId::derived([1; 16]), SessionId::derived([2; 16]), now, 60).unwrap()
    }

    #[test]
    fn a_signed_token_verifies_until_it_expires() {
        let signer = signer();
        let token = token(&signer, 1_000);
        let key = signer.verification_key();
        assert_eq!(key_id(&token).as_deref(), Ok(key.kid.as_str()));
        let at = |second| key.verify(&token, ISSUER, Timestamp::from_second(second).unwrap());
        let claims = at(1_059).unwrap();
        assert_eq!((claims.sub, claims.sid), (UserId::derived([1; 16]), SessionId::derived([2; 16])));
        assert_eq!((claims.iat, claims.exp), (1_000, 1_060));
        assert_eq!(at(1_060), Err(TokenError::Expired));
        // Another machine's clock may be behind, by a minute.
        assert!(at(940).is_ok());
        assert_eq!(at(939), Err(TokenError::Invalid));
    }

    #[test]
    fn tokens_of_other_keys_issuers_and_algorithms_are_refused() {
        let signer = signer();
        let key = signer.verification_key();
        let now = Timestamp::from_second(1_000).unwrap();
        let other = Signer::from_secret("another secret", ISSUER).unwrap();
        assert_eq!(key.verify(&token(&other, 1_000), ISSUER, now), Err(TokenError::Invalid));
        assert_eq!(key.verify(&token(&signer, 1_000), "elsewhere", now), Err(TokenError::Invalid));

        let claims = token(&signer, 1_000).split('.').nth(1).unwrap().to_owned();
        let none = format!("{}.{claims}.", BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"x"}"#));
        assert_eq!(key_id(&none), Err(TokenError::Malformed));
        assert_eq!(key.verify(&none, ISSUER, now), Err(TokenError::Invalid));

        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(key.kid.clone());
        let public = BASE64_URL_SAFE_NO_PAD.decode(&key.x).unwrap();
        let body = key.verify(&token(&signer, 1_000), ISSUER, now).unwrap();
        let confused = jsonwebtoken::encode(&header, &body, &EncodingKey::from_secret(&public)).unwrap();
        assert_eq!(key_id(&confused), Err(TokenError::Malformed));
        assert_eq!(key.verify(&confused, ISSUER, now), Err(TokenError::Invalid));
    }

    #[test]
    fn the_key_id_is_the_thumbprint_of_rfc_8037s_example() {
        assert_eq!(
            thumbprint("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn what_is_no_token_names_no_key() {
        for bad in ["", "a", "a.b.c", "..", "Bearer x"] {
            assert_eq!(key_id(bad), Err(TokenError::Malformed), "{bad}");
        }
    }
}
