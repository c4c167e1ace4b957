//! The contract of the API: each group's list of routes in code, from which the router of its function and the API's
//! reference are made.
//!
//! A group lists its routes once, in `pub fn api<A: Api<State>>(api: A) -> A`. [`Live`] makes a function's router of the
//! list. The reference (`docs/openapi.json`) is made of the same list by the crate `chairbook-openapi`, which only tests
//! and its generator use: a function never asks its handlers to describe themselves, so that the linker leaves out all
//! that would do it.
//!
//! A handler takes the state first and says second who may call it:
//!
//! ```
//! use axum::extract::State;
//! use chairbook_web::view::Empty;
//! use chairbook_web::{Admin, Api, Limit, Pending, Reply, RequestError, about};
//!
//! async fn tidy(_: State<()>, admin: Pending<Admin>) -> Result<Reply<Empty>, RequestError> {
//!     admin.admit().await?;
//!     Ok(Reply::ok("All is tidy.", Empty {}))
//! }
//!
//! fn api<A: Api<()>>(api: A) -> A {
//!     api.post("/api/v1/tidy", about("tidy", "Tidy up"), Limit::Default, tidy)
//! }
//! ```
//!
//! One that does not say who may call it is no route:
//!
//! ```compile_fail,E0277
//! use axum::extract::State;
//! use chairbook_web::view::Empty;
//! use chairbook_web::{Api, Limit, Reply, RequestError, about};
//!
//! async fn tidy(_: State<()>) -> Result<Reply<Empty>, RequestError> {
//!     Ok(Reply::ok("All is tidy.", Empty {}))
//! }
//!
//! fn api<A: Api<()>>(api: A) -> A {
//!     api.post("/api/v1/tidy", about("tidy", "Tidy up"), Limit::Default, tidy)
//! }
//! ```

mod api;
mod describer;
mod endpoint;
mod errors;
mod operation;

pub use api::{About, Api, Limit, Live, Method, about};
pub use describer::Describer;
pub use endpoint::{Caller, Endpoint, Input, Output};
pub use errors::{ApiErrors, RequestError, WriteError, details_of, example_message};
#[doc(hidden)]
pub use schemars::Schema;

pub use operation::{
    ErrorKind, Header, Location, Operation, Parameter, ResponseContent, Security, SuccessResponse,
};
