//! Controllers: which resource is reconciled when, and what a reconcile of each kind does.
pub mod chained;
mod context;
pub mod finalizer;
mod generators;
pub mod infisical_dynamic_secret;
pub mod infisical_push_secret;
mod infisical_secret;
mod infisical_static_secret;
mod queue;
pub mod suspend;
pub mod sync;

pub use context::Context;
pub use queue::{Changes, Follow, Unlisted, run};
