//! The control plane built from its Go modules.
use crate::target::{Target, announce, lock_file};
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Everything that decides what the program is.
const SOURCES: [&str; 3] = ["go.mod", "go.sum", "main.go"];

/// The program, if a build of these very sources is there.
pub(super) fn existing(target: &Target) -> Result<Option<PathBuf>> {
    let program = place(target)?;
    Ok(program.exists().then_some(program))
}

/// The program, built unless it is there.
pub(super) fn obtain(target: &Target) -> Result<PathBuf> {
    let program = place(target)?;
    let folder = target.tools("control-plane")?;
    // Two builds at once would take twice as long.
    let gate = lock_file(&folder.join("gate"))?;
    gate.lock()?;
    if program.exists() {
        return Ok(program);
    }
    announce("Building etcd, kube-apiserver and kube-controller-manager from their Go modules: once, 5 to 8 minutes on two cores.");
    let unfinished = folder.join("unfinished");
    let sources = sources();
    // Without symbols a third smaller; and the version, which a build from modules does not know by itself.
    let flags = format!("-ldflags=-s -w -X k8s.io/component-base/version.gitVersion={}", version(&sources.join("go.mod"))?);
    let status = Command::new("go")
        .args(["build", &flags, "-o"])
        .arg(&unfinished)
        .arg(".")
        .current_dir(&sources)
        .stdin(Stdio::null())
        .status()
        .context("go does not start")?;
    ensure!(status.success(), "go build in {} failed: {status}", sources.display());
    fs::rename(&unfinished, &program)?;
    Ok(program)
}

/// The version of Kubernetes that a `go.mod` names.
fn version(module: &Path) -> Result<String> {
    let text = fs::read_to_string(module)?;
    let version = text.lines().find_map(|line| line.trim().trim_start_matches("require ").strip_prefix("k8s.io/kubernetes "));
    version.map(str::to_owned).with_context(|| format!("{} names no version of k8s.io/kubernetes", module.display()))
}

fn sources() -> PathBuf {
    Target::workspace().join("deploy/dev/control-plane")
}

/// Where the program of these sources is, built or not.
fn place(target: &Target) -> Result<PathBuf> {
    let mut sha = Sha256::new();
    for name in SOURCES {
        let path = sources().join(name);
        sha.update(fs::read(&path).with_context(|| format!("{} can't be read", path.display()))?);
    }
    let digest = hex::encode(sha.finalize());
    Ok(target.tools("control-plane")?.join(format!("control-plane-{}", digest.get(..16).unwrap_or(&digest))))
}
