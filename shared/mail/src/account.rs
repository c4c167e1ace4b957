//! Mails about an account: verify the address, welcome, welcome back.

use crate::rendered::templates;
use crate::text::Detail;

/// Asks somebody who registered to prove that the address is theirs.
///
/// It shows nothing that the person who registered wrote, not even the name: until the link is followed, it may
/// be anybody's address, and a name can be an advertisement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyEmail {
    /// The salon.
    pub salon: String,
    /// The link, which holds the one-time token.
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
    /// Whether the device was not seen before.
    pub new_device: bool,
    /// When and from where.
    pub details: Vec<Detail>,
}

templates!(WelcomeBack, "welcome_back/subject", "welcome_back/body.txt", "welcome_back/body.html");
