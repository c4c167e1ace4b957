//! `GET /notifications`.

use axum::extract::State;
use chairbook_models::ids::EventId;
use chairbook_models::preferences::Preferences;
use chairbook_store::{Notification as Kept, PageKey};
use chairbook_web::fields::format::{Flag, Format as _};
use chairbook_web::{
    Customer, Fields, FromFields, Page, Paging, Pending, Query, Reply, RequestError, Web, cursor,
};
use futures_util::try_join;

use crate::view::Notification;

/// `unread`, `limit`, `cursor`.
pub(crate) struct Filter {
    only_unread: bool,
    paging: Paging,
}

impl FromFields for Filter {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let unread = Flag.about("Whether only unread notifications are listed; `false` unless given.");
        let only_unread = fields.optional_as("unread", unread);
        let paging = Paging::from_fields(fields);
        Some(Self { only_unread: only_unread?.unwrap_or_default(), paging: paging? })
    }
}

/// Returns true if a notification is shown to somebody with these preferences.
fn is_shown(notification: &Kept, preferences: &Preferences) -> bool {
    notification.category().is_some_and(|category| preferences.of(category).in_app)
}

pub(crate) async fn list(
    State(web): State<Web>,
    customer: Pending<Customer>,
    Query(filter): Query<Filter>,
) -> Result<Reply<Page<Notification>>, RequestError> {
    let user = customer.user_id();
    let list = format!("notifications {user} {}", filter.only_unread);
    let after = filter.paging.start(&list, |position| position.parse().ok())?;
    let reads = async {
        try_join!(
            web.reader.notifications(user, filter.only_unread, filter.paging.limit(), after),
            web.reader.profile(user),
        )
    };
    let (_, (page, profile)) = customer.admit_with(Box::pin(reads)).await?;
    let preferences = profile.ok_or_else(RequestError::session_ended)?.preferences;
    let shown: Vec<_> = page.items.into_iter().filter(|found| is_shown(found, &preferences)).collect();
    let cursor = |key: PageKey<EventId>| cursor::encode(&list, &key.to_string());
    let next = page.next.map(cursor);
    let after = |last: &Kept| cursor(PageKey::from(last));
    Ok(Reply::ok("Your notifications.", Page::bounded(&shown, next, |kept| Notification::from(kept), after)?))
}
