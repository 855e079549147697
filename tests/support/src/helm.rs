//! Helm: from the `PATH`, else built once from its published Go module into `<target>/tools/helm`.
//!
//! Each call has a home of its own, so that no setting, repository or plugin of the user plays a part. What can go wrong: no
//! Helm and no Go compiler, or a module that can't be fetched; the message then says what to install.
use crate::target::{Target, announce, lock_file};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The newest of the series whose client libraries are those of Kubernetes 1.34, which the control plane is of.
const MODULE: &str = "helm.sh/helm/v3/cmd/helm@v3.19.5";

/// A Helm program.
#[derive(Clone, Debug)]
pub struct Helm {
    program: PathBuf,
    home: PathBuf,
}

impl Helm {
    /// Finds or builds it; blocks for a minute or two at worst, and says so on the terminal.
    ///
    /// # Errors
    /// It is not there and can't be built.
    pub fn obtain(target: &Target) -> Result<Self> {
        let folder = target.tools("helm")?;
        let home = folder.join("home");
        fs::create_dir_all(&home)?;
        let installed = env::var_os("PATH").iter().flat_map(env::split_paths).map(|folder| folder.join("helm")).find(|path| path.is_file());
        let program = match installed {
            Some(program) => program,
            None => build(&folder).context("install Helm, or Go to build it")?,
        };
        Ok(Self { program, home })
    }

    /// What a chart renders to, as YAML documents.
    ///
    /// # Errors
    /// Helm's, with its message.
    pub fn template(&self, chart: &Path, release: &str, namespace: &str, arguments: &[&str]) -> Result<String> {
        let chart = chart.as_os_str();
        let first = [OsStr::new("template"), release.as_ref(), chart, "--namespace".as_ref(), namespace.as_ref()];
        self.run(first.into_iter().chain(arguments.iter().map(OsStr::new)))
    }

    /// [`Self::template`], as objects.
    ///
    /// # Errors
    /// Helm's, or what is no YAML.
    pub fn objects(&self, chart: &Path, release: &str, namespace: &str, arguments: &[&str]) -> Result<Vec<Value>> {
        let text = self.template(chart, release, namespace, arguments)?;
        let documents = serde_yaml::Deserializer::from_str(&text).map(Value::deserialize);
        let objects: Result<Vec<_>, _> = documents.filter(|document| !matches!(document, Ok(Value::Null))).collect();
        objects.context("what the chart renders to is no YAML")
    }

    /// Any command; gives what it prints.
    ///
    /// # Errors
    /// It fails, with its message.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.args(arguments).stdin(Stdio::null());
        for (variable, folder) in [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")] {
            command.env(variable, self.home.join(folder));
        }
        let Output { status, stdout, stderr } = command.output().with_context(|| format!("{} does not start", self.program.display()))?;
        if !status.success() {
            bail!("helm ended with {status}: {}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        }
        String::from_utf8(stdout).context("helm's output is no text")
    }
}

fn build(folder: &Path) -> Result<PathBuf> {
    // Its version is in the name of its folder, so that another one is built anew.
    let (_, version) = MODULE.rsplit_once('@').context("the module has no version")?;
    let place = folder.join(version);
    let program = place.join("helm");
    let gate = lock_file(&folder.join("gate"))?;
    gate.lock()?;
    if program.exists() {
        return Ok(program);
    }
    announce("Building Helm from its Go module: once, a minute or two on two cores.");
    let unfinished = folder.join("unfinished");
    let mut go = Command::new("go");
    go.args(["install", "-ldflags=-s -w", MODULE]).env("GOBIN", &unfinished).current_dir(folder);
    let status = go.stdin(Stdio::null()).status().context("go does not start")?;
    ensure!(status.success(), "go install {MODULE} failed: {status}");
    fs::create_dir_all(&place)?;
    fs::rename(unfinished.join("helm"), &program)?;
    Ok(program)
}
