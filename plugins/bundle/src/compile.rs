//! Runs cargo for the guests.
use crate::{Options, Plugin, announce, toolchain::Toolchain};
use anyhow::{Context, Result, bail};
use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What all guests are built for: it has no system below it, so that a plugin has nothing but what it imports.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Builds a guest, and tells where its core module is.
///
/// A cargo for each guest: packages that are built together share the features of their dependencies, and then a plugin's
/// digest would depend on its neighbours.
pub(crate) fn module(options: &Options, toolchain: &Toolchain, plugin: &Plugin) -> Result<PathBuf> {
    let folder = options.workspace.target.join("guest");
    let module = folder.join(TARGET).join("guest").join(format!("{}.wasm", plugin.package.replace('-', "_")));
    if !module.exists() {
        announce(format_args!("building {} with {}", plugin.package, toolchain.name));
    }
    let mut cargo = toolchain.cargo();
    cargo
        .current_dir(&options.workspace.root)
        .args(["build", "--locked", "--profile", "guest", "--target", TARGET, "--package", &plugin.package])
        .arg("--target-dir")
        .arg(&folder)
        .arg("--config")
        .arg(remap(&folder, toolchain)?)
        .stdin(Stdio::null());
    if options.verbose {
        cargo.stderr(Stdio::inherit());
    } else {
        cargo.stderr(Stdio::piped());
    }
    let output = cargo.spawn().and_then(std::process::Child::wait_with_output).context("cargo does not start")?;
    if !output.status.success() {
        bail!("{} does not build with {}:\n{}", plugin.package, toolchain.name, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(module)
}

/// Takes the folders of this machine out of the components, so that they are the same wherever they are built. Sources of
/// the workspace need nothing: cargo gives them to the compiler by paths relative to its root.
fn remap(target: &Path, toolchain: &Toolchain) -> Result<String> {
    let home = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => env::home_dir().context("there is no home folder")?.join(".cargo"),
    };
    let mut flags = vec![(home.as_path(), "/cargo"), (target, "/target")];
    flags.extend(toolchain.sources().map(|sources| (sources, "/rust")));
    let flags: Vec<_> = flags.iter().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())).collect();
    // A JSON list of strings is a TOML list. Cargo joins it with the one in `.cargo/config.toml`.
    Ok(format!("target.{TARGET}.rustflags={}", serde_json::to_string(&flags)?))
}

/// A cargo that inherits nothing of a cargo that calls this process, but how to reach a registry.
pub(crate) fn clean_cargo(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_build_setting) {
            command.env_remove(name);
        }
    }
    command
}

fn is_build_setting(name: &str) -> bool {
    const KEPT: [&str; 6] = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_REGISTRY_", "CARGO_SOURCE_"];
    let of_cargo = name == "CARGO" || name.starts_with("CARGO_") || name.starts_with("__CARGO_");
    let of_rustc = name.starts_with("RUSTC") || name.starts_with("RUSTDOC") || name == "RUSTFLAGS" || name == "RUSTUP_TOOLCHAIN";
    // Set by `cargo test` to the libraries of its own compiler.
    let of_loader = name == "LD_LIBRARY_PATH" && env::var_os("CARGO").is_some();
    (of_cargo && !KEPT.iter().any(|kept| name.starts_with(kept))) || of_rustc || of_loader
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_way_to_a_registry_and_nothing_of_a_build() {
        for kept in ["CARGO_HOME", "CARGO_HTTP_CAINFO", "CARGO_NET_OFFLINE", "CARGO_REGISTRIES_MINE_INDEX", "PATH", "RUSTUP_HOME"] {
            assert!(!is_build_setting(kept), "{kept}");
        }
        for dropped in [
            "CARGO",
            "RUSTFLAGS",
            "RUSTC",
            "RUSTC_WRAPPER",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_UNSTABLE_FEATURE_UNIFICATION",
            "CARGO_PKG_NAME",
        ] {
            assert!(is_build_setting(dropped), "{dropped}");
        }
    }
}
