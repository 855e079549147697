//! The rules: what is found of one object. Pure: objects in, findings out.
pub(crate) mod chain;
pub(crate) mod cluster;
pub(crate) mod identity;
pub(crate) mod metadata;
pub(crate) mod plan;
pub(crate) mod target;
pub(crate) mod template;
pub(crate) mod workload;
