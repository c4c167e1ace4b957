//! The whole system on one machine: `template.yaml`, executed.

pub mod clock;
pub mod gateway;
pub mod template;
