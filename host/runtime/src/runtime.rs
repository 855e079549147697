//! The runtime: plugins by name, and the four calls.
use crate::{
    AuthCall, CallRecord, Caller, Config, EvaluateCall, Failure, GenerateCall, Generated, Limits, Mounts, Observer, PluginInfo, Proved,
    RenderCall, Rendering, StartError, Verdict, World,
    cache::Caches,
    compile,
    context::Meter,
    engine::{Engines, MEMORY_SLOT, TABLE_SLOT},
    execute::Threads,
    generation::Generation,
    index,
    load::{Loader, Parts},
    registry::{Registry, Snapshot},
    text,
    watch::Watch,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    future::Future,
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// Plugins by name, and the four calls. Cheap to clone; ends with the last clone.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    registry: Arc<Registry>,
    observer: Arc<dyn Observer>,
    _watch: Watch,
}

impl Runtime {
    /// Starts with the plugins of the bundle, and follows its folder.
    ///
    /// # Errors
    /// See [`StartError`]. A plugin that does not load is not an error here: it shows in [`Runtime::plugins`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let folder = |cause| StartError::Folder { path: config.bundle.clone(), cause };
        drop(tokio::fs::read_dir(&config.bundle).await.map_err(folder)?);
        fits(&config.limits)?;
        let (shipped, local) = (config.shipped_cache, config.local_cache);
        let caches = tokio::task::spawn_blocking(move || Caches::open(shipped.as_ref(), &local))
            .await
            .map_err(|_| StartError::Engine("the caches can't be opened".into()))?;
        let loader = Loader::new(Parts {
            engines: engines()?,
            threads: threads()?,
            compiler: config.compiler,
            compile_limits: config.compile_limits,
            caches: Some(Arc::new(caches)),
            limits: config.limits,
            mounts: Mounts::new(config.mounts),
            environment: config.environment,
            private_egress: config.private_egress,
            detours: config.detours,
            stage: config.stage,
            withheld: config.withheld,
        })
        .map_err(|error| StartError::Engine(format!("{error:#}")))?;
        let registry = Arc::new(Registry::new(config.bundle, loader, config.observer.clone()));
        // Before the first look, so that nothing is missed in between.
        let watch = Watch::start(&registry);
        let index = |cause| StartError::Index { path: registry.folder().join(index::FILE), cause };
        registry.refresh().await.map_err(index)?;
        Ok(Self(Arc::new(Inner { registry, observer: config.observer, _watch: watch })))
    }

    /// The child that compiles: the program that is [`Config::compiler`] calls this with what follows its argument `compile`,
    /// before it does anything else, and ends with the result. It puts limits on the whole process.
    #[must_use]
    pub fn compile_child(arguments: &[String]) -> ExitCode {
        compile::child(arguments)
    }

    /// All plugins that are known, by name.
    #[must_use]
    pub fn plugins(&self) -> Arc<BTreeMap<String, PluginInfo>> {
        self.0.registry.snapshot().infos.clone()
    }

    /// Counts up whenever a plugin was swapped, added or removed, or failed to load: what depends on plugins looks again.
    #[must_use]
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.0.registry.changes()
    }

    /// Looks at the bundle now instead of waiting until a change is noticed.
    ///
    /// # Errors
    /// [`StartError::Index`]; all plugins stay as they are.
    pub async fn refresh(&self) -> Result<(), StartError> {
        let path = || self.0.registry.folder().join(index::FILE);
        self.0.registry.refresh().await.map_err(|cause| StartError::Index { path: path(), cause })
    }

    /// Makes an instance of a plugin of any world, calls nothing, and drops it: what a call costs before its first
    /// instruction. Gives the time of the instance alone, without its task and store. Counted nowhere.
    ///
    /// # Errors
    /// [`Failure::NotFound`], [`Failure::NotReady`], or what goes wrong when the component starts.
    pub async fn instantiate(&self, name: &str) -> Result<Duration, Failure> {
        let snapshot = self.0.registry.snapshot();
        let world = snapshot.infos.get(name).map_or(World::Authenticator, |info| info.world);
        let Some(generation) = snapshot.serving(name, world) else { return Err(absent(&snapshot, name, world)) };
        generation.instantiate().await
    }

    /// Proves who the caller is.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn authenticate(&self, call: AuthCall) -> Result<Proved, Failure> {
        let name = call.plugin.clone();
        self.call(&name, World::Authenticator, |plugin, meter| async move { plugin.authenticate(call, &meter).await }).await
    }

    /// Renders all entries of one target.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn render(&self, call: RenderCall) -> Result<Rendering, Failure> {
        let name = call.plugin.clone();
        self.call(&name, World::Template, |plugin, meter| async move { plugin.render(call, &meter).await }).await
    }

    /// Makes values.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn generate(&self, call: GenerateCall) -> Result<Generated, Failure> {
        let name = call.plugin.clone();
        self.call(&name, World::Generator, |plugin, meter| async move { plugin.generate(call, &meter).await }).await
    }

    /// Asks a plugin of that world whether settings are right, and makes nothing. `Null` stands for none.
    ///
    /// # Errors
    /// [`Failure::Settings`] with all that is wrong, or any other [`Failure`].
    pub async fn check_settings(&self, name: &str, world: World, settings: &Value, caller: &Caller) -> Result<(), Failure> {
        self.call(name, world, |plugin, meter| async move { plugin.checked(settings, caller, &meter).await.map(drop) }).await
    }

    /// Asks a policy.
    ///
    /// # Errors
    /// Any [`Failure`], to be taken as a denial.
    pub async fn evaluate(&self, call: EvaluateCall) -> Result<Verdict, Failure> {
        let name = call.plugin.clone();
        self.call(&name, World::Policy, |plugin, meter| async move { plugin.evaluate(call, &meter).await }).await
    }

    /// Finds the generation that serves now, holds on to it, and tells the observer how the call ended.
    async fn call<T, F>(&self, name: &str, world: World, call: impl FnOnce(Arc<Generation>, Arc<Meter>) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let snapshot = self.0.registry.snapshot();
        let Some(generation) = snapshot.serving(name, world) else { return Err(absent(&snapshot, name, world)) };
        let mut record =
            Record { observer: &*self.0.observer, plugin: name, world, began: Instant::now(), meter: Arc::default(), outcome: CANCELLED };
        let result = call(generation, record.meter.clone()).await;
        record.outcome = result.as_ref().err().map_or("ok", Failure::reason);
        result
    }
}

