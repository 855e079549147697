//! Targets, references and workloads against a real API server: what is written, what is not, and what wakes whom.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod references;
mod rights;
mod targets;
mod workloads;
mod world;
