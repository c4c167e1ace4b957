//! Reminders of to-dos, on the morning of the day on which they are due, by the salon's clock.

use chairbook_models::catalog::Settings;
use chairbook_models::event::{Actor, Event, EventData};
use chairbook_models::ids::{EventId, UserId};
use chairbook_models::todo::{DueToday, Filter, Status, Todo, due_today};
use chairbook_platform::{clock, random};
use chairbook_store::{ChangeOutcome, Reader, Store, StoreError};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::Instrument as _;

use crate::counts::{Counts, remind_each};

/// People, or to-dos of one of them, in one query's page.
const PAGE: usize = 100;

/// Reminds of all that is due today, person by person, until the deadline.
///
/// # Errors
/// When the people or their to-dos could not be looked up, or the salon's time zone is none.
pub(crate) async fn remind(
    store: &Store,
    settings: &Settings,
    deadline: Timestamp,
) -> Result<Counts, StoreError> {
    let zone = TimeZone::get(&settings.time_zone)
        .map_err(|_| StoreError::Malformed(format!("{:?} is no time zone", settings.time_zone)))?;
    let mut counts = Counts::default();
    let Some(today) = due_today(&zone, clock::now()) else { return Ok(counts) };
    for shard in Reader::todo_people_shards() {
        let mut after = None;
        while clock::now() < deadline {
            let page = store.people_with_open_todos(shard, PAGE, after).await?;
            let of_page =
                remind_each(page.items, |person| remind_person(store, person.user_id, &today, deadline));
            counts = counts.plus(of_page.await);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(counts)
}

/// Reminds a person of what they have due. One whose to-dos cannot be looked up does not keep the others from theirs.
async fn remind_person(store: &Store, user: UserId, today: &DueToday, deadline: Timestamp) -> Counts {
    let filter = Filter {
        statuses: Status::OPEN.to_vec(),
        due_from: Some(today.from),
        due_to: Some(today.to),
        ..Filter::default()
    };
    let mut counts = Counts::default();
    let mut after = None;
    while clock::now() < deadline {
        let page = match store.todos_by_due(user, &filter, PAGE, after).await {
            Ok(page) => page,
            Err(error) => return counts.plus(Counts::of(Err(error))),
        };
        for todo in &page.items {
            if let Some(reminded) = todo.reminded(today) {
                counts = counts.plus(remind_of(store, todo, &reminded).await);
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    counts
}

/// The index lags behind, so what it says may be out of date; the transaction decides.
async fn remind_of(store: &Store, todo: &Todo, reminded: &Todo) -> Counts {
    let now = clock::now();
    let id = EventId::new(now, random::bytes());
    let event = Event::about_todo(id, EventData::TodoDue, now, Actor::System, reminded);
    let span = tracing::error_span!("event", event_id = %id, todo_id = %todo.id);
    // Nothing is opened by it, so no limit can refuse it.
    let written = store.change_todo(todo, reminded, &event);
    async { Counts::of(written.await.map(|_: ChangeOutcome| ())) }.instrument(span).await
}
