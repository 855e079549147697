//! The operator: keeps Kubernetes Secrets and Infisical in step.
//!
//! The way of the data is one list of steps, each one call: dereference, plan, policy, session, read, render, policy,
//! apply, report. What decides is pure and takes no client ([`plan`], [`outcome`]); every path ends in one
//! [`outcome::Outcome`], from which condition, event, metric and requeue are derived in one place.
#![forbid(unsafe_code)]

#[cfg(test)]
mod testing;

pub mod chain;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod controller;
pub mod data;
pub mod dereference;
mod digest;
pub mod effect;
pub mod generate;
pub mod instant;
pub mod leader;
pub mod lease;
pub mod metrics;
pub mod object;
pub mod options;
pub mod outcome;
pub mod plan;
pub mod push;
pub mod read;
pub mod reason;
pub mod reload;
pub mod render;
pub mod report;
pub mod rights;
pub mod serve;
pub mod session;
pub mod start;
pub mod target;
pub mod trigger;
