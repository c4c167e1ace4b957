//! What every HTTP function has in common: the envelope of answers, errors for people, requests read whole
//! before anything is believed, who is calling and what they may do, the rate limit, the access log.
//!
//! An endpoint is a handler that takes an [`access`] extractor (who may call), [`Body`], [`Query`] or [`Id`]
//! (what they ask), and returns [`Reply`]. A handler without an access extractor has no caller to act for.
//! `docs/add-an-endpoint.md` walks through one.

mod accept;
pub mod access;
mod admission;
mod app;
mod cloudfront;
mod conditional;
pub mod contract;
pub mod cursor;
pub mod dates;
#[cfg(test)]
mod edge_properties;
mod error;
pub mod fields;
pub mod idempotency;
mod incoming;
mod memory;
mod paging;
pub mod password;
mod rate_limit;
mod reply;
mod unique;
pub mod view;

pub use accept::prefers_json;
pub use access::{Access, Admin, Client, Customer, LoggedIn, Owner, Pending, Visitor};
pub use app::{Web, router, run, scheduled_router};
pub use conditional::Revalidated;
pub use contract::{Api, Limit, Live, RequestError, WriteError, about};
pub use error::{ApiError, FieldError};
pub use fields::{Body, Fields, FromFields, Id, MAX_BODY_BYTES, Query};
pub use idempotency::{IdempotencyKey, Keyed, RepeatError, RequestIdentity};
pub use paging::{MAX_PAGE_BYTES, Paging, Room};
pub use rate_limit::Policy;
pub use reply::{Created, Located, Page, Reply};
