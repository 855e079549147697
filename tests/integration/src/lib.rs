//! What the integration tests share: a [`Scene`] with a namespace of a real control plane, an Infisical dev server and an
//! operator that serves that namespace alone.
//!
//! A test sets the scene, starts the operator in its own process ([`Scene::start`]) or as its program ([`Scene::child`]), and
//! waits for conditions; nothing here sleeps for a fixed time. The control plane, the custom resources, the bundle and the
//! machine code of its plugins are made once and shared by all tests. What goes wrong here panics with the last state seen.
//!
//! What plugins find around them is given by options, never by the environment of the test: a cloud's service that is played
//! on loopback, variables, mounted folders.
//!
//! ```ignore
//! let operator = scene
//!     .start_with(|options| {
//!         options.trusted_hosts.push(scene.infisical.url().into());
//!         options.plugins.dev_origins.push(("http://169.254.169.254".into(), metadata_service.url()));
//!         options.plugins.environment.insert("AWS_REGION".into(), "eu-central-1".into());
//!         options.plugins.mounts.insert("web-identity".into(), scene.folder().join("tokens"));
//!     })
//!     .await;
//! ```
//!
//! `support::Setup` has the same three for the operator's program.
//!
//! `RUST_LOG=operator=debug cargo test -p integration NAME -- --nocapture` shows what an operator in the process says.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod clock;
mod doomed;
mod look;
mod manifest;
mod operator;
mod recorder;
mod refusal;
mod scene;
mod shared;
mod writers;

pub use clock::MovedClock;
pub use doomed::Doomed;
pub use look::{Event, Identity, event_of, text};
pub use manifest::merged;
pub use operator::{Child, Running};
pub use recorder::{Asked, Recorder};
pub use refusal::Refusal;
pub use scene::{Scene, until};
pub use shared::{cache, default_bundle, program};
