//! What the tests of the runtime share: bundles made of real guests and of hand-written components, and a runtime on them.
#![allow(dead_code, reason = "each test binary uses its part of it")]
pub mod component;

use runtime::{
    Ambient, AuthCall, CallRecord, Caller, CompileLimits, Config, Failure, Limits, LoadRecord, MachineCode, Observer, Proof, Proved,
    Runtime, SecretBytes, World,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};
use tempfile::TempDir;

/// Must show nowhere.
pub const CANARY: &str = "canary-4711-0815";

/// The program that compiles.
pub fn compiler() -> PathBuf {
    env!("CARGO_BIN_EXE_compile-plugin").into()
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A guest of this workspace, built once.
pub fn guest(name: &str) -> Vec<u8> {
    static GUESTS: OnceLock<bundle::Bundle> = OnceLock::new();
    let guests = GUESTS.get_or_init(|| {
        let options = bundle::Options::find().unwrap().out(scratch("guests"));
        bundle::build_crates(&options, &["auth-universal", "auth-kubernetes", "hostile-guest"]).unwrap()
    });
    fs::read(guests.component(name).unwrap()).unwrap()
}

/// An entry of an index.
#[derive(Clone)]
pub struct Plugin {
    pub name: String,
    pub version: &'static str,
    pub world: &'static str,
    pub engine: &'static str,
    pub wasm: Vec<u8>,
    pub grants: Vec<String>,
}

impl Plugin {
    pub fn new(name: &str, world: &'static str, wasm: Vec<u8>) -> Self {
        Self { name: name.into(), version: "1.0.0", world, engine: "core", wasm, grants: vec![] }
    }

    pub fn grants(mut self, grants: &[&str]) -> Self {
        self.grants = grants.iter().map(ToString::to_string).collect();
        self
    }

    pub fn entry(&self) -> Value {
        json!({
            "name": self.name, "version": self.version, "world": self.world, "file": format!("{}.wasm", self.name), "engine": self.engine,
            "digest": format!("sha256:{}", hex::encode(Sha256::digest(&self.wasm))), "size": self.wasm.len(), "grants": self.grants,
        })
    }
}

/// A guest of this workspace as an entry, without grants.
pub fn workspace_guest(name: &str) -> Plugin {
    Plugin { version: env!("CARGO_PKG_VERSION"), ..Plugin::new(name, "authenticator", guest(name)) }
}

/// Hostile, with all that it asks for.
pub fn hostile() -> Plugin {
    workspace_guest("hostile").grants(&["clock", "reveal:input/canary", "mounts:jail", "http:http://127.66.6.6:6666"])
}

/// Writes a bundle: files first, then the index, each replaced whole.
pub fn write_bundle(folder: &Path, plugins: &[Plugin]) {
    for plugin in plugins {
        replace(&folder.join(format!("{}.wasm", plugin.name)), &plugin.wasm);
    }
    write_index(folder, &plugins.iter().map(Plugin::entry).collect::<Vec<_>>());
}

pub fn write_index(folder: &Path, entries: &[Value]) {
    replace(&folder.join("index.json"), json!({"plugins": entries}).to_string().as_bytes());
}

fn replace(path: &Path, bytes: &[u8]) {
    let next = path.with_extension("next");
    fs::write(&next, bytes).unwrap();
    fs::rename(next, path).unwrap();
}

/// Keeps what it is told.
#[derive(Default)]
pub struct Recorder {
    pub calls: Mutex<Vec<(String, &'static str, usize, u32)>>,
    pub loads: Mutex<Vec<(String, Option<String>)>>,
    pub codes: Mutex<Vec<MachineCode>>,
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
    pub runtime: Runtime,
    pub bundle: TempDir,
    pub records: Arc<Recorder>,
}

/// A configuration for a bundle folder. Machine code is shared by all tests.
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
        withheld: BTreeMap::new(),
        observer: records.clone(),
    }
}

impl Bench {
    pub async fn new(plugins: &[Plugin]) -> Self {
        Self::with(plugins, |_| {}).await
    }

    pub async fn limited(plugins: &[Plugin], limits: Limits) -> Self {
        Self::with(plugins, |config| {
            for world in [World::Authenticator, World::Template, World::Generator, World::Policy] {
                config.limits.insert(world, limits.clone());
            }
        })
        .await
    }

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

    pub fn error(&self, plugin: &str) -> String {
        self.runtime.plugins()[plugin].error.clone().expect("it has no error")
    }

    /// Calls hostile.
    pub async fn act(&self, deed: &str) -> Result<Proved, Failure> {
        self.act_in("default", deed).await
    }

    pub async fn act_in(&self, namespace: &str, deed: &str) -> Result<Proved, Failure> {
        self.runtime.authenticate(call("hostile", json!({"do": deed}), &[("canary", CANARY)], caller(namespace))).await
    }

    /// How it fails.
    pub async fn fails(&self, deed: &str) -> Failure {
        self.act(deed).await.err().unwrap_or_else(|| panic!("{deed} succeeds"))
    }
}

pub fn caller(namespace: &str) -> Caller {
    Caller { namespace: namespace.into(), ambient: Ambient::Granted, service_account: None }
}

pub fn call(plugin: &str, settings: Value, inputs: &[(&str, &str)], caller: Caller) -> AuthCall {
    let inputs = inputs.iter().map(|(name, value)| ((*name).into(), secret(value))).collect();
    AuthCall { plugin: plugin.into(), settings, inputs, caller }
}

pub fn secret(text: &str) -> SecretBytes {
    SecretBytes::from(text.as_bytes().to_vec())
}

/// Path and fields of a login.
pub fn posted(proved: &Proved) -> (String, Value) {
    match &proved.proof {
        Proof::Exchange(exchange) => (exchange.path.clone(), Value::Object(exchange.fields.clone())),
        Proof::Token(token) => ("token".into(), token.expose_secret().into()),
    }
}
