//! `PUT /notifications/{id}/read` and `POST /notifications/read-all`.

use axum::extract::State;
use chairbook_models::ids::EventId;
use chairbook_platform::clock;
use chairbook_store::{ReadOutcome, StoreError};
use chairbook_web::fields::format::{Format as _, text};
use chairbook_web::{Access, Body, Customer, Fields, FromFields, Id, Reply, RequestError, Web};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;

use crate::error::FindError;
use crate::unread::MOST;
use crate::view::{OneNotification, ReadNotifications};

/// The most notifications that one request marks.
const MARKED_AT_ONCE: i32 = 100;

/// Rows that are marked concurrently.
const SIDE_BY_SIDE: usize = 8;

pub(crate) async fn one(
    _: State<Web>,
    customer: Customer,
    Id(id): Id<EventId>,
) -> Result<Reply<OneNotification>, FindError> {
    let user = customer.caller.user_id;
    match customer.store().read_notification(user, id, clock::now()).await? {
        ReadOutcome::Read(notification) => {
            Ok(Reply::ok("The notification is marked as read.", OneNotification::from(&notification)))
        }
        ReadOutcome::ReadBefore(notification) => {
            Ok(Reply::ok("The notification was read before.", OneNotification::from(&notification)))
        }
        ReadOutcome::Missing => Err(FindError::NotFound),
    }
}

/// `{until?}`.
pub(crate) struct Request {
    until: Option<Timestamp>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let until = text::<Timestamp>()
            .about("The time (UTC) of the latest notification to mark: the response’s `until`, to go on; now unless given.");
        fields.optional_as("until", until).map(|until| Self { until })
    }
}

pub(crate) async fn all(
    State(web): State<Web>,
    customer: Customer,
    Body(request): Body<Request>,
) -> Result<Reply<ReadNotifications>, RequestError> {
    let (user, store, now) = (customer.caller.user_id, customer.store(), clock::now());
    let until = request.until.map_or(now, |until| until.min(now));
    let (ids, next) = web.reader.unread_until(user, until, MARKED_AT_ONCE).await?;
    let left = async {
        match next {
            None => Ok(0),
            Some(start) => {
                let most = i32::try_from(MOST).unwrap_or(i32::MAX);
                web.reader.count_unread_until(user, until, most, start).await
            }
        }
    };
    let marks = stream::iter(ids)
        .map(|id| store.read_notification(user, id, now))
        .buffer_unordered(SIDE_BY_SIDE)
        // The index may still have one that was read a moment ago.
        .try_fold(0, async |marked: u32, outcome| {
            Ok::<_, StoreError>(marked + u32::from(matches!(outcome, ReadOutcome::Read(_))))
        });
    let (marked, left) = futures_util::try_join!(Box::pin(marks), Box::pin(left))?;
    let message = match left {
        0 => "Your notifications are marked as read.",
        _ => "Some of your notifications are marked as read. Please repeat the request for the others.",
    };
    Ok(Reply::ok(message, ReadNotifications { marked, left, until }))
}
