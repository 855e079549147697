//! Bundles: guests of this workspace and other files, with an index.
use crate::bench::scratch;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{fs, path::Path, sync::OnceLock};

/// A guest of this workspace, built once.
#[must_use]
pub fn guest(name: &str) -> Vec<u8> {
    static GUESTS: OnceLock<bundle::Bundle> = OnceLock::new();
    let guests = GUESTS.get_or_init(|| {
        let options = bundle::Options::find().unwrap().out(scratch("guests"));
        bundle::build_crates(&options, &["auth-universal", "auth-kubernetes", "hostile-guest"]).unwrap()
    });
    fs::read(guests.component(name).unwrap()).unwrap()
}

/// A file and its entry of an index.
#[derive(Clone)]
pub struct Plugin {
    /// By which calls name it.
    pub name: String,
    /// As the index says.
    pub version: &'static str,
    /// `authenticator`, `template`, `generator` or `policy`.
    pub world: &'static str,
    /// `core` or `wasi`.
    pub engine: &'static str,
    /// The file.
    pub wasm: Vec<u8>,
    /// Capabilities.
    pub grants: Vec<String>,
}

impl Plugin {
    /// Version 1.0.0, for the first engine, without grants.
    #[must_use]
    pub fn new(name: &str, world: &'static str, wasm: Vec<u8>) -> Self {
        Self { name: name.into(), version: "1.0.0", world, engine: "core", wasm, grants: vec![] }
    }

    /// With these grants.
    #[must_use]
    pub fn grants(mut self, grants: &[&str]) -> Self {
        self.grants = grants.iter().map(ToString::to_string).collect();
        self
    }

    /// As it stands in the index.
    #[must_use]
    pub fn entry(&self) -> Value {
        json!({
            "name": self.name, "version": self.version, "world": self.world, "file": format!("{}.wasm", self.name), "engine": self.engine,
            "digest": format!("sha256:{}", hex::encode(Sha256::digest(&self.wasm))), "size": self.wasm.len(), "grants": self.grants,
        })
    }
}

/// A guest of this workspace as an entry, without grants.
#[must_use]
pub fn workspace_guest(name: &str) -> Plugin {
    Plugin { version: env!("CARGO_PKG_VERSION"), ..Plugin::new(name, "authenticator", guest(name)) }
}

/// Hostile, with all that it asks for.
#[must_use]
pub fn hostile() -> Plugin {
    workspace_guest("hostile").grants(&[
        "clock",
        "reveal:input/canary",
        "mounts:jail",
        "http:http://127.66.6.6:6666",
        "http:http://localhost:6666",
    ])
}

/// Writes a bundle: files first, then the index, each replaced whole.
pub fn write_bundle(folder: &Path, plugins: &[Plugin]) {
    for plugin in plugins {
        replace(&folder.join(format!("{}.wasm", plugin.name)), &plugin.wasm);
    }
    write_index(folder, &plugins.iter().map(Plugin::entry).collect::<Vec<_>>());
}

/// Writes an index alone.
pub fn write_index(folder: &Path, entries: &[Value]) {
    replace(&folder.join("index.json"), json!({"plugins": entries}).to_string().as_bytes());
}

fn replace(path: &Path, bytes: &[u8]) {
    let next = path.with_extension("next");
    fs::write(&next, bytes).unwrap();
    fs::rename(next, path).unwrap();
}
