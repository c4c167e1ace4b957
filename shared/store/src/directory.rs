//! Table `users`, index `by_created`: everybody, the latest first, month by month.

use chairbook_models::ids::UserId;
use chairbook_models::user::Profile;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::item::{Item, from_item, instant, s};
use crate::{Reader, StoreError, keys, meter};

/// Nobody registered before.
const FIRST_MONTH: Date = jiff::civil::date(2026, 1, 1);

/// How many queries one page may take: a month without anybody is one, too.
const QUERIES_PER_PAGE: u32 = 12;

/// Where a page of users begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsersFrom {
    /// After this user, who registered then (UTC).
    After {
        /// The last user of the page before.
        id: UserId,
        /// When they registered (UTC).
        created_at: Timestamp,
    },
    /// At the end of the month of this date (UTC).
    Month(Date),
}

/// A page of users.
#[derive(Debug, Clone, PartialEq)]
pub struct UserPage {
    /// The users; there may be fewer than asked for, even none, although more pages follow.
    pub items: Vec<Profile>,
    /// Where the next page begins, if there may be one.
    pub next: Option<UsersFrom>,
}

fn month_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date().first_of_month()
}

impl Reader {
    /// Users, the latest first; those that are to be kept.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be read.
    pub async fn users_page(
        &self,
        keep: impl Fn(&Profile) -> bool,
        limit: usize,
        from: Option<UsersFrom>,
        now: Timestamp,
    ) -> Result<UserPage, StoreError> {
        let (mut month, mut start) = match from {
            None => (month_of(now), None),
            Some(UsersFrom::Month(date)) => (date.first_of_month().min(month_of(now)), None),
            Some(UsersFrom::After { id, created_at }) => {
                (month_of(created_at), Some(start_key(id, created_at)))
            }
        };
        let mut items: Vec<Profile> = Vec::new();
        for _ in 0..QUERIES_PER_PAGE {
            if month < FIRST_MONTH {
                return Ok(UserPage { items, next: None });
            }
            let call = self
                .query(self.users()?)
                .index_name("by_created")
                .key_condition_expression("created_month = :month")
                .expression_attribute_values(":month", s(month.strftime("USERS#%Y-%m").to_string()))
                .scan_index_forward(false)
                .limit(i32::try_from(limit).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start.take())
                .send();
            let page = meter::metered(call).await?;
            for item in page.items.unwrap_or_default() {
                let profile: Profile = from_item(item)?;
                let after = UsersFrom::After { id: profile.id, created_at: profile.created_at };
                if keep(&profile) {
                    items.push(profile);
                }
                if items.len() == limit {
                    return Ok(UserPage { items, next: Some(after) });
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                month = month.saturating_sub(1.month());
            }
        }
        let next = match start.as_ref().and_then(position) {
            Some(after) => after,
            None => UsersFrom::Month(month),
        };
        Ok(UserPage { items, next: Some(next) })
    }
}

fn start_key(id: UserId, created_at: Timestamp) -> Item {
    let primary = keys::profile(id);
    Item::from([
        ("pk".to_owned(), s(primary.pk)),
        ("sk".to_owned(), s(primary.sk)),
        ("created_month".to_owned(), s(created_at.strftime("USERS#%Y-%m").to_string())),
        ("created_at".to_owned(), s(instant(created_at))),
    ])
}

fn position(key: &Item) -> Option<UsersFrom> {
    let id = crate::item::text(key, "pk")?.strip_prefix("USER#")?.parse().ok()?;
    let created_at = crate::item::text(key, "created_at")?.parse().ok()?;
    Some(UsersFrom::After { id, created_at })
}
