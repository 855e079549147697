//! Runs cases against a component file: what a plugin must prove, render or refuse, whoever wrote it.
//!
//! A case is a folder with a `case.yaml` (`README.md` has its form); cases lie in `WORLD/PLUGIN/CASE`, those that hold for
//! every plugin of a world in `WORLD/any/CASE`. A case runs in the operator's own runtime, with what surrounds the plugin
//! played from the case: inputs, files, variables, tokens of service accounts, the time, random numbers, and the answers of
//! servers. Signatures are made by the host as ever.
//!
//! What can go wrong: the file is no plugin, a case can't be read, the plugin does something else than the case says. All
//! differences of a case are told, by pointer, kind and length. What is promised: no value of a case or of a plugin is ever
//! part of a text.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod case;
mod compare;
mod rehearsal;
mod servers;
mod value;

use anyhow::{Context, Result, bail, ensure};
use case::Case;
use rehearsal::Rehearsal;
use std::{
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The folder of each world where cases for all of its plugins lie.
const ANY: &str = "any";

/// What is run, and with what.
#[derive(Clone, Debug)]
pub struct Options {
    /// A component.
    pub file: PathBuf,
    /// Folder with `WORLD/PLUGIN/CASE/case.yaml`.
    pub cases: PathBuf,
    /// The program that compiles ([`runtime::Config::compiler`]).
    pub compiler: PathBuf,
    /// Where machine code is kept from one case to the next; None for a folder of this run.
    pub cache: Option<PathBuf>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// As the plugin calls itself.
    pub plugin: String,
    /// Cases in order.
    pub results: Vec<CaseResult>,
}

/// What came of one case.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// `WORLD/PLUGIN/CASE`.
    pub case: String,
    /// All that is not as the case says; empty where it passed.
    pub differences: Vec<String>,
}

impl Report {
    /// How many cases failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.results.iter().filter(|result| !result.differences.is_empty()).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for CaseResult { case, differences } in &self.results {
            writeln!(out, "{}  {case}", if differences.is_empty() { "ok    " } else { "FAILED" })?;
            for difference in differences {
                writeln!(out, "          {difference}")?;
            }
        }
        write!(out, "{}: {} cases, {} failed", self.plugin, self.results.len(), self.failed())
    }
}

/// Runs all cases that are for a component: those of its name, and those of its world.
///
/// # Errors
/// The file is no plugin that can serve; a case can't be read; there is none.
pub async fn run(options: &Options) -> Result<Report> {
    let rehearsal = Rehearsal::of(options).await?;
    let world = options.cases.join(rehearsal.world().to_string());
    let mut results = Vec::new();
    for owner in [ANY, rehearsal.plugin()] {
        for folder in folders(&world.join(owner))? {
            let name = format!("{}/{owner}/{}", rehearsal.world(), folder.file_name().unwrap_or_default().to_string_lossy());
            let case = Case::read(&folder).with_context(|| format!("{name}/case.yaml"))?;
            let differences = rehearsal.run(&case).await.with_context(|| name.clone())?;
            results.push(CaseResult { case: name, differences });
        }
    }
    if results.is_empty() {
        bail!(
            "{}: no cases for {} {:?}: neither {owner}/{} nor {owner}/{ANY} has a folder with a case.yaml",
            options.cases.display(),
            rehearsal.world(),
            rehearsal.plugin(),
            rehearsal.plugin(),
            owner = rehearsal.world(),
        );
    }
    Ok(Report { plugin: rehearsal.plugin().to_owned(), results })
}

/// The times of calls of one case, one after the other.
#[derive(Clone, Debug)]
pub struct Timing {
    /// `WORLD/PLUGIN/CASE`.
    pub case: String,
    /// From the caller's view, with a fresh instance each.
    pub times: Vec<Duration>,
}

/// Times the first case of a plugin that expects a result; what surrounds the plugin is played as ever.
///
/// # Errors
/// As [`run`]; the call fails.
pub async fn time(options: &Options, calls: usize) -> Result<Option<Timing>> {
    let rehearsal = Rehearsal::of(options).await?;
    let owner = Path::new(&rehearsal.world().to_string()).join(rehearsal.plugin());
    for folder in folders(&options.cases.join(&owner))? {
        let case = Case::read(&folder).with_context(|| folder.display().to_string())?;
        if case.expect.error.is_none() {
            let times = rehearsal.time(&case, calls).await?;
            let case = owner.join(folder.file_name().unwrap_or_default()).display().to_string();
            return Ok(Some(Timing { case, times }));
        }
    }
    Ok(None)
}

/// Folders in a folder, by name; none where that is not there.
fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut folders: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    folders.retain(|path| path.is_dir());
    folders.sort();
    for folder in &folders {
        ensure!(folder.join("case.yaml").exists(), "{} has no case.yaml", folder.display());
    }
    Ok(folders)
}
