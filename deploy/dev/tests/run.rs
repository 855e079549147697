//! `cargo dev` as a user runs it: the demo comes up, and everything ends with it.
use anyhow::{Context, Result};
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use support::{TimedOut, wait_for};

/// A running `cargo dev` whose demo is in sync.
struct Run {
    child: Child,
    /// State folders of the control plane and of the operator.
    folders: [PathBuf; 2],
}

/// Starts it and reads what it prints until every resource is ready.
fn start() -> Result<Run> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dev")).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().context("no output")?;
    let mut lines = BufReader::new(output).lines().map_while(std::io::Result::ok);
    let mut find = |wanted: &str| lines.find(|line| line.contains(wanted)).with_context(|| format!("it ended without {wanted:?}"));
    let plane = folder(&find("kubectl --kubeconfig")?, "/kubeconfig")?;
    let operator = folder(&find("operator.log")?, "/operator.log")?;
    let mut missing = vec!["demo/universal", "demo/kubernetes", "demo/template", "demo/static", "demo/push", "demo/lease"];
    while !missing.is_empty() {
        let line = find("Ready=True")?;
        missing.retain(|name| !line.contains(name));
    }
    // Whatever else it prints must not block it.
    std::thread::spawn(move || lines.for_each(drop));
    Ok(Run { child, folders: [plane, operator] })
}

/// The folder of a file that a line names.
fn folder(line: &str, file: &str) -> Result<PathBuf> {
    let path = line.split_whitespace().find_map(|word| word.strip_suffix(file));
    path.map(PathBuf::from).with_context(|| format!("no {file} in {line}"))
}

impl Run {
    /// Waits until no process names one of its folders any more.
    async fn nothing_runs(&self) -> Result<(), TimedOut> {
        let names = |line: &str, folder: &Path| line.contains(&*folder.to_string_lossy());
        wait_for("all processes to end", Duration::from_secs(30), async || {
            let listed = Command::new("ps").args(["-A", "-ww", "-o", "args"]).output().map_err(|error| error.to_string())?;
            let listed = String::from_utf8_lossy(&listed.stdout);
            match listed.lines().find(|line| self.folders.iter().any(|folder| names(line, folder))) {
                Some(line) => Err(format!("there is {line}")),
                None => Ok(()),
            }
        })
        .await
    }
}

#[tokio::test]
async fn ctrl_c_ends_everything_and_leaves_nothing_behind() {
    let mut run = start().unwrap();
    let id = rustix::process::Pid::from_child(&run.child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert!(run.child.wait().unwrap().success());
    run.nothing_runs().await.unwrap();
    wait_for("the folders to be removed", Duration::from_secs(30), async || match run.folders.iter().find(|folder| folder.exists()) {
        Some(folder) => Err(format!("{} is there", folder.display())),
        None => Ok(()),
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn no_process_outlives_it_when_it_is_killed() {
    let mut run = start().unwrap();
    run.child.kill().unwrap();
    run.child.wait().unwrap();
    run.nothing_runs().await.unwrap();
    wait_for("the control plane's folder to be removed", Duration::from_secs(30), async || match run.folders[0].exists() {
        true => Err("it is there"),
        false => Ok(()),
    })
    .await
    .unwrap();
    // Of the other, nobody is left to remove it.
    std::fs::remove_dir_all(run.folders[1].parent().unwrap()).unwrap();
}
