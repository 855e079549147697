//! Writes the custom resource definitions to the folder that is its argument, `deploy/crds` by default. The chart has them too:
//! `cargo run --bin chart` writes those.
use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os().nth(1).map_or_else(|| PathBuf::from("deploy/crds"), PathBuf::from);
    fs::create_dir_all(&folder)?;
    for (name, text) in api::crds::files()? {
        fs::write(folder.join(name), text)?;
    }
    println!("now `cargo run --bin chart`, if they changed: the chart has them too");
    Ok(())
}
