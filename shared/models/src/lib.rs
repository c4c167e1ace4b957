//! Chairbook's plain types and pure rules: ids, money, the catalog, an expert's day, booking, events.
//!
//! Nothing here does I/O, reads a clock or draws randomness: instants and random bytes are arguments, so that
//! every rule can be tested as a table. Adding a rule means adding a pure function here and calling it from a
//! handler; adding a thing means adding its type here, its id prefix in [`ids`], and its rows in
//! `chairbook-store`.

pub mod appointment;
pub mod availability;
pub mod backoff;
pub mod booking;
pub mod catalog;
pub mod catalog_change;
pub mod day;
pub mod duration;
#[cfg(test)]
mod edge_properties;
pub mod event;
pub mod ids;
pub mod mailed_link;
pub mod money;
pub mod offers;
pub mod preferences;
pub mod reschedule;
mod schema;
pub mod statistics;
pub mod text;
pub mod todo;
pub mod user;
pub mod week;
pub mod working_hours;
