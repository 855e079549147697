//! `bundle`: builds the default bundle.
#![forbid(unsafe_code)]
use anyhow::Result;
use bundle::Options;
use clap::Parser;
use std::path::PathBuf;

/// Builds the plugins of the default bundle into target/bundle.
#[derive(Parser)]
struct Arguments {
    /// Where components and index go.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Build the plugins of these crates, guests of tests among them, in place of the default bundle.
    #[arg(long = "crate", value_name = "CRATE", requires = "out")]
    crates: Vec<String>,
    /// Show what cargo says while it works.
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut options = Options::find()?;
    options.verbose = arguments.verbose;
    if let Some(out) = arguments.out {
        options.out = out;
    }
    let crates: Vec<_> = arguments.crates.iter().map(String::as_str).collect();
    let bundle = if crates.is_empty() { bundle::build(&options)? } else { bundle::build_crates(&options, &crates)? };
    for plugin in &bundle.index.plugins {
        println!("{:<16} {:<10} {:>8} bytes  {}", plugin.name, plugin.version, plugin.size, plugin.digest);
    }
    println!("{}", bundle.folder.join("index.json").display());
    Ok(())
}
