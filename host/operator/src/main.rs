//! `infisical-operator`: see `infisical-operator help`.
#![forbid(unsafe_code)]
use clap::Parser;
use operator::cli::{Cli, Command, MigrateArgs, PluginCommand, RunArgs, TemplateCommand, normalise};
use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

/// It gives back what a first sync took, where glibc keeps it in an arena for each thread: 25 MiB instead of 42 after 1,000
/// resources. `.cargo/config.toml` says how it is built.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse_from(normalise(std::env::args_os()));
    let result = match cli.command {
        Command::Run(arguments) => run(&arguments),
        Command::Crds => crds(),
        Command::Compile { arguments } => return runtime::Runtime::compile_child(&arguments),
        Command::Migrate(arguments) => return migrate(&arguments),
        Command::Plugin { command } => plugin(&command),
        Command::Template { command } => template(&command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("infisical-operator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(arguments: &RunArgs) -> anyhow::Result<()> {
    arguments.run().await
}

fn crds() -> anyhow::Result<()> {
    print!("{}", api::crds::yaml()?);
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn plugin(command: &PluginCommand) -> anyhow::Result<()> {
    command.run().await
}

#[tokio::main]
async fn migrate(arguments: &MigrateArgs) -> ExitCode {
    arguments.run().await
}

#[tokio::main]
async fn template(command: &TemplateCommand) -> anyhow::Result<()> {
    command.run().await
}
