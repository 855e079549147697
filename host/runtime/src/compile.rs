//! Turns components into machine code, in a child process under limits.
//!
//! The serving process never compiles: a small component can be made to compile for seconds and to want a gigabyte, and the
//! engine's authors don't count that as a defect. The child puts its limits on itself before it reads a byte, has an empty
//! environment and no files, and whatever ends it ends as a [`CompileError`].
use crate::{
    CompileLimits,
    engine::{self, Profile},
    text,
};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use std::{
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{ExitCode, Stdio},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::Command,
};

/// First argument of the child.
pub(crate) const COMMAND: &str = "compile";

/// Bytes of machine code at most: four times what the largest component that was seen needs.
pub(crate) const MAX_CODE: u64 = 256 << 20;

/// Bytes that are read of what the child says.
const MAX_TEXT: u64 = 4096;

/// What a panic makes a program exit with. Its text names places in the compiler, which help nobody.
const PANICKED: i32 = 101;

/// Why a component was not compiled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    #[error("compiling it took longer than {0:?}")]
    Time(std::time::Duration),
    #[error("compiling it took more than {0} bytes of memory")]
    Memory(u64),
    #[error("compiling it was stopped by signal {0}")]
    Signal(i32),
    #[error("compiling it ended in a panic of the compiler")]
    Panicked,
    #[error("its machine code has more than {MAX_CODE} bytes")]
    TooLong,
    #[error("it does not compile: {0}")]
    Refused(String),
    #[error("the compiler can't be run: {0}")]
    Io(#[from] std::io::Error),
}

/// What our own child printed: only this module makes one.
pub(crate) struct Output(Vec<u8>);

impl Output {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Runs `program compile …` on a component.
pub(crate) async fn compile(program: &Path, profile: Profile, wasm: &[u8], limits: &CompileLimits) -> Result<Output, CompileError> {
    let mut child = Command::new(program)
        .args([COMMAND, profile.into(), &limits.memory.to_string(), &limits.cpu.as_secs().to_string(), &wasm.len().to_string()])
        .env_clear()
        // One thread for each core otherwise, each reserving address space: with 64 cores a gigabyte is not enough to start.
        .env("RAYON_NUM_THREADS", "2")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else { return Err(std::io::Error::other("no pipes").into()) };
    let work = async {
        // All at once: a child that dies early must not leave us writing, a full pipe must not leave it waiting.
        let write = async {
            // A child that doesn't read to the end says why, or how it died: that is the error that counts.
            let _ = stdin.write_all(wasm).await;
            drop(stdin);
        };
        let ((), code, text) = tokio::join!(write, read(stdout, MAX_CODE + 1), read(stderr, MAX_TEXT));
        let (code, text) = (code?, text?);
        if code.len() as u64 > MAX_CODE {
            return Err(CompileError::TooLong);
        }
        Ok((child.wait().await?, code, text))
    };
    let (status, code, said) = tokio::time::timeout(limits.wall, work).await.map_err(|_| CompileError::Time(limits.wall))??;
    let signal = status.signal();
    let is = |wanted: Signal| signal == Some(wanted.as_raw());
    match status.code() {
        Some(0) => Ok(Output(code)),
        Some(PANICKED) => Err(CompileError::Panicked),
        Some(_) => Err(CompileError::Refused(text::cut(String::from_utf8_lossy(&said).trim()))),
        // One at the soft limit, the other at the hard one.
        None if is(Signal::XCPU) || is(Signal::KILL) => Err(CompileError::Time(limits.cpu)),
        // Rust aborts where an allocation fails.
        None if is(Signal::ABORT) => Err(CompileError::Memory(limits.memory)),
        None => Err(CompileError::Signal(signal.unwrap_or_default())),
    }
}

async fn read(from: impl AsyncRead + Unpin, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// The child: a component on standard input, machine code on standard output.
pub(crate) fn child(arguments: &[String]) -> ExitCode {
    match compile_here(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Read by the parent, cut, and shown as the cause.
            let _ = writeln!(std::io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compile_here(arguments: &[String]) -> wasmtime::Result<()> {
    let [profile, memory, seconds, length] = arguments else {
        wasmtime::bail!("usage: compile PROFILE BYTES-OF-MEMORY SECONDS-OF-CPU BYTES-OF-COMPONENT");
    };
    let limit = |resource, value: u64| setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) });
    limit(Resource::As, memory.parse()?)?;
    limit(Resource::Cpu, seconds.parse()?)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, 16)?;
    limit(Resource::Fsize, 0)?;
    let engine = engine::compiling(profile.parse()?)?;
    let mut wasm = Vec::new();
    std::io::stdin().take(length.parse()?).read_to_end(&mut wasm)?;
    std::io::stdout().write_all(&precompile(&engine, &wasm)?)?;
    Ok(())
}

fn precompile(engine: &wasmtime::Engine, wasm: &[u8]) -> wasmtime::Result<Vec<u8>> {
    // The version word of a core module: the compiler's own text speaks of a parser.
    if wasm.starts_with(b"\0asm\x01\0\0\0") {
        wasmtime::bail!("it is a core module, not a component; make one of it with `wasm-tools component new`");
    }
    if !wasm.starts_with(b"\0asm") {
        wasmtime::bail!("it is not WebAssembly");
    }
    engine.precompile_component(wasm)
}

/// Compiles without a child, where a bundle is built: its builder trusts what it builds.
pub(crate) fn compile_at_build(profile: Profile, wasm: &[u8]) -> wasmtime::Result<Vec<u8>> {
    precompile(&engine::compiling(profile)?, wasm)
}
