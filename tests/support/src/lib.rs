//! What tests and the development environment share: a real control plane, programs of this workspace as child processes,
//! and waiting for a condition instead of sleeping.
//!
//! What can go wrong: no control plane at hand and none to be built, a port taken in between, a program that ends early.
//! Each is an error that says what to do, with the end of the program's log. What is promised: whatever was started ends
//! with the process that started it, also when that process is killed.
#![forbid(unsafe_code)]

mod assets;
pub mod chart;
mod cluster;
mod control_plane;
pub mod directory;
mod helm;
pub mod keeper;
mod metrics;
mod operator;
mod plugins;
mod ports;
mod process;
mod target;
mod wait;

pub use assets::Assets;
pub use cluster::{Cluster, Namespace};
pub use control_plane::ControlPlane;
pub use helm::Helm;
pub use metrics::{Metrics, Sample};
pub use operator::{Endpoints, Operator, Setup};
pub use plugins::{BundleFolder, build_plugins, default_bundle};
pub use ports::free_ports;
pub use process::Process;
pub use target::Target;
pub use wait::{TimedOut, wait_for};
