//! Table `users`: what changes an account together with its sessions. One transaction, so that no session outlives what
//! it was opened with; and on the condition that nobody has logged in since the sessions were listed.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use chairbook_auth::Session;
use chairbook_models::event::Event;
use chairbook_models::ids::{SessionId, UserId};
use chairbook_models::user::Role;

use crate::item::{instant, n, s};
use crate::sessions::SESSIONS_AT_ONCE;
use crate::transaction::{Outcome, delete, finish, update};
use crate::users::{Account, OneTimeToken};
use crate::{Reader, Store, StoreError, keys};

/// What becomes of an account.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AccountChange<'a> {
    /// It gets another password; its sessions end, but for the one in which that was done.
    Password {
        /// The new password's PHC string.
        hash: &'a str,
        /// The session that goes on.
        keep: Option<SessionId>,
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
    /// It is deleted with its profile and sessions.
    Deleted,
}

impl Reader {
    /// How many owners there are.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be read.
    pub async fn owners(&self) -> Result<usize, StoreError> {
        let row = self.get(self.users()?, keys::owners(), true).await?;
        let ids = row.and_then(|row| row.get("ids")?.as_ss().ok().map(Vec::len));
        Ok(ids.unwrap_or(0))
    }
}

impl Store {
    /// Changes an account and its sessions. `email` is the canonical form of its address.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when the account is no longer as it was read, somebody has logged in meanwhile, or the
    /// token was used up; [`StoreError::LastOwner`] when nobody would be left. Nothing is written then; after the
    /// former it may be tried again with the account as it is.
    pub async fn change_account(
        &self,
        email: &str,
        account: &Account,
        change: AccountChange<'_>,
        event: &Event,
    ) -> Result<(), StoreError> {
        let mut sessions = self.sessions(account.user_id).await?;
        sessions.sort_by_key(|session| session.last_used_at);
        self.end_surplus(&sessions).await?;
        let sessions = sessions.split_off(sessions.len().saturating_sub(SESSIONS_AT_ONCE));
        let mut writes = self.account_writes(email, account, change, event)?;
        match change {
            AccountChange::Password { keep, .. } => {
                let others: Vec<_> =
                    sessions.into_iter().filter(|session| Some(session.id) != keep).collect();
                writes.extend(self.session_ends(&others)?);
            }
            AccountChange::PasswordReset { .. } | AccountChange::Deleted => {
                writes.extend(self.session_ends(&sessions)?);
            }
            AccountChange::Role(role) => {
                for session in &sessions {
                    writes.push(self.session_role(session, role)?);
                }
            }
        }
        writes.push(self.event_write(event)?);
        if let AccountChange::PasswordReset { verified: Some(verified), .. } = change {
            writes.push(self.event_write(verified)?);
        }
        let owners = self.owners_write(account, change)?;
        let has_owners_write = owners.is_some();
        writes.extend(owners);
        match self.transact(writes).await? {
            Outcome::Committed => Ok(()),
            Outcome::Refused(refusals) => {
                let others_hold = !refusals.iter().rev().skip(1).any(|refusal| refusal.failed);
                Err(if has_owners_write && others_hold { StoreError::LastOwner } else { StoreError::Changed })
            }
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
            AccountChange::Deleted => None,
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
        let credentials_key = keys::credentials(email);
        if change == AccountChange::Deleted {
            let mut credentials = aws_sdk_dynamodb::types::Delete::builder()
                .table_name(table)
                .key("pk", s(credentials_key.pk))
                .key("sk", s(credentials_key.sk))
                .condition_expression(unchanged)
                .expression_attribute_names("#role", "role");
            for (name, value) in values {
                credentials = credentials.expression_attribute_values(name, value);
            }
            let credentials = credentials.build().map_err(crate::transaction::unbuilt)?;
            return Ok(vec![
                TransactWriteItem::builder().delete(credentials).build(),
                delete(table, keys::profile(account.user_id), Some("attribute_exists(pk)"))?,
            ]);
        }
        let mut credentials = update(table, credentials_key)
            .condition_expression(unchanged)
            .expression_attribute_names("#role", "role");
        for (name, value) in values {
            credentials = credentials.expression_attribute_values(name, value);
        }
        let profile = update(table, keys::profile(account.user_id))
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", s(instant(event.at)));
        let writes = match change {
            AccountChange::Password { hash, .. } => vec![finish(
                credentials
                    .update_expression("SET password_hash = :new REMOVE failures, attempted_at")
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
                            .update_expression(
                                "SET password_hash = :new, verified = :yes, #role = :role \
                                 REMOVE failures, attempted_at",
                            )
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
            AccountChange::Deleted => Vec::new(),
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
