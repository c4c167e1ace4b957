//! Attacks on what docs/security.md and docs/api-conventions.md promise, end to end, each as somebody would try it; one
//! module per kind of promise.

mod admission;
mod edge;
mod enumeration;
mod mail_bombing;
mod passwords;
mod payments;
mod pre_hijacking;
mod requests;
mod roles;
mod sessions;
mod tokens;
