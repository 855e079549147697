//! What a runtime is started with, and what it tells.
use crate::{CompileLimits, Descriptor, Detours, Grants, Limits, Stage, World};
#[cfg(doc)]
use crate::{Failure, Runtime};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

/// What a runtime is started with. All of it is the administrator's.
pub struct Config {
    /// The bundle folder: `index.json` and the components that it names. Watched.
    pub bundle: PathBuf,
    /// Machine code made by the build of the bundle.
    pub shipped_cache: Option<ShippedCache>,
    /// Machine code of our own, with the key that authenticates it. Made if missing.
    pub local_cache: PathBuf,
    /// The program that compiles: it is run as `PROGRAM compile …`, which must call [`crate::Runtime::compile_child`].
    pub compiler: PathBuf,
    /// Limits of that child.
    pub compile_limits: CompileLimits,
    /// Limits of plugins by world; a world that is missing has the default.
    pub limits: BTreeMap<World, Limits>,
    /// Folders behind the mounts, by name.
    pub mounts: BTreeMap<String, PathBuf>,
    /// Variables that an `environment` grant may reach.
    pub environment: BTreeMap<String, String>,
    /// Whether plugins may speak to private addresses by name. Loopback and link-local need a grant that spells them out.
    pub private_egress: bool,
    /// Loopback addresses that stand for other origins in development; empty in a cluster.
    pub detours: Detours,
    /// Grants to withhold, by plugin: the administrator's narrowing of what the bundle's index grants.
    pub withheld: BTreeMap<String, Grants>,
    /// Stands in for the world outside when plugins are rehearsed; None in an operator.
    pub stage: Option<Stage>,
    /// Told of each call and load.
    pub observer: Arc<dyn Observer>,
}

/// Machine code that was compiled where the bundle was built. Trusted by digest: whoever built the program wrote down the
/// digest of the manifest, and the manifest holds the digests of the files.
#[derive(Clone, Debug)]
pub struct ShippedCache {
    /// Folder with `manifest.json` and the files that it names.
    pub folder: PathBuf,
    /// `sha256:…` of `manifest.json`. A manifest with another digest is ignored, with a warning.
    pub manifest: String,
}

/// Told of what happens, for metrics. Must not block.
pub trait Observer: Send + Sync {
    /// A call ended.
    fn called(&self, record: &CallRecord<'_>);
    /// A load ended.
    fn loaded(&self, record: &LoadRecord<'_>);
    /// A plugin that served is no longer in the index.
    fn removed(&self, plugin: &str);
}

/// One call.
#[derive(Clone, Debug)]
pub struct CallRecord<'a> {
    /// Name.
    pub plugin: &'a str,
    /// World.
    pub world: World,
    /// `ok`, `Cancelled` where the caller stopped waiting, or [`Failure::reason`].
    pub outcome: &'static str,
    /// From the caller's view.
    pub duration: Duration,
    /// Bytes of linear memory at most.
    pub memory_peak: usize,
    /// Uses of capabilities that were denied.
    pub denials: u32,
}

/// One attempt to load a plugin.
#[derive(Clone, Debug)]
pub struct LoadRecord<'a> {
    /// Name in the index.
    pub plugin: &'a str,
    /// From the descriptor, where it came so far.
    pub version: Option<&'a str>,
    /// Digest of the component.
    pub digest: &'a str,
    /// How its machine code was come by, where it came so far.
    pub code: Option<MachineCode>,
    /// None: it serves. Else why not; an older version, if there is one, keeps serving.
    pub error: Option<&'a str>,
}

/// How machine code was come by, and how long that took, without waiting for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineCode {
    /// Read from a cache, verified and mapped.
    Cached(Duration),
    /// Compiled in a child process, and mapped.
    Compiled(Duration),
}

/// A plugin that serves, or that is known but can't.
#[derive(Clone, Debug)]
pub struct PluginInfo {
    /// World.
    pub world: World,
    /// Digest of the serving component, `sha256:…`; of the failed one where none serves.
    pub digest: String,
    /// None where none serves.
    pub descriptor: Option<Arc<Descriptor>>,
    /// Of the newest load: a broken newer version shows here while the older one serves.
    pub error: Option<String>,
}

/// What one file is, as far as it was found out ([`Runtime::inspect`]).
#[derive(Clone, Debug)]
pub struct Inspection {
    /// `sha256:…` of the file.
    pub digest: String,
    /// Bytes of the file.
    pub size: u64,
    /// The world whose interface it exports.
    pub world: Option<World>,
    /// Every import by name, those of the contract and others.
    pub imports: Vec<String>,
    /// What it says about itself, once that passed the schema.
    pub descriptor: Option<Arc<Descriptor>>,
    /// Why a runtime would refuse to load it; None where it would load, given every grant that it needs.
    pub refused: Option<String>,
}

/// Why a runtime can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The engine's settings can't be had on this machine, for example not enough address space.
    #[error("the engine does not start: {0}")]
    Engine(String),
    /// A folder is missing or can't be used.
    #[error("{path}: {cause}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The index of the bundle can't be read.
    #[error("{path}: {cause}")]
    Index {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: String,
    },
}
