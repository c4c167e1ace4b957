//! Passwords: argon2id with OWASP's parameters
//! (<https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>), kept as a PHC string.
//!
//! Hashing takes tens of milliseconds of CPU and 19 MiB: call it off the async executor.

use std::sync::{Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{self, CustomizedPasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Block, Params, Version};

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The failure to hash a password: always a bug, never the password's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("argon2 failed: {0}")]
pub struct HashError(String);

/// The outcome of a check of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the password.
    Right,
    /// It is the password, and its hash was made with weaker parameters than today's: make a new one.
    RightButWeaklyHashed,
    /// It is not the password, or the hash cannot be read.
    Wrong,
}

/// The memory that passwords are hashed in, one at a time. An allocation for each would come from whichever thread's
/// arena, and the allocator keeps them all: 230 MB after 60 logins.
static MEMORY: Mutex<Vec<Block>> = Mutex::new(Vec::new());

/// Argon2, in [`MEMORY`].
struct Hasher;

impl CustomizedPasswordHasher<PasswordHash> for Hasher {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> password_hash::Result<PasswordHash> {
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?.unwrap_or_default();
        let version = version.map(Version::try_from).transpose()?.unwrap_or_default();
        let salt = Salt::new(salt)?;
        let mut buffer = [0; Output::MAX_LENGTH];
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let output = buffer.get_mut(..length).ok_or(password_hash::Error::OutputSize)?;
        let blocks = params.block_count();
        let argon2 = Argon2::new(algorithm, version, params.clone());
        {
            let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
            if memory.len() < blocks {
                memory.resize(blocks, Block::new());
            }
            argon2.hash_password_into_with_memory(password, &salt, output, &mut *memory)?;
        }
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(&params)?,
            salt: Some(salt),
            hash: Some(Output::new(output)?),
        })
    }
}

fn hash_as_strong(password: &str, salt: &[u8]) -> password_hash::Result<PasswordHash> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    let (algorithm, version) = (Algorithm::Argon2id.as_ref(), Version::V0x13.into());
    Hasher.hash_password_customized(password.as_bytes(), salt, Some(algorithm), Some(version), params)
}

/// Hashes a password with a salt of 16 random bytes; the result is a PHC string.
///
/// # Errors
/// [`HashError`] if argon2 refuses its own parameters.
pub fn hash(password: &str, salt: [u8; 16]) -> Result<String, HashError> {
    let hash = hash_as_strong(password, &salt).map_err(|error| HashError(error.to_string()))?;
    Ok(hash.to_string())
}

/// Checks a password against a PHC string. Without one (nobody has that account) it does the same work and
/// answers [`Verdict::Wrong`], so that the time it takes does not tell which accounts exist.
#[must_use]
pub fn verify(password: &str, phc: Option<&str>) -> Verdict {
    let Some(parsed) = phc.and_then(|phc| PasswordHash::new(phc).ok()) else {
        let _same_work = hash_as_strong(password, &[0; 16]);
        return Verdict::Wrong;
    };
    if Hasher.verify_password(password.as_bytes(), &parsed).is_err() {
        return Verdict::Wrong;
    }
    let as_strong = Params::try_from(&parsed).is_ok_and(|params| {
        parsed.algorithm.as_str() == "argon2id"
            && params.m_cost() >= MEMORY_KIB
            && params.t_cost() >= PASSES
            && params.p_cost() >= LANES
    });
    if as_strong { Verdict::Right } else { Verdict::RightButWeaklyHashed }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher as _;

    use super::*;

    /// The hash is the one that argon2 makes in memory of its own, whatever was hashed before in the shared one.
    #[test]
    fn the_memory_is_no_part_of_the_hash() {
        let fresh = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap(),
        );
        for password in ["correct horse", "battery staple"] {
            let expected = fresh.hash_password_with_salt(password.as_bytes(), &[1; 16]).unwrap().to_string();
            assert_eq!(hash(password, [1; 16]).unwrap(), expected);
        }
    }

    #[test]
    fn a_password_is_checked_against_its_own_hash_only() {
        let phc = hash("correct horse", [1; 16]).unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_eq!(verify("correct horse", Some(&phc)), Verdict::Right);
        assert_eq!(verify("correct horsf", Some(&phc)), Verdict::Wrong);
        assert_eq!(verify("correct horse", None), Verdict::Wrong);
        assert_eq!(verify("correct horse", Some("not a hash")), Verdict::Wrong);
    }

    #[test]
    fn a_weaker_hash_is_recognised() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 1, 1, None).unwrap());
        let phc = weak.hash_password_with_salt(b"correct horse", &[1; 16]).unwrap().to_string();
        assert_eq!(verify("correct horse", Some(&phc)), Verdict::RightButWeaklyHashed);
        assert_eq!(verify("wrong", Some(&phc)), Verdict::Wrong);
    }

    #[test]
    fn any_unicode_is_a_password() {
        let phc = hash("пароль 🔑 mot de passe", [2; 16]).unwrap();
        assert_eq!(verify("пароль 🔑 mot de passe", Some(&phc)), Verdict::Right);
    }
}
