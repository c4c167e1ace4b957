//! `template.yaml`, parsed and resolved into a [`model::System`].

pub mod model;
