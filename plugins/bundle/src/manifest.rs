//! `bundle.toml`.
use crate::Workspace;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;

/// All plugins of the workspace.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// In the order of the index.
    #[serde(rename = "plugin")]
    pub plugins: Vec<Plugin>,
}

/// One of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    /// By which resources name it.
    pub name: String,
    /// Package of this workspace.
    #[serde(rename = "crate")]
    pub package: String,
    /// What it exports.
    pub world: World,
    /// What runs it.
    pub engine: Engine,
    /// What it may use unless the installation says otherwise.
    pub grants: Vec<String>,
    /// Built for tests only.
    #[serde(default)]
    pub test: bool,
}

/// Which of the four worlds a component exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum World {
    /// Logs in.
    Authenticator,
    /// Renders.
    Template,
    /// Makes values.
    Generator,
    /// Allows or refuses.
    Policy,
}

/// What runs a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Without WASI.
    Core,
    /// With WASI 0.2.
    Wasi,
}

impl Manifest {
    /// Reads `plugins/bundle/bundle.toml`.
    ///
    /// # Errors
    /// Where it is missing or malformed.
    pub fn read(workspace: &Workspace) -> Result<Self> {
        let path = workspace.root.join("plugins/bundle/bundle.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is malformed", path.display()))
    }
}
