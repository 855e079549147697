//! The runtime: plugins by name, and the four calls.
use crate::{
    AuthCall, CompileLimits, Descriptor, EvaluateCall, Failure, GenerateCall, Generated, Limits, Proved, RenderCall, Rendering, Verdict,
    World,
};
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
    /// Grants to withhold, by plugin: the administrator's narrowing of what the bundle's index grants.
    pub withheld: BTreeMap<String, crate::Grants>,
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
}

/// One call.
#[derive(Clone, Debug)]
pub struct CallRecord<'a> {
    /// Name.
    pub plugin: &'a str,
    /// World.
    pub world: World,
    /// `ok`, or [`Failure::reason`].
    pub outcome: &'static str,
    /// From the caller's view.
    pub duration: Duration,
    /// Bytes of linear memory at most.
    pub memory_peak: usize,
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
    /// None: it serves. Else why not; an older version, if there is one, keeps serving.
    pub error: Option<&'a str>,
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

/// Plugins by name, and the four calls. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    plugins: Arc<arc_swap::ArcSwap<BTreeMap<String, PluginInfo>>>,
    changes: Arc<tokio::sync::watch::Sender<u64>>,
}

impl Runtime {
    /// Starts with the plugins of the bundle.
    ///
    /// # Errors
    /// See [`StartError`]. A plugin that does not load is not an error here: it shows in [`Runtime::plugins`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let folder = |path: &PathBuf, cause| StartError::Folder { path: path.clone(), cause };
        drop(tokio::fs::read_dir(&config.bundle).await.map_err(|cause| folder(&config.bundle, cause))?);
        Ok(Self { plugins: Arc::default(), changes: Arc::default() })
    }

    /// All plugins that are known, by name.
    #[must_use]
    pub fn plugins(&self) -> Arc<BTreeMap<String, PluginInfo>> {
        self.plugins.load_full()
    }

    /// Counts up whenever a plugin was swapped, added or removed, or failed to load: what depends on plugins looks again.
    #[must_use]
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn missing(&self, plugin: &str, world: World) -> Failure {
        let plugins = self.plugins();
        let names: Vec<_> = plugins.iter().filter(|(_, info)| info.world == world).map(|(name, _)| name.as_str()).collect();
        Failure::NotFound { plugin: plugin.chars().take(64).collect(), available: names.join(", ") }
    }

    /// Proves who the caller is.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn authenticate(&self, call: AuthCall) -> Result<Proved, Failure> {
        Err(self.missing(&call.plugin, World::Authenticator))
    }

    /// Renders all entries of one target.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn render(&self, call: RenderCall) -> Result<Rendering, Failure> {
        Err(self.missing(&call.plugin, World::Template))
    }

    /// Makes values.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn generate(&self, call: GenerateCall) -> Result<Generated, Failure> {
        Err(self.missing(&call.plugin, World::Generator))
    }

    /// Asks a policy.
    ///
    /// # Errors
    /// Any [`Failure`], to be taken as a denial.
    pub async fn evaluate(&self, call: EvaluateCall) -> Result<Verdict, Failure> {
        Err(self.missing(&call.plugin, World::Policy))
    }
}
