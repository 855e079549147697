//! Says what one file is, for people who write plugins. Loads it as a bundle would, as far as it comes.
use crate::{
    CompileLimits, Descriptor, Detours, Grants, Inspection, Mounts, Runtime, StartError,
    capability::blocking,
    digest,
    engine::Profile,
    load::{self, LoadError, Loader, Parts, Source},
    runtime::{engines, threads},
    text, wasi,
};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use tokio::sync::Semaphore;

impl Runtime {
    /// Looks into a component: which world, what it imports, what it says about itself, and whether it would load if it was
    /// granted all that it needs. `compiler` is run as [`crate::Config::compiler`] is. Keeps nothing.
    ///
    /// # Errors
    /// See [`StartError`]; a file that can't be read is a [`StartError::Folder`]. What is wrong with the component itself is
    /// [`Inspection::refused`].
    pub async fn inspect(file: &Path, compiler: &Path) -> Result<Inspection, StartError> {
        let limits = CompileLimits::default();
        let (path, limit) = (file.to_owned(), limits.wasi_component);
        let unreadable = |cause| StartError::Folder { path: file.to_owned(), cause };
        let source = match blocking(move || Source::read(&path, limit)).await {
            Ok(Ok(source)) => source,
            Ok(Err(LoadError::Read { cause, .. })) => return Err(unreadable(cause)),
            Ok(Err(error)) => return Err(unreadable(std::io::Error::other(error.to_string()))),
            Err(aborted) => return Err(unreadable(std::io::Error::other(aborted.to_string()))),
        };
        let loader = Loader::new(Parts {
            engines: engines()?,
            threads: threads()?,
            compiler: compiler.to_owned(),
            compile_limits: limits,
            caches: None,
            limits: BTreeMap::new(),
            mounts: Mounts::default(),
            environment: BTreeMap::new(),
            private_egress: false,
            detours: Detours::default(),
            stage: None,
            withheld: BTreeMap::new(),
        })
        .map_err(|error| StartError::Engine(format!("{error:#}")))?;
        let mut found = Inspection {
            digest: digest::text(&source.sum),
            size: source.wasm.len() as u64,
            world: None,
            imports: Vec::new(),
            descriptor: None,
            refused: None,
        };
        if let Err(error) = look(&loader, source, &mut found).await {
            found.refused = Some(error.to_string());
        }
        Ok(found)
    }
}

async fn look(loader: &Loader, source: Source, found: &mut Inspection) -> Result<(), LoadError> {
    // Which engine a component wants shows in what it imports, and that only once it is compiled for one of them.
    let again = Source { sum: source.sum, wasm: source.wasm.clone() };
    let mut profile = Profile::Core;
    let mut loaded = loader.component(profile, source).await;
    if loaded.as_ref().map_or(true, |loaded| loaded.imports.iter().any(|import| wasi::is_import(import))) {
        profile = Profile::Wasi;
        loaded = loader.component(profile, again).await;
    }
    let loaded = loaded?;
    found.imports = loaded.imports.clone();
    found.world = loaded.world;
    if let Some(import) = Loader::foreign_import(profile, &loaded.imports) {
        return Err(LoadError::Import(text::cut(import)));
    }
    let Some(world) = loaded.world else {
        return Err(LoadError::Link("it exports none of the interfaces authenticator, template, generator and policy".into()));
    };
    let machine = loader.machine("inspected", profile, world, &loaded, Arc::new(Semaphore::new(1)))?;
    let descriptor: Descriptor = loader.describe(&machine).await?;
    found.descriptor = Some(Arc::new(descriptor.clone()));
    let needs = load::needs(&descriptor)?;
    Loader::generation(machine, found.digest.clone(), world, descriptor, needs, Grants::default())?;
    Ok(())
}
