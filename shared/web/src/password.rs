//! Passwords that are to be checked: by logging in, or again before something that cannot be undone.

use std::borrow::Cow;
use std::str::FromStr;

use chairbook_auth::email_address::canonical_form;
use chairbook_auth::lockout;
use chairbook_auth::password::{self, Verdict};
use chairbook_models::user::Profile;
use chairbook_platform::clock;
#[cfg(doc)]
use chairbook_store::Store;
use chairbook_store::{Account, LoginAttempt, StoreError};
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::access::{Access, Customer};
use crate::contract::{RequestError, WriteError};

/// The longest password that anybody can have, characters.
pub const MAX_PASSWORD_CHARACTERS: usize = 128;

/// A password as it was typed: any text, since one that is too short is simply wrong.
#[derive(Clone, PartialEq, Eq)]
pub struct GivenPassword(String);

impl FromStr for GivenPassword {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.chars().count() > MAX_PASSWORD_CHARACTERS {
            return Err(format!("must have at most {MAX_PASSWORD_CHARACTERS} characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl JsonSchema for GivenPassword {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "GivenPassword".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A password as it was typed.",
            "type": "string",
            "format": "password",
            "maxLength": MAX_PASSWORD_CHARACTERS,
        })
    }
}

impl GivenPassword {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks it against a PHC string, off the async executor; without one, it takes as long and is wrong. Only for a
    /// caller who has been admitted, since it is the most expensive thing that a request can cause.
    ///
    /// # Errors
    /// 500 when the work was lost.
    pub async fn verify(&self, phc: Option<String>, _: &impl Access) -> Result<Verdict, RequestError> {
        let text = self.0.clone();
        tokio::task::spawn_blocking(move || password::verify(&text, phc.as_deref()))
            .await
            .map_err(|error| RequestError::bug(&error))
    }
}

/// The canonical form of a profile's address: what its credentials are found by.
///
/// # Errors
/// 500 when the profile's address is none.
pub fn canonical_email(profile: &Profile) -> Result<String, RequestError> {
    canonical_form(&profile.email).map_err(|error| RequestError::bug(&error))
}

/// Attempts that are left before an account is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptsLeft {
    /// Wrong passwords in a row that are still possible before the account is locked for a time.
    pub attempts_remaining: u32,
}

crate::errors! {
    /// Refusals of an attempt to tell a password.
    pub enum AttemptError {
        /// Too many wrong passwords in a row were given for the account.
        AccountLocked { retry_after: u64 } => TOO_MANY_REQUESTS "account_locked"
            "Too many wrong passwords. Try again in {retry_after} seconds."
            like "Too many wrong passwords. Try again in 30 seconds.";
        ..Request(RequestError: StoreError);
    }
}

crate::errors! {
    /// Refusals of a change that needs the caller's password.
    pub enum ProofError {
        /// The password is not the caller's.
        WrongPassword { field: &'static str, details: AttemptsLeft } => BAD_REQUEST "wrong_password" "is not your password";
        ..Attempt(AttemptError: RequestError, StoreError);
    }
}

/// Seconds from `now` until a lock ends, upwards.
#[must_use]
pub fn seconds_until(until: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(until.duration_since(now).as_millis()).unwrap_or(0).div_ceil(1_000).max(1)
}

/// The verdict on a password that was given for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// It is the account's. The attempt still counts until it is taken back: by [`Store::password_was_right`], or by
    /// [`Store::log_in`].
    Right {
        /// The account.
        account: Account,
        /// Set where its hash is weaker than those of today.
        is_weakly_hashed: bool,
    },
    /// It is not, or nobody has that address.
    Wrong {
        /// Attempts in a row that have failed, this one included.
        failures: u32,
    },
}

/// Counts an attempt, and then looks at the password. The same work, whoever has the address.
///
/// # Errors
/// 429 `account_locked`.
pub async fn check_password(
    caller: &impl Access,
    email: &str,
    password: &GivenPassword,
) -> Result<Checked, AttemptError> {
    let (store, now) = (caller.store(), clock::now());
    let attempt = match store.attempt_login(email, now).await? {
        // Seen from now: the attempt that locked the account may have come after this request did.
        LoginAttempt::Locked { until } => {
            return Err(AttemptError::AccountLocked { retry_after: seconds_until(until, clock::now()) });
        }
        LoginAttempt::Counted(attempt) => attempt,
    };
    let phc = attempt.account.as_ref().map(|account| account.password_hash.clone());
    let verdict = password.verify(phc, caller).await?;
    if let (Some(account), Verdict::Right | Verdict::RightButWeaklyHashed) = (&attempt.account, verdict) {
        let is_weakly_hashed = verdict == Verdict::RightButWeaklyHashed;
        return Ok(Checked::Right { account: account.clone(), is_weakly_hashed });
    }
    store.password_was_wrong(email, &attempt, now).await?;
    Ok(Checked::Wrong { failures: attempt.failures })
}

/// The account of somebody who is logged in, if `password` is theirs. Wrong ones count towards the lock, as they do
/// at login, and the right one starts over. `field` is the request's field that had it.
///
/// # Errors
/// 400 `wrong_password` with `attemptsRemaining`, 401 `session_ended`, 429 `account_locked`.
pub async fn prove_password(
    customer: &Customer,
    email: &str,
    password: &GivenPassword,
    field: &'static str,
) -> Result<Account, ProofError> {
    let account = match check_password(customer, email, password).await? {
        Checked::Wrong { failures } => {
            let details = attempts_left(failures)?;
            return Err(ProofError::WrongPassword { field, details });
        }
        Checked::Right { account, .. } => account,
    };
    customer.store().password_was_right(email, account.user_id).await?;
    // The account may have ended, and its address may be another's by now.
    if account.user_id == customer.caller.user_id {
        Ok(account)
    } else {
        Err(RequestError::session_ended().into())
    }
}

/// The account as it is now, if its password is still the one that was proven.
///
/// # Errors
/// 401 `session_ended`, 409 `changed_meanwhile`.
pub async fn still_proven(customer: &Customer, email: &str, proven: &Account) -> Result<Account, WriteError> {
    let found = customer.store().account(email).await?;
    let found =
        found.filter(|found| found.user_id == proven.user_id).ok_or_else(RequestError::session_ended)?;
    if found.password_hash == proven.password_hash { Ok(found) } else { Err(StoreError::Changed.into()) }
}

/// The attempts that are left after so many failures in a row.
///
/// # Errors
/// 429 `account_locked` when none is left.
pub fn attempts_left(failures: u32) -> Result<AttemptsLeft, AttemptError> {
    match lockout::lock_after(failures) {
        Some(lock) => Err(AttemptError::AccountLocked { retry_after: lock.as_secs() }),
        None => Ok(AttemptsLeft { attempts_remaining: lockout::attempts_remaining(failures) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_lock_is_rounded_up() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        assert_eq!(seconds_until(at(30_000), at(1)), 30);
        assert_eq!(seconds_until(at(30_000), at(29_999)), 1);
        assert_eq!(seconds_until(at(30_000), at(40_000)), 1);
    }
}
