//! The table of promises names tests that exist.
use std::{collections::BTreeSet, fs};
use support::Target;

/// Where a name of the table stands for a file of tests: in this crate, unless it has a path.
fn source(file: &str) -> String {
    let root = Target::workspace();
    let path = if file.contains('/') { root.join(file) } else { root.join("tests/integration/tests").join(file) };
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_test_that_the_table_names_exists() {
    let table = fs::read_to_string(Target::workspace().join("tests/PROMISES.md")).unwrap();
    let mut named = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with('|')) {
        let tests: Vec<_> = line.split('`').skip(1).step_by(2).filter_map(|code| code.split_once(".rs::")).collect();
        named.extend(tests.iter().map(|(file, test)| (format!("{file}.rs"), (*test).to_owned())));
    }
    assert!(named.len() > 50, "the table was not read: {} names", named.len());
    for (file, test) in &named {
        assert!(source(file).contains(&format!("fn {test}(")), "tests/PROMISES.md names {file}::{test}, which is not there");
    }
}

#[test]
fn every_row_of_the_table_names_a_test_or_says_why_not() {
    let table = fs::read_to_string(Target::workspace().join("tests/PROMISES.md")).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let bare: Vec<_> = rows.filter(|row| !row.contains(".rs::") && !row.contains("not yet:") && !row.contains("| held by |")).collect();
    assert!(bare.is_empty(), "rows without a test: {bare:#?}");
}
