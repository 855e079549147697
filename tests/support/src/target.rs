//! The target folder that the running program was built in, and other programs of the workspace beside it.
//!
//! A nested `cargo build` selects the whole workspace, as `cargo test` and `cargo dev` do: the features of dependencies are
//! then the same, and nothing is compiled twice.
use anyhow::{Context, Result, bail, ensure};
use std::{
    env,
    fmt::Display,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// Where and how the running program was built.
#[derive(Clone, Debug)]
pub struct Target {
    /// The target folder.
    root: PathBuf,
    /// `debug`, `release` or the name of a profile, below the root or below the folder of a target triple.
    programs: PathBuf,
    triple: Option<String>,
}

impl Target {
    /// From the path of the running program, which cargo put into `<target>/[<triple>/]<profile>[/deps]`.
    ///
    /// # Errors
    /// The program was moved out of a target folder.
    pub fn of_this_program() -> Result<Self> {
        let program = env::current_exe().context("the path of this program is not known")?;
        let not_cargo = || format!("{} is not in a target folder of cargo; run it with `cargo run` or `cargo test`", program.display());
        let mut programs = program.parent().with_context(not_cargo)?;
        if programs.ends_with("deps") {
            programs = programs.parent().with_context(not_cargo)?;
        }
        let parent = programs.parent().with_context(not_cargo)?;
        // Cargo marks the root of a target folder so that backups leave it out.
        let is_root = |folder: &Path| folder.join("CACHEDIR.TAG").exists();
        let (root, triple) = if is_root(parent) {
            (parent, None)
        } else {
            let root = parent.parent().filter(|root| is_root(root)).with_context(not_cargo)?;
            (root, parent.file_name().map(|triple| triple.to_string_lossy().into_owned()))
        };
        Ok(Self { root: root.into(), programs: programs.into(), triple })
    }

    /// The root of the target folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The root of the workspace's sources.
    #[must_use]
    pub fn workspace() -> &'static Path {
        const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        Path::new(ROOT)
    }

    /// `<target>/tools/<name>`, made if missing.
    ///
    /// # Errors
    /// The folder can't be made.
    pub fn tools(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join("tools").join(name);
        fs::create_dir_all(&folder).with_context(|| format!("{} can't be made", folder.display()))?;
        Ok(folder)
    }

    /// Builds a program of the workspace in the profile of the running one; a matter of a second where it is up to date.
    ///
    /// # Errors
    /// The build fails; the message is the compiler's.
    pub fn build(&self, program: &str) -> Result<PathBuf> {
        let profile = match self.programs.file_name().and_then(|name| name.to_str()) {
            Some("debug") => "dev",
            Some(name) => name,
            None => bail!("{} has no name", self.programs.display()),
        };
        let mut cargo = cargo();
        cargo.args(["build", "--quiet", "--workspace", "--bin", program, "--profile", profile, "--target-dir"]).arg(&self.root);
        if let Some(triple) = &self.triple {
            cargo.args(["--target", triple]);
        }
        let built = self.programs.join(program).with_extension(env::consts::EXE_EXTENSION);
        if !built.exists() {
            announce(format_args!("Building {program}: minutes for the first time, seconds later."));
        }
        let output = cargo.current_dir(Self::workspace()).output().context("cargo does not start")?;
        ensure!(output.status.success(), "{program} does not build:\n{}", String::from_utf8_lossy(&output.stderr));
        Ok(built)
    }
}

/// Cargo without the variables that an outer cargo sets for the program that it runs. Build scripts watch some of them, and
/// each of the two cargos would build again what the other has built.
fn cargo() -> Command {
    const SET_BY_CARGO: [&str; 6] = ["CARGO_BIN_", "CARGO_CRATE_NAME", "CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"];
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| SET_BY_CARGO.iter().any(|start| name.starts_with(start))) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Opens a file for locking, made if missing. The lock goes with the file, at the latest with the process.
pub(crate) fn lock_file(path: &Path) -> Result<File> {
    File::options().create(true).truncate(false).write(true).open(path).with_context(|| format!("{} can't be opened", path.display()))
}

/// Says on the terminal why nothing seems to happen. Not by `eprintln!`, which the test harness holds back.
pub(crate) fn announce(text: impl Display) {
    // A closed terminal is no reason to fail.
    drop(writeln!(std::io::stderr(), "{text}"));
}
