//! The demo data of a fresh stack, so that the first request finds something to book: a salon, three accounts,
//! and the to-dos of one.
//!
//! The ids are fixed and small (`svc_00000000000000000000000001`), so that documentation can name them.

mod accounts;
mod salon;
mod todos;

use chairbook_models::event::{Actor, CatalogKind, ChangeKind, Event, EventData, Subjects};
use chairbook_models::ids::{EventId, UserId};
use chairbook_models::todo::Todo;
use chairbook_models::user::Role;
use chairbook_store::{Registration, Store, StoreError};
use jiff::Timestamp;

pub use accounts::{ACCOUNTS, DemoAccount, PASSWORD};

/// The 16 bytes of the id with a number.
const fn number(number: u8) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[15] = number;
    bytes
}

/// An event of which nobody is notified.
fn event(id: u8, data: EventData, now: Timestamp) -> Event {
    Event::new(EventId::derived(number(id)), data, now, Actor::System, None, Subjects::default())
}

fn malformed(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Malformed(error.to_string())
}

fn front_desk_todos(now: Timestamp) -> Result<Vec<Todo>, StoreError> {
    let place = (1_u8..).zip(&ACCOUNTS).find(|(_, account)| account.role == Role::Admin);
    let user_id = place.map(|(place, _)| UserId::derived(number(place)));
    user_id.map_or(Ok(Vec::new()), |user_id| todos::todos(user_id, now)).map_err(|error| malformed(&error))
}

/// Fills an empty catalog, and adds the accounts and the to-dos. A catalog that anybody has written to is left alone; so is an
/// account whose address is taken.
///
/// # Errors
/// [`StoreError`] when the tables do not answer, or a text of the demo is none that people can give.
pub async fn fill(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    if store.catalog().await?.version > 0 {
        return Ok(());
    }
    for (place, account) in ACCOUNTS.iter().enumerate() {
        let place = u8::try_from(place + 1).unwrap_or(u8::MAX);
        let password_hash = accounts::password_hash(place).map_err(|error| malformed(&error))?;
        let registration = Registration {
            profile: &account.profile(place, now).map_err(|error| malformed(&error))?,
            email: account.email,
            password_hash: &password_hash,
            token: None,
            event: &event(place, EventData::UserRegistered {}, now),
        };
        match store.register(registration).await {
            Ok(()) | Err(StoreError::Exists) => {}
            Err(error) => return Err(error),
        }
    }
    for (place, todo) in (50..).zip(&front_desk_todos(now)?) {
        let told = EventData::TodoCreated(todo.into());
        // Whatever stopped an earlier start, those that it has added are there.
        store.add_todo(todo, &event(place, told, now)).await?;
    }
    // Last, and in one transaction: whatever stopped an earlier start, the next one goes on here.
    let (what, change) = (CatalogKind::Catalog, ChangeKind::Created);
    let filled = EventData::CatalogChanged { what, change, id: what.as_str().to_owned() };
    store.write_catalog(&salon::rows(now).map_err(|error| malformed(&error))?, &event(100, filled, now)).await
}
