//! Attacks on what docs/security.md and docs/api-conventions.md promise, end to end, each as somebody would try it; one
//! module per kind of promise.

mod admission;
mod edge;
mod enumeration;
mod injection;
mod mail_bombing;
mod mass_assignment;
mod others;
mod passwords;
mod payments;
mod pre_hijacking;
mod requests;
mod roles;
mod sessions;
mod storms;
mod tokens;
