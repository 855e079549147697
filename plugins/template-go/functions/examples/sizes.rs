//! Prints what the code of the Go templates' plugin is made of: the functions by group, then the engine, YAML, and each crate
//! below them. Generic code counts where it is written, so that of `core` and `alloc` is made for all.
//!
//! Takes a module that still has its names:
//!
//! ```sh
//! CARGO_PROFILE_GUEST_STRIP=none cargo build --profile guest --target wasm32-unknown-unknown -p template-go
//! cargo run -p go-template-functions --example sizes -- target/wasm32-unknown-unknown/guest/template_go.wasm
//! ```
use std::{collections::HashMap, env, error::Error, fs, ops::Range};
use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

/// The crate that is shown by its modules.
const FUNCTIONS: &str = "go_template_functions";

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("name the module: sizes template_go.wasm")?;
    let module = fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
    let (mut imported, mut sizes, mut data) = (0, Vec::new(), 0);
    let mut names = HashMap::new();
    for payload in Parser::new(0).parse_all(&module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += usize::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => sizes.push(length(&body.range())),
            Payload::DataSection(section) => data = length(&section.range()),
            Payload::CustomSection(section) => {
                let KnownCustom::Name(all) = section.as_known() else { continue };
                for name in all {
                    let Name::Function(functions) = name? else { continue };
                    for function in functions {
                        let function = function?;
                        names.insert(usize::try_from(function.index)?, format!("{:#}", rustc_demangle::demangle(function.name)));
                    }
                }
            }
            _ => {}
        }
    }
    if names.is_empty() {
        return Err(format!("{path} has no names; build it with CARGO_PROFILE_GUEST_STRIP=none").into());
    }
    let mut groups = HashMap::new();
    for (at, size) in sizes.iter().enumerate() {
        let group = names.get(&(imported + at)).map_or("without a name", |name| group(name));
        *groups.entry(group).or_insert(0) += size;
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|&(group, size)| (!group.starts_with(FUNCTIONS), std::cmp::Reverse(size)));
    for (group, size) in groups {
        println!("{size:>9}  {group}");
    }
    println!("{:>9}  all code", sizes.iter().sum::<u64>());
    println!("{data:>9}  data: Unicode's tables, time zones, texts");
    Ok(())
}

fn length(range: &Range<u64>) -> u64 {
    range.end - range.start
}

/// `go_template_functions::strings` or `num_bigint`, of a function's path. Of an implementation, its type counts.
fn group(name: &str) -> &str {
    let path = name.trim_start_matches(['<', '&', '*', '[', '(']);
    let path = ["mut ", "const ", "dyn "].iter().fold(path, |path, word| path.strip_prefix(word).unwrap_or(path));
    let end = path.find(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != ':').unwrap_or(path.len());
    let path = path.get(..end).unwrap_or(path);
    let mut ends = path.match_indices("::").map(|(at, _)| at);
    let end = if path.starts_with(FUNCTIONS) { ends.nth(1) } else { ends.next() };
    // What is written for a type without a path stands in `core`.
    end.and_then(|end| path.get(..end)).unwrap_or("core")
}
