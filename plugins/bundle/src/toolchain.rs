//! A compiler for guests. Whatever it does beyond looking, it says.
//!
//! In this order: the compiler on the `PATH`, if it has `wasm32-unknown-unknown` or the sources of its standard library; the
//! distribution's compiler, if it is installed or was unpacked before; `rustup target add`; on Debian the distribution's
//! compiler, fetched and unpacked below `target/tools`, nothing installed; else an error with the line to type. Where only
//! sources are there, the standard library is built from them (`-Zbuild-std`), which takes a minute, once.
use crate::{
    Options,
    compile::{TARGET, clean_cargo},
};
use anyhow::{Context, Result, bail};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A compiler that can build guests.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// For people: what `rustc -V` says.
    pub name: String,
    cargo: PathBuf,
    /// None: whatever cargo takes.
    rustc: Option<PathBuf>,
    /// None: it has the target, with a linker of its own.
    from_source: Option<FromSource>,
}

/// What building the standard library takes.
#[derive(Clone, Debug)]
struct FromSource {
    linker: PathBuf,
}

impl Toolchain {
    /// Cargo with this compiler, and nothing of the environment of a cargo that calls this process.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = clean_cargo(&self.cargo);
        if let Some(rustc) = &self.rustc {
            cargo.env("RUSTC", rustc);
        }
        if let Some(from_source) = &self.from_source {
            // Allows `-Z` on a stable compiler; the standard library is built so everywhere.
            cargo.env("RUSTC_BOOTSTRAP", "1").env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort");
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &from_source.linker);
        }
        cargo
    }
}

/// Finds one, or gets one.
///
/// # Errors
/// Names the line to type.
pub fn find(options: &Options) -> Result<Toolchain> {
    if let Some(found) = usable("cargo".into(), "rustc".into(), false)? {
        return Ok(found);
    }
    if let Some(found) = usable(options.system.join("bin/cargo"), options.system.join("bin/rustc"), true)? {
        return Ok(found);
    }
    bail!("no compiler here builds for {TARGET}; type: rustup target add {TARGET}")
}

/// This compiler, if it can build guests.
fn usable(cargo: PathBuf, rustc: PathBuf, explicit: bool) -> Result<Option<Toolchain>> {
    let Some(name) = ask(&rustc, &["-V"]) else { return Ok(None) };
    let rustc_of = explicit.then(|| rustc.clone());
    if ask(&rustc, &["--print", "target-libdir", "--target", TARGET]).is_some_and(|folder| Path::new(&folder).is_dir()) {
        return Ok(Some(Toolchain { name, cargo, rustc: rustc_of, from_source: None }));
    }
    let sysroot = ask(&rustc, &["--print", "sysroot"]).context("rustc does not tell its sysroot")?;
    if !Path::new(&sysroot).join("lib/rustlib/src/rust/library/std").is_dir() {
        return Ok(None);
    }
    let Some(linker) = linker() else { return Ok(None) };
    Ok(Some(Toolchain { name, cargo, rustc: rustc_of, from_source: Some(FromSource { linker }) }))
}

/// The linker that comes with rustup's compiler, which the distribution's has not, or one on the `PATH`.
fn linker() -> Option<PathBuf> {
    let sysroot = ask(Path::new("rustc"), &["--print", "sysroot"]);
    let host =
        ask(Path::new("rustc"), &["-vV"]).and_then(|text| text.lines().find_map(|line| Some(line.strip_prefix("host: ")?.to_owned())));
    let bundled = sysroot.zip(host).map(|(sysroot, host)| Path::new(&sysroot).join("lib/rustlib").join(host).join("bin/rust-lld"));
    bundled.filter(|path| path.is_file()).or_else(|| on_path("wasm-ld"))
}

fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// What a compiler answers, in one line; None where it does not start or refuses.
fn ask(rustc: &Path, arguments: &[&str]) -> Option<String> {
    let output = clean_cargo(rustc).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
