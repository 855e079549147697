//! Bundle folders: the default bundle as it is built, and copies to which a test adds.
use crate::target::Target;
use anyhow::{Context, Result};
use bundle::{Bundle, Entry, Index, Options, Workspace};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Builds the default bundle into the target folder; a moment where it is up to date.
///
/// # Errors
/// A plugin does not build.
pub async fn default_bundle() -> Result<Bundle> {
    tokio::task::spawn_blocking(|| bundle::build(&options()?)).await?
}

/// Builds the plugins of these crates, guests of tests among them, into a folder of their own.
///
/// # Errors
/// A plugin does not build.
pub async fn build_plugins(crates: &'static [&'static str]) -> Result<Bundle> {
    tokio::task::spawn_blocking(move || {
        let options = options()?;
        let out = options.workspace.target.join("tools/plugins").join(crates.join("+"));
        bundle::build_crates(&options.out(out), crates)
    })
    .await?
}

fn options() -> Result<Options> {
    let target = Target::of_this_program()?;
    let mut workspace = Workspace::at(Target::workspace())?;
    workspace.target = target.root().into();
    Ok(Options { out: workspace.target.join("bundle"), workspace, verbose: false, system: "/usr".into() })
}

/// A bundle folder of one's own, to be changed while an operator watches it.
#[derive(Clone, Debug)]
pub struct BundleFolder {
    path: PathBuf,
}

impl BundleFolder {
    /// A copy of a bundle.
    ///
    /// # Errors
    /// A file can't be copied.
    pub fn copy(from: &Bundle, to: &Path) -> Result<Self> {
        fs::create_dir_all(to)?;
        for plugin in &from.index.plugins {
            fs::copy(from.folder.join(&plugin.file), to.join(&plugin.file)).with_context(|| format!("{} can't be copied", plugin.file))?;
        }
        let folder = Self { path: to.into() };
        folder.write_index(&from.index)?;
        Ok(folder)
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A plugin of the index.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn entry(&self, name: &str) -> Result<Entry> {
        let found = self.index()?.plugins.into_iter().find(|plugin| plugin.name == name);
        found.with_context(|| format!("the index has no plugin {name}"))
    }

    /// Adds a plugin, or puts it in the place of the one with its name. Its file has its digest in its name, so that the
    /// file of the one before stays.
    ///
    /// # Errors
    /// A file can't be written.
    pub fn install(&self, entry: &Entry, component: &[u8]) -> Result<Entry> {
        let digest = entry.digest.trim_start_matches("sha256:").get(..16).context("a digest is too short")?;
        let entry = Entry { file: format!("{}-{digest}.wasm", entry.name), ..entry.clone() };
        fs::write(self.path.join(&entry.file), component)?;
        self.list(&entry)?;
        Ok(entry)
    }

    /// Puts an entry into the index, in the place of the one with its name. Its file must be there. The index is replaced
    /// whole, as a watcher expects it.
    ///
    /// # Errors
    /// The index can't be written.
    pub fn list(&self, entry: &Entry) -> Result<()> {
        let mut index = self.index()?;
        index.plugins.retain(|plugin| plugin.name != entry.name);
        index.plugins.push(entry.clone());
        self.write_index(&index)
    }

    fn index(&self) -> Result<Index> {
        Ok(serde_json::from_slice(&fs::read(self.path.join("index.json"))?)?)
    }

    fn write_index(&self, index: &Index) -> Result<()> {
        let unfinished = self.path.join(".index.json");
        fs::write(&unfinished, serde_json::to_vec_pretty(index)?)?;
        fs::rename(unfinished, self.path.join("index.json")).context("index.json can't be replaced")
    }
}
