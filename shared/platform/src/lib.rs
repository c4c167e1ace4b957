//! What every function needs from the machine it runs on: its configuration, the clock, randomness, its log and metrics,
//! the cost of what it does, and its AWS clients. Everything impure that is not I/O with a service of ours is in here, so that the rest
//! can take it as an argument.

pub mod aws;
pub mod clock;
pub mod env;
mod function;
pub mod health_probe;
mod logging;
pub mod meter;
mod metrics;
pub mod random;

pub use function::{configured, ended, run};
pub use logging::COUNTED;
pub use metrics::{Metric, Unit};
