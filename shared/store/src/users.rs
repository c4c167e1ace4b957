//! Table `users`: profiles, credentials, one-time tokens, verification keys. Sessions are in `sessions`, and what
//! changes an account together with its sessions in `accounts`.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem,
};
use chairbook_auth::access_token::VerificationKey;
use chairbook_auth::{Session, lockout};
use chairbook_models::event::Event;
use chairbook_models::ids::UserId;
use chairbook_models::text::{PersonName, Phone};
use chairbook_models::user::{Profile, Role};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::item::{Item, from_item, instant, n, number, s, to_item};
use crate::paging::rows;
use crate::transaction::{
    Outcome, create, delete, finish, outwait_conflicts, pause, unless_condition_fails, update,
};
use crate::{Reader, Store, StoreError, keys, meter};

/// The time for which failed logins are remembered after the last one, of an account as of an address that nobody has.
const FAILURES_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Tries to count an attempt that others start over at the same time.
const TRIES: u32 = 5;

/// The longest that an attempt waits for the verdicts on others.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits after which the next ones grow no longer.
const LONGEST_WAIT: u32 = 3;

/// The longest that a verdict takes: no function that looks at passwords lives longer.
const VERDICT_DUE: SignedDuration = SignedDuration::from_secs(30);

/// The end of a series of attempts in a row, for an update's expression; it needs `:one`.
pub(crate) const START_OVER: &str = "REMOVE failures, attempted_at, settled ADD series :one";

/// Of somebody who logs in from more devices than this, only the latest is remembered.
const MOST_DEVICES: usize = 16;

/// Verification keys stand in their own partition of the index `by_created`, so that listing them is one query.
const KEY_PARTITION: &str = "KEY";

/// An account as logging in needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose it is.
    pub user_id: UserId,
    /// The password's PHC string.
    pub password_hash: String,
    /// Set where the e-mail address is verified.
    pub verified: bool,
    /// The role.
    pub role: Role,
    /// From which devices they have logged in, by fingerprint.
    pub devices: BTreeSet<String>,
    /// The number of logins: while it stays the same, no session has been opened.
    pub logins: u64,
}

/// An attempt to log in, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginAttempt {
    /// The account is locked; nothing was counted.
    Locked {
        /// Until when (UTC).
        until: Timestamp,
    },
    /// The password may be looked at.
    Counted(Attempt),
}

/// An attempt that counts as failed until the right password takes it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The account, if anybody has that address.
    pub account: Option<Account>,
    /// Attempts in a row that have failed, should this one fail too.
    pub failures: u32,
    /// The series of attempts in a row that it belongs to.
    series: i64,
}

/// The purpose of a one-time token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenPurpose {
    /// Verifying an e-mail address.
    VerifyEmail,
    /// Setting a new password.
    ResetPassword,
}

/// A one-time token, as its row keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneTimeToken {
    /// The SHA-256 of the token.
    #[serde(skip)]
    pub sha256: String,
    /// The purpose, for which alone it is good.
    pub purpose: TokenPurpose,
    /// Whose it is.
    pub user_id: UserId,
    /// The canonical form of their address.
    pub email: String,
    /// The SHA-256 of the password's hash when it was made: another password makes it worthless. Absent where the
    /// password does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_sha256: Option<String>,
    /// Until when it is good (UTC).
    pub expires_at: Timestamp,
}

/// A new account.
#[derive(Debug, Clone)]
pub struct Registration<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// The e-mail address's canonical form.
    pub email: &'a str,
    /// The password's PHC string.
    pub password_hash: &'a str,
    /// The token that verifies the address.
    pub token: Option<&'a OneTimeToken>,
    /// The event that tells of it.
    pub event: &'a Event,
}

#[derive(Serialize, Deserialize)]
struct Credentials {
    user_id: UserId,
    password_hash: String,
    verified: bool,
    role: Role,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    devices: BTreeSet<String>,
    #[serde(default)]
    logins: u64,
}

