//! The cost of Chairbook on AWS, as docs/cost.md shows it: what deeds consume is counted on a local stack that runs the real
//! functions, and multiplied with AWS's list prices. What cannot be counted there is a stated assumption.

mod assumptions;
mod count;
mod habits;
mod prices;
mod tables;

pub use tables::tables;
