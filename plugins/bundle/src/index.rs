//! `index.json`: what a host reads first.
use crate::{Engine, Plugin, World};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The index of a bundle folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Index {
    /// In the order of `bundle.toml`.
    pub plugins: Vec<Entry>,
}

/// One plugin. The host compares name and version with the descriptor, world with the exports, digest with the file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Entry {
    /// By which resources name it.
    pub name: String,
    /// Of its crate.
    pub version: String,
    /// What it exports.
    pub world: World,
    /// Beside the index.
    pub file: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// Bytes of the file.
    pub size: u64,
    /// What it may use unless the installation says otherwise.
    pub grants: Vec<String>,
    /// What runs it.
    pub engine: Engine,
}

impl Entry {
    /// Of a component that lies in `file`.
    #[must_use]
    pub fn new(plugin: &Plugin, version: &str, file: String, component: &[u8]) -> Self {
        Self {
            name: plugin.name.clone(),
            version: version.into(),
            world: plugin.world,
            file,
            digest: format!("sha256:{}", hex::encode(Sha256::digest(component))),
            size: component.len() as u64,
            grants: plugin.grants.clone(),
            engine: plugin.engine,
        }
    }
}
