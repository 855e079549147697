//! Child processes that end with their parent and whose output is kept in a file.
use anyhow::{Context, Result, ensure};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

/// Kills a process when its standard input ends (nothing is ever written to it), thus when the process at the other end of the pipe is gone, however it
/// went. A signal on the parent's death would need `unsafe` between fork and exec.
const LEASH: &str = r#"read -r _; kill -KILL "$1""#;

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    leash: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program with its output appended to `log`. It is out of reach of a Ctrl-C at the terminal, so that the
    /// parent decides when it ends.
    ///
    /// # Errors
    /// The program or the shell does not start, or the log can't be written.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        use std::os::unix::process::CommandExt;
        let output = File::options().create(true).append(true).open(log).with_context(|| format!("{} can't be written", log.display()))?;
        let errors = output.try_clone()?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name} does not start: {}", command.get_program().display()))?;
        let leash = Command::new("sh")
            .args(["-c", LEASH, "leash", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        let leash = match leash {
            Ok(leash) => leash,
            Err(error) => {
                child.kill()?;
                child.wait()?;
                return Err(error).context("sh does not start");
            }
        };
        Ok(Self { name: name.into(), child, leash, log: log.into() })
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it has written so far.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn output(&self) -> io::Result<String> {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The last lines of its output.
    #[must_use]
    pub fn tail(&self) -> String {
        tail(&self.log)
    }

    /// An error with the end of its output, if it has ended.
    ///
    /// # Errors
    /// It has ended.
    pub fn check_alive(&mut self) -> Result<()> {
        let ended = self.ended()?;
        ensure!(ended.is_none(), "{} ended early{}:\n{}", self.name, described(ended), tail(&self.log));
        Ok(())
    }

    /// Whether it has ended, and how.
    ///
    /// # Errors
    /// Its state can't be had.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        if status.is_some() {
            self.unleash()?;
        }
        Ok(status)
    }

    /// Asks it to end.
    ///
    /// # Errors
    /// The signal can't be sent.
    pub fn terminate(&mut self) -> Result<()> {
        if self.ended()?.is_none() {
            let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
            let id = id.with_context(|| format!("{} has no process id", self.name))?;
            rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        }
        Ok(())
    }

    /// Ends it at once, as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// It can't be killed.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        let status = self.child.wait()?;
        self.unleash()?;
        Ok(status)
    }

    /// The process id of a child that was waited for is free for others: the leash must not kill those.
    fn unleash(&mut self) -> io::Result<()> {
        self.leash.kill()?;
        self.leash.wait().map(drop)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            tracing::error!(%error, "{} could not be ended", self.name);
        }
    }
}

fn described(status: Option<ExitStatus>) -> String {
    status.map_or_else(String::new, |status| format!(" ({status})"))
}

/// The last lines of a log, for a message.
pub(crate) fn tail(log: &Path) -> String {
    const LINES: usize = 20;
    let text = match fs::read(log) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return format!("{} can't be read: {error}", log.display()),
    };
    let lines: Vec<_> = text.lines().collect();
    let start = lines.len().saturating_sub(LINES);
    lines.get(start..).unwrap_or_default().join("\n")
}
