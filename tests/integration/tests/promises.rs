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

/// All rows: the heading above, what each is about, and what holds it.
fn rows() -> Vec<(String, String, String)> {
    let table = fs::read_to_string(Target::workspace().join("tests/PROMISES.md")).unwrap();
    let (mut heading, mut rows) = (String::new(), Vec::new());
    for line in table.lines() {
        if let Some(text) = line.strip_prefix("## ") {
            heading = text.to_owned();
        }
        if line.starts_with("| ") && !line.starts_with("| ---") && !line.ends_with("| held by |") {
            let (about, held) = line.trim_matches('|').split_once(" | ").unwrap_or_else(|| panic!("no row of two cells: {line}"));
            rows.push((heading.clone(), about.trim().to_owned(), held.trim().to_owned()));
        }
    }
    rows
}

/// The numbers at the beginning of a row: `19, 20, 22 about`, `38 to 43 about`. None where it begins with a text.
fn numbers(about: &str) -> Vec<u32> {
    if let [first, "to", last, ..] = about.split(' ').collect::<Vec<_>>()[..]
        && let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse())
    {
        return (first..=last).collect();
    }
    let mut numbers = Vec::new();
    for word in about.split(' ') {
        let Ok(number) = word.trim_end_matches(',').parse() else { break };
        numbers.push(number);
        if !word.ends_with(',') {
            break;
        }
    }
    numbers
}

#[test]
fn every_row_of_the_table_names_a_test_or_says_why_it_needs_none() {
    let bare: Vec<_> = rows().into_iter().filter(|(_, _, held)| !held.contains(".rs::") && held.split(' ').count() < 6).collect();
    assert!(bare.is_empty(), "rows with neither a test nor a sentence: {bare:#?}");
}

/// The numbers from 1 to `last` that are missing, and those that are there twice or too much.
fn wrong(found: &[u32], last: u32) -> (Vec<u32>, Vec<u32>) {
    let times = |number: u32| found.iter().filter(|found| **found == number).count();
    let missing = (1..=last).filter(|number| times(*number) == 0).collect();
    let found: BTreeSet<_> = found.iter().copied().collect();
    (missing, found.into_iter().filter(|number| times(*number) > 1 || !(1..=last).contains(number)).collect())
}

#[test]
fn every_decision_every_weakness_and_every_ask_has_one_row() {
    const PROMISES: &str = "Promises";
    const ASKS: &str = "What users of Infisical's operator ask for";
    let rows = rows();
    let of = |wanted: &dyn Fn(&str) -> bool| -> Vec<u32> {
        rows.iter().filter(|(heading, ..)| wanted(heading)).flat_map(|(_, about, _)| numbers(about)).collect()
    };
    let decided = rows.iter().filter_map(|(_, about, _)| about.strip_prefix("0.")?.split(' ').next()?.parse::<u32>().ok());
    let weaknesses = of(&|heading| heading != PROMISES && heading != ASKS);
    for (what, found, last) in
        [("decisions", decided.collect(), 18), ("weaknesses", weaknesses, 67), ("asks", of(&|heading| heading == ASKS), 10)]
    {
        let (missing, too_many) = wrong(&found, last);
        assert!(missing.is_empty(), "{what} without a row: {missing:?}");
        assert!(too_many.is_empty(), "{what} with several rows, or that there are not: {too_many:?}");
    }
}

#[test]
fn a_number_that_is_missing_twice_there_or_too_much_is_noticed() {
    assert_eq!(wrong(&[2, 1, 3], 3), (vec![], vec![]));
    assert_eq!(wrong(&[1, 1, 4], 3), (vec![2, 3], vec![1, 4]));
    assert_eq!(
        (numbers("19, 20, 22 about 7"), numbers("38 to 40 about"), numbers("about 7")),
        (vec![19, 20, 22], vec![38, 39, 40], vec![])
    );
}
