//! `infisical-operator plugin …`: looks at a component without a cluster.
use anyhow::{Context, bail};
use clap::Subcommand;
use runtime::{Inspection, Runtime};
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Prints what a component is: world, digest, imports, descriptor.
    Inspect {
        /// A component.
        file: PathBuf,
    },
    /// Runs cases against a component: what it must prove, render or refuse.
    Test {
        /// A component.
        file: PathBuf,
        /// Folder with WORLD/PLUGIN/CASE/case.yaml, as tests/conformance of the source has it.
        #[arg(long, default_value = "tests/conformance")]
        cases: PathBuf,
    },
    /// Compiles the plugins of a bundle for this very program, into a folder for an image; prints the digest of its manifest, which
    /// `run` takes as --shipped-cache-digest.
    Ship {
        /// Folder of the plugins, with its index.json.
        #[arg(long, default_value = "/plugins")]
        bundle_dir: PathBuf,
        /// Where the machine code goes.
        out: PathBuf,
    },
    /// Loads a component as the operator would, and says whether it would serve.
    Check {
        /// A component.
        file: PathBuf,
    },
}

impl PluginCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// The file can't be read or, for `ship`, the folder can't be written; for `check`, the component would not serve; for `test`, a case failed.
    pub async fn run(&self) -> anyhow::Result<()> {
        let compiler = std::env::current_exe().context("the path of this program is not known")?;
        match self {
            Self::Inspect { file } => print!("{}", describe(&inspect(file, &compiler).await?)),
            Self::Check { file } => {
                if let Some(refused) = inspect(file, &compiler).await?.refused {
                    bail!("{}: would not serve: {refused}", file.display());
                }
                println!("{}: would serve, given what it needs", file.display());
            }
            Self::Ship { bundle_dir, out } => {
                let (bundle, out) = (bundle_dir.clone(), out.clone());
                println!("{}", tokio::task::spawn_blocking(move || Runtime::ship(&bundle, &out)).await??);
            }
            Self::Test { file, cases } => test(file, cases, compiler).await?,
        }
        Ok(())
    }
}

async fn inspect(file: &Path, compiler: &Path) -> anyhow::Result<Inspection> {
    Runtime::inspect(file, compiler).await.with_context(|| file.display().to_string())
}

async fn test(file: &Path, cases: &Path, compiler: PathBuf) -> anyhow::Result<()> {
    let options = conformance::Options { file: file.into(), cases: cases.into(), compiler, cache: None };
    let report = conformance::run(&options).await?;
    println!("{report}");
    match report.failed() {
        0 => Ok(()),
        failed => bail!("{}: {failed} of {} cases failed", file.display(), report.results.len()),
    }
}

fn describe(inspection: &Inspection) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| text.push_str(&format!("{name:<12}{value}\n"));
    if let Some(descriptor) = &inspection.descriptor {
        line("name", &descriptor.name);
        line("version", &descriptor.version);
        line("summary", &descriptor.summary);
    }
    line("world", &inspection.world.map_or_else(|| "none of this contract".to_owned(), |world| world.to_string()));
    line("digest", &inspection.digest);
    line("size", &format!("{} bytes", inspection.size));
    for import in &inspection.imports {
        line("import", import);
    }
    for input in inspection.descriptor.iter().flat_map(|descriptor| &descriptor.inputs) {
        let required = if input.required { "required" } else { "optional" };
        let sensitive = if input.sensitive { ", as a handle" } else { "" };
        line("input", &format!("{} ({required}{sensitive}): {}", input.name, input.summary));
    }
    for need in inspection.descriptor.iter().flat_map(|descriptor| &descriptor.needs) {
        let required = if need.required { "required" } else { "optional" };
        line("need", &format!("{} ({required}): {}", need.capability, need.reason));
    }
    line("serves", inspection.refused.as_deref().map_or("yes, given what it needs", |refused| refused));
    text
}
