//! The index of a bundle: which plugins there are, with what digest, and what the administrator grants them.
use crate::{Capability, Grants, World, aot::Sum, cache, digest, engine::Profile};
use serde::Deserialize;
use std::{
    collections::BTreeSet,
    path::{Component, Path},
};

/// Name of the file in a bundle folder.
pub(crate) const FILE: &str = "index.json";

/// Bytes of an index at most.
const MAX_INDEX: u64 = 1 << 20;

/// The index. Unknown members are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct Index {
    pub(crate) plugins: Vec<Entry>,
}

/// One plugin as the index has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) world: World,
    /// Name of a file in the bundle folder.
    pub(crate) file: String,
    /// `sha256:…` of that file.
    pub(crate) digest: String,
    /// Bytes of that file.
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) grants: Vec<String>,
    #[serde(default)]
    pub(crate) engine: Profile,
}

impl Index {
    /// Reads the index of a folder. Blocks.
    ///
    /// # Errors
    /// Why it can't be used, as a text for the administrator.
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let bytes = cache::read(&folder.join(FILE), MAX_INDEX).map_err(|cause| cause.to_string())?;
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let index: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let mut names = BTreeSet::new();
        for entry in &index.plugins {
            if !names.insert(&entry.name) {
                return Err(format!("the plugin {:?} is there twice", entry.name));
            }
            if !is_file_name(&entry.file) {
                return Err(format!("the file {:?} of plugin {:?} is not a plain file name", entry.file, entry.name));
            }
            entry.sum().ok_or_else(|| format!("the digest {:?} of plugin {:?} is not sha256:…", entry.digest, entry.name))?;
        }
        Ok(index)
    }
}

impl Entry {
    pub(crate) fn sum(&self) -> Option<Sum> {
        digest::parse(&self.digest)
    }

    /// What the index grants.
    ///
    /// # Errors
    /// The first text that is no capability.
    pub(crate) fn granted(&self) -> Result<Grants, crate::CapabilityError> {
        self.grants.iter().map(|text| text.parse::<Capability>()).collect::<Result<_, _>>().map(Grants)
    }
}

/// An index must not lead out of its folder.
fn is_file_name(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!((components.next(), components.next()), (Some(Component::Normal(only)), None) if only == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, file: &str, digest: &str) -> String {
        format!(
            r#"{{"name": "{name}", "version": "1.0.0", "world": "template", "file": "{file}", "digest": "{digest}", "size": 1, "grants": ["clock"], "engine": "wasi", "later": 1}}"#
        )
    }

    #[test]
    fn an_index_is_read_with_what_it_does_not_know() {
        let digest = digest::text(&[1; 32]);
        let index = Index::parse(format!(r#"{{"plugins": [{}], "later": 1}}"#, entry("a", "a.wasm", &digest)).as_bytes()).unwrap();
        let found = &index.plugins[0];
        assert_eq!((found.world, found.engine, found.sum()), (World::Template, Profile::Wasi, Some([1; 32])));
        assert_eq!(found.granted().unwrap(), Grants::parse(["clock"]).unwrap());
    }

    #[test]
    fn an_index_that_leads_astray_is_refused() {
        let digest = digest::text(&[1; 32]);
        for (entries, said) in [
            (vec![entry("a", "../a.wasm", &digest)], "plain file name"),
            (vec![entry("a", "/etc/passwd", &digest)], "plain file name"),
            (vec![entry("a", "a/b", &digest)], "plain file name"),
            (vec![entry("a", "", &digest)], "plain file name"),
            (vec![entry("a", "a", "md5:00")], "digest"),
            (vec![entry("a", "a", &digest), entry("a", "b", &digest)], "twice"),
        ] {
            let error = Index::parse(format!(r#"{{"plugins": [{}]}}"#, entries.join(",")).as_bytes()).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
