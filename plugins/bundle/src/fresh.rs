//! Knows whether anything has changed since the last build, without asking cargo: tests build the bundle many times over.
//!
//! All that a guest is made of lies in its own folder and in a few others of the workspace; size and time of each file there
//! stand in a stamp, with the compiler's name. Cargo knows better, so whatever is different here is left to it.
use crate::{Index, Options};
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

/// Where what guests share, and what decides how they are built, lies. All plugins, since one may build on another.
const SHARED: [&str; 5] = ["plugins", "wit", ".cargo", "Cargo.toml", "Cargo.lock"];

/// What a build is made of.
pub(crate) struct Stamp {
    path: PathBuf,
    text: String,
}

impl Stamp {
    /// Of now. `wanted` names the packages that are built, `compiler` what with.
    pub(crate) fn now(options: &Options, wanted: &[&str], compiler: &str) -> Result<Self> {
        let mut hash = Sha256::new();
        hash.update(format!("{wanted:?} {compiler}\n"));
        for source in SHARED {
            add(&mut hash, &options.workspace.root, &options.workspace.root.join(source))?;
        }
        for package in wanted {
            add(&mut hash, &options.workspace.root, options.workspace.folder(package)?)?;
        }
        let name = hex::encode(Sha256::digest(options.out.as_os_str().as_encoded_bytes()));
        let path = options.workspace.target.join("guest").join(format!("{name}.stamp"));
        Ok(Self { path, text: hex::encode(hash.finalize()) })
    }

    /// The index, if the last build into this folder was made of the same and is still there as it was.
    pub(crate) fn built(&self, folder: &Path) -> Option<Index> {
        let (stamp, index_digest) = fs::read_to_string(&self.path).ok()?.split_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned()))?;
        let index = Index::read(folder).ok()?;
        let whole = |folder: &Path| index.plugins.iter().all(|plugin| plugin.is_in(folder));
        (stamp == self.text && index_digest == index.digest().ok()? && whole(folder)).then_some(index)
    }

    /// Remembers a build.
    pub(crate) fn keep(&self, index: &Index) -> Result<()> {
        let text = format!("{}\n{}", self.text, index.digest()?);
        fs::write(&self.path, text).with_context(|| format!("can't write {}", self.path.display()))
    }
}

fn add(hash: &mut Sha256, root: &Path, path: &Path) -> Result<()> {
    let about = fs::metadata(path).with_context(|| format!("can't read {}", path.display()))?;
    if about.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| add(hash, root, entry));
    }
    let modified = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    hash.update(format!("{} {} {modified}\n", path.strip_prefix(root).unwrap_or(path).display(), about.len()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Workspace;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_changed_source_and_a_changed_output_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let (root, out) = (folder.path().join("root"), folder.path().join("out"));
        for path in ["plugins/a", "elsewhere/b", "wit", ".cargo", "../target/guest", "../out"] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        for path in ["plugins/a/lib.rs", "elsewhere/b/lib.rs", "Cargo.toml", "Cargo.lock"] {
            fs::write(root.join(path), "one").unwrap();
        }
        let workspace = Workspace::for_test(&root, &folder.path().join("target"), &["plugins/a", "elsewhere/b"]);
        let options = Options { workspace, out: out.clone(), verbose: false, system: "/usr".into() };
        let is_built = |wanted: &[&str], compiler: &str| Stamp::now(&options, wanted, compiler).unwrap().built(&out).is_some();
        let component = |content: &str| fs::write(out.join("a.wasm"), content).unwrap();
        let (a, both) = (&["plugins/a"], &["plugins/a", "elsewhere/b"]);
        let text = format!(
            r#"{{"plugins":[{{"name":"a","version":"1.0.0","world":"policy","file":"a.wasm","digest":"sha256:{}","size":1,"grants":[],"engine":"core"}}]}}"#,
            hex::encode(Sha256::digest("component"))
        );
        let index: Index = serde_json::from_str(&text).unwrap();
        index.write(&out).unwrap();
        component("component");

        assert!(!is_built(a, "c1"));
        Stamp::now(&options, a, "c1").unwrap().keep(&index).unwrap();
        assert!(is_built(a, "c1"));
        assert!(!is_built(a, "c2"));
        assert!(!is_built(both, "c1"));

        component("another");
        assert!(!is_built(a, "c1"));
        component("component");
        assert!(is_built(a, "c1"));

        let touch = |path: &str, seconds: u64| {
            let source = fs::File::options().write(true).open(root.join(path)).unwrap();
            source.set_modified(SystemTime::now() + Duration::from_secs(seconds)).unwrap();
        };
        touch("elsewhere/b/lib.rs", 1);
        assert!(is_built(a, "c1"));
        touch("plugins/a/lib.rs", 1);
        assert!(!is_built(a, "c1"));
        Stamp::now(&options, both, "c1").unwrap().keep(&index).unwrap();
        assert!(is_built(both, "c1"));
        touch("elsewhere/b/lib.rs", 2);
        assert!(!is_built(both, "c1"));
    }
}
