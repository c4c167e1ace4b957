//! People: roles and profiles.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::UserId;
use crate::preferences::Preferences;
use crate::text::{PersonName, Phone};

/// The rights of somebody; each role has all those of the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A customer.
    User,
    /// Runs the front desk: the catalog, everybody's appointments.
    Admin,
    /// Decides who is an admin.
    Owner,
}

impl Role {
    /// Every role, the least powerful first.
    pub const ALL: [Self; 3] = [Self::User, Self::Admin, Self::Owner];

    /// The name that the API and the tables use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Returns true if somebody with this role may delete an account with the other: owners any, admins those of
    /// customers.
    #[must_use]
    pub const fn may_delete(self, other: Self) -> bool {
        match self {
            Self::Owner => true,
            Self::Admin => matches!(other, Self::User),
            Self::User => false,
        }
    }
}

/// A person's profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The id, `usr_…`: the same in access tokens, rows and events.
    pub id: UserId,
    /// The name they gave.
    pub name: PersonName,
    /// Their e-mail address as they wrote it, trimmed.
    pub email: String,
    /// Their telephone number, if they gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// Their role.
    pub role: Role,
    /// Set where they have shown that mail to the address reaches them.
    pub email_verified: bool,
    /// The notifications that they want. Kept with the profile, which the e-mail function reads anyway.
    #[serde(default, skip_serializing_if = "Preferences::is_default")]
    pub preferences: Preferences,
    /// The time of their registration (UTC).
    pub created_at: Timestamp,
    /// The time of the last change of the profile (UTC).
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::Role::{Admin, Owner, User};

    #[test]
    fn only_owners_delete_admins_and_owners() {
        let may = [User, Admin, Owner].map(|role| [User, Admin, Owner].map(|other| role.may_delete(other)));
        assert_eq!(may, [[false, false, false], [true, false, false], [true, true, true]]);
    }
}
