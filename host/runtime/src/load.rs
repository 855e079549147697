//! Makes a generation of a file: read once, checked, compiled, described, and only then ready to serve.
//!
//! Everything that may be wrong with a plugin is found here, before the first call, and ends as a [`LoadError`] that says
//! what was found and what is allowed. Nothing of it touches the version that serves.
use crate::{
    Capability, CompileLimits, Descriptor, Detours, Failure, Grants, Limits, MachineCode, Mounts, Stage, World,
    aot::{Code, Purpose, Sum},
    cache::{self, Caches},
    capability::http::Client,
    compile::{self, CompileError},
    context::{Context, Services},
    contract::{self, Guest},
    digest,
    engine::{Engines, LOADING, Profile},
    execute::Threads,
    generation::{Generation, Machine},
    index::Entry,
    resident::{Again, Resident},
    rights::Rights,
    settings::Settings,
    text, wasi,
};
use jsonschema::Validator;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};
use tokio::sync::Semaphore;
use wasmtime::component::{Component, Linker};

/// Children that compile at once. Each has two threads.
const COMPILERS: usize = 2;

/// Bytes of a descriptor at most: the contract's own bound.
const MAX_DESCRIPTOR: usize = 64 << 10;

/// What every descriptor must be.
const DESCRIPTOR_SCHEMA: &str = include_str!("../../../wit/descriptor.schema.json");

/// Why a file is not a plugin that can serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("the file {file:?} can't be read: {cause}")]
    Read { file: String, cause: std::io::Error },
    #[error("the file {file:?} has digest {found}, but the index says {expected}: rewrite the index with the file")]
    Digest { file: String, found: String, expected: String },
    #[error("the file has {found} bytes, but the index says {expected}: rewrite the index with the file")]
    Size { found: u64, expected: u64 },
    #[error(transparent)]
    Compile(#[from] CompileError),
    #[error("it does not load: {0}")]
    Load(String),
    #[error("it imports {0:?}, which plugins of this engine can't have")]
    Import(String),
    #[error("it is not of world {expected}, as the index says{}", found.map(|found| format!(", but of {found}")).unwrap_or_default())]
    World { expected: World, found: Option<World> },
    #[error("it does not link: {0}")]
    Link(String),
    #[error("it can't describe itself: {0}")]
    Describe(Failure),
    #[error("its descriptor is wrong: {0}")]
    Descriptor(String),
    #[error("it calls itself {found:?}, but the index says {expected:?}")]
    Name { expected: String, found: String },
    #[error("it calls itself version {found}, but the index says {expected}")]
    Version { expected: String, found: String },
    #[error("a need or a grant is wrong: {0}")]
    Capability(String),
    #[error("the JSON Schema of its settings can't be used: {0}")]
    Schema(String),
    #[error("it needs {capability}, which is not granted ({reason}): add it to the grants of the plugin")]
    Missing { capability: String, reason: String },
    #[error("the plugins before it in the index take all places for calls, of which there are {0}: lower limits or remove plugins")]
    Places(u32),
    #[error("the host can't load it: {0}")]
    Host(&'static str),
}

impl LoadError {
    /// Whether the same file may load another time: the machine was busy, or something is about to be written.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Read { .. } | Self::Digest { .. } | Self::Size { .. } | Self::Host(_) => true,
            Self::Compile(error) => !matches!(error, CompileError::Refused(_) | CompileError::TooLong),
            Self::Describe(failure) => matches!(failure, Failure::TimedOut(_) | Failure::Busy | Failure::Host(_)),
            _ => false,
        }
    }
}

/// All that generations are made with.
pub(crate) struct Loader {
    engines: Engines,
    threads: Arc<Threads>,
    core: Linker<Context>,
    wasi: Linker<Context>,
    descriptors: Validator,
    compiler: PathBuf,
    compile_limits: CompileLimits,
    compilers: Semaphore,
    describing: Arc<Semaphore>,
    caches: Option<Arc<Caches>>,
    limits: BTreeMap<World, Limits>,
    mounts: Mounts,
    environment: Arc<BTreeMap<String, String>>,
    private_egress: bool,
    detours: Detours,
    stage: Option<Stage>,
    withheld: BTreeMap<String, Grants>,
    home: tokio::runtime::Handle,
}

