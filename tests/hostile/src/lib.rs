//! A bench for plugins that misbehave: bundles made of real guests and of components by hand, a runtime on them, and the
//! calls. The tests of the runtime use it too; those of this crate show that nobody else is harmed.
//!
//! What can go wrong: a guest does not build, the program that compiles is not there. A test ends then.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends so")]

mod bench;
mod call;
pub mod component;
mod plugin;
mod server;

pub use bench::{Bench, Recorder, compiler, config};
pub use call::{CANARY, call, caller, posted, secret};
pub use plugin::{Plugin, guest, hostile, workspace_guest, write_bundle, write_index};
pub use server::{SERVER, take_server_address};
