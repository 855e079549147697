//! Runs plugins: components of the package `infisical:plugin`. Knows nothing of Kubernetes or of Infisical's API.
//!
//! What can go wrong: a plugin may loop, allocate, recurse, trap, flood, lie, or ask for what it was not granted; a file may
//! be no plugin at all; a new version may be broken. What is promised: each of these ends as a [`Failure`] of that one call
//! or load, other calls go on, an older version that works keeps serving, and nothing of one call is left for the next,
//! since each runs in a fresh instance.
//!
//! The words: a *capability* is what a plugin says it needs, a *grant* what the administrator gave, a *generation* one
//! loaded version of a plugin, a *call* one instance from start to end.
#![warn(missing_docs)]

mod aot;
mod breaker;
mod cache;
mod call;
mod capability;
mod check;
mod compile;
mod config;
mod context;
mod contract;
mod descriptor;
mod digest;
mod engine;
mod exchange;
mod execute;
mod failure;
mod generation;
mod grants;
mod index;
mod inspect;
mod limits;
mod load;
mod registry;
mod resident;
mod rights;
mod runtime;
mod schema;
mod settings;
mod ship;
mod stage;
mod text;
mod wasi;
mod watch;

pub use call::{
    Ambient, AuthCall, Caller, ClientIdentity, Decision, Entry, EvaluateCall, Exchange, GenerateCall, Generated, Output, Proof, Proved,
    RenderCall, Rendered, Rendering, SourceSecret, TokenFailure, TokenFuture, TokenSource, Verdict,
};
pub use capability::{
    egress::detour::{DetourError, Detours},
    mounts::{MountError, Mounts},
};
pub use config::{CallRecord, Config, Inspection, LoadRecord, MachineCode, Observer, PluginInfo, ShippedCache, StartError};
pub use descriptor::{Descriptor, Input, Need, World};
pub use failure::{Class, Diagnostic, Failure, Violation};
pub use grants::{Capability, CapabilityError, Grants};
pub use limits::{CompileLimits, Limits};
pub use runtime::Runtime;
pub use stage::{Answers, Stage, StagedRequest, StagedResponse};

/// Bytes that can't be formatted and are zeroed when dropped.
pub type SecretBytes = secrecy::SecretSlice<u8>;
