//! The control plane built from its Go modules.
use crate::target::{Target, announce, lock_file};
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

/// Everything that decides what the program is.
const SOURCES: [&str; 3] = ["go.mod", "go.sum", "main.go"];

/// The program, built unless a build of these very sources is there.
pub(super) fn obtain(target: &Target) -> Result<PathBuf> {
    let sources = Target::workspace().join("deploy/dev/control-plane");
    let mut sha = Sha256::new();
    for name in SOURCES {
        let path = sources.join(name);
        sha.update(fs::read(&path).with_context(|| format!("{} can't be read", path.display()))?);
    }
    let digest = hex::encode(sha.finalize());
    let folder = target.tools("control-plane")?;
    let program = folder.join(format!("control-plane-{}", digest.get(..16).unwrap_or(&digest)));
    // Two builds at once would take twice as long.
    let gate = lock_file(&folder.join("gate"))?;
    gate.lock()?;
    if program.exists() {
        return Ok(program);
    }
    announce("Building etcd, kube-apiserver and kube-controller-manager from their Go modules: once, 5 to 8 minutes on two cores.");
    let unfinished = folder.join("unfinished");
    let status = Command::new("go")
        .args(["build", "-ldflags=-s -w", "-o"])
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
