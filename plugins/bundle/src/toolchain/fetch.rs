//! Gets a compiler that is not here: by rustup, or from the distribution without installing anything.
use crate::{
    announce,
    compile::{TARGET, clean_cargo},
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// What the distribution calls compiler, cargo and sources.
pub(super) const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// Twenty megabytes come in seconds where the server can be reached; where it can't, rustup tries for minutes.
const RUSTUP_TIME: Duration = Duration::from_secs(60);

/// Adds the target to rustup's compiler. False where that is not possible.
pub(super) fn by_rustup() -> bool {
    let mut rustup = clean_cargo("rustup");
    rustup.args(["target", "add", TARGET]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = rustup.spawn() else { return false };
    announce(format_args!("the compiler lacks {TARGET}: rustup target add {TARGET}"));
    let end = Instant::now() + RUSTUP_TIME;
    let done = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.success(),
            Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(50)),
            Ok(None) | Err(_) => {
                // It may have ended just now; then there is nothing to stop.
                let _ = child.kill();
                let _ = child.wait();
                break false;
            }
        }
    };
    if !done {
        announce("rustup could not add it");
    }
    done
}

/// Unpacks the distribution's compiler, with what it needs and this machine lacks, into `tools/rust`. False where this is no
/// Debian or its packages are out of reach.
pub(super) fn from_distribution(tools: &Path) -> Result<bool> {
    let can = |program: &str| Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !can("apt-get") || !can("dpkg-deb") {
        return Ok(false);
    }
    // The lists of the machine may be empty; lists of our own need no rights.
    let own = tools.join("apt");
    let Some((apt, packages)) = wanted(&Apt::default()).map(|packages| (Apt::default(), packages)).or_else(|| {
        let apt = Apt::own(&own)?;
        announce("fetching the distribution's package lists");
        apt.run(&["update"], &own)?;
        wanted(&apt).map(|packages| (apt, packages))
    }) else {
        announce("the distribution's packages are out of reach");
        return Ok(false);
    };
    let folder = tools.join("packages");
    announce(format_args!("fetching {} into {} (about 150 MB); nothing is installed", packages.join(" "), tools.display()));
    remake(&folder)?;
    let arguments: Vec<_> = ["download"].into_iter().chain(packages.iter().map(String::as_str)).collect();
    if apt.run(&arguments, &folder).is_none() {
        announce("the distribution's packages are out of reach");
        return Ok(false);
    }
    // Unpacked beside and moved into place, so that a half of it is never taken for the whole.
    let next = tools.join("rust.next");
    remake(&next)?;
    for package in fs::read_dir(&folder)? {
        let package = package?.path();
        let status = Command::new("dpkg-deb").arg("-x").arg(&package).arg(&next).status()?;
        if !status.success() {
            bail!("{} does not unpack", package.display());
        }
    }
    let rust = tools.join("rust");
    if rust.exists() {
        fs::remove_dir_all(&rust)?;
    }
    fs::rename(&next, &rust).with_context(|| format!("can't make {}", rust.display()))?;
    fs::remove_dir_all(&folder)?;
    Ok(true)
}

/// The packages and those that they need, without what is installed.
fn wanted(apt: &Apt) -> Option<Vec<String>> {
    let arguments: Vec<_> = ["install", "--simulate", "--no-install-recommends"].into_iter().chain(PACKAGES).collect();
    let text = apt.run(&arguments, Path::new("/"))?;
    let packages: Vec<String> = text.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next().map(str::to_owned)).collect();
    (!packages.is_empty()).then_some(packages)
}

/// How `apt-get` is called.
#[derive(Default)]
struct Apt {
    options: Vec<String>,
}

impl Apt {
    /// With lists and cache below a folder.
    fn own(folder: &Path) -> Option<Self> {
        let (lists, cache) = (folder.join("lists"), folder.join("cache"));
        fs::create_dir_all(lists.join("partial")).ok()?;
        fs::create_dir_all(cache.join("archives/partial")).ok()?;
        let option = |name: &str, path: &Path| ["-o".to_owned(), format!("{name}={}", path.display())];
        Some(Self { options: [option("Dir::State::Lists", &lists), option("Dir::Cache", &cache)].concat() })
    }

    /// What it prints; None where it fails.
    fn run(&self, arguments: &[&str], folder: &Path) -> Option<String> {
        let output = Command::new("apt-get")
            // Else root hands the work to a user who may not write here.
            .args(["-q", "-o", "APT::Sandbox::User=root"])
            .args(&self.options)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// An empty folder.
fn remake(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))
}
