//! Go's engine, in a process of its own.
use crate::render::Data;
use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

/// The process.
pub struct Oracle {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    output: Option<String>,
    error: String,
    nanoseconds: u64,
}

impl Oracle {
    /// Builds and starts it.
    ///
    /// # Errors
    /// Without Go on the path.
    pub fn start(target: &Path) -> Result<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle");
        let program = target.join("template-oracle");
        let built = Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(source).status().context("go build")?;
        if !built.success() {
            bail!("the Go program is not built: {built}");
        }
        let mut child = Command::new(program).env("TZ", "UTC").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let to = child.stdin.take().context("its input")?;
        let from = BufReader::new(child.stdout.take().context("its output")?);
        Ok(Self { child, to, from })
    }

    fn ask(&mut self, request: &serde_json::Value) -> Result<Answer> {
        writeln!(self.to, "{request}")?;
        self.to.flush()?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        if line.is_empty() {
            bail!("it ended at {request}");
        }
        Ok(serde_json::from_str(&line)?)
    }

    /// How long it takes to read and render all of them once, with these data made beforehand; the median of many times.
    ///
    /// # Errors
    /// Where one can't be rendered.
    pub fn time(&mut self, sources: &[String], data: &Data) -> Result<Duration> {
        let data: BTreeMap<&str, String> = data.iter().map(|(key, value)| (key.as_str(), STANDARD.encode(value))).collect();
        let answer = self.ask(&json!({ "Sources": sources, "Data": data }))?;
        if !answer.error.is_empty() {
            bail!(answer.error);
        }
        Ok(Duration::from_nanos(answer.nanoseconds))
    }

    /// Output or Go's error.
    ///
    /// # Errors
    /// Where the process ended.
    pub fn render(&mut self, source: &str, data: &Data) -> Result<std::result::Result<Vec<u8>, String>> {
        let data: BTreeMap<&str, String> = data.iter().map(|(key, value)| (key.as_str(), STANDARD.encode(value))).collect();
        let answer = self.ask(&json!({ "Source": source, "Data": data }))?;
        if answer.error.is_empty() { Ok(Ok(STANDARD.decode(answer.output.unwrap_or_default())?)) } else { Ok(Err(answer.error)) }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // It ends with its input; a kill that fails finds it ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
