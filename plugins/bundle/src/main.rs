//! `bundle`: builds the default bundle, and the page about the plugin contract.
#![forbid(unsafe_code)]
use anyhow::{Context, Result, bail};
use bundle::Options;
use clap::{Args, Parser, Subcommand};
use std::{fs, path::PathBuf};

/// Builds the plugins of the default bundle into target/bundle.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    build: Build,
}

#[derive(Subcommand)]
enum Command {
    /// Writes docs/plugin-contract.md, made of wit/.
    Docs {
        /// Write nothing, and fail where the page is not what wit/ says.
        #[arg(long)]
        check: bool,
    },
}

#[derive(Args)]
struct Build {
    /// Where components and index go.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Build the plugins of these crates, guests of tests among them, in place of the default bundle.
    #[arg(long = "crate", value_name = "CRATE", requires = "out")]
    crates: Vec<String>,
    /// Where the distribution's compiler is looked for.
    #[arg(long, value_name = "PREFIX", default_value = "/usr")]
    system: PathBuf,
    /// Show what cargo says while it works.
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let options = Options::find()?;
    match arguments.command {
        Some(Command::Docs { check }) => docs(&options, check),
        None => build(options, arguments.build),
    }
}

fn build(mut options: Options, build: Build) -> Result<()> {
    options.verbose = build.verbose;
    options.system = build.system;
    if let Some(out) = build.out {
        options.out = out;
    }
    let crates: Vec<_> = build.crates.iter().map(String::as_str).collect();
    let bundle = if crates.is_empty() { bundle::build(&options)? } else { bundle::build_crates(&options, &crates)? };
    for plugin in &bundle.index.plugins {
        println!("{:<16} {:<10} {:>8} bytes  {}", plugin.name, plugin.version, plugin.size, plugin.digest);
    }
    println!("{}", bundle.folder.join("index.json").display());
    Ok(())
}

fn docs(options: &Options, check: bool) -> Result<()> {
    let path = options.workspace.root.join(bundle::CONTRACT_PAGE);
    let page = bundle::contract_page(&options.workspace)?;
    if check {
        if fs::read_to_string(&path).is_ok_and(|found| found == page) {
            return Ok(());
        }
        bail!("{} is not what wit/ says; type: cargo run -p bundle -- docs", path.display());
    }
    let failed = || format!("can't write {}", path.display());
    fs::create_dir_all(path.parent().unwrap_or(&path)).with_context(failed)?;
    fs::write(&path, page).with_context(failed)
}
