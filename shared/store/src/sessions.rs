//! Table `users`, rows `SESSION#…`: what every request is checked against.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use chairbook_auth::{Caller, Session};
use chairbook_models::event::Event;
use chairbook_models::ids::{SessionId, UserId};
use chairbook_models::user::Role;
use jiff::Timestamp;

use crate::item::{Item, from_item, instant, n, s, to_item};
use crate::keys::Key;
use crate::paging::{ListPage, read_page, rows};
use crate::transaction::{
    Refusal, check, create, delete, deletion, finish, finish_check, finish_deletion, update,
};
use crate::{Reader, Store, StoreError, keys, meter};

/// The sessions that one transaction ends; it takes 100 writes, and has others to make.
pub(crate) const SESSIONS_AT_ONCE: usize = 90;

/// A session that lives and gives its caller the role that they were admitted with; one that has ended has none.
const SAME_ROLE: &str = "#role = :caller_role";

/// The reason for which the condition on a caller was refused.
pub(crate) fn caller_refused(refusal: &Refusal) -> StoreError {
    if refusal.found.is_some() { StoreError::RoleChanged } else { StoreError::SessionEnded }
}

/// A session's refresh token, replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation<'a> {
    /// The session as it was read.
    pub session: &'a Session,
    /// The SHA-256 of the new token.
    pub refresh_sha256: &'a str,
    /// The time of the refresh (UTC).
    pub at: Timestamp,
    /// Until when the new token is good (UTC).
    pub expires_at: Timestamp,
}

impl Reader {
    /// A session, strongly consistent: what it says is in force.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be read.
    pub async fn session(&self, user: UserId, session: SessionId) -> Result<Option<Session>, StoreError> {
        self.get(self.users()?, keys::session(user, session), true).await?.map(from_item).transpose()
    }

    /// A user's sessions, strongly consistent, the latest opened first; those that are to be kept.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn sessions_page(
        &self,
        user: UserId,
        keep: impl Fn(&Session) -> bool,
        limit: usize,
        after: Option<SessionId>,
    ) -> Result<ListPage<Session, SessionId>, StoreError> {
        let start = after.map(|last| {
            let Key { pk, sk } = keys::session(user, last);
            Item::from([("pk".to_owned(), s(pk)), ("sk".to_owned(), s(sk))])
        });
        // Their ids, by which the rows are in order, begin with the millisecond at which they were opened.
        let query = self.sessions_query(user)?.scan_index_forward(false);
        read_page(query, start, limit, keep, |last: &Session| last.id).await
    }

    /// Every session of a user, those that have expired too; strongly consistent.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        let query = self.sessions_query(user)?;
        let mut sessions = Vec::new();
        let mut start = None;
        loop {
            let page = meter::metered(query.clone().set_exclusive_start_key(start).send()).await?;
            sessions.extend(rows::<Session>(page.items)?);
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(sessions);
            }
        }
    }

    fn sessions_query(&self, user: UserId) -> Result<QueryFluentBuilder, StoreError> {
        let (pk, prefix) = keys::sessions(user);
        let query =
            self.query(self.users()?).key_condition_expression("pk = :user AND begins_with(sk, :prefix)");
        let query = query.expression_attribute_values(":user", s(pk));
        Ok(query.expression_attribute_values(":prefix", s(prefix)).consistent_read(true))
    }
}

impl Store {
    /// The write that opens a session.
    pub(crate) fn session_write(&self, session: &Session) -> Result<TransactWriteItem, StoreError> {
        let mut item = to_item(keys::session(session.user_id, session.id), session)?;
        item.insert("ttl".to_owned(), n(session.expires_at.as_second()));
        create(self.users()?, item)
    }

