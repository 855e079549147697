//! Plugins that misbehave, each while the calls of another tenant go on unharmed in the same runtime.
//!
//! How each limit bites is shown by the tests of the runtime; here is shown that nobody else notices: in every case another
//! tenant logs in all the time, none of its calls fails and none waits long ([`arena`]), the plugin that misbehaved serves
//! the next call, its failure has the right reason and a bounded text, and a secret that it knew shows neither there nor in
//! the log ([`canary`]).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends so")]

mod arena;
mod breaker;
mod canary;
mod egress;
mod files;
mod floods;
mod grants;
mod loops;
mod mounts;
mod neighbour;
mod results;
mod server;
mod swaps;
