//! `GET /notifications/unread-count`.

use axum::extract::State;
use chairbook_models::event::EventType;
use chairbook_models::preferences::Preferences;
use chairbook_web::{Customer, Pending, Reply, RequestError, Web};
use futures_util::try_join;

use crate::view::UnreadCount;

/// The most that are counted: more than a person counts.
pub(crate) const MOST: u32 = 99;

/// The most queries of one count. So many rows of categories that are turned off are passed over.
const QUERIES: u32 = 10;

/// The number of notifications of these types that are shown to somebody with these preferences.
fn shown(types: &[EventType], preferences: &Preferences) -> u32 {
    let is_shown = |event_type: &&EventType| {
        event_type.category().is_some_and(|category| preferences.of(category).in_app)
    };
    u32::try_from(types.iter().filter(is_shown).count()).unwrap_or(u32::MAX)
}

pub(crate) async fn count(
    State(web): State<Web>,
    customer: Pending<Customer>,
) -> Result<Reply<UnreadCount>, RequestError> {
    let (reader, user) = (&web.reader, customer.user_id());
    let reads = async { try_join!(reader.unread_types(user, None), reader.profile(user)) };
    let (_, ((types, mut next), profile)) = customer.admit_with(Box::pin(reads)).await?;
    let preferences = profile.ok_or_else(RequestError::session_ended)?.preferences;
    let mut count = shown(&types, &preferences);
    for _ in 1..QUERIES {
        let Some(start) = next.take_if(|_| count <= MOST) else { break };
        let (types, after) = reader.unread_types(user, Some(start)).await?;
        count += shown(&types, &preferences);
        next = after;
    }
    let has_more = count > MOST || next.is_some();
    Ok(Reply::ok("Your unread notifications.", UnreadCount { count: count.min(MOST), has_more }))
}

#[cfg(test)]
mod tests {
    use chairbook_models::event::Category;
    use chairbook_models::preferences::Channels;

    use super::*;

    #[test]
    fn what_is_turned_off_in_the_app_is_not_counted() {
        let types = [EventType::UserLoggedIn, EventType::AppointmentConfirmed, EventType::UserExported];
        let preferences = Preferences::default();
        assert_eq!(shown(&types, &preferences), 2);
        let channels = Channels { email: true, in_app: false };
        assert_eq!(shown(&types, &preferences.with(Category::Logins, channels)), 1);
        let channels = Channels { email: false, in_app: true };
        assert_eq!(shown(&types, &preferences.with(Category::Logins, channels)), 2);
    }
}
