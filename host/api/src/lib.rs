//! The custom resources, field for field, and the pure rules of their dialect. No client, no cluster.
//!
//! Promised: what the peer's schema accepts, this one accepts, and what it stored decodes here, filled with empty strings or
//! not ([`v1alpha1`]); the annotation that tooling compares is byte-identical ([`version`]). The table that maps a block of
//! a resource to a plugin is [`dialect`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod admission;
pub mod crds;
pub mod dialect;
pub mod interval;
mod lenient;
pub mod names;
pub mod status;
pub mod text;
pub mod v1alpha1;
pub mod v1beta1;
pub mod version;
pub mod well_known;