/// What becomes of a call whose caller stops waiting.
const CANCELLED: &str = "Cancelled";

/// Tells the observer when it goes, however that comes.
struct Record<'a> {
    observer: &'a dyn Observer,
    plugin: &'a str,
    world: World,
    began: Instant,
    meter: Arc<Meter>,
    outcome: &'static str,
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        self.observer.called(&CallRecord {
            plugin: self.plugin,
            world: self.world,
            outcome: self.outcome,
            duration: self.began.elapsed(),
            memory_peak: self.meter.peak.load(Ordering::Relaxed),
            denials: self.meter.denials.load(Ordering::Relaxed),
        });
    }
}

fn absent(snapshot: &Snapshot, name: &str, world: World) -> Failure {
    let plugin: String = name.chars().take(64).collect();
    match snapshot.infos.get(name) {
        Some(info) if info.world == world => {
            Failure::NotReady { plugin, cause: info.error.clone().unwrap_or_else(|| "it was not loaded".into()) }
        }
        _ => {
            let names: Vec<_> = snapshot.infos.iter().filter(|(_, info)| info.world == world).map(|(name, _)| name.as_str()).collect();
            Failure::NotFound { plugin, available: if names.is_empty() { "none".into() } else { text::cut(&names.join(", ")) } }
        }
    }
}

/// Makes the engines, whose pool wants address space.
pub(crate) fn engines() -> Result<Engines, StartError> {
    Engines::new().map_err(|error| {
        StartError::Engine(format!(
            "{error:#}; the pool reserves 17 GiB of address space, none of it memory until it is used: raise the limit on address space (ulimit -v)"
        ))
    })
}

pub(crate) fn threads() -> Result<Arc<Threads>, StartError> {
    Threads::new().map(Arc::new).map_err(|error| StartError::Engine(format!("no threads for plugins: {error}")))
}

/// Limits that the pool can't hold would only show at the first call that reaches them.
fn fits(limits: &BTreeMap<World, Limits>) -> Result<(), StartError> {
    for (world, limits) in limits {
        let (memory, table) = (limits.memory, limits.table_elements);
        if memory > MEMORY_SLOT || table > TABLE_SLOT {
            return Err(StartError::Engine(format!(
                "the limits of {world} plugins are {memory} bytes of memory and {table} table elements; at most {MEMORY_SLOT} and {TABLE_SLOT} are allowed"
            )));
        }
    }
    Ok(())
}
