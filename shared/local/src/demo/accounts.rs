//! The demo's accounts.

use chairbook_auth::password;
use chairbook_models::ids::UserId;
use chairbook_models::preferences::Preferences;
use chairbook_models::text::TextError;
use chairbook_models::user::{Profile, Role};
use jiff::Timestamp;

use super::number;

/// The password of each demo account.
pub const PASSWORD: &str = "aurora-opens-at-nine";

/// An account that a fresh stack has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoAccount {
    /// The e-mail address to log in with.
    pub email: &'static str,
    /// The person's name.
    pub name: &'static str,
    /// What they may do.
    pub role: Role,
}

/// An owner, an admin and a customer.
pub const ACCOUNTS: [DemoAccount; 3] = [
    DemoAccount { email: "owner@aurora.example", name: "Aurélie Martin", role: Role::Owner },
    DemoAccount { email: "desk@aurora.example", name: "Deniz Kaya", role: Role::Admin },
    DemoAccount { email: "customer@aurora.example", name: "Camille Dubois", role: Role::User },
];

impl DemoAccount {
    pub(super) fn profile(&self, place: u8, now: Timestamp) -> Result<Profile, TextError> {
        Ok(Profile {
            id: UserId::derived(number(place)),
            name: self.name.parse()?,
            email: self.email.to_owned(),
            phone: None,
            role: self.role,
            email_verified: true,
            preferences: Preferences::default(),
            created_at: now,
            updated_at: now,
        })
    }
}

/// The hash of the demo's password. That is no secret, so neither is the salt.
pub(super) fn password_hash(place: u8) -> Result<String, password::HashError> {
    password::hash(PASSWORD, number(place))
}
