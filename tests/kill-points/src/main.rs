//! The operator as a test kills it: the same library as the product's program, and one thing more.
//!
//! The variable `INFISICAL_OPERATOR_KILL_AT` names a file. As soon as that holds `MOMENT EFFECT`, such as `after CreateTarget`, the
//! process kills itself as `kill -9` does at the next such moment, and says so on stderr: nothing is given back, nothing is
//! finished, no destructor runs. A file, so that a test can let the operator come to rest before it chooses the moment.
//!
//! Only this program installs the hook; the product's has neither the variable nor the code.
#![forbid(unsafe_code)]
use anyhow::bail;
use clap::Parser;
use operator::{
    cli::{Cli, Command, RunArgs, normalise},
    effect::{self, Effect, Moment},
};
use std::{env, fs, io::Write, path::PathBuf, process::ExitCode, str::FromStr, sync::OnceLock};

static FILE: OnceLock<PathBuf> = OnceLock::new();

fn main() -> ExitCode {
    let cli = Cli::parse_from(normalise(env::args_os()));
    let result = match cli.command {
        Command::Run(arguments) => armed().and_then(|()| run(&arguments)),
        Command::Compile { arguments } => return runtime::Runtime::compile_child(&arguments),
        _ => Err(anyhow::anyhow!("this program can only be run to be killed")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("operator-with-kill-points: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(arguments: &RunArgs) -> anyhow::Result<()> {
    arguments.run().await
}

fn armed() -> anyhow::Result<()> {
    let Some(file) = env::var_os("INFISICAL_OPERATOR_KILL_AT") else { bail!("INFISICAL_OPERATOR_KILL_AT names no file") };
    if FILE.set(file.into()).is_err() || effect::install(end_here).is_err() {
        bail!("the hook is installed already");
    }
    Ok(())
}

fn end_here(moment: Moment, effect: Effect) {
    let wanted = FILE.get().and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
    if point(&wanted) != Some((moment, effect)) {
        return;
    }
    // Straight to the descriptor: nothing is flushed after this.
    let announced = writeln!(std::io::stderr(), "killed {wanted}");
    let killed = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    // Not reached: the signal can't be held back.
    eprintln!("still alive: {announced:?}, {killed:?}");
    std::process::abort();
}

fn point(text: &str) -> Option<(Moment, Effect)> {
    let (moment, effect) = text.trim().split_once(' ')?;
    Some((Moment::from_str(moment).ok()?, Effect::from_str(effect).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_a_moment_and_an_effect() {
        assert_eq!(point("after CreateTarget\n"), Some((Moment::After, Effect::CreateTarget)));
        assert_eq!(point("before WriteStatus"), Some((Moment::Before, Effect::WriteStatus)));
        assert_eq!(point(""), None);
        assert_eq!(point("after Nothing"), None);
    }
}
