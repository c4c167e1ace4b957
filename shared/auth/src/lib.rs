//! Who somebody is, and how they prove it: password hashes, access tokens, opaque tokens, sealed secrets, the
//! lockout, sessions.
//!
//! Everything here is computation: rows are in `chairbook-store`, HTTP is in `chairbook-web`.

pub mod access_token;
#[cfg(test)]
mod edge_properties;
pub mod email_address;
pub mod lockout;
pub mod opaque_token;
pub mod password;
pub mod seal;
pub mod session;

pub use session::{Caller, Session};
