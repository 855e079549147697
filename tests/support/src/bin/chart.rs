//! Writes what is generated of the chart, and `deploy/install.yaml`. With `--check` it writes nothing and fails where a file is not
//! up to date.
#![forbid(unsafe_code)]
use anyhow::{Result, bail};
use support::{Helm, Target, chart};

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let check = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => false,
        ["--check"] => true,
        _ => bail!("usage: chart [--check]"),
    };
    let helm = Helm::obtain(&Target::of_this_program()?)?;
    let stale = chart::generate(&helm, check)?;
    for path in &stale {
        println!("{} {}", if check { "stale: " } else { "written:" }, path.display());
    }
    if check && !stale.is_empty() {
        bail!("run `cargo run --bin chart`");
    }
    Ok(())
}
