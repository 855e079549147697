//! Writes `docs/template-functions.md`, or with `--check` fails where it is stale. The argument beside it is another file.
use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let (check, path): (Vec<String>, Vec<String>) = env::args().skip(1).partition(|argument| argument == "--check");
    let path = path.first().map_or_else(|| PathBuf::from("docs/template-functions.md"), PathBuf::from);
    let page = go_template_functions::docs::page();
    if check.is_empty() {
        fs::write(&path, page)?;
    } else if fs::read_to_string(&path)? != page {
        return Err(format!("{} is stale; type: cargo run -p go-template-functions --bin function-docs", path.display()).into());
    }
    Ok(())
}
