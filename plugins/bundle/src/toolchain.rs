//! A compiler for guests. Whatever it does beyond looking, it says.
//!
//! In this order: the compiler on the `PATH`, if it has `wasm32-unknown-unknown` or the sources of its standard library; the
//! distribution's compiler, if it is installed or was unpacked before; `rustup target add`; on Debian the distribution's
//! compiler, fetched and unpacked below `target/tools`, nothing installed; else an error with the line to type. Where only
//! sources are there, the standard library is built from them (`-Zbuild-std`), which takes a minute, once.
//!
//! The distribution's compiler is one release and its sources the same, so the two always fit; it brings no linker for
//! WebAssembly, which is why `rust-lld` comes from the compiler that builds the host.
mod rustup;

use crate::{
    Options,
    compile::{TARGET, clean_cargo},
    distribution::{self, Wanted, libraries},
};
use anyhow::{Result, bail};
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// A compiler that can build guests.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// For people: what `rustc -V` says.
    pub name: String,
    compiler: Compiler,
    /// None where the target is there, with a linker of its own.
    from_source: Option<FromSource>,
}

/// What building the standard library takes.
#[derive(Clone, Debug)]
struct FromSource {
    linker: PathBuf,
    sources: PathBuf,
}

impl Toolchain {
    /// Cargo with this compiler, and nothing of the environment of a cargo that calls this process.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = self.compiler.command(&self.compiler.cargo);
        if self.compiler.rustc.is_absolute() {
            cargo.env("RUSTC", &self.compiler.rustc);
        }
        if let Some(FromSource { linker, .. }) = &self.from_source {
            // Allows `-Z` on a stable compiler, which is how the standard library itself is built.
            cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_abort");
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        cargo
    }

    /// Of the standard library, where it is built.
    pub(crate) fn sources(&self) -> Option<&Path> {
        self.from_source.as_ref().map(|from_source| from_source.sources.as_path())
    }
}

/// Compiler, cargo and sources, as the distribution calls them.
const COMPILER: Wanted = Wanted { name: "rust", packages: &["rustc-web", "cargo-web", "rust-web-src"], size: "about 150 MB" };

/// Finds one, or gets one.
///
/// # Errors
/// Names the line to type.
pub fn find(options: &Options) -> Result<Toolchain> {
    let needed = options.workspace.rust_version;
    let on_path = || Compiler { cargo: "cargo".into(), rustc: "rustc".into(), libraries: None }.usable(needed);
    let tools = options.workspace.target.join("tools");
    let unpacked = || Compiler::below(&tools.join("rust/usr")).usable(needed);
    if let Some(found) = on_path().or_else(|| Compiler::below(&options.system).usable(needed)).or_else(unpacked) {
        return Ok(found);
    }
    if rustup::add_target()
        && let Some(found) = on_path()
    {
        return Ok(found);
    }
    if linker().is_some()
        && distribution::unpack(&tools, &COMPILER, |_| unpacked().is_some())?
        && let Some(found) = unpacked()
    {
        return Ok(found);
    }
    bail!(
        "no compiler here builds for {TARGET}. Type: rustup target add {TARGET}\nor, on Debian: apt-get install {}",
        COMPILER.packages.join(" ")
    )
}

/// A cargo and its rustc.
#[derive(Clone, Debug)]
struct Compiler {
    cargo: PathBuf,
    rustc: PathBuf,
    /// Folders for the loader, of a compiler that is not installed.
    libraries: Option<OsString>,
}

impl Compiler {
    /// Below a prefix such as `/usr`.
    fn below(prefix: &Path) -> Self {
        let libraries = (prefix != Path::new("/usr")).then(|| libraries(prefix));
        Self { cargo: prefix.join("bin/cargo"), rustc: prefix.join("bin/rustc"), libraries }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = clean_cargo(program);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }

    /// What the compiler answers; None where it does not start or refuses.
    fn ask(&self, arguments: &[&str]) -> Option<String> {
        let output = self.command(&self.rustc).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// This compiler, if it is new enough and can build guests.
    fn usable(self, needed: (u32, u32)) -> Option<Toolchain> {
        let name = self.ask(&["-V"])?;
        if version(name.split(' ').nth(1)?)? < needed {
            return None;
        }
        let installed = self.ask(&["--print", "target-libdir", "--target", TARGET]).is_some_and(|folder| Path::new(&folder).is_dir());
        if installed {
            return Some(Toolchain { name, compiler: self, from_source: None });
        }
        let sources = Path::new(&self.ask(&["--print", "sysroot"])?).join("lib/rustlib/src/rust");
        let linker = linker().filter(|_| sources.join("library/std").is_dir())?;
        Some(Toolchain { name, compiler: self, from_source: Some(FromSource { linker, sources }) })
    }
}

/// Major and minor.
pub(crate) fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The linker that comes with rustup's compiler, or one on the `PATH`.
fn linker() -> Option<PathBuf> {
    let rustc = Compiler { cargo: "cargo".into(), rustc: "rustc".into(), libraries: None };
    let bundled = || {
        let about = rustc.ask(&["-vV"])?;
        let host = about.lines().find_map(|line| line.strip_prefix("host: "))?;
        Some(Path::new(&rustc.ask(&["--print", "sysroot"])?).join("lib/rustlib").join(host).join("bin/rust-lld"))
    };
    let on_path = || {
        let path = env::var_os("PATH")?;
        env::split_paths(&path).map(|folder| folder.join("wasm-ld")).find(|path| path.is_file())
    };
    bundled().filter(|path| path.is_file()).or_else(on_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(version("1.95.0"), Some((1, 95)));
        assert_eq!(version("1.96.0-nightly"), Some((1, 96)));
        assert!(version("1.100.0") > version("1.95"));
        assert_eq!(version("rustc"), None);
    }

    #[test]
    fn a_compiler_that_is_not_there_is_not_usable() {
        assert!(Compiler::below(Path::new("/nowhere")).usable((1, 0)).is_none());
    }
}
