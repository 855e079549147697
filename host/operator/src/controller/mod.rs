//! Controllers: which resource is reconciled when. What a reconcile does is in the module of its kind.
mod queue;

pub use queue::{Changes, run};
