//! `DELETE /profile` and `DELETE /users/{id}`: an account ends, and what is known of its owner is forgotten.
//!
//! One transaction decides it: the account and its sessions end, on the condition of all that makes it right. Only then
//! is anything forgotten: appointments stay, as nobody's; those to come are cancelled. What is left of the account,
//! which keeps its address taken and its erasure findable, goes last: whatever stops an erasure, the schedule goes on
//! with it, and so does an admin who repeats the request.

use std::time::Duration;

use axum::extract::State;
use chairbook_auth::Caller;
use chairbook_models::appointment;
use chairbook_models::event::{Actor, Event, EventData};
use chairbook_models::ids::{EventId, UserId};
use chairbook_platform::{COUNTED, clock, random};
use chairbook_store::{Account, AccountChange, Leaving, Store, StoreError};
use chairbook_web::password::{GivenPassword, canonical_email, prove_password, still_proven};
use chairbook_web::view::Empty;
use chairbook_web::{
    Access, Admin, Body, Customer, Fields, FromFields, Id, LoggedIn, Pending, Reply, RequestError, Web,
};
use futures_util::{StreamExt, TryStreamExt, stream, try_join};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::error::{DeleteError, FindError, LastOwnerError, LeaveError};
use crate::event;

/// Tries of a change while others change the same.
const TRIES: u32 = 5;

/// Rows that are rewritten concurrently.
const SIDE_BY_SIDE: usize = 8;

/// The time after the account's end at which its owner's things are looked for once more. They are found by indexes,
/// which lag by fractions of a second as a rule
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html>), and requests of theirs that were
/// under way at the end have done by then what they do.
const INDEX_LAG: Duration = Duration::from_secs(1);

/// The longest that a request can be at work on an erasure of its own: Lambda's time limit for this function, and
/// some more.
const REQUEST_LIFE: SignedDuration = SignedDuration::from_mins(1);

/// Appointments or events in one query's page.
const ROWS_AT_ONCE: usize = 500;

/// `{password}`.
pub(crate) struct Request {
    password: GivenPassword,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        fields.required("password").map(|password| Self { password })
    }
}

pub(crate) async fn delete_own(
    State(web): State<Web>,
    customer: Pending<Customer>,
    Body(request): Body<Request>,
) -> Result<Reply<Empty>, LeaveError> {
    let (mut customer, profile) = customer.admit_with(web.reader.profile(customer.user_id())).await?;
    let email = canonical_email(&profile.ok_or_else(RequestError::session_ended)?)?;
    let mut account = prove_password(&customer, &email, &request.password, "password").await?;
    for _ in 0..TRIES {
        let (caller, store) = (customer.caller, customer.store());
        if let Some(leaving) = leave(store, &email, &account, caller).await? {
            return Ok(end(store, &leaving, caller.into(), "Your account is deleted").await);
        }
        // Somebody may have logged in, which changes nothing.
        customer = customer.again().await?;
        account = still_proven(&customer, &email, &account).await?;
    }
    Err(RequestError::unavailable().into())
}

pub(crate) async fn delete(
    State(web): State<Web>,
    admin: Pending<Admin>,
    Id(id): Id<UserId>,
) -> Result<Reply<Empty>, DeleteError> {
    let (mut admin, mut profile) = admin.admit_with(web.reader.profile(id)).await?;
    for _ in 0..TRIES {
        let (caller, store) = (admin.caller, admin.store());
        let Some(found) = profile else {
            // An erasure that stopped halfway goes on.
            let leaving = store.leaving(id).await?.ok_or(FindError::NotFound)?;
            return Ok(end(store, &leaving, caller.into(), "The account is deleted").await);
        };
        let email = canonical_email(&found)?;
        if let Some(account) = store.account(&email).await?.filter(|account| account.user_id == id) {
            if !caller.role.may_delete(account.role) {
                return Err(DeleteError::OnlyOwners);
            }
            if let Some(leaving) = leave(store, &email, &account, caller).await? {
                return Ok(end(store, &leaving, caller.into(), "The account is deleted").await);
            }
        }
        (admin, profile) =
            try_join!(admin.again(), async { store.profile(id).await.map_err(RequestError::from) })?;
    }
    Err(RequestError::unavailable().into())
}

