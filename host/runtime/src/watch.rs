//! Follows a bundle folder: what changes in it is loaded without a restart.
//!
//! The kernel tells of changes in the folder itself, which covers files that are written or renamed and the swap of a symbolic
//! link by which Kubernetes updates a volume. What it can't tell, such as a folder that was replaced whole or a file system
//! that sends no events, is found by looking at the index from time to time. Many changes close together make one reload.
use crate::{index, registry::Registry};
use notify::{RecursiveMode, Watcher};
use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};

/// After a change it must be quiet for so long,
const QUIET: Duration = Duration::from_millis(200);
/// but nobody waits longer than so.
const LONGEST: Duration = Duration::from_secs(2);
/// How often the index is looked at where the kernel tells of changes,
const SELDOM: Duration = Duration::from_secs(10);
/// and where it doesn't.
const OFTEN: Duration = Duration::from_secs(2);
/// What failed for a reason that may pass is tried again after so long, and after twice as long each further time,
const SOONEST: Duration = Duration::from_secs(30);
/// up to so long.
const LATEST: Duration = Duration::from_secs(600);

/// Ends with the value.
pub(crate) struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watch {
    /// Follows the folder of a registry as long as both live.
    pub(crate) fn start(registry: &Arc<Registry>) -> Self {
        let seen = stamp(registry.folder());
        Self(tokio::spawn(follow(Arc::downgrade(registry), registry.folder().to_owned(), seen)))
    }
}

async fn follow(registry: Weak<Registry>, folder: PathBuf, mut seen: Stamp) {
    // One place is enough: it says that something has changed since the last look.
    let (told, mut changed) = mpsc::channel(1);
    let mut watcher = watcher(&folder, told.clone());
    let (mut patience, mut tried) = (SOONEST, Instant::now());
    loop {
        let pause = if watcher.is_some() { SELDOM } else { OFTEN };
        match tokio::time::timeout(pause, changed.recv()).await {
            Ok(_) => {
                settle(&mut changed).await;
                patience = SOONEST;
            }
            Err(_) if stamp(&folder) == seen => {
                let unsettled = registry.upgrade().is_some_and(|registry| registry.is_unsettled());
                if !unsettled || tried.elapsed() < patience {
                    continue;
                }
                patience = (patience * 2).min(LATEST);
            }
            Err(_) => {
                // The folder may be another one than the kernel still watches.
                watcher = self::watcher(&folder, told.clone());
            }
        }
        let Some(registry) = registry.upgrade() else { return };
        seen = stamp(&folder);
        // The registry has said what is wrong, in the log and beside each plugin.
        let _ = registry.refresh().await;
        tried = Instant::now();
    }
}

async fn settle(changed: &mut mpsc::Receiver<()>) {
    let quiet = async { while tokio::time::timeout(QUIET, changed.recv()).await.is_ok() {} };
    // Whether it got quiet or went on for too long, now is the time.
    let _ = tokio::time::timeout(LONGEST, quiet).await;
}

fn watcher(folder: &Path, told: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let tell = move |event: notify::Result<notify::Event>| {
        // Reading is no change, and a reload reads.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            // Full means that a change is known already; closed, that nobody follows any more.
            let _ = told.try_send(());
        }
    };
    let watch = || {
        let mut watcher = notify::recommended_watcher(tell)?;
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    };
    watch()
        .inspect_err(|error: &notify::Error| {
            tracing::info!(folder = %folder.display(), "the kernel does not tell of changes, so the bundle is looked at every {OFTEN:?}: {error}");
        })
        .ok()
}

/// What changes when the folder or its index is replaced or written.
type Stamp = Option<[(u64, u64, i64, i64); 2]>;

fn stamp(folder: &Path) -> Stamp {
    let of = |about: Metadata| (about.dev(), about.ino(), about.mtime(), about.mtime_nsec());
    let look = |path: &Path| std::fs::metadata(path).ok().map(of);
    Some([look(folder)?, look(&folder.join(index::FILE))?])
}
