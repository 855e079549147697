//! Benchmarks. They print figures and assert none: machines differ, ratios to a floor measured in the same run do less.
#![forbid(unsafe_code)]
mod memory;
mod plugins;
mod process;
mod requests;
mod scale;
mod stub;

use clap::{Parser, Subcommand};
use std::time::Duration;

#[derive(Parser)]
#[command(about = "Prints figures. Build it with --release, else they mean nothing.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Syncs many resources against a real API server and a stub of Infisical.
    Scale(scale::Options),
    /// Memory beside many Secrets that no resource names.
    Memory(memory::Options),
    /// Times plugins: a call, a rendering, compiling, loading, start.
    Plugins,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Scale(options) => scale::run(&options).await,
        Command::Memory(options) => memory::run(&options).await,
        Command::Plugins => plugins::run().await,
    }
}

/// `20ms`, `1s`.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed = match text.strip_suffix("ms") {
        Some(number) => number.parse().map(Duration::from_millis),
        None => text.trim_end_matches('s').parse().map(Duration::from_secs),
    };
    parsed.map_err(|_| "write 20ms or 1s".into())
}
