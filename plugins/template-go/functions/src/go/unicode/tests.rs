//! Against the tables of `regex-syntax`, which are of a later Unicode.
use super::*;
use regex_syntax::hir::{Class, Hir, HirKind};

/// What `regex-syntax` has for a class, of the runes that Unicode 15.0 has.
fn class(pattern: &str) -> ClassUnicode {
    let parse = |pattern| match regex_syntax::Parser::new().parse(pattern).map(Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => class,
        Ok(HirKind::Literal(literal)) => {
            let rune = std::str::from_utf8(&literal.0).unwrap().chars().next().unwrap();
            ClassUnicode::new([ClassUnicodeRange::new(rune, rune)])
        }
        other => panic!("{pattern}: {other:?}"),
    };
    let mut class = parse(pattern);
    class.intersect(&parse(r"\p{age=15.0}"));
    class
}

/// What is in one of them alone.
fn difference(one: &ClassUnicode, other: &ClassUnicode) -> ClassUnicode {
    let mut difference = one.clone();
    difference.symmetric_difference(other);
    difference
}

#[test]
fn categories_and_scripts_are_unicode_s() {
    let mut all = class(r"\p{Any}");
    all.difference(&class(r"\p{Cn}"));
    assert_eq!(*assigned(), all);
    let mut moved = ClassUnicode::empty();
    for name in TABLES.lines().filter_map(|line| line.split_once(' ')).map(|(name, _)| name).filter(|name| *name != "folds") {
        let script = if name.len() == 2 && name != "Yi" { "" } else { "sc=" };
        moved.union(&difference(&table(name), &class(&format!(r"\p{{{script}{name}}}"))));
    }
    // A mark, which Unicode 16.0 moved to those with a width.
    assert_eq!(moved.ranges(), [ClassUnicodeRange::new('\u{1171e}', '\u{1171e}')]);
    assert_eq!(category("M"), class(r"\p{M}"));
    for name in ["L", "Lc", "N", "P", "S", "Z"] {
        assert_eq!(category(name), class(&format!(r"\p{{{name}}}")), "{name}");
    }
    assert!(contains(&category("Lu"), 'Ä') && !contains(&category("Lu"), 'ä') && category("Xx").ranges().is_empty());
}

#[test]
fn what_differs_in_case_is_unicode_s() {
    let all = class(r"\p{Any}");
    let mut moved = Vec::new();
    for rune in all.iter().flat_map(|range| range.start()..=range.end()) {
        let mut wanted = ClassUnicode::new([ClassUnicodeRange::new(rune, rune)]);
        let mut found = wanted.clone();
        found.union(&ClassUnicode::new(folded(rune, rune).map(|other| ClassUnicodeRange::new(other, other))));
        wanted.try_case_fold_simple().unwrap();
        wanted.intersect(&all);
        if found != wanted {
            moved.push(rune);
        }
    }
    // Unicode 15.1 made pairs of them.
    assert_eq!(moved, ['\u{390}', '\u{3b0}', '\u{1fd3}', '\u{1fe3}', '\u{fb05}', '\u{fb06}']);
}
