//! The whole system on one machine: `template.yaml`, executed.

pub mod template;
