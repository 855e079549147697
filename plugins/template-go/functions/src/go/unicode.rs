//! Unicode's general categories, scripts and simple case folding, as of Unicode 15.0, which Go 1.26 has.
//!
//! Each line of `unicode.txt` is a table of Go's package `unicode`: its name, then its ranges in hexadecimal, each by the distance
//! of its first rune from the last one of the range before, and after a dot, how many more runes it has. The line `folds` has the
//! runes that differ from another one in case only. A tenth of the size of the tables of `regex-syntax`, to which the tests hold
//! it.

use std::sync::OnceLock;

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::runes;

const TABLES: &str = include_str!("unicode.txt");

/// The runes of a category, `Lu` or `L`; none for a name that is not one.
pub fn category(name: &str) -> ClassUnicode {
    match name {
        "Lc" => tables(|found| matches!(found, "Ll" | "Lt" | "Lu")),
        _ if name.len() == 1 => tables(|found| found.len() == 2 && found.starts_with(name)),
        _ => table(name),
    }
}

/// The runes of the category, the script or the list with exactly that name.
pub fn table(name: &str) -> ClassUnicode {
    tables(|found| found == name)
}

/// The runes that have a category.
pub fn assigned() -> &'static ClassUnicode {
    static TABLE: OnceLock<ClassUnicode> = OnceLock::new();
    // Every name of a category has two letters, and of the scripts that of Yi alone, which is within Lo and So.
    TABLE.get_or_init(|| tables(|found| found.len() == 2 && found != "Yi"))
}

fn tables(wanted: impl Fn(&str) -> bool) -> ClassUnicode {
    let lines = TABLES.lines().filter_map(|line| line.split_once(' '));
    ClassUnicode::new(lines.filter(|(name, _)| wanted(name)).flat_map(|(_, ranges)| read(ranges)))
}

fn read(ranges: &str) -> impl Iterator<Item = ClassUnicodeRange> {
    let number = |digits| u32::from_str_radix(digits, 16).ok();
    let mut end = 0;
    ranges.split(' ').filter_map(move |range| {
        let (distance, more) = range.split_once('.').unwrap_or((range, "0"));
        let first = end + number(distance)?;
        end = first + number(more)?;
        Some(ClassUnicodeRange::new(char::from_u32(first)?, char::from_u32(end)?))
    })
}

pub fn contains(table: &ClassUnicode, rune: char) -> bool {
    from(table, rune).next().is_some_and(|range| range.start() <= rune)
}

/// The ranges that end with the rune or behind it.
fn from(table: &ClassUnicode, rune: char) -> std::slice::Iter<'_, ClassUnicodeRange> {
    let ranges = table.ranges();
    ranges.get(ranges.partition_point(|range| range.end() < rune)..).unwrap_or_default().iter()
}

/// All runes that differ only in case from one of those from `low` to `high`.
pub fn folded(low: char, high: char) -> impl Iterator<Item = char> {
    static TABLE: OnceLock<ClassUnicode> = OnceLock::new();
    let within = from(TABLE.get_or_init(|| table("folds")), low).take_while(move |range| range.start() <= high);
    within.flat_map(move |range| range.start().max(low)..=range.end().min(high)).flat_map(orbit)
}

/// The most runes that differ in case only.
const LONGEST_ORBIT: usize = 4;

fn orbit(rune: char) -> impl Iterator<Item = char> {
    std::iter::successors(Some(next_in_case(rune)), |&rune| Some(next_in_case(rune)))
        .take_while(move |&next| next != rune)
        .take(LONGEST_ORBIT)
}

/// Go's `unicode.SimpleFold`: the next of the runes that differ in case only; after the last one the first.
fn next_in_case(rune: char) -> char {
    if let Ok(at) = IN_LARGER_ORBITS.binary_search_by_key(&rune, |&(from, _)| from) {
        return IN_LARGER_ORBITS.get(at).map_or(rune, |&(_, to)| to);
    }
    let lower = runes::to_lower(rune);
    if lower == rune { runes::to_upper(rune) } else { lower }
}

/// Where the next is neither the small letter nor the capital.
const IN_LARGER_ORBITS: &[(char, char)] = &[
    ('\u{6b}', '\u{212a}'),
    ('\u{73}', '\u{17f}'),
    ('\u{df}', '\u{1e9e}'),
    ('\u{e5}', '\u{212b}'),
    ('\u{1c4}', '\u{1c5}'),
    ('\u{1c7}', '\u{1c8}'),
    ('\u{1ca}', '\u{1cb}'),
    ('\u{1f1}', '\u{1f2}'),
    ('\u{3a3}', '\u{3c2}'),
    ('\u{3b2}', '\u{3d0}'),
    ('\u{3b5}', '\u{3f5}'),
    ('\u{3b8}', '\u{3d1}'),
    ('\u{3b9}', '\u{1fbe}'),
    ('\u{3ba}', '\u{3f0}'),
    ('\u{3bc}', '\u{b5}'),
    ('\u{3c0}', '\u{3d6}'),
    ('\u{3c1}', '\u{3f1}'),
    ('\u{3c2}', '\u{3c3}'),
    ('\u{3c6}', '\u{3d5}'),
    ('\u{3c9}', '\u{2126}'),
    ('\u{3d1}', '\u{3f4}'),
    ('\u{3f4}', '\u{398}'),
    ('\u{432}', '\u{1c80}'),
    ('\u{434}', '\u{1c81}'),
    ('\u{43e}', '\u{1c82}'),
    ('\u{441}', '\u{1c83}'),
    ('\u{442}', '\u{1c84}'),
    ('\u{44a}', '\u{1c86}'),
    ('\u{463}', '\u{1c87}'),
    ('\u{1c84}', '\u{1c85}'),
    ('\u{1e61}', '\u{1e9b}'),
    ('\u{1fbe}', '\u{345}'),
    ('\u{2126}', '\u{3a9}'),
    ('\u{212a}', '\u{4b}'),
    ('\u{212b}', '\u{c5}'),
    ('\u{a64b}', '\u{1c88}'),
];

#[cfg(test)]
mod tests;
