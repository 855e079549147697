//! Gets a target for rustup's compiler.
use crate::{
    announce,
    compile::{TARGET, clean_cargo},
};
use std::{
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

/// Twenty megabytes come in seconds where the server can be reached; where it can't, rustup tries for minutes.
const RUSTUP_TIME: Duration = Duration::from_secs(60);

/// Adds the target to rustup's compiler. False where that is not possible.
pub(super) fn add_target() -> bool {
    let mut rustup = clean_cargo("rustup");
    rustup.args(["target", "add", TARGET]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = rustup.spawn() else { return false };
    announce(format_args!("the compiler lacks {TARGET}: rustup target add {TARGET}"));
    let end = Instant::now() + RUSTUP_TIME;
    let done = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.success(),
            Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(50)),
            Ok(None) | Err(_) => {
                // It may have ended just now; then there is nothing to stop.
                let _ = child.kill();
                let _ = child.wait();
                break false;
            }
        }
    };
    if !done {
        announce("rustup could not add it");
    }
    done
}
