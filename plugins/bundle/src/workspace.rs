//! Where the sources are, and what cargo knows of them.
use crate::{compile::clean_cargo, toolchain};
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
    /// Of the compiler, at least: major and minor.
    pub(crate) rust_version: (u32, u32),
    packages: BTreeMap<String, Package>,
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
        let rust_versions = metadata.packages.iter().filter_map(|package| toolchain::version(package.rust_version.as_deref()?));
        let rust_version = rust_versions.max().unwrap_or_default();
        let packages = metadata.packages.into_iter().map(|package| (package.name.clone(), package)).collect();
        Ok(Self { root: root.into(), target, rust_version, packages })
    }

    #[cfg(test)]
    pub(crate) fn for_test(root: &Path, target: &Path, packages: &[&str]) -> Self {
        let package = |folder: &&str| {
            let manifest_path = root.join(folder).join("Cargo.toml");
            ((*folder).to_owned(), Package { name: (*folder).into(), manifest_path, version: "1.0.0".into(), rust_version: None })
        };
        Self { root: root.into(), target: target.into(), rust_version: (1, 0), packages: packages.iter().map(package).collect() }
    }

    /// The version of a package.
    ///
    /// # Errors
    /// Where the workspace has no such package.
    pub fn version(&self, package: &str) -> Result<&str> {
        self.package(package).map(|package| package.version.as_str())
    }

    /// Where a package lies.
    pub(crate) fn folder(&self, package: &str) -> Result<&Path> {
        self.package(package)?.manifest_path.parent().context("a manifest lies in no folder")
    }

    fn package(&self, name: &str) -> Result<&Package> {
        self.packages.get(name).with_context(|| format!("the workspace has no package {name:?}"))
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    version: String,
    rust_version: Option<String>,
}
