//! `cargo dev`: the whole system on this machine, without containers and without an account.
//!
//! It starts a real control plane (or uses the cluster of `--kubeconfig`), an Infisical dev server, and the operator with
//! the default bundle; it applies the demo and shows a live view. With `--check` it verifies what it shows and ends.
//! Everything ends with it, also when it is killed.
#![forbid(unsafe_code)]

mod check;
mod demo;
mod environment;
mod options;
mod view;

use anyhow::Result;
use clap::Parser;
use environment::Environment;
use options::Options;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<ExitCode> {
    let mut signals = Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? };
    let mut environment = tokio::select! {
        started = Environment::start(&options) => started?,
        code = signals.received() => return Ok(code),
    };
    let code = tokio::select! {
        code = work(&options, &mut environment) => code,
        // The view ends by Ctrl-C and no other way.
        code = signals.received() => Ok(if options.check { code } else { ExitCode::SUCCESS }),
    };
    // Whatever came of it, the operator gets the time to end.
    let stopped = environment.stop().await;
    code.and_then(|code| stopped.map(|()| code))
}

async fn work(options: &Options, environment: &mut Environment) -> Result<ExitCode> {
    if options.check {
        let passed = check::run(environment, options.withhold).await?;
        return Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    demo::apply(&environment.cluster, true).await?;
    view::show(environment).await?;
    Ok(ExitCode::SUCCESS)
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// The exit code after a signal, as shells count.
    async fn received(&mut self) -> ExitCode {
        tokio::select! {
            _ = self.interrupt.recv() => ExitCode::from(130),
            _ = self.terminate.recv() => ExitCode::from(143),
        }
    }
}
