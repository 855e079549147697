//! Where the sources are, and what cargo knows of them.
use crate::compile::clean_cargo;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

/// The workspace.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Where its `Cargo.toml` lies.
    pub root: PathBuf,
    /// The target folder of the host; guests have `guest` in it.
    pub target: PathBuf,
    versions: BTreeMap<String, String>,
}

impl Workspace {
    /// The one around the package that cargo runs, else around the current folder.
    ///
    /// # Errors
    /// Where there is none.
    pub fn find() -> Result<Self> {
        let start = match env::var_os("CARGO_MANIFEST_DIR") {
            Some(folder) => folder.into(),
            None => env::current_dir().context("the current folder is gone")?,
        };
        match start.ancestors().find(|folder| folder.join("plugins/bundle/bundle.toml").is_file()) {
            Some(root) => Self::at(root),
            None => bail!("{} is not inside of a workspace with plugins/bundle/bundle.toml", start.display()),
        }
    }

    /// The one in this folder.
    ///
    /// # Errors
    /// Where cargo does not accept it.
    pub fn at(root: &Path) -> Result<Self> {
        let output = clean_cargo("cargo")
            .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
            .arg(root.join("Cargo.toml"))
            .output()
            .context("cargo does not start")?;
        if !output.status.success() {
            bail!("cargo metadata fails: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata answers something unexpected")?;
        // What cargo says of the target folder does not count: its variables are those of the host's build.
        let target = env::var_os("CARGO_TARGET_DIR").map_or(metadata.target_directory, |folder| root.join(folder));
        let versions = metadata.packages.into_iter().map(|package| (package.name, package.version)).collect();
        Ok(Self { root: root.into(), target, versions })
    }

    /// The version of a package.
    ///
    /// # Errors
    /// Where the workspace has no such package.
    pub fn version(&self, package: &str) -> Result<&str> {
        self.versions.get(package).map(String::as_str).with_context(|| format!("the workspace has no package {package:?}"))
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}
