//! Notification preferences: the categories of which somebody is notified, by channel.

use serde::{Deserialize, Serialize};

use crate::event::Category;

/// The channels on which somebody is notified of a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Channels {
    /// Set where its events are sent by e-mail.
    pub email: bool,
    /// Set where its events are listed in the app, and counted there while they are unread.
    pub in_app: bool,
}

impl Channels {
    /// Both.
    pub const ON: Self = Self { email: true, in_app: true };

    /// None.
    pub const OFF: Self = Self { email: false, in_app: false };
}

/// The channels of every category that can be turned off. A category that a row does not have yet has its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// Those of [`Category::Appointments`].
    pub appointments: Channels,
    /// Those of [`Category::Reminders`].
    pub reminders: Channels,
    /// Those of [`Category::Reviews`].
    pub reviews: Channels,
    /// Those of [`Category::Courses`].
    pub courses: Channels,
    /// Those of [`Category::Todos`].
    pub todos: Channels,
    /// Those of [`Category::Logins`].
    pub logins: Channels,
    /// Those of [`Category::News`].
    pub news: Channels,
}

impl Default for Preferences {
    /// All on, but for news: advertising takes consent.
    fn default() -> Self {
        Self {
            appointments: Channels::ON,
            reminders: Channels::ON,
            reviews: Channels::ON,
            courses: Channels::ON,
            todos: Channels::ON,
            logins: Channels::ON,
            news: Channels::OFF,
        }
    }
}

impl Preferences {
    /// Returns true if nothing was ever chosen, or what was chosen is the default.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The channels of a category; both where it cannot be turned off.
    #[must_use]
    pub const fn of(&self, category: Category) -> Channels {
        match category {
            Category::Appointments => self.appointments,
            Category::Reminders => self.reminders,
            Category::Reviews => self.reviews,
            Category::Courses => self.courses,
            Category::Todos => self.todos,
            Category::Logins => self.logins,
            Category::News => self.news,
            Category::Security => Channels::ON,
        }
    }

    /// The same with other channels of a category; without a change where it cannot be turned off.
    #[must_use]
    pub const fn with(mut self, category: Category, channels: Channels) -> Self {
        match category {
            Category::Appointments => self.appointments = channels,
            Category::Reminders => self.reminders = channels,
            Category::Reviews => self.reviews = channels,
            Category::Courses => self.courses = channels,
            Category::Todos => self.todos = channels,
            Category::Logins => self.logins = channels,
            Category::News => self.news = channels,
            Category::Security => {}
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_is_on_until_it_is_turned_off_but_for_news() {
        for category in Category::ALL {
            let expected = if category == Category::News { Channels::OFF } else { Channels::ON };
            assert_eq!(Preferences::default().of(category), expected, "{category:?}");
        }
    }

    #[test]
    fn each_category_is_changed_by_itself_and_security_stays() {
        for changed in Category::ALL {
            let before = Preferences::default().with(Category::News, Channels::ON);
            let after = before.with(changed, Channels { email: false, in_app: true });
            for category in Category::ALL {
                let email = category != changed || category == Category::Security;
                assert_eq!(after.of(category), Channels { email, in_app: true }, "{changed:?} {category:?}");
            }
        }
    }

    #[test]
    fn what_a_row_does_not_have_is_the_default() {
        let read = |row| serde_json::from_value::<Preferences>(row).unwrap();
        assert_eq!(read(json!({})), Preferences::default());
        let row = json!({"logins": {"email": false, "inApp": true}});
        assert_eq!(
            read(row),
            Preferences::default().with(Category::Logins, Channels { email: false, in_app: true })
        );
    }
}