impl From<Credentials> for Account {
    fn from(row: Credentials) -> Self {
        Self {
            user_id: row.user_id,
            password_hash: row.password_hash,
            verified: row.verified,
            role: row.role,
            devices: row.devices,
            logins: row.logins,
        }
    }
}

/// The condition under which a profile's row is that of an account, and of none that is leaving.
pub(crate) const IS_ACCOUNT: &str = "attribute_exists(pk) AND attribute_not_exists(leaving_since)";

/// Returns true if an account has ended and waits for its owner to be forgotten: nobody has it any more.
pub(crate) fn is_leaving(row: &Item) -> bool {
    row.contains_key("leaving_since")
}

/// The row of an address that nobody has holds failed logins only.
fn account(item: Item) -> Result<Option<Account>, StoreError> {
    let has_account = item.contains_key("user_id") && !is_leaving(&item);
    if has_account { Ok(Some(from_item::<Credentials>(item)?.into())) } else { Ok(None) }
}

/// The item that a failed condition was checked against.
pub(crate) fn condition_item(error: &UpdateItemError) -> Option<Item> {
    match error {
        UpdateItemError::ConditionalCheckFailedException(failed) => {
            failed.item().filter(|item| !item.is_empty()).cloned()
        }
        _ => None,
    }
}

/// The condition under which an account is not locked, and the values that it names.
fn not_locked(now: Timestamp) -> (String, Vec<(String, AttributeValue)>) {
    let since =
        |lock: Duration| n(now.as_millisecond() - i64::try_from(lock.as_millis()).unwrap_or(i64::MAX));
    let mut values = vec![
        (":every".to_owned(), n(lockout::EVERY_ATTEMPT_LOCKS_FROM)),
        (":since_longest".to_owned(), since(lockout::longest())),
    ];
    let mut conditions = vec!["NOT (failures >= :every AND attempted_at > :since_longest)".to_owned()];
    for (lock, failures) in lockout::locks() {
        let seconds = lock.as_secs();
        let names: Vec<_> = failures.iter().map(|number| format!(":f{number}")).collect();
        conditions
            .push(format!("NOT (failures IN ({}) AND attempted_at > :since{seconds})", names.join(", ")));
        values.push((format!(":since{seconds}"), since(lock)));
        values.extend(names.into_iter().zip(failures).map(|(name, number)| (name, n(number))));
    }
    (conditions.join(" AND "), values)
}

/// The latest instant whose attempt is forgotten, in milliseconds since 1970.
fn forgotten(now: Timestamp) -> i64 {
    now.saturating_sub(FAILURES_KEPT).unwrap_or(Timestamp::MIN).as_millisecond()
}

fn is_forgotten(row: &Item, now: Timestamp) -> bool {
    number(row, "attempted_at").is_some_and(|attempted_at| attempted_at <= forgotten(now))
}

fn failures(row: &Item) -> u32 {
    number(row, "failures").and_then(|failures| u32::try_from(failures).ok()).unwrap_or(1)
}

fn counted(row: Item) -> Result<LoginAttempt, StoreError> {
    let (failures, series) = (failures(&row), number(&row, "series").unwrap_or(0));
    Ok(LoginAttempt::Counted(Attempt { account: account(row)?, failures, series }))
}

/// Returns true if a password is still looked at that counts towards a lock: the lock may not be one. An attempt whose
/// function died stays without a verdict, and is taken for a wrong one after a while.
fn is_undecided(row: &Item, now: Timestamp) -> bool {
    let due = now.saturating_sub(VERDICT_DUE).unwrap_or(Timestamp::MIN).as_millisecond();
    let is_recent = number(row, "attempted_at").is_some_and(|attempted_at| attempted_at > due);
    is_recent && number(row, "settled").unwrap_or(0) < i64::from(failures(row))
}