/// What a loader is made of.
pub(crate) struct Parts {
    pub(crate) engines: Engines,
    pub(crate) threads: Arc<Threads>,
    pub(crate) compiler: PathBuf,
    pub(crate) compile_limits: CompileLimits,
    /// None compiles each time.
    pub(crate) caches: Option<Arc<Caches>>,
    pub(crate) limits: BTreeMap<World, Limits>,
    pub(crate) mounts: Mounts,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) private_egress: bool,
    pub(crate) detours: Detours,
    pub(crate) stage: Option<Stage>,
    pub(crate) withheld: BTreeMap<String, Grants>,
}

/// A file that was read and found to be what it should be.
pub(crate) struct Source {
    pub(crate) sum: Sum,
    pub(crate) wasm: Vec<u8>,
}

impl Source {
    /// Reads a file once. Blocks.
    pub(crate) fn read(path: &Path, limit: u64) -> Result<Self, LoadError> {
        let wasm = cache::read(path, limit).map_err(|cause| LoadError::Read { file: path.display().to_string(), cause })?;
        Ok(Self { sum: digest::of(&wasm), wasm })
    }

    fn check(self, entry: &Entry) -> Result<Self, LoadError> {
        let found = digest::text(&self.sum);
        if found != entry.digest {
            return Err(LoadError::Digest { file: entry.file.clone(), found, expected: entry.digest.clone() });
        }
        if self.wasm.len() as u64 != entry.size {
            return Err(LoadError::Size { found: self.wasm.len() as u64, expected: entry.size });
        }
        Ok(self)
    }
}

/// A component, loaded but neither linked nor asked.
pub(crate) struct Loaded {
    pub(crate) component: Component,
    pub(crate) imports: Vec<String>,
    pub(crate) world: Option<World>,
    pub(crate) code: MachineCode,
    /// Whether a cache has its machine code.
    pub(crate) kept: bool,
}

impl Loader {
    /// Must be called on the runtime that everything outside of plugins runs on.
    pub(crate) fn new(parts: Parts) -> wasmtime::Result<Self> {
        let mut core = Linker::new(parts.engines.of(Profile::Core));
        Guest::link(&mut core)?;
        let mut wasi = Linker::new(parts.engines.of(Profile::Wasi));
        Guest::link(&mut wasi)?;
        wasi::add_to_linker(&mut wasi)?;
        let schema: Value = serde_json::from_str(DESCRIPTOR_SCHEMA)?;
        let descriptors = jsonschema::draft202012::options().offline().build(&schema).map_err(|error| wasmtime::format_err!("{error}"))?;
        Ok(Self {
            engines: parts.engines,
            threads: parts.threads,
            core,
            wasi,
            descriptors,
            compiler: parts.compiler,
            compile_limits: parts.compile_limits,
            compilers: Semaphore::new(COMPILERS),
            describing: Arc::new(Semaphore::new(LOADING as usize)),
            caches: parts.caches,
            limits: parts.limits,
            mounts: parts.mounts,
            environment: Arc::new(parts.environment),
            private_egress: parts.private_egress,
            detours: parts.detours,
            stage: parts.stage,
            withheld: parts.withheld,
            home: tokio::runtime::Handle::current(),
        })
    }

    /// Limits of a plugin.
    pub(crate) fn limits(&self, world: World, profile: Profile) -> Limits {
        let limits = self.limits.get(&world).cloned().unwrap_or_else(|| match world {
            World::Template => Limits::template(),
            _ => Limits::default(),
        });
        match profile {
            Profile::Core => limits,
            Profile::Wasi => limits.wasi(),
        }
    }

    /// Places of the pool that a plugin may take at once.
    pub(crate) fn places(&self, entry: &Entry) -> usize {
        match entry.engine {
            Profile::Core => self.limits(entry.world, entry.engine).concurrency,
            Profile::Wasi => 0,
        }
    }

    /// Reads the file of an entry and compares it with the index.
    pub(crate) async fn source(&self, folder: &Path, entry: &Entry) -> Result<Source, LoadError> {
        let (path, entry, limit) = (folder.join(&entry.file), entry.clone(), self.component_limit(entry.engine));
        blocking(move || Source::read(&path, limit)?.check(&entry)).await?
    }

    fn component_limit(&self, profile: Profile) -> u64 {
        match profile {
            Profile::Core => self.compile_limits.component,
            Profile::Wasi => self.compile_limits.wasi_component,
        }
    }

    /// Machine code from a cache, if one has it.
    async fn cached(&self, profile: Profile, sum: Sum) -> Result<Option<Component>, LoadError> {
        let Some(caches) = self.caches.clone() else { return Ok(None) };
        let engine = self.engines.of(profile).clone();
        let purpose = Purpose::new(&engine, sum);
        // Code that doesn't load is as good as none: it is compiled again.
        blocking(move || caches.find(&purpose).and_then(|code| code.load(&engine).ok())).await
    }

