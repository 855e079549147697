//! The command `migrate`, as users run it.
mod converts;
mod looks;

use integration::program;
use std::path::Path;

/// How a run of the command ended.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

pub async fn migrate(arguments: &[&str]) -> Ran {
    let output = tokio::process::Command::new(program().await).arg("migrate").args(arguments).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

pub fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
