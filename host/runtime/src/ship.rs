//! Makes the shipped cache, where a bundle is built.
use crate::{
    Runtime, StartError,
    aot::purpose_at_build,
    cache::{self, MANIFEST, Manifest},
    compile::compile_at_build,
    digest,
    index::Index,
};
use std::{fs, path::Path};

impl Runtime {
    /// Compiles every component of a bundle folder into `folder`, without limits, and gives the digest of the manifest: the
    /// `manifest` of a [`crate::ShippedCache`]. Blocks.
    ///
    /// # Errors
    /// [`StartError`] with the file that can't be read, compiled or written.
    pub fn ship(bundle: &Path, folder: &Path) -> Result<String, StartError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |cause| StartError::Folder { path, cause }
        };
        let index = Index::read(bundle).map_err(|cause| StartError::Index { path: bundle.join(crate::index::FILE), cause })?;
        fs::create_dir_all(folder).map_err(io(folder))?;
        let mut manifest = Manifest::default();
        for entry in index.plugins {
            let path = bundle.join(&entry.file);
            let wasm = cache::read(&path, entry.size).map_err(io(&path))?;
            let sum = digest::of(&wasm);
            if entry.sum() != Some(sum) {
                return Err(StartError::Index { path, cause: "the file is not the one that the index means".into() });
            }
            let compiled = purpose_at_build(entry.engine, sum).and_then(|purpose| Ok((purpose, compile_at_build(entry.engine, &wasm)?)));
            let (purpose, code) = compiled.map_err(|error| StartError::Engine(format!("{}: {error:#}", path.display())))?;
            let target = folder.join(purpose.file());
            fs::write(&target, &code).map_err(io(&target))?;
            manifest.files.insert(purpose.file(), digest::text(&digest::of(&code)));
        }
        let path = folder.join(MANIFEST);
        let bytes = serde_json::to_vec_pretty(&manifest).map_err(|error| StartError::Engine(error.to_string()))?;
        fs::write(&path, &bytes).map_err(io(&path))?;
        Ok(digest::text(&digest::of(&bytes)))
    }
}