    /// Machine code from a cache, or compiled now and kept.
    pub(crate) async fn component(&self, profile: Profile, source: Source) -> Result<Loaded, LoadError> {
        let engine = self.engines.of(profile).clone();
        let purpose = Purpose::new(&engine, source.sum);
        let began = Instant::now();
        let (component, code, kept) = match self.cached(profile, source.sum).await? {
            Some(component) => (component, MachineCode::Cached(began.elapsed()), true),
            None => {
                let turn = self.compilers.acquire().await;
                let began = Instant::now();
                let code = compile::compile(&self.compiler, profile, &source.wasm, &self.compile_limits).await?;
                drop(turn);
                let (code, caches, engine) = (Code::compiled(code), self.caches.clone(), engine.clone());
                let (component, kept) = blocking(move || {
                    let component = code.load(&engine).map_err(|error| LoadError::Load(shown(&error)))?;
                    let kept = caches.is_some_and(|caches| caches.keep(&purpose, &code));
                    Ok::<_, LoadError>((component, kept))
                })
                .await??;
                (component, MachineCode::Compiled(began.elapsed()), kept)
            }
        };
        let kind = component.component_type();
        let imports = kind.imports(&engine).map(|(name, _)| name.to_owned()).collect();
        let world = Guest::world(&engine, &component);
        Ok(Loaded { component, imports, world, code, kept })
    }

    /// The first import that a plugin may not have.
    pub(crate) fn foreign_import(profile: Profile, imports: &[String]) -> Option<&String> {
        let known: Vec<_> = contract::imports().collect();
        imports.iter().find(|import| !(known.contains(import) || profile == Profile::Wasi && wasi::is_import(import)))
    }

    fn guest(&self, profile: Profile, world: World, component: &Component) -> Result<Guest, LoadError> {
        let linker = match profile {
            Profile::Core => &self.core,
            Profile::Wasi => &self.wasi,
        };
        Guest::new(linker, component, world).map_err(|error| LoadError::Link(shown(&error)))
    }

    /// Links a component.
    pub(crate) fn machine(
        &self,
        name: &str,
        profile: Profile,
        world: World,
        loaded: &Loaded,
        places: Arc<Semaphore>,
    ) -> Result<Machine, LoadError> {
        if let Some(import) = Self::foreign_import(profile, &loaded.imports) {
            return Err(LoadError::Import(text::cut(import)));
        }
        if loaded.world != Some(world) {
            return Err(LoadError::World { expected: world, found: loaded.world });
        }
        let guest = self.guest(profile, world, &loaded.component)?;
        let client = Client::new(self.private_egress).with_detours(self.detours.clone());
        let client = client.with_answers(self.stage.as_ref().map(|stage| stage.http.clone()));
        Ok(Machine {
            name: name.into(),
            code: Resident::new(guest),
            engine: self.engines.of(profile).clone(),
            profile,
            threads: self.threads.clone(),
            services: Arc::new(Services {
                mounts: self.mounts.clone(),
                environment: self.environment.clone(),
                client: Arc::new(client),
                stage: self.stage.clone(),
                home: self.home.clone(),
            }),
            limits: self.limits(world, profile),
            places,
        })
    }

    /// What a component says about itself, checked.
    pub(crate) async fn describe(&self, machine: &Machine) -> Result<Descriptor, LoadError> {
        // Not in the plugin's own places: a version whose calls all hang must not keep its successor from being loaded.
        let Ok(permit) = self.describing.clone().acquire_owned().await else {
            return Err(LoadError::Host("it is about to end"));
        };
        let told = machine.describe(permit).await.map_err(LoadError::Describe)?;
        if told.len() > MAX_DESCRIPTOR {
            return Err(LoadError::Descriptor(format!("it has {} bytes, at most {MAX_DESCRIPTOR} are allowed", told.len())));
        }
        let value: Value = serde_json::from_str(&told).map_err(|error| LoadError::Descriptor(format!("it is not JSON: {error}")))?;
        if let Some(error) = self.descriptors.iter_errors(&value).next() {
            let pointer = error.instance_path().as_str();
            let place = if pointer.is_empty() { "/" } else { pointer };
            return Err(LoadError::Descriptor(text::cut(&format!("{place}: {error}"))));
        }
        serde_json::from_value(value).map_err(|error| LoadError::Descriptor(text::cut(&error.to_string())))
    }

