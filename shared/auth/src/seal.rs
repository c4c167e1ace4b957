//! Sealed secrets: a one-time token on its way to the e-mail function, through a row that others may read.
//! AES-256-GCM under a key derived (HKDF-SHA256) from the sealing secret, bound to the event that carries it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// Reasons why something could not be sealed or opened. It never says what was inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not made by this key for this context, or changed since.
    #[error("the sealed text was not made by this key for this context")]
    Forged,
    /// The key cannot be used.
    #[error("the sealing key cannot be used")]
    Key,
}

/// A length for HKDF's output.
pub(crate) struct Length(pub(crate) usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// 32 bytes that only the holder of the secret can compute, different for each purpose.
pub(crate) fn derive_key(secret: &str, purpose: &str) -> Option<[u8; 32]> {
    let mut key = [0_u8; 32];
    Salt::new(HKDF_SHA256, b"chairbook")
        .extract(secret.as_bytes())
        .expand(&[purpose.as_bytes()], Length(32))
        .and_then(|okm| okm.fill(&mut key))
        .ok()?;
    Some(key)
}

/// Seals and opens.
#[derive(Debug)]
pub struct Sealer(RandomizedNonceKey);

impl Sealer {
    /// The sealer that both ends make from the same secret.
    ///
    /// # Errors
    /// [`SealError::Key`] if no key comes of the secret.
    pub fn from_secret(secret: &str) -> Result<Self, SealError> {
        let key = derive_key(secret, "seal one-time tokens").ok_or(SealError::Key)?;
        RandomizedNonceKey::new(&AES_256_GCM, &key).map(Self).map_err(|_| SealError::Key)
    }

    /// Seals a text; it opens for the same context only.
    ///
    /// # Errors
    /// [`SealError::Key`] if the key is used up.
    pub fn seal(&self, text: &str, context: &str) -> Result<String, SealError> {
        let mut sealed = text.as_bytes().to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(context.as_bytes()), &mut sealed)
            .map_err(|_| SealError::Key)?;
        let mut bytes = nonce.as_ref().to_vec();
        bytes.extend(sealed);
        Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Opens what [`Self::seal`] made.
    ///
    /// # Errors
    /// [`SealError::Forged`] when it was not made by this key for this context.
    pub fn unseal(&self, sealed: &str, context: &str) -> Result<String, SealError> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(sealed).map_err(|_| SealError::Forged)?;
        let (nonce, sealed) = bytes.split_at_checked(12).ok_or(SealError::Forged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Forged)?;
        let mut text = sealed.to_vec();
        let opened = self
            .0
            .open_in_place(nonce, Aad::from(context.as_bytes()), &mut text)
            .map_err(|_| SealError::Forged)?;
        String::from_utf8(opened.to_vec()).map_err(|_| SealError::Forged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_for_the_same_secret_and_context_only() {
        let sealer = Sealer::from_secret("a secret").unwrap();
        let sealed = sealer.seal("the token", "evt_1").unwrap();
        assert!(!sealed.contains("token"));
        assert_eq!(sealer.unseal(&sealed, "evt_1"), Ok("the token".to_owned()));
        assert_eq!(sealer.unseal(&sealed, "evt_2"), Err(SealError::Forged));
        assert_eq!(sealer.unseal(&sealed[1..], "evt_1"), Err(SealError::Forged));
        assert_eq!(sealer.unseal("", "evt_1"), Err(SealError::Forged));
        assert_eq!(Sealer::from_secret("another").unwrap().unseal(&sealed, "evt_1"), Err(SealError::Forged));
    }

    #[test]
    fn the_same_text_is_never_sealed_the_same_way_twice() {
        let sealer = Sealer::from_secret("a secret").unwrap();
        assert_ne!(sealer.seal("the token", "evt_1"), sealer.seal("the token", "evt_1"));
    }
}
