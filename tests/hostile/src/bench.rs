//! A runtime on a bundle of its own.
use crate::{
    call::{CANARY, call, caller},
    plugin::{Plugin, write_bundle},
};
use runtime::{CallRecord, CompileLimits, Config, Detours, Failure, Limits, LoadRecord, MachineCode, Observer, Proved, Runtime, World};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;

/// Where cargo puts programs: this one is a test of a package, in `deps`.
fn programs() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).expect("a test lies in the target folder of cargo").to_owned()
}

/// The program that compiles. Cargo builds it for the tests of its own package; others build it first.
#[must_use]
pub fn compiler() -> PathBuf {
    let program = programs().join("compile-plugin");
    assert!(program.exists(), "{} is not built", program.display());
    program
}

/// A place in the target folder that outlives the tests.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder = programs().with_file_name("tmp");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// Keeps what it is told.
#[derive(Default)]
pub struct Recorder {
    /// Plugin, outcome, peak of memory, denials.
    pub calls: Mutex<Vec<(String, &'static str, usize, u32)>>,
    /// Plugin and error.
    pub loads: Mutex<Vec<(String, Option<String>)>>,
    /// How the machine code of each load was come by.
    pub codes: Mutex<Vec<MachineCode>>,
    /// Plugins that went.
    pub removed: Mutex<Vec<String>>,
}

impl Observer for Recorder {
    fn called(&self, record: &CallRecord<'_>) {
        self.calls.lock().unwrap().push((record.plugin.into(), record.outcome, record.memory_peak, record.denials));
    }

    fn loaded(&self, record: &LoadRecord<'_>) {
        self.loads.lock().unwrap().push((record.plugin.into(), record.error.map(Into::into)));
        self.codes.lock().unwrap().extend(record.code);
    }

    fn removed(&self, plugin: &str) {
        self.removed.lock().unwrap().push(plugin.into());
    }
}

/// A runtime and its bundle.
pub struct Bench {
    /// Under test.
    pub runtime: Runtime,
    /// Its folder.
    pub bundle: TempDir,
    /// What it told.
    pub records: Arc<Recorder>,
}

/// A configuration for a bundle folder. Machine code is shared by all tests.
#[must_use]
pub fn config(bundle: &Path, records: &Arc<Recorder>) -> Config {
    Config {
        bundle: bundle.to_owned(),
        shipped_cache: None,
        local_cache: scratch("cache"),
        compiler: compiler(),
        compile_limits: CompileLimits::default(),
        limits: BTreeMap::new(),
        mounts: BTreeMap::new(),
        environment: BTreeMap::new(),
        private_egress: false,
        detours: Detours::default(),
        stage: None,
        withheld: BTreeMap::new(),
        observer: records.clone(),
    }
}

impl Bench {
    /// With the default limits.
    pub async fn new(plugins: &[Plugin]) -> Self {
        Self::with(plugins, |_| {}).await
    }

    /// With these limits for all worlds.
    pub async fn limited(plugins: &[Plugin], limits: Limits) -> Self {
        Self::with(plugins, |config| {
            for world in [World::Authenticator, World::Template, World::Generator, World::Policy] {
                config.limits.insert(world, limits.clone());
            }
        })
        .await
    }

    /// With a configuration of one's own.
    pub async fn with(plugins: &[Plugin], change: impl FnOnce(&mut Config)) -> Self {
        let bundle = tempfile::tempdir().unwrap();
        write_bundle(bundle.path(), plugins);
        let records = Arc::<Recorder>::default();
        let mut config = config(bundle.path(), &records);
        change(&mut config);
        Self { runtime: Runtime::start(config).await.unwrap(), bundle, records }
    }

    /// Waits until the runtime has seen a change that makes `done` true.
    pub async fn until(&self, done: impl Fn(&Runtime) -> bool) {
        let mut changes = self.runtime.changes();
        let wait = async {
            while !done(&self.runtime) {
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait).await.expect("the change was never seen");
    }

    /// What is wrong with a plugin.
    #[must_use]
    pub fn error(&self, plugin: &str) -> String {
        self.runtime.plugins()[plugin].error.clone().expect("it has no error")
    }

    /// Calls hostile.
    pub async fn act(&self, deed: &str) -> Result<Proved, Failure> {
        self.act_in("default", deed).await
    }

    /// Calls hostile for a namespace.
    pub async fn act_in(&self, namespace: &str, deed: &str) -> Result<Proved, Failure> {
        self.act_with(namespace, json!({"do": deed})).await
    }

    /// Calls hostile with settings of one's own.
    pub async fn act_with(&self, namespace: &str, settings: Value) -> Result<Proved, Failure> {
        self.runtime.authenticate(call("hostile", settings, &[("canary", CANARY)], caller(namespace))).await
    }

    /// How it fails.
    pub async fn fails(&self, deed: &str) -> Failure {
        self.act(deed).await.err().unwrap_or_else(|| panic!("{deed} succeeds"))
    }
}