    /// From a component to a generation that can serve. `places` is that of the plugin's other generations.
    pub(crate) async fn load(
        self: &Arc<Self>,
        folder: &Path,
        entry: &Entry,
        loaded: Loaded,
        places: Arc<Semaphore>,
    ) -> Result<Generation, LoadError> {
        let generation = self.describe_and_judge(entry, &loaded, places).await?;
        if loaded.kept {
            drop(loaded);
            generation.machine.code.rest(self.again(folder, entry)).await;
        }
        Ok(generation)
    }

    /// Makes the code of a loaded plugin anew: from a cache, or else as it was made first.
    fn again(self: &Arc<Self>, folder: &Path, entry: &Entry) -> Again<Guest> {
        let (loader, folder, entry) = (Arc::clone(self), folder.to_owned(), entry.clone());
        Box::new(move || {
            let (loader, folder, entry) = (Arc::clone(&loader), folder.clone(), entry.clone());
            Box::pin(async move {
                let cached = match entry.sum() {
                    Some(sum) => loader.cached(entry.engine, sum).await?,
                    None => None,
                };
                let component = match cached {
                    Some(component) => component,
                    None => loader.component(entry.engine, loader.source(&folder, &entry).await?).await?.component,
                };
                loader.guest(entry.engine, entry.world, &component)
            })
        })
    }

    async fn describe_and_judge(&self, entry: &Entry, loaded: &Loaded, places: Arc<Semaphore>) -> Result<Generation, LoadError> {
        let machine = self.machine(&entry.name, entry.engine, entry.world, loaded, places)?;
        let descriptor = self.describe(&machine).await?;
        if descriptor.name != entry.name {
            return Err(LoadError::Name { expected: entry.name.clone(), found: descriptor.name });
        }
        if descriptor.version != entry.version {
            return Err(LoadError::Version { expected: entry.version.clone(), found: descriptor.version });
        }
        let grants = entry.granted().map_err(|error| LoadError::Capability(error.to_string()))?;
        let withheld = self.withheld.get(&entry.name).cloned().unwrap_or_default();
        Self::generation(machine, entry.digest.clone(), entry.world, descriptor, grants, withheld)
    }

    /// The last checks: rights and settings.
    pub(crate) fn generation(
        machine: Machine,
        digest: String,
        world: World,
        descriptor: Descriptor,
        grants: Grants,
        withheld: Grants,
    ) -> Result<Generation, LoadError> {
        let needs = needs(&descriptor)?;
        let rights = Rights::new(needs, grants, withheld).map_err(|error| LoadError::Capability(error.to_string()))?;
        if let Some(need) = rights.missing(&descriptor.needs) {
            return Err(LoadError::Missing { capability: text::cut(&need.capability), reason: text::cut(&need.reason) });
        }
        let settings = Settings::new(descriptor.settings.as_ref()).map_err(LoadError::Schema)?;
        Ok(Generation {
            digest,
            world,
            descriptor: Arc::new(descriptor),
            machine,
            rights: Arc::new(rights),
            settings,
            breaker: Default::default(),
        })
    }
}

/// What a descriptor asks for.
pub(crate) fn needs(descriptor: &Descriptor) -> Result<Grants, LoadError> {
    let needs = descriptor.needs.iter().map(|need| need.capability.parse::<Capability>());
    needs.collect::<Result<_, _>>().map(Grants).map_err(|error| LoadError::Capability(error.to_string()))
}

/// Wasmtime's own text, without what it knows about places in the machine code.
fn shown(error: &wasmtime::Error) -> String {
    text::cut(&format!("{error:#}"))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LoadError> {
    crate::capability::blocking(work).await.map_err(|_| LoadError::Host("a background task ended early"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_an_index_that_are_written_one_after_the_other_are_looked_at_again() {
        let entry = |digest: &str, size| {
            let text = format!(
                r#"{{"name": "a", "version": "1.0.0", "world": "policy", "file": "a.wasm", "digest": "{digest}", "size": {size}}}"#
            );
            serde_json::from_str::<Entry>(&text).unwrap()
        };
        let checked = |entry: &Entry| Source { sum: digest::of(b"new"), wasm: b"new".to_vec() }.check(entry).map(|_| ());
        let new = digest::text(&digest::of(b"new"));
        assert!(checked(&entry(&new, 3)).is_ok());
        for stale in [entry(&digest::text(&digest::of(b"old")), 3), entry(&new, 4)] {
            assert!(checked(&stale).unwrap_err().may_pass());
        }
    }
}
