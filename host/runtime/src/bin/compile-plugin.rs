//! Compiles plugins outside of an operator: `compile …` is the child that a runtime starts (for tests and tools that are no
//! operator), `ship BUNDLE FOLDER` makes the cache of machine code that is shipped with a bundle and prints the digest of its
//! manifest.
#![forbid(unsafe_code)]
use runtime::Runtime;
use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((command, rest)) if command == "compile" => Runtime::compile_child(rest),
        Some((command, [bundle, folder])) if command == "ship" => match Runtime::ship(Path::new(bundle), Path::new(folder)) {
            Ok(manifest) => {
                println!("{manifest}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!("usage: compile-plugin ship BUNDLE FOLDER");
            ExitCode::from(2)
        }
    }
}
