//! Mails about an account: verify the address, welcome, welcome back, a new password, an ended session, a role.

use chairbook_models::user::Role;

use crate::rendered::templates;
use crate::text::Detail;

/// Asks somebody who registered to prove that the address is theirs.
///
/// It shows nothing that the person who registered wrote, not even the name: until it is confirmed, it may be
/// anybody's address, and a name can be an advertisement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyEmail {
    /// The salon.
    pub salon: String,
    /// The page where they confirm it; its address holds the one-time token.
    pub link: String,
}

templates!(VerifyEmail, "verify_email/subject", "verify_email/body.txt", "verify_email/body.html");

/// Greets somebody whose address is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The salon.
    pub salon: String,
    /// Whom it greets.
    pub name: String,
}

templates!(Welcome, "welcome/subject", "welcome/body.txt", "welcome/body.html");

/// Greets somebody who logged in, and tells the account's owner if it was not them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WelcomeBack {
    /// The salon.
    pub salon: String,
    /// Whom it greets.
    pub name: String,
    /// Set where the device was not seen before.
    pub new_device: bool,
    /// The time and the origin of the login.
    pub details: Vec<Detail>,
}

templates!(WelcomeBack, "welcome_back/subject", "welcome_back/body.txt", "welcome_back/body.html");

/// Sends somebody who forgot their password the link to a page where they choose a new one.
///
/// Anybody can ask for it with anybody's address. So, as in [`VerifyEmail`], an address that is not verified gets
/// to see nothing that the person who registered wrote; and nothing is told of whoever asked, who may be a
/// stranger and writes their browser's description themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetPassword {
    /// The salon.
    pub salon: String,
    /// Whom it greets; nobody by name whose address is not verified.
    pub name: Option<String>,
    /// The link, which holds the one-time token.
    pub link: String,
}

templates!(ResetPassword, "reset_password/subject", "reset_password/body.txt", "reset_password/body.html");

/// Tells the account's owner that its password is another one, in case that it was not them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordChanged {
    /// The salon.
    pub salon: String,
    /// Whom it greets.
    pub name: String,
    /// The time and the origin of the change.
    pub details: Vec<Detail>,
}

templates!(
    PasswordChanged,
    "password_changed/subject",
    "password_changed/body.txt",
    "password_changed/body.html"
);

/// Tells the account's owner that a session was ended, because one of its refresh tokens came back after it had
/// been replaced.
///
/// It does not call the details a stranger's: the one who comes second can be the owner, after a thief came first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRevoked {
    /// The salon.
    pub salon: String,
    /// Whom it greets.
    pub name: String,
    /// The time at which the token came back, and its origin.
    pub details: Vec<Detail>,
}

templates!(
    SessionRevoked,
    "session_revoked/subject",
    "session_revoked/body.txt",
    "session_revoked/body.html"
);

/// Tells somebody what they may do from now on.
///
/// It says when, since two changes in a row can arrive the other way round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleChanged {
    /// The salon.
    pub salon: String,
    /// Whom it greets.
    pub name: String,
    /// The new role and when it was given.
    pub details: Vec<Detail>,
}

templates!(RoleChanged, "role_changed/subject", "role_changed/body.txt", "role_changed/body.html");

/// A role in words, with what it allows.
pub(crate) const fn role_in_words(role: Role) -> &'static str {
    match role {
        Role::User => "Customer: you can book, see and cancel your own appointments",
        Role::Admin => "Front desk: you can manage the catalog and everybody's appointments",
        Role::Owner => "Owner: you can run the front desk and decide who else can",
    }
}
