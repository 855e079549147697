//! Plugins alone: no cluster, no server.
use anyhow::Context;
use runtime::{
    Ambient, AuthCall, CallRecord, Caller, CompileLimits, Config, Detours, Entry, LoadRecord, MachineCode, Observer, RenderCall, Runtime,
    SecretBytes, SourceSecret,
};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use support::{Setup, Target};

/// Times of machine code by plugin: compiled, and loaded from the cache.
#[derive(Default)]
struct Loads {
    compiled: Mutex<BTreeMap<String, Vec<Duration>>>,
    cached: Mutex<BTreeMap<String, Vec<Duration>>>,
}

impl Observer for Loads {
    fn called(&self, _: &CallRecord<'_>) {}

    fn loaded(&self, record: &LoadRecord<'_>) {
        let (times, took) = match record.code {
            None => return,
            Some(MachineCode::Compiled(took)) => (&self.compiled, took),
            Some(MachineCode::Cached(took)) => (&self.cached, took),
        };
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
        times.entry(record.plugin.to_owned()).or_default().push(took);
    }

    fn removed(&self, _: &str) {}
}

/// Enough that the slowest of a hundred is no accident.
const CALLS: usize = 5000;
const RENDERINGS: usize = 1000;
/// Of one target.
const ENTRIES: usize = 100;

pub async fn run() -> anyhow::Result<()> {
    let bundle = support::default_bundle().await?.folder;
    let program = Setup::program().await?;
    let state = tempfile::tempdir()?;
    let loads = Arc::<Loads>::default();
    let start = async || -> anyhow::Result<(Runtime, Duration)> {
        let began = Instant::now();
        let runtime = Runtime::start(config(&bundle, state.path(), &program, &loads)).await?;
        Ok((runtime, began.elapsed()))
    };
    let (cold, cold_took) = start().await?;
    let plugins = cold.plugins().len();
    drop(cold);
    let mut warm = Vec::new();
    for _ in 0..10 {
        warm.push(start().await?.1);
    }
    let (runtime, _) = start().await?;
    println!("{:<48}{:>12}", "component", "KiB");
    sizes(&bundle, &runtime);
    println!("{:<48}{:>12}{:>12}", "", "p50", "p99");
    println!("{:<48}{:>12}", format!("start to ready, cold: {plugins} plugins compiled"), show(cold_took));
    row("start to ready, warm: from the cache", warm);
    // Two at a time, as at a start.
    for (what, times) in [("compile", &loads.compiled), ("load from the cache", &loads.cached)] {
        for (plugin, times) in std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner)) {
            row(&format!("{what}: {plugin}"), times);
        }
    }

    let (mut alone, mut whole) = (Vec::with_capacity(CALLS), Vec::with_capacity(CALLS));
    for _ in 0..CALLS {
        let began = Instant::now();
        alone.push(runtime.instantiate("universal").await?);
        whole.push(began.elapsed());
    }
    row("instantiate", alone);
    row("the same with task, store and drop", whole);

    let mut calls = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let call = login();
        let began = Instant::now();
        runtime.authenticate(call).await.context("universal")?;
        calls.push(began.elapsed());
    }
    row("login proof: instantiate, call, assemble, drop", calls);

    each(&bundle, &program, state.path(), &runtime).await?;

    for (name, source) in [("one value", "{{ .KEY_1.Value }}"), ("two functions", "{{ .KEY_1.Value | upper | b64enc }}")] {
        let (secrets, mut times) = (secrets(), Vec::with_capacity(RENDERINGS));
        for _ in 0..RENDERINGS {
            let call = rendering(source, &secrets);
            let began = Instant::now();
            runtime.render(call).await.context("go-template")?;
            times.push(began.elapsed());
        }
        row(&format!("rendering of {ENTRIES} entries, {name} each"), times);
    }
    Ok(())
}

/// What a component may have: read, hashed and compiled at a start without caches.
const COMPONENT: u64 = 500 << 10;

/// What a login of a plugin that asks the host for nothing may take.
const PROOF: Duration = Duration::from_micros(100);

