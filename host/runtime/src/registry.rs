//! Plugins by name, each with the generation that serves.
//!
//! One pointer holds everything that callers see, and is swapped whole: a caller sees the plugins as they were before a
//! change or after it. What can go wrong with a new version is written beside the old one, which keeps serving.
use crate::{
    LoadRecord, MachineCode, Observer, PluginInfo, World,
    engine::{LOADING, SLOTS},
    generation::Generation,
    index::{Entry, Index},
    load::{LoadError, Loader, Source},
};
use arc_swap::ArcSwap;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    sync::{Mutex, Semaphore, watch},
    task::JoinSet,
};

/// What callers see.
#[derive(Default)]
pub(crate) struct Snapshot {
    pub(crate) infos: Arc<BTreeMap<String, PluginInfo>>,
    serving: BTreeMap<String, Serving>,
}

#[derive(Clone)]
struct Serving {
    generation: Arc<Generation>,
    /// What it was loaded by: another one makes another generation.
    entry: Entry,
}

/// The plugins of a bundle folder.
pub(crate) struct Registry {
    folder: PathBuf,
    loader: Arc<Loader>,
    observer: Arc<dyn Observer>,
    snapshot: ArcSwap<Snapshot>,
    changes: watch::Sender<u64>,
    refreshing: Mutex<()>,
    unsettled: AtomicBool,
}

/// The outcome of one entry.
struct Refreshed {
    entry: Entry,
    serving: Option<Serving>,
    error: Option<String>,
    code: Option<MachineCode>,
    /// Whether anything was tried at all.
    loaded: bool,
}

