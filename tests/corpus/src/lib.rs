//! Templates with what Go's engines made of them, and how to compare.
//!
//! A file of cases is one JSON object a line; `README.md` beside this crate describes its members. A case passes where the
//! rendered bytes are the same, or where both fail, in the same stage, with the recorded fragment in the message.
#![forbid(unsafe_code)]
#![allow(clippy::panic, reason = "a test ends so")]
pub mod case;
pub mod excepted;
pub mod judge;
pub mod report;

use case::Case;
use judge::{Made, difference};
use report::Report;
use std::{env, fs, io::Write, path::Path};

/// At most one case in so many may be excepted.
const EXCEPTED: usize = 100;

/// Prints a line, also of a test that passes: the figures are what the test is run for.
///
/// # Panics
/// Where nothing can be printed.
pub fn say(line: &str) {
    writeln!(std::io::stdout().lock(), "{line}").unwrap_or_else(|error| panic!("{error}"));
}

/// Renders the cases of every `*.jsonl` beside this crate, and of the file that `CORPUS` names; prints what passed, by group
/// and dialect, and what differs. `CORPUS_ONLY` leaves out all whose id doesn't have it.
///
/// # Panics
/// Where a case differs that is not excepted, or too many are.
pub fn check(mut render: impl FnMut(&Case) -> Made) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let excepted = excepted::Excepted::read(&folder.join("excepted.toml")).unwrap_or_else(|error| panic!("{error}"));
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    files.extend(env::var_os("CORPUS").map(Into::into));
    let only = env::var("CORPUS_ONLY").unwrap_or_default();
    let mut report = Report::default();
    for file in files {
        for case in case::read(&file).unwrap_or_else(|error| panic!("{error}")) {
            if case.id.contains(&only) {
                report.add(&case, difference(&case, &render(&case)), &excepted);
            }
        }
    }
    say(&report.to_string());
    for (id, difference) in &report.failures {
        say(&format!("{id}: {difference}"));
    }
    assert!(report.total > 0, "no case");
    assert!(report.failures.is_empty(), "{} cases differ", report.failures.len());
    assert!(!only.is_empty() || report.excepted.len() * EXCEPTED <= report.total, "{} cases are excepted", report.excepted.len());
}