/// The size of each component, beside what it may be.
fn sizes(bundle: &Path, runtime: &Runtime) {
    for plugin in runtime.plugins().keys() {
        let Ok(file) = std::fs::metadata(bundle.join(format!("{plugin}.wasm"))) else { continue };
        let over = if file.len() > COMPONENT { "  over 500 KiB" } else { "" };
        println!("{:<48}{:>12}{over}", format!("size: {plugin}"), file.len() >> 10);
    }
}

/// A call of each plugin, by the first of its conformance cases that gives a result: servers, files, time and tokens are
/// played, signatures are made.
async fn each(bundle: &Path, program: &Path, state: &Path, runtime: &Runtime) -> anyhow::Result<()> {
    for (plugin, info) in runtime.plugins().iter() {
        let options = conformance::Options {
            file: bundle.join(format!("{plugin}.wasm")),
            cases: Target::workspace().join("tests/conformance"),
            compiler: program.into(),
            cache: Some(state.into()),
        };
        let Some(conformance::Timing { case, mut times }) = conformance::time(&options, CALLS).await? else { continue };
        times.sort();
        let (p50, alone) = (at(&times, 50), info.descriptor.as_ref().is_some_and(|descriptor| descriptor.needs.is_empty()));
        let over = if alone && p50 > PROOF { "  over 100 µs" } else { "" };
        println!("{:<48}{:>12}{:>12}{over}", format!("call: {case}"), show(p50), show(at(&times, 99)));
    }
    Ok(())
}

fn config(bundle: &Path, cache: &Path, program: &Path, loads: &Arc<Loads>) -> Config {
    Config {
        bundle: bundle.into(),
        shipped_cache: None,
        local_cache: cache.into(),
        compiler: program.into(),
        compile_limits: CompileLimits::default(),
        limits: BTreeMap::new(),
        mounts: BTreeMap::new(),
        environment: BTreeMap::new(),
        private_egress: false,
        detours: Detours::default(),
        stage: None,
        withheld: BTreeMap::new(),
        observer: loads.clone(),
    }
}

fn caller() -> Caller {
    Caller { namespace: "bench".into(), ambient: Ambient::Withheld, service_account: None }
}

fn value(text: &str) -> SecretBytes {
    SecretBytes::from(text.as_bytes().to_vec())
}

fn login() -> AuthCall {
    let inputs = [("client-id", "7f3a"), ("client-secret", "correct-horse")].map(|(name, text)| (name.to_owned(), value(text)));
    AuthCall { plugin: "universal".into(), settings: serde_json::json!({}), inputs: inputs.into(), caller: caller() }
}

fn secrets() -> Arc<Vec<SourceSecret>> {
    let secret = |number| SourceSecret {
        key: format!("KEY_{number}"),
        value: Arc::new(value("value")),
        path: "/".into(),
        comment: String::new().into(),
        tags: vec![],
    };
    Arc::new((0..ENTRIES).map(secret).collect())
}

fn rendering(source: &str, secrets: &Arc<Vec<SourceSecret>>) -> RenderCall {
    RenderCall {
        plugin: "go-template".into(),
        dot: "infisical-secret",
        options: serde_json::json!({ "missing-key": "error" }),
        entries: (0..ENTRIES).map(|number| Entry { key: format!("OUT_{number}"), source: source.into() }).collect(),
        secrets: Arc::clone(secrets),
        imports: Arc::default(),
        caller: caller(),
    }
}

fn row(name: &str, mut times: Vec<Duration>) {
    times.sort();
    println!("{name:<48}{:>12}{:>12}", show(at(&times, 50)), show(at(&times, 99)));
}

/// Of sorted times.
fn at(times: &[Duration], share: usize) -> Duration {
    times.get(times.len() * share / 100).copied().unwrap_or_default()
}

fn show(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds if seconds >= 0.001 => format!("{:.2} ms", seconds * 1e3),
        seconds => format!("{:.0} µs", seconds * 1e6),
    }
}
