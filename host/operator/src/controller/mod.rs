//! Controllers: which resource is reconciled when, and what a reconcile of each kind does.
mod context;
pub mod infisical_secret;
mod queue;

pub use context::Context;
pub use queue::{Changes, Follow, run};
