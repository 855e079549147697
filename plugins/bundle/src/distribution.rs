//! Programs of the distribution, fetched as packages and unpacked below `target/tools`: nothing is installed, no right is
//! needed, and what is fetched is said.
//!
//! What can go wrong: this is no Debian, or its packages are out of reach; then the answer is that there is nothing, and the
//! caller says what to type. What is promised: a folder is there whole or not at all, and two processes that want packages at
//! once fetch one after the other.
use crate::{Lock, announce};
use anyhow::{Context, Result, bail};
use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What to unpack.
pub struct Wanted<'a> {
    /// Of the folder below `tools`.
    pub name: &'a str,
    /// Names of packages; what they need and this machine lacks comes with them.
    pub packages: &'a [&'a str],
    /// For people, for example `about 150 MB`.
    pub size: &'a str,
}

/// Unpacks packages into `tools/NAME`. Does nothing where that is there already and, by `usable`, serves. False where this is no
/// Debian or its packages are out of reach.
///
/// # Errors
/// A package that does not unpack, or a folder that can't be written.
pub fn unpack(tools: &Path, what: &Wanted<'_>, usable: impl Fn(&Path) -> bool) -> Result<bool> {
    let Wanted { name, packages, size } = what;
    let _lock = Lock::take(&tools.join("packages.lock"))?;
    let unpacked = tools.join(name);
    if usable(&unpacked) {
        return Ok(true);
    }
    let can = |program: &str| Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !can("apt-get") || !can("dpkg-deb") {
        return Ok(false);
    }
    // The lists of the machine may be empty; lists of our own need no rights.
    let own = tools.join("apt");
    let Some((apt, wanted)) = wanted(&Apt::default(), packages).map(|wanted| (Apt::default(), wanted)).or_else(|| {
        let apt = Apt::own(&own)?;
        announce("fetching the distribution's package lists");
        apt.run(&["update"], &own)?;
        wanted(&apt, packages).map(|wanted| (apt, wanted))
    }) else {
        announce("the distribution's packages are out of reach");
        return Ok(false);
    };
    let folder = tools.join("packages");
    announce(format_args!("fetching {} into {} ({size}); nothing is installed", wanted.join(" "), tools.display()));
    remake(&folder)?;
    let arguments: Vec<_> = ["download"].into_iter().chain(wanted.iter().map(String::as_str)).collect();
    if apt.run(&arguments, &folder).is_none() {
        announce("the distribution's packages are out of reach");
        return Ok(false);
    }
    // Unpacked beside and moved into place, so that a half of it is never taken for the whole.
    let next = tools.join(format!("{name}.next"));
    remake(&next)?;
    for package in fs::read_dir(&folder)? {
        let package = package?.path();
        let status = Command::new("dpkg-deb").arg("-x").arg(&package).arg(&next).status()?;
        if !status.success() {
            bail!("{} does not unpack", package.display());
        }
    }
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked)?;
    }
    fs::rename(&next, &unpacked).with_context(|| format!("can't make {}", unpacked.display()))?;
    fs::remove_dir_all(&folder)?;
    Ok(true)
}

/// Folders with the libraries below a prefix such as `tools/NAME/usr`, for the loader.
#[must_use]
pub fn libraries(prefix: &Path) -> OsString {
    let folders = fs::read_dir(prefix.join("lib")).into_iter().flatten().flatten().map(|entry| entry.path());
    let by_machine = folders.filter(|path| path.to_string_lossy().ends_with("-linux-gnu"));
    env::join_paths(by_machine.chain([prefix.join("lib")])).unwrap_or_default()
}

/// A program on the `PATH`, or among those of the system's administrator, which not every user's `PATH` has.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The packages and those that they need, without what is installed.
fn wanted(apt: &Apt, packages: &[&str]) -> Option<Vec<String>> {
    let arguments: Vec<_> = ["install", "--simulate", "--no-install-recommends"].into_iter().chain(packages.iter().copied()).collect();
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