impl Registry {
    pub(crate) fn new(folder: PathBuf, loader: Loader, observer: Arc<dyn Observer>) -> Self {
        Self {
            folder,
            loader: Arc::new(loader),
            observer,
            snapshot: ArcSwap::default(),
            changes: watch::Sender::default(),
            refreshing: Mutex::default(),
            unsettled: AtomicBool::default(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether a load failed at the last refresh that may go well another time.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.unsettled.load(Ordering::Relaxed)
    }

    /// Reads the index and brings everything up to date with it.
    ///
    /// # Errors
    /// Why the index can't be used; all plugins stay as they are, with that as their error.
    pub(crate) async fn refresh(self: &Arc<Self>) -> Result<(), String> {
        let _turn = self.refreshing.lock().await;
        let folder = self.folder.clone();
        let read = tokio::task::spawn_blocking(move || Index::read(&folder)).await;
        match read.unwrap_or_else(|_| Err("the host could not read it".into())) {
            Ok(index) => {
                self.follow(index).await;
                Ok(())
            }
            Err(cause) => {
                self.complain(&cause);
                Err(cause)
            }
        }
    }

    /// An index that can't be read, perhaps since it is being written, says nothing about the plugins that it named before.
    fn complain(&self, cause: &str) {
        self.unsettled.store(true, Ordering::Relaxed);
        let error = format!("the index of the bundle can't be read, the versions that were loaded keep serving: {cause}");
        tracing::error!(folder = %self.folder.display(), "{error}");
        let old = self.snapshot();
        let mut infos = (*old.infos).clone();
        infos.values_mut().for_each(|info| info.error = Some(error.clone()));
        self.publish(Snapshot { infos: Arc::new(infos), serving: old.serving.clone() });
    }

    async fn follow(self: &Arc<Self>, index: Index) {
        let old = self.snapshot();
        self.unsettled.store(false, Ordering::Relaxed);
        // What is said of a plugin stays true until something else is known of it.
        let named: BTreeSet<_> = index.plugins.iter().map(|entry| entry.name.clone()).collect();
        let (mut infos, mut serving) = ((*old.infos).clone(), old.serving.clone());
        infos.retain(|name, _| named.contains(name));
        serving.retain(|name, _| {
            let stays = named.contains(name);
            if !stays {
                self.observer.removed(name);
            }
            stays
        });
        let (mut tasks, mut taken) = (JoinSet::new(), LOADING as usize);
        for entry in index.plugins {
            // The pool is never full, so that one plugin's calls can't take another's places.
            taken += self.loader.places(&entry);
            let fits = taken <= SLOTS as usize;
            let (registry, serving) = (self.clone(), old.serving.get(&entry.name).cloned());
            tasks.spawn(async move { registry.bring_up(entry, serving, fits).await });
        }
        while let Some(refreshed) = tasks.join_next().await {
            let Ok(Refreshed { entry, serving: now, error, code, loaded }) = refreshed else {
                tracing::error!("loading a plugin ended in a panic of the host");
                continue;
            };
            let (world, digest, descriptor) = match &now {
                Some(now) => (now.generation.world, now.generation.digest.clone(), Some(now.generation.descriptor.clone())),
                None => (entry.world, entry.digest.clone(), None),
            };
            if loaded {
                let version = match &error {
                    None => descriptor.as_ref().map(|descriptor| descriptor.version.as_str()),
                    Some(_) => None,
                };
                let (plugin, digest) = (&entry.name, &entry.digest);
                self.observer.loaded(&LoadRecord { plugin, version, digest, code, error: error.as_deref() });
            }
            infos.insert(entry.name.clone(), PluginInfo { world, digest, descriptor, error });
            if let Some(now) = now {
                serving.insert(entry.name, now);
            }
        }
        self.publish(Snapshot { infos: Arc::new(infos), serving });
    }

    /// Loads one entry, unless what serves is what the entry says.
    async fn bring_up(&self, entry: Entry, old: Option<Serving>, fits: bool) -> Refreshed {
        let places = match &old {
            Some(old) => old.generation.machine.places.clone(),
            None => Arc::new(Semaphore::new(self.loader.limits(entry.world, entry.engine).concurrency)),
        };
        let mut code = None;
        let result = if fits { self.load(&entry, old.as_ref(), places, &mut code).await } else { Err(LoadError::Places(SLOTS - LOADING)) };
        match result {
            Ok(None) => Refreshed { entry, serving: old, error: None, code, loaded: false },
            Ok(Some(generation)) => {
                tracing::info!(plugin = entry.name, version = generation.descriptor.version, digest = entry.digest, "plugin loaded");
                Refreshed {
                    serving: Some(Serving { generation: Arc::new(generation), entry: entry.clone() }),
                    entry,
                    error: None,
                    code,
                    loaded: true,
                }
            }
            Err(error) => {
                if error.may_pass() {
                    self.unsettled.store(true, Ordering::Relaxed);
                }
                let error = error.to_string();
                let kept = if old.is_some() { "; the version before keeps serving" } else { "" };
                tracing::warn!(plugin = entry.name, digest = entry.digest, "plugin not loaded{kept}: {error}");
                Refreshed { entry, serving: old, error: Some(error), code, loaded: true }
            }
        }
    }

    /// None: what serves is what the entry says. Tells how the machine code was come by even where a later step fails.
    async fn load(
        &self,
        entry: &Entry,
        old: Option<&Serving>,
        places: Arc<Semaphore>,
        code: &mut Option<MachineCode>,
    ) -> Result<Option<Generation>, LoadError> {
        let source: Source = self.loader.source(&self.folder, entry).await?;
        if old.is_some_and(|old| old.entry == *entry) {
            return Ok(None);
        }
        let loaded = self.loader.component(entry.engine, source).await?;
        *code = Some(loaded.code);
        self.loader.load(&self.folder, entry, loaded, places).await.map(Some)
    }

    fn publish(&self, snapshot: Snapshot) {
        let old = self.snapshot.swap(Arc::new(snapshot));
        let now = self.snapshot();
        let same = old.infos.len() == now.infos.len()
            && old
                .infos
                .iter()
                .zip(now.infos.iter())
                .all(|((name, info), (other, now))| name == other && info.digest == now.digest && info.error == now.error)
            && old.serving.values().zip(now.serving.values()).all(|(old, now)| Arc::ptr_eq(&old.generation, &now.generation));
        if !same {
            self.changes.send_modify(|count| *count += 1);
        }
    }
}

impl Snapshot {
    /// The generation that serves under a name, in a world.
    pub(crate) fn serving(&self, name: &str, world: World) -> Option<Arc<Generation>> {
        self.serving.get(name).map(|serving| &serving.generation).filter(|generation| generation.world == world).cloned()
    }
}