/// Ends an account, on the condition that it, and the caller who ends it, are as they were read; `None` if not. From
/// then on its erasure is decided.
async fn leave(
    store: &Store,
    email: &str,
    account: &Account,
    caller: Caller,
) -> Result<Option<Leaving>, LastOwnerError> {
    let now = clock::now();
    let deleted = event(EventData::UserDeleted {}, account.user_id, caller.into(), None, now);
    match store.change_account(email, account, AccountChange::Leaves, Some(caller), &deleted).await {
        Ok(()) => Ok(Some(Leaving { user_id: account.user_id, email: email.to_owned(), since: now })),
        Err(StoreError::Changed | StoreError::RoleChanged) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Erases an account that has ended. Nobody can ask for that again who has deleted their own, so what stops it is left
/// to the schedule.
async fn end(store: &Store, leaving: &Leaving, actor: Actor, done: &str) -> Reply<Empty> {
    let message = match erase(store, leaving, actor).await {
        Ok(()) => format!("{done}, with all personal data that belonged to it."),
        Err(error) => {
            tracing::warn!(user_id = %leaving.user_id, %error, "an erasure is left to the schedule");
            format!("{done}. The personal data that belonged to it will be deleted within minutes.")
        }
    };
    Reply::ok(message, Empty {})
}

async fn erase(store: &Store, leaving: &Leaving, actor: Actor) -> Result<(), StoreError> {
    forget(store, leaving.user_id, actor).await?;
    let since = Duration::try_from(clock::now().duration_since(leaving.since)).unwrap_or_default();
    tokio::time::sleep(INDEX_LAG.saturating_sub(since)).await;
    forget(store, leaving.user_id, actor).await?;
    store.finish_leaving(leaving).await
}

/// Goes on with the erasures that their requests have not finished, until time is up.
pub(crate) async fn finish_erasures(store: Store, deadline: Timestamp) -> Result<Value, RequestError> {
    let (mut finished, mut failed) = (0, 0);
    for leaving in store.all_leaving().await? {
        let now = clock::now();
        if now >= deadline {
            break;
        }
        if now.duration_since(leaving.since) < REQUEST_LIFE {
            continue;
        }
        match erase(&store, &leaving, Actor::System).await {
            Ok(()) => finished += 1,
            Err(error) => {
                tracing::error!(user_id = %leaving.user_id, %error, "an erasure could not be finished");
                failed += 1;
            }
        }
    }
    tracing::info!(target: COUNTED, finished, failed, "erasures finished");
    Ok(json!({"finished": finished, "failed": failed}))
}

/// Cancels what is to come, deletes somebody's to-dos, and takes them out of their appointments and of the events that
/// told them something.
async fn forget(store: &Store, user: UserId, actor: Actor) -> Result<(), StoreError> {
    store.forget_open_reservations(user).await?;
    store.forget_todos(user).await?;
    let mut after = None;
    loop {
        let page = store.appointments_of(user, |_| true, ROWS_AT_ONCE, after).await?;
        stream::iter(page.items)
            .map(Ok)
            .try_for_each_concurrent(SIDE_BY_SIDE, |found| Box::pin(forget_in(store, found, actor)))
            .await?;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut after = None;
    loop {
        let page = store.events_of(user, ROWS_AT_ONCE, after).await?;
        stream::iter(&page.items)
            .map(Ok)
            .try_for_each_concurrent(SIDE_BY_SIDE, |event| Box::pin(store.forget_recipient(event)))
            .await?;
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

async fn forget_in(store: &Store, found: appointment::Appointment, actor: Actor) -> Result<(), StoreError> {
    let id = found.id;
    let mut found = Some(found);
    for _ in 0..TRIES {
        let Some(before) = found.filter(|found| found.user_id != UserId::NOBODY) else { return Ok(()) };
        let now = clock::now();
        let to_come = before.starts_at > now;
        let cancelled = appointment::cancel_at_desk(&before, now).ok().filter(|_| to_come);
        let written = match &cancelled {
            Some(cancelled) => {
                let id = EventId::new(now, random::bytes());
                let event =
                    Event::about_appointment(id, EventData::AppointmentCancelled, now, actor, cancelled);
                // Its customer is gone, so nobody is notified.
                let event = Event { recipient: None, delivery: None, ..event };
                store.end_appointment(&before, cancelled, &event).await
            }
            None => store.rewrite_appointment(&before, &appointment::anonymise(&before, now)).await,
        };
        match written {
            // What was cancelled is still theirs: once more.
            Ok(()) if cancelled.is_some() => found = cancelled,
            Ok(()) => return Ok(()),
            Err(StoreError::Changed) => found = store.appointment(id).await?,
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Unavailable("an appointment keeps changing".to_owned()))
}