    /// Replaces a session's refresh token.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when it was replaced meanwhile, or the session has ended.
    pub async fn rotate_refresh_token(
        &self,
        rotation: &Rotation<'_>,
        event: &Event,
    ) -> Result<(), StoreError> {
        let Rotation { session, refresh_sha256, at, expires_at } = *rotation;
        let write = update(self.users()?, keys::session(session.user_id, session.id))
            .update_expression(
                "SET refresh_sha256 = :new, previous_refresh_sha256 = :old, refreshed_at = :now, \
                 last_used_at = :now, expires_at = :end, #ttl = :ttl",
            )
            .condition_expression("refresh_sha256 = :old")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":new", s(refresh_sha256))
            .expression_attribute_values(":old", s(&session.refresh_sha256))
            .expression_attribute_values(":now", s(instant(at)))
            .expression_attribute_values(":end", s(instant(expires_at)))
            .expression_attribute_values(":ttl", AttributeValue::N(expires_at.as_second().to_string()));
        self.transact_or_changed(vec![finish(write)?, self.event_write(event)?]).await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when it has ended already.
    pub async fn end_session(
        &self,
        user: UserId,
        session: SessionId,
        event: &Event,
    ) -> Result<(), StoreError> {
        let end = delete(self.users()?, keys::session(user, session), Some("attribute_exists(pk)"))?;
        self.transact_or_changed(vec![end, self.event_write(event)?]).await
    }

    /// Ends sessions, and tells of it once.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be ended; some may have been.
    pub async fn end_sessions(&self, sessions: &[Session], event: &Event) -> Result<(), StoreError> {
        self.end_surplus(sessions).await?;
        let rest = &sessions[sessions.len().saturating_sub(SESSIONS_AT_ONCE)..];
        let mut writes = self.session_ends(rest)?;
        writes.push(self.event_write(event)?);
        self.transact_or_changed(writes).await
    }

    /// The condition under which a caller is still who was admitted: their session lives and gives them the same role.
    /// It belongs to a transaction that they may make by their role alone, as its first write.
    pub(crate) fn caller_check(&self, caller: Caller) -> Result<TransactWriteItem, StoreError> {
        finish_check(
            check(self.users()?, keys::session(caller.user_id, caller.session_id))
                .condition_expression(SAME_ROLE)
                .expression_attribute_names("#role", "role")
                .expression_attribute_values(":caller_role", s(caller.role.as_str())),
        )
    }

    /// The end of a caller's own session, on the condition of [`Self::caller_check`].
    pub(crate) fn caller_session_end(&self, caller: Caller) -> Result<TransactWriteItem, StoreError> {
        finish_deletion(
            deletion(self.users()?, keys::session(caller.user_id, caller.session_id))
                .condition_expression(SAME_ROLE)
                .expression_attribute_names("#role", "role")
                .expression_attribute_values(":caller_role", s(caller.role.as_str())),
        )
    }

    /// Another role for a caller's own session, on the condition of [`Self::caller_check`].
    pub(crate) fn caller_session_role(
        &self,
        caller: Caller,
        role: Role,
    ) -> Result<TransactWriteItem, StoreError> {
        finish(
            update(self.users()?, keys::session(caller.user_id, caller.session_id))
                .update_expression("SET #role = :role")
                .condition_expression(SAME_ROLE)
                .expression_attribute_names("#role", "role")
                .expression_attribute_values(":caller_role", s(caller.role.as_str()))
                .expression_attribute_values(":role", s(role.as_str())),
        )
    }

    pub(crate) fn session_ends(&self, sessions: &[Session]) -> Result<Vec<TransactWriteItem>, StoreError> {
        let table = self.users()?;
        sessions
            .iter()
            .map(|session| delete(table, keys::session(session.user_id, session.id), None))
            .collect()
    }

    /// Ends those sessions that are too many for one transaction.
    pub(crate) async fn end_surplus(&self, sessions: &[Session]) -> Result<(), StoreError> {
        let surplus = &sessions[..sessions.len().saturating_sub(SESSIONS_AT_ONCE)];
        for some in surplus.chunks(SESSIONS_AT_ONCE) {
            self.transact_or_changed(self.session_ends(some)?).await?;
        }
        Ok(())
    }
}
