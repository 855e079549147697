//! Builds plugins: crates of this workspace for `wasm32-unknown-unknown`, made components, with an index beside them.
//!
//! `bundle.toml` is the source; `target/bundle/NAME.wasm` and `target/bundle/index.json` are build outputs and not committed.
//! Guests have a target folder of their own, `target/guest`, since two cargos in one folder block each other, and none of
//! the settings of a cargo that calls this (`RUSTFLAGS`, `RUSTC`, unstable options) reaches theirs. So debug and release
//! hosts, tests and the development environment use the very same files.
//!
//! What can go wrong: the compiler has no `wasm32-unknown-unknown` ([`toolchain`] takes care of that and says what it does), a
//! guest does not compile (the error quotes the compiler), a guest is no component of the contract. What is promised: a
//! file lock, so that parallel tests build once; nothing is written that has not changed, so that no watcher wakes up; each
//! file is replaced whole, the index last; two builds in two folders with one compiler give equal digests.
#![forbid(unsafe_code)]

mod compile;
pub mod distribution;
mod docs;
mod fresh;
mod index;
mod manifest;
pub mod toolchain;
mod workspace;

pub use docs::{CONTRACT_PAGE, contract_page};
pub use index::{Entry, Index};
pub use manifest::{Engine, Manifest, Plugin, World};
pub use workspace::Workspace;

use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where to build what.
#[derive(Clone, Debug)]
pub struct Options {
    /// Sources and target folder.
    pub workspace: Workspace,
    /// Where components and index go.
    pub out: PathBuf,
    /// Show what cargo says while it works. Else it is shown only where a build fails.
    pub verbose: bool,
    /// Where the distribution's compiler is looked for; `/usr` but in tests.
    pub system: PathBuf,
}

impl Options {
    /// The workspace that this process is run from, and `target/bundle`.
    ///
    /// # Errors
    /// Where there is none around the current folder.
    pub fn find() -> Result<Self> {
        let workspace = Workspace::find()?;
        Ok(Self { out: workspace.target.join("bundle"), workspace, verbose: false, system: "/usr".into() })
    }

    /// Another folder for components and index.
    #[must_use]
    pub fn out(self, out: impl Into<PathBuf>) -> Self {
        Self { out: out.into(), ..self }
    }
}

/// What was built.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Where it lies.
    pub folder: PathBuf,
    /// What lies there.
    pub index: Index,
}

impl Bundle {
    /// The component of a plugin.
    #[must_use]
    pub fn component(&self, name: &str) -> Option<PathBuf> {
        self.index.plugins.iter().find(|plugin| plugin.name == name).map(|plugin| self.folder.join(&plugin.file))
    }
}

/// Builds the default bundle. Takes well under a second where nothing has changed.
///
/// # Errors
/// See the module.
pub fn build(options: &Options) -> Result<Bundle> {
    build_where(options, |plugin| !plugin.test)
}

/// Builds the plugins of these crates, guests of tests among them, into `options.out`.
///
/// # Errors
/// See the module; and where `bundle.toml` knows no such crate.
pub fn build_crates(options: &Options, crates: &[&str]) -> Result<Bundle> {
    let manifest = Manifest::read(&options.workspace)?;
    for name in crates {
        if !manifest.plugins.iter().any(|plugin| plugin.package == *name) {
            let known: Vec<_> = manifest.plugins.iter().map(|plugin| plugin.package.as_str()).collect();
            bail!("plugins/bundle/bundle.toml has no plugin of crate {name:?}; it has {}", known.join(", "));
        }
    }
    build_where(options, |plugin| crates.contains(&plugin.package.as_str()))
}

fn build_where(options: &Options, wanted: impl Fn(&Plugin) -> bool) -> Result<Bundle> {
    let _lock = Lock::take(&options.workspace.target.join("bundle.lock"))?;
    let plugins: Vec<_> = Manifest::read(&options.workspace)?.plugins.into_iter().filter(wanted).collect();
    let toolchain = toolchain::find(options)?;
    let names: Vec<_> = plugins.iter().map(|plugin| plugin.package.as_str()).collect();
    let stamp = fresh::Stamp::now(options, &names, &toolchain.name)?;
    if let Some(index) = stamp.built(&options.out) {
        return Ok(Bundle { folder: options.out.clone(), index });
    }
    fs::create_dir_all(&options.out).with_context(|| format!("can't make {}", options.out.display()))?;
    let mut index = Index::default();
    for plugin in &plugins {
        let module = compile::module(options, &toolchain, plugin)?;
        let component = component(&module).with_context(|| format!("{} does not make a component", plugin.package))?;
        let file = format!("{}.wasm", plugin.name);
        replace(&options.out.join(&file), &component)?;
        index.plugins.push(Entry::new(plugin, options.workspace.version(&plugin.package)?, file, &component));
    }
    index.write(&options.out)?;
    stamp.keep(&index)?;
    Ok(Bundle { folder: options.out.clone(), index })
}

/// Makes a component of a core module. It tells its world itself, in a section that the bindings put there.
fn component(module: &Path) -> Result<Vec<u8>> {
    let module = fs::read(module).with_context(|| format!("can't read {}", module.display()))?;
    wit_component::ComponentEncoder::default().validate(true).module(&module)?.encode()
}

/// Replaces a file whole, unless it is as wanted already.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|found| found == content) {
        return Ok(());
    }
    let mut next = path.as_os_str().to_owned();
    next.push(".next");
    let failed = || format!("can't write {}", path.display());
    fs::write(&next, content).with_context(failed)?;
    fs::rename(&next, path).with_context(failed)
}

/// Held by one builder of a target folder at a time.
struct Lock(#[expect(dead_code, reason = "unlocks when it is closed")] fs::File);

impl Lock {
    fn take(path: &Path) -> Result<Self> {
        let failed = || format!("can't lock {}", path.display());
        fs::create_dir_all(path.parent().unwrap_or(path)).with_context(failed)?;
        let file = fs::File::create(path).with_context(failed)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).with_context(failed)?;
        Ok(Self(file))
    }
}

/// Tells the person at the terminal about something that takes long or reaches out.
pub(crate) fn announce(text: impl std::fmt::Display) {
    eprintln!("bundle: {text}");
}
