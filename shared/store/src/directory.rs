//! Table `users`, index `by_created`: everybody, the latest first, month by month.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use chairbook_models::ids::UserId;
use chairbook_models::user::Profile;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::item::{Item, from_item, index_key, instant, s, text};
use crate::paging::{ListPage, PageKey};
use crate::{Reader, StoreError, keys, meter};

/// Nobody registered before.
const FIRST_MONTH: Date = jiff::civil::date(2026, 1, 1);

/// The most queries of one page: a month without anybody is one, too.
const QUERIES_PER_PAGE: u32 = 12;

/// The place at which a page of users begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsersFrom {
    /// After this user, by when they registered.
    After(PageKey<UserId>),
    /// At the end of the month of this date (UTC).
    Month(Date),
}

/// The partition of the users who registered in the month of a date (UTC).
fn partition(month: Date) -> String {
    month.strftime("USERS#%Y-%m").to_string()
}

fn month_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date().first_of_month()
}

impl From<&Profile> for PageKey<UserId> {
    fn from(last: &Profile) -> Self {
        Self { id: last.id, at: last.created_at }
    }
}

impl Reader {
    /// A query of a partition of the index: a month of users, the verification keys, the accounts that are leaving.
    pub(crate) fn by_created(&self, partition: impl Into<String>) -> Result<QueryFluentBuilder, StoreError> {
        let query = self.query(self.users()?).index_name("by_created");
        let query = query.key_condition_expression("created_month = :partition");
        Ok(query.expression_attribute_values(":partition", s(partition)))
    }

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
    ) -> Result<ListPage<Profile, UsersFrom>, StoreError> {
        let (mut month, mut start) = match from {
            None => (month_of(now), None),
            Some(UsersFrom::Month(date)) => (date.first_of_month().min(month_of(now)), None),
            Some(UsersFrom::After(last)) => (month_of(last.at), Some(start_key(last))),
        };
        let mut items: Vec<Profile> = Vec::new();
        for _ in 0..QUERIES_PER_PAGE {
            if month < FIRST_MONTH {
                return Ok(ListPage { items, next: None });
            }
            let call = self
                .by_created(partition(month))?
                .scan_index_forward(false)
                .limit(i32::try_from(limit).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start.take())
                .send();
            let page = meter::metered(call).await?;
            for item in page.items.unwrap_or_default() {
                let profile: Profile = from_item(item)?;
                let after = UsersFrom::After(PageKey::from(&profile));
                if keep(&profile) {
                    items.push(profile);
                }
                if items.len() == limit {
                    return Ok(ListPage { items, next: Some(after) });
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
        Ok(ListPage { items, next: Some(next) })
    }
}

fn start_key(last: PageKey<UserId>) -> Item {
    let month = partition(month_of(last.at));
    index_key(keys::profile(last.id), [("created_month", month), ("created_at", instant(last.at))])
}

fn position(key: &Item) -> Option<UsersFrom> {
    let id = text(key, "pk")?.strip_prefix("USER#")?.parse().ok()?;
    let at = text(key, "created_at")?.parse().ok()?;
    Some(UsersFrom::After(PageKey { id, at }))
}
