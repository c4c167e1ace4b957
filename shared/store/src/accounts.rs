//! Table `users`: what changes an account together with its sessions. One transaction, so that no session outlives what
//! it was opened with; and on the condition that nobody has logged in since the sessions were listed.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use chairbook_auth::{Caller, Session};
use chairbook_models::event::Event;
use chairbook_models::ids::UserId;
use chairbook_models::user::Role;

use crate::erasure::{LEAVING_PARTITION, Leaving};
use crate::item::{instant, n, s, text};
use crate::sessions::{SESSIONS_AT_ONCE, caller_refused};
use crate::transaction::{Outcome, Refusal, deletion, finish, finish_deletion, update};
use crate::users::{Account, IS_ACCOUNT, OneTimeToken, START_OVER};
use crate::{Store, StoreError, keys};

/// A change of an account.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AccountChange<'a> {
    /// It gets another password; its sessions end, but for the one in which that was done.
    Password {
        /// The new password's PHC string.
        hash: &'a str,
    },
    /// It gets another password by a token that went to its address; all of its sessions end.
    PasswordReset {
        /// The new password's PHC string.
        hash: &'a str,
        /// The token, which is used up. It also proves that the address is theirs.
        token: &'a OneTimeToken,
        /// The role that goes with proving that, if it is another one.
        role: Option<Role>,
        /// The event that tells of the verification, if the address was not verified when the account was read.
        verified: Option<&'a Event>,
    },
    /// It may do more, or less; its sessions too, from now on.
    Role(Role),
    /// It ends: its sessions with it, and nobody logs in any more. Its address stays taken, and its erasure can be
    /// found, until [`Store::finish_leaving`].
    Leaves,
}

impl Store {
    /// Changes an account and its sessions. `email` is the canonical form of its address; `by` is the caller by whose
    /// session and role the change is made, if it is made by them.
    ///
    /// # Errors
    /// [`StoreError::SessionEnded`] or [`StoreError::RoleChanged`] when the caller is no longer who was admitted;
    /// [`StoreError::Changed`] when the account is no longer as it was read, somebody has logged in meanwhile, or the
    /// token was used up; [`StoreError::LastOwner`] when nobody would be left. Nothing is changed then; after
    /// [`StoreError::Changed`] it may be decided again about the account as it is.
    pub async fn change_account(
        &self,
        email: &str,
        account: &Account,
        change: AccountChange<'_>,
        by: Option<Caller>,
        event: &Event,
    ) -> Result<(), StoreError> {
        let is_own = |session: &Session| by.is_some_and(|caller| caller.session_id == session.id);
        let mut sessions = self.sessions(account.user_id).await?;
        sessions.sort_by_key(|session| (is_own(session), session.last_used_at));
        self.end_surplus(&sessions).await?;
        let sessions = sessions.split_off(sessions.len().saturating_sub(SESSIONS_AT_ONCE));
        let (own, others): (Vec<_>, Vec<_>) = sessions.into_iter().partition(is_own);

        // The caller's condition is the first write, the owners' the last, where a refusal of it is looked for. A
        // transaction writes no row twice, so where it changes the caller's own session, the condition is on that.
        let mut writes = Vec::new();
        writes.extend(match (by, change) {
            (None, _) => None,
            (Some(caller), AccountChange::Role(role)) if !own.is_empty() => {
                Some(self.caller_session_role(caller, role)?)
            }
            (Some(caller), AccountChange::Leaves) if !own.is_empty() => {
                Some(self.caller_session_end(caller)?)
            }
            (Some(caller), _) => Some(self.caller_check(caller)?),
        });
        writes.extend(self.account_writes(email, account, change, event)?);
        if let AccountChange::Role(role) = change {
            for session in &others {
                writes.push(self.session_role(session, role)?);
            }
        } else {
            writes.extend(self.session_ends(&others)?);
        }
        writes.push(self.event_write(event)?);
        if let AccountChange::PasswordReset { verified: Some(verified), .. } = change {
            writes.push(self.event_write(verified)?);
        }
        let owners = self.owners_write(account, change)?;
        let has_owners_write = owners.is_some();
        writes.extend(owners);
        let refusals = match self.transact(writes).await? {
            Outcome::Committed => return Ok(()),
            Outcome::Refused(refusals) => refusals,
        };
        if let Some(refusal) = refusals.first().filter(|refusal| by.is_some() && refusal.failed) {
            return Err(caller_refused(refusal));
        }
        // The last owner is the last owner, whatever else has changed of their account meanwhile.
        let is_as_found = |credentials: &Refusal| {
            let found = credentials.found.as_ref();
            !credentials.failed || found.is_some_and(|row| text(row, "role") == Some(account.role.as_str()))
        };
        let is_refused_to_owners = has_owners_write && refusals.last().is_some_and(|owners| owners.failed);
        let credentials = refusals.get(usize::from(by.is_some()));
        let is_last = is_refused_to_owners && credentials.is_some_and(is_as_found);
        Err(if is_last { StoreError::LastOwner } else { StoreError::Changed })
    }

    /// Ends what is left of an account that has left: its address is free again. Nothing happens if that has been done
    /// already.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written.
    pub async fn finish_leaving(&self, leaving: &Leaving) -> Result<(), StoreError> {
        let table = self.users()?;
        let credentials = deletion(table, keys::credentials(&leaving.email))
            .condition_expression("user_id = :user AND attribute_exists(leaving_since)")
            .expression_attribute_values(":user", s(leaving.user_id.to_string()));
        let profile = deletion(table, keys::profile(leaving.user_id))
            .condition_expression("attribute_exists(leaving_since)");
        match self.transact(vec![finish_deletion(credentials)?, finish_deletion(profile)?]).await? {
            // Somebody else was faster.
            Outcome::Committed | Outcome::Refused(_) => Ok(()),
        }
    }

