//! `index.json`: what a host reads first.
use crate::{Engine, Plugin, World, replace};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fs, path::Path};

/// The index of a bundle folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Index {
    /// In the order of `bundle.toml`.
    pub plugins: Vec<Entry>,
}

impl Index {
    /// Of a bundle folder.
    ///
    /// # Errors
    /// Where it is missing or malformed.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("index.json");
        let text = fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is malformed", path.display()))
    }

    /// Of its text.
    pub(crate) fn digest(&self) -> Result<String> {
        Ok(digest(&serde_json::to_vec(self)?))
    }

    /// Into a bundle folder. Does nothing where it is the same.
    ///
    /// # Errors
    /// Where the folder can't be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        replace(&folder.join("index.json"), &text)
    }
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
            digest: digest(component),
            size: component.len() as u64,
            grants: plugin.grants.clone(),
            engine: plugin.engine,
        }
    }

    /// Whether its component lies there as it should.
    pub(crate) fn is_in(&self, folder: &Path) -> bool {
        fs::read(folder.join(&self.file)).is_ok_and(|found| digest(&found) == self.digest)
    }
}

fn digest(component: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(component)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_form_that_hosts_read() {
        let text = r#"{"plugins":[{"name":"a","version":"1.0.0","world":"authenticator","file":"a.wasm",
            "digest":"sha256:00","size":1,"grants":["clock"],"engine":"core"}]}"#;
        let index: Index = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&index).unwrap(), serde_json::from_str::<serde_json::Value>(text).unwrap());
    }
}
