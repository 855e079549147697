#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod authenticator;
mod backend;
pub mod clock;
mod credential;
mod descriptor;
pub mod environment;
mod error;
#[doc(hidden)]
pub mod export;
pub mod generator;
pub mod http;
pub mod keys;
pub mod log;
pub mod mounts;
mod plugin;
pub mod policy;
pub mod random;
pub mod service_account;
pub mod signing;
#[doc(hidden)]
pub mod sys;
pub mod template;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod volatile;

pub use credential::{Credential, Encoding};
pub use descriptor::{Descriptor, Input, Need};
pub use plugin::{NoSettings, Plugin, parse_settings};
pub use sys::types::{Diagnostic, Error, Unavailability, Violation};

/// Name and value pairs that a later contract may fill. Names that are not known are to be ignored.
pub type Extensions = Vec<(String, String)>;