    /// The write that adds an owner.
    pub(crate) fn owner_joins(&self, id: UserId) -> Result<TransactWriteItem, StoreError> {
        finish(
            update(self.users()?, keys::owners())
                .update_expression("ADD ids :id")
                .expression_attribute_values(":id", AttributeValue::Ss(vec![id.to_string()])),
        )
    }

    /// The write that keeps the owners right, if the change concerns them; the last one cannot leave.
    fn owners_write(
        &self,
        account: &Account,
        change: AccountChange<'_>,
    ) -> Result<Option<TransactWriteItem>, StoreError> {
        let after = match change {
            AccountChange::Password { .. } => Some(account.role),
            AccountChange::PasswordReset { role, .. } => Some(role.unwrap_or(account.role)),
            AccountChange::Role(role) => Some(role),
            AccountChange::Leaves => None,
        };
        match (account.role == Role::Owner, after == Some(Role::Owner)) {
            (false, true) => self.owner_joins(account.user_id).map(Some),
            (true, false) => {
                let id = account.user_id.to_string();
                let write = update(self.users()?, keys::owners())
                    .update_expression("DELETE ids :id")
                    .condition_expression("contains(ids, :one_id) AND size(ids) > :one")
                    .expression_attribute_values(":one_id", s(&id))
                    .expression_attribute_values(":one", n(1))
                    .expression_attribute_values(":id", AttributeValue::Ss(vec![id]));
                finish(write).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The writes of the credentials, the profile and the token.
    fn account_writes(
        &self,
        email: &str,
        account: &Account,
        change: AccountChange<'_>,
        event: &Event,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let table = self.users()?;
        let unchanged = "user_id = :user AND password_hash = :old AND #role = :old_role AND logins = :logins";
        let values = [
            (":user", s(account.user_id.to_string())),
            (":old", s(&account.password_hash)),
            (":old_role", s(account.role.as_str())),
            (":logins", AttributeValue::N(account.logins.to_string())),
        ];
        let mut credentials = update(table, keys::credentials(email))
            .condition_expression(unchanged)
            .expression_attribute_names("#role", "role");
        for (name, value) in values {
            credentials = credentials.expression_attribute_values(name, value);
        }
        let profile = update(table, keys::profile(account.user_id))
            .condition_expression(IS_ACCOUNT)
            .expression_attribute_values(":now", s(instant(event.at)));
        let writes = match change {
            AccountChange::Password { hash } => vec![finish(
                credentials
                    .update_expression(format!("SET password_hash = :new {START_OVER}"))
                    .expression_attribute_values(":one", n(1))
                    .expression_attribute_values(":new", s(hash)),
            )?],
            AccountChange::PasswordReset { hash, token, role, .. } => {
                let role = s(role.unwrap_or(account.role).as_str());
                let yes = AttributeValue::Bool(true);
                vec![
                    finish(
                        credentials
                            // A verification is told once, whether by this or by the link for it.
                            .condition_expression(format!("{unchanged} AND verified = :was_verified"))
                            .expression_attribute_values(
                                ":was_verified",
                                AttributeValue::Bool(account.verified),
                            )
                            .update_expression(format!(
                                "SET password_hash = :new, verified = :yes, #role = :role {START_OVER}"
                            ))
                            .expression_attribute_values(":one", n(1))
                            .expression_attribute_values(":new", s(hash))
                            .expression_attribute_values(":yes", yes.clone())
                            .expression_attribute_values(":role", role.clone()),
                    )?,
                    finish(
                        profile
                            .update_expression("SET email_verified = :yes, #role = :role, updated_at = :now")
                            .expression_attribute_names("#role", "role")
                            .expression_attribute_values(":yes", yes)
                            .expression_attribute_values(":role", role),
                    )?,
                    self.token_use(token)?,
                ]
            }
            AccountChange::Role(role) => vec![
                finish(
                    credentials
                        .update_expression("SET #role = :role")
                        .expression_attribute_values(":role", s(role.as_str())),
                )?,
                finish(
                    profile
                        .update_expression("SET #role = :role, updated_at = :now")
                        .expression_attribute_names("#role", "role")
                        .expression_attribute_values(":role", s(role.as_str())),
                )?,
            ],
            AccountChange::Leaves => vec![
                finish(
                    credentials.expression_attribute_values(":now", s(instant(event.at))).update_expression(
                        "SET leaving_since = :now \
                     REMOVE password_hash, verified, #role, devices, logins, failures, attempted_at, settled, series",
                    ),
                )?,
                finish(
                    profile
                        .update_expression(
                            "SET leaving_since = :now, leaving_email = :email, created_month = :leaving",
                        )
                        .expression_attribute_values(":email", s(email))
                        .expression_attribute_values(":leaving", s(LEAVING_PARTITION)),
                )?,
            ],
        };
        Ok(writes)
    }

    fn session_role(&self, session: &Session, role: Role) -> Result<TransactWriteItem, StoreError> {
        finish(
            update(self.users()?, keys::session(session.user_id, session.id))
                .update_expression("SET #role = :role")
                .condition_expression("attribute_exists(pk)")
                .expression_attribute_names("#role", "role")
                .expression_attribute_values(":role", s(role.as_str())),
        )
    }
}
