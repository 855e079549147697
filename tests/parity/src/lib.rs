//! What Infisical's operator left in a cluster, brought into the namespace of a test, with a server that serves the same data.
//!
//! `data/infisical-operator.json` was recorded from the running operator 0.11.5: complete objects, of which nothing is edited
//! here but what a new cluster makes anew (uids, times, addresses). See the README beside it.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod recorded;
mod server;

pub use recorded::Recorded;
pub use server::{leased, seed};