/// Makes the write that counts an attempt: the row after it, or the row that its condition refused.
async fn attempted(call: UpdateItemFluentBuilder, now: Timestamp) -> Result<Result<Item, Item>, StoreError> {
    let call = call
        .expression_attribute_values(":one", n(1))
        .expression_attribute_values(":now", n(now.as_millisecond()))
        .expression_attribute_values(":forgotten", n(forgotten(now)))
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let written = || async {
        match meter::metered(call.clone().send()).await {
            Ok(output) => Ok(Ok(output.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error().and_then(condition_item) {
                Some(row) => Ok(Err(row)),
                None => Err(error.into()),
            },
        }
    };
    outwait_conflicts(written).await
}

impl Reader {
    /// The profile of an account; one that is leaving has none.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be read.
    pub async fn profile(&self, id: UserId) -> Result<Option<Profile>, StoreError> {
        let row = self.get(self.users()?, keys::profile(id), true).await?;
        row.filter(|row| !is_leaving(row)).map(from_item).transpose()
    }

    /// A verification key; one that was found is remembered, so that it is read once.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be read.
    pub async fn verification_key(&self, kid: &str) -> Result<Option<VerificationKey>, StoreError> {
        let known = self.verification_keys.read().unwrap_or_else(PoisonError::into_inner).get(kid).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let row = self.get(self.users()?, keys::verification_key(kid), true).await?;
        let key: Option<VerificationKey> = row.map(from_item).transpose()?;
        if let Some(key) = &key {
            self.verification_keys
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(kid.to_owned(), key.clone());
        }
        Ok(key)
    }

    /// Every published verification key, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn verification_keys(&self) -> Result<Vec<VerificationKey>, StoreError> {
        rows(meter::metered(self.by_created(KEY_PARTITION)?.send()).await?.items)
    }

    /// The account of an address.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be read.
    pub async fn account(&self, email: &str) -> Result<Option<Account>, StoreError> {
        match self.get(self.users()?, keys::credentials(email), true).await? {
            Some(item) => account(item),
            None => Ok(None),
        }
    }

    /// The one-time token with that SHA-256, whether or not it has expired, if it is good for that.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be read.
    pub async fn token(
        &self,
        sha256: &str,
        purpose: TokenPurpose,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        let Some(item) = self.get(self.users()?, keys::token(sha256), true).await? else { return Ok(None) };
        let token: OneTimeToken = from_item(item)?;
        Ok(Some(OneTimeToken { sha256: sha256.to_owned(), ..token }).filter(|token| token.purpose == purpose))
    }
}

impl Store {
    /// Publishes a verification key; once per process, and nothing happens if it is published already.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be published.
    pub async fn publish_verification_key(
        &self,
        key: &VerificationKey,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.verification_keys.read().unwrap_or_else(PoisonError::into_inner).contains_key(&key.kid) {
            return Ok(());
        }
        let mut item = to_item(keys::verification_key(&key.kid), key)?;
        item.insert("created_month".to_owned(), s(KEY_PARTITION));
        item.insert("created_at".to_owned(), s(instant(now)));
        let call = self
            .client
            .put_item()
            .table_name(self.users()?)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let publish = || async {
            match meter::metered(call.clone().send()).await {
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(PutItemError::is_conditional_check_failed_exception) =>
                {
                    Ok(())
                }
                other => other.map(drop).map_err(StoreError::from),
            }
        };
        outwait_conflicts(publish).await?;
        self.verification_keys
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key.kid.clone(), key.clone());
        Ok(())
    }

    /// Changes what somebody says of themselves.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when the account is gone.
    pub async fn change_profile(
        &self,
        id: UserId,
        name: &PersonName,
        phone: Option<&Phone>,
        event: &Event,
    ) -> Result<(), StoreError> {
        let write = update(self.users()?, keys::profile(id))
            .condition_expression(IS_ACCOUNT)
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":name", s(name.as_str()))
            .expression_attribute_values(":now", s(instant(event.at)));
        let write = match phone {
            Some(phone) => write
                .update_expression("SET #name = :name, phone = :phone, updated_at = :now")
                .expression_attribute_values(":phone", s(phone.as_str())),
            None => write.update_expression("SET #name = :name, updated_at = :now REMOVE phone"),
        };
        self.transact_or_changed(vec![finish(write)?, self.event_write(event)?]).await
    }

    /// Creates an account, with the token that verifies its address.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when somebody has that address; then nothing is written.
    pub async fn register(&self, registration: Registration<'_>) -> Result<(), StoreError> {
        let table = self.users()?;
        let profile = registration.profile;
        let credentials = Credentials {
            user_id: profile.id,
            password_hash: registration.password_hash.to_owned(),
            verified: profile.email_verified,
            role: profile.role,
            devices: BTreeSet::new(),
            logins: 0,
        };
        let mut profile_item = to_item(keys::profile(profile.id), profile)?;
        profile_item.insert("created_at".to_owned(), s(instant(profile.created_at)));
        profile_item
            .insert("created_month".to_owned(), s(profile.created_at.strftime("USERS#%Y-%m").to_string()));
        let mut writes = vec![
            // The row may hold failed logins from before anybody had the address.
            crate::transaction::put(
                table,
                to_item(keys::credentials(registration.email), &credentials)?,
                Some("attribute_not_exists(user_id)"),
            )?,
            create(table, profile_item)?,
            self.event_with_token_write(registration.event, registration.token)?,
        ];
        if let Some(token) = registration.token {
            writes.push(self.token_write(token)?);
        }
        if profile.role == Role::Owner {
            writes.push(self.owner_joins(profile.id)?);
        }
        match self.transact(writes).await? {
            Outcome::Committed => Ok(()),
            Outcome::Refused(_) => Err(StoreError::Exists),
        }
    }

    fn token_write(&self, token: &OneTimeToken) -> Result<TransactWriteItem, StoreError> {
        let mut item = to_item(keys::token(&token.sha256), token)?;
        item.insert("ttl".to_owned(), n(token.expires_at.as_second()));
        create(self.users()?, item)
    }

    /// Adds a one-time token, and the event that brings it to its address.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written.
    pub async fn add_token(&self, token: &OneTimeToken, event: &Event) -> Result<(), StoreError> {
        let event = self.event_with_token_write(event, Some(token))?;
        self.transact_or_changed(vec![self.token_write(token)?, event]).await
    }

    /// The deletion of a token, on the condition that it is still there.
    pub(crate) fn token_use(&self, token: &OneTimeToken) -> Result<TransactWriteItem, StoreError> {
        delete(self.users()?, keys::token(&token.sha256), Some("attribute_exists(pk)"))
    }

    /// Uses up a verification token: its address is verified. The account's password and role stay as they are.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when the token was used up meanwhile, the address is verified already, or its account
    /// is gone.
    pub async fn verify_email(&self, token: &OneTimeToken, event: &Event) -> Result<(), StoreError> {
        let table = self.users()?;
        let credentials = update(table, keys::credentials(&token.email))
            .update_expression("SET verified = :true")
            // Of several links, the first that is followed counts.
            .condition_expression("user_id = :user AND verified = :false")
            .expression_attribute_values(":user", s(token.user_id.to_string()))
            .expression_attribute_values(":false", AttributeValue::Bool(false))
            .expression_attribute_values(":true", AttributeValue::Bool(true));
        let profile = update(table, keys::profile(token.user_id))
            .update_expression("SET email_verified = :true, updated_at = :now")
            .condition_expression(IS_ACCOUNT)
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":now", s(instant(event.at)));
        let writes =
            vec![self.token_use(token)?, finish(credentials)?, finish(profile)?, self.event_write(event)?];
        self.transact_or_changed(writes).await
    }

    /// Counts an attempt to log in, unless the account is locked, and reads the account: one conditional write,
    /// the same for an address that nobody has, so that neither the answer nor its time tells them apart. Where the
    /// last attempt was a day ago, a second write starts over.
    ///
    /// Only so many passwords are looked at at a time as may be wrong before a lock. While some of those that would
    /// lock the account are being looked at, this one waits: they may be right.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be counted.
    pub async fn attempt_login(&self, email: &str, now: Timestamp) -> Result<LoginAttempt, StoreError> {
        let (begun, mut waits, mut starts) = (Instant::now(), 0, 0);
        while starts < TRIES {
            let waited = begun.elapsed();
            let now = now.saturating_add(waited).unwrap_or(now);
            let before = match self.count_attempt(email, now).await? {
                Ok(row) => return counted(row),
                Err(row) => row,
            };
            if is_forgotten(&before, now) {
                // Somebody else may start over at the same time: then this attempt counts after theirs.
                if let Ok(row) = self.start_over(email, now).await? {
                    return counted(row);
                }
                starts += 1;
                continue;
            }
            if waited >= PATIENCE || !is_undecided(&before, now) {
                let attempted_at = number(&before, "attempted_at");
                let attempted_at =
                    attempted_at.and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or(now);
                let until = lockout::locked_until(failures(&before), attempted_at).unwrap_or(now);
                return Ok(LoginAttempt::Locked { until });
            }
            pause(waits).await;
            waits = LONGEST_WAIT.min(waits + 1);
        }
        Err(StoreError::Unavailable("an account's failed logins start over all the time".to_owned()))
    }

    /// One attempt more, unless the account is locked or the last one is forgotten. The inner error is the row then.
    async fn count_attempt(&self, email: &str, now: Timestamp) -> Result<Result<Item, Item>, StoreError> {
        let (not_locked, values) = not_locked(now);
        let mut call = self
            .update_item(self.users()?, keys::credentials(email))
            .update_expression("SET failures = if_not_exists(failures, :zero) + :one, attempted_at = :now")
            .condition_expression(format!("NOT attempted_at <= :forgotten AND {not_locked}"))
            .expression_attribute_values(":zero", n(0));
        for (name, value) in values {
            call = call.expression_attribute_values(name, value);
        }
        attempted(call, now).await
    }

    /// The first attempt after one that is forgotten.
    async fn start_over(&self, email: &str, now: Timestamp) -> Result<Result<Item, Item>, StoreError> {
        let call = self
            .update_item(self.users()?, keys::credentials(email))
            .update_expression("SET failures = :one, attempted_at = :now REMOVE settled ADD series :one")
            .condition_expression("attempted_at <= :forgotten");
        attempted(call, now).await
    }

    /// Notes that an attempt's password was wrong, so that nobody waits for the verdict. What is kept of an address
    /// that nobody has is kept for a day.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written.
    pub async fn password_was_wrong(
        &self,
        email: &str,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // A series that has ended has no verdicts any more.
        let same_series = match attempt.series {
            0 => "attribute_exists(failures) AND attribute_not_exists(series)",
            _ => "attribute_exists(failures) AND series = :series",
        };
        let end = now.saturating_add(FAILURES_KEPT).unwrap_or(Timestamp::MAX);
        let mut update = self
            .update_item(self.users()?, keys::credentials(email))
            .expression_attribute_values(":one", n(1));
        if attempt.series != 0 {
            update = update.expression_attribute_values(":series", n(attempt.series));
        }
        update = if attempt.account.is_some() {
            update.update_expression("ADD settled :one").condition_expression(same_series)
        } else {
            update
                .update_expression("SET #ttl = :end ADD settled :one")
                // Somebody may have registered the address meanwhile; an account has no time to live.
                .condition_expression(format!("{same_series} AND attribute_not_exists(user_id)"))
                .expression_attribute_names("#ttl", "ttl")
                // Never before they are forgotten: whole seconds, upwards.
                .expression_attribute_values(":end", n(end.as_second().saturating_add(1)))
        };
        unless_condition_fails(update).await
    }

    /// Takes back all attempts on an account whose right password was just given.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written.
    pub async fn password_was_right(&self, email: &str, user: UserId) -> Result<(), StoreError> {
        let update = self
            .update_item(self.users()?, keys::credentials(email))
            .update_expression(START_OVER)
            .condition_expression("user_id = :user")
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":user", s(user.to_string()));
        unless_condition_fails(update).await
    }

    /// Opens a session, forgets the failed logins, remembers the device, and keeps a stronger hash if there is
    /// one.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when the password or the role has changed since `account` was read: the session
    /// must not outlive what it was opened with.
    pub async fn log_in(
        &self,
        email: &str,
        account: &Account,
        session: &Session,
        device: &str,
        stronger_hash: Option<&str>,
        event: &Event,
    ) -> Result<(), StoreError> {
        let table = self.users()?;
        let mut devices = vec![device.to_owned()];
        if account.devices.len() < MOST_DEVICES {
            devices.extend(account.devices.iter().filter(|known| *known != device).cloned());
        }
        let mut credentials = update(table, keys::credentials(email))
            .condition_expression("password_hash = :hash AND #role = :role AND user_id = :user")
            .expression_attribute_names("#role", "role")
            .expression_attribute_values(":hash", s(&account.password_hash))
            .expression_attribute_values(":role", s(account.role.as_str()))
            .expression_attribute_values(":user", s(account.user_id.to_string()))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":devices", AttributeValue::L(devices.into_iter().map(s).collect()));
        credentials = match stronger_hash {
            None => {
                credentials.update_expression(format!("SET devices = :devices {START_OVER}, logins :one"))
            }
            Some(hash) => credentials
                .update_expression(format!(
                    "SET devices = :devices, password_hash = :stronger {START_OVER}, logins :one"
                ))
                .expression_attribute_values(":stronger", s(hash)),
        };
        let writes = vec![self.session_write(session)?, finish(credentials)?, self.event_write(event)?];
        self.transact_or_changed(writes).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_condition_on_logging_in_fits_into_an_expression_and_names_its_values() {
        let (condition, values) = not_locked(Timestamp::UNIX_EPOCH);
        assert!(condition.len() < 4096, "DynamoDB's limit for an expression is 4 KB");
        for (name, _) in &values {
            assert!(condition.contains(name.as_str()), "{name}");
        }
        assert_eq!(values.iter().filter(|(name, _)| name.starts_with(":f")).count(), 19);
    }

    #[test]
    fn failed_logins_alone_are_no_account_and_what_is_left_of_one_is_none() {
        let failures = ("failures".to_owned(), n(2));
        assert_eq!(account(Item::from([failures.clone()])), Ok(None));
        let left =
            [("user_id".to_owned(), s("usr_…")), ("leaving_since".to_owned(), s("2026-03-03T09:00:00Z"))];
        assert_eq!(account(left.into_iter().chain([failures]).collect()), Ok(None));
    }

    #[test]
    fn verdicts_are_waited_for_while_they_can_come() {
        let now = Timestamp::from_second(1_000).unwrap();
        let row = |failures: i64, settled: Option<i64>, seconds_ago: i64| {
            let at = (now.as_second() - seconds_ago) * 1_000;
            let mut row =
                Item::from([("failures".to_owned(), n(failures)), ("attempted_at".to_owned(), n(at))]);
            row.extend(settled.map(|settled| ("settled".to_owned(), n(settled))));
            row
        };
        for (row, undecided) in [
            (row(3, None, 0), true),
            (row(3, Some(2), 29), true),
            (row(3, Some(2), 30), false),
            (row(3, Some(3), 0), false),
            (row(6, Some(3), 1), true),
            (row(6, Some(6), 1), false),
        ] {
            assert_eq!(is_undecided(&row, now), undecided, "{row:?}");
        }
    }
}
