//! `DELETE /profile` and `DELETE /users/{id}`: an account ends, and what is known of its owner is forgotten.
//!
//! Appointments stay, as nobody's; those to come are cancelled. The account itself goes last: whatever stops an
//! erasure, the same request goes on with it.

use std::time::Duration;

use axum::extract::State;
use chairbook_models::appointment::{self, ChangedBy};
use chairbook_models::event::{Actor, EventType, Subjects};
use chairbook_models::ids::UserId;
use chairbook_models::user::{Profile, Role};
use chairbook_platform::clock;
use chairbook_store::{AccountChange, Store, StoreError};
use chairbook_web::password::{GivenPassword, canonical_email, prove_password};
use chairbook_web::{Access, Admin, ApiError, Body, Customer, Fields, FromFields, Id, Pending, Reply, Web};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use crate::event;
use crate::export::appointments;

/// How often something that others change at the same time is tried.
const TRIES: u32 = 5;

/// How many rows are rewritten side by side.
const SIDE_BY_SIDE: usize = 8;

/// How long after the account's end what was its owner's is looked for once more. It is found by indexes, which lag by
/// fractions of a second as a rule (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html>), and
/// requests of theirs that were under way at the end have done by then what they do.
const INDEX_LAG: Duration = Duration::from_secs(1);

/// How many events are looked up at a time.
const EVENTS_AT_ONCE: usize = 500;

/// `{password}`.
pub(crate) struct Request {
    password: GivenPassword,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        fields.required("password").map(|password| Self { password })
    }
}

pub(crate) async fn delete_own(
    State(web): State<Web>,
    customer: Pending<Customer>,
    Body(request): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let (customer, profile) = customer.admit_with(web.reader.profile(customer.user_id())).await?;
    let profile = profile.ok_or_else(|| ApiError::bug(&"a session without a profile"))?;
    let email = canonical_email(&profile)?;
    prove_password(&customer, &email, &request.password, "password", clock::now()).await?;
    erase(customer.store(), &profile, customer.caller.into()).await?;
    Ok(Reply::ok("Your account is deleted, and what we knew of you with it.", json!({})))
}

pub(crate) async fn delete(
    State(web): State<Web>,
    admin: Pending<Admin>,
    Id(id): Id<UserId>,
) -> Result<Reply<Value>, ApiError> {
    let (admin, profile) = admin.admit_with(web.reader.profile(id)).await?;
    let profile = profile.ok_or_else(|| ApiError::not_found("User"))?;
    if admin.caller.role != Role::Owner && profile.role >= admin.caller.role {
        return Err(ApiError::forbidden("Only the owner may delete admins and owners."));
    }
    erase(admin.store(), &profile, admin.caller.into()).await?;
    Ok(Reply::ok("The account is deleted.", json!({})))
}

async fn erase(store: &Store, profile: &Profile, actor: Actor) -> Result<(), ApiError> {
    let email = canonical_email(profile)?;
    refuse_last_owner(store, profile).await?;
    forget(store, profile.id, actor).await?;
    let now = clock::now();
    let deleted = event(EventType::UserDeleted, profile.id, actor, None, now);
    for tries in 1.. {
        let account = store.account(&email).await?.filter(|account| account.user_id == profile.id);
        let Some(account) = account else { break };
        match store.change_account(&email, &account, AccountChange::Deleted, &deleted).await {
            Ok(()) => break,
            Err(StoreError::Changed) if tries < TRIES => {}
            Err(error) => return Err(error.into()),
        }
    }
    // What requests that were under way have added meanwhile.
    tokio::time::sleep(INDEX_LAG).await;
    forget(store, profile.id, actor).await?;
    Ok(())
}

/// Before anything is forgotten; the transaction at the end looks again.
async fn refuse_last_owner(store: &Store, profile: &Profile) -> Result<(), StoreError> {
    if profile.role == Role::Owner && store.owners().await? <= 1 {
        return Err(StoreError::LastOwner);
    }
    Ok(())
}

/// Cancels what is to come, and takes somebody out of their appointments and of the events that told them something.
async fn forget(store: &Store, user: UserId, actor: Actor) -> Result<(), StoreError> {
    store.forget_open_reservations(user).await?;
    stream::iter(appointments(store, user).await?)
        .map(Ok)
        .try_for_each_concurrent(SIDE_BY_SIDE, |found| Box::pin(forget_in(store, found, actor)))
        .await?;
    loop {
        let events = store.events_of(user, EVENTS_AT_ONCE).await?;
        let is_last = events.len() < EVENTS_AT_ONCE;
        stream::iter(&events)
            .map(Ok)
            .try_for_each_concurrent(SIDE_BY_SIDE, |event| Box::pin(store.forget_recipient(event)))
            .await?;
        if is_last {
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
        let cancelled = appointment::cancel(&before, ChangedBy::Staff, now).ok().filter(|_| to_come);
        let written = match &cancelled {
            Some(cancelled) => {
                let mut event = event(EventType::AppointmentCancelled, before.user_id, actor, None, now);
                event.subjects = Subjects { user_id: Some(before.user_id), appointment_id: Some(before.id) };
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
