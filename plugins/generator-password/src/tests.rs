use super::*;
use plugin_sdk::testing::{Failure, Host};
use std::collections::{BTreeMap, BTreeSet};

fn made(settings: &str) -> String {
    let generated = Host::new().generate::<Password>(settings).unwrap_or_else(|failure| panic!("{settings}: {failure:?}"));
    let [output] = generated.outputs.as_slice() else { panic!() };
    assert_eq!(output.key, "value");
    String::from_utf8(output.value.clone()).unwrap()
}

/// Letters, digits, others.
fn counts(password: &str) -> [usize; 3] {
    let letters = password.chars().filter(char::is_ascii_alphabetic).count();
    let digits = password.chars().filter(char::is_ascii_digit).count();
    [letters, digits, password.chars().count() - letters - digits]
}

fn refused(settings: &str) -> BTreeMap<String, String> {
    match Host::new().generate::<Password>(settings).err() {
        Some(Failure::Settings(violations) | Failure::Plugin(Error::Settings(violations))) => {
            violations.into_iter().map(|violation| (violation.pointer, violation.message)).collect()
        }
        other => panic!("{settings}: {other:?}"),
    }
}

#[test]
fn the_default_has_24_characters_a_quarter_digits_and_a_quarter_symbols() {
    let password = made("{}");
    assert_eq!(counts(&password), [12, 6, 6]);
    assert_eq!(password.chars().collect::<BTreeSet<_>>().len(), 24, "a character comes twice");
    let symbols = password.chars().filter(|character| !character.is_ascii_alphanumeric());
    assert!(symbols.into_iter().all(|symbol| settings::SYMBOLS.contains(symbol)));
    assert_eq!(settings::SYMBOLS.chars().count(), 30);
}

#[test]
fn a_quarter_is_rounded_down_and_what_is_set_counts() {
    for (settings, expected) in [
        (r#"{"length": 7}"#, [5, 1, 1]),
        (r#"{"length": 1}"#, [1, 0, 0]),
        (r#"{"length": 10, "digits": 4, "symbols": 0}"#, [6, 4, 0]),
        (r#"{"length": 10, "digits": 10, "symbols": 0}"#, [0, 10, 0]),
        (r#"{"length": 43}"#, [23, 10, 10]),
        (r#"{"length": 62, "digits": 10, "symbols": 0}"#, [52, 10, 0]),
        (r#"{"length": 400, "allowRepeat": true}"#, [200, 100, 100]),
    ] {
        assert_eq!(counts(&made(settings)), expected, "{settings}");
    }
}

#[test]
fn only_the_given_symbols_and_only_lower_case_are_used() {
    let password = made(r#"{"length": 100, "symbols": 50, "digits": 0, "symbolCharacters": "-_", "noUpper": true, "allowRepeat": true}"#);
    assert!(password.chars().all(|character| character.is_ascii_lowercase() || "-_".contains(character)), "{password}");
    // As the peer stores them, empty is not set.
    assert_eq!(counts(&made(r#"{"symbolCharacters": ""}"#)), [12, 6, 6]);
    let other = made(r#"{"length": 4, "digits": 0, "symbols": 4, "symbolCharacters": "äöü€€"}"#);
    assert_eq!(other.chars().collect::<BTreeSet<_>>(), "äöü€".chars().collect());
}

/// All places and all characters are met: nothing is fixed but the numbers.
#[test]
fn characters_and_places_are_drawn_evenly() {
    let password = made(r#"{"length": 40000, "digits": 10000, "symbols": 0, "allowRepeat": true}"#);
    let mut found = BTreeMap::<char, usize>::new();
    password.chars().for_each(|character| *found.entry(character).or_default() += 1);
    let (digits, letters): (Vec<_>, Vec<_>) = found.into_iter().partition(|(character, _)| character.is_ascii_digit());
    // Six standard deviations about the mean of 1000, and of 577.
    assert!(digits.len() == 10 && digits.iter().all(|(_, count)| (820..1180).contains(count)), "{digits:?}");
    assert!(letters.len() == 52 && letters.iter().all(|(_, count)| (430..720).contains(count)), "{letters:?}");
    let first_half = password.chars().take(20000).filter(char::is_ascii_digit).count();
    assert!((4700..5300).contains(&first_half), "{first_half}");
}

#[test]
fn two_calls_with_other_random_numbers_differ_and_equal_ones_do_not() {
    let with = |seed: u8| Host::new().seed([seed; 32]).generate::<Password>("{}").unwrap().outputs.remove(0).value;
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
}

#[test]
fn what_can_not_be_is_refused_with_field_found_allowed_and_remedy() {
    for (settings, pointer, says) in [
        (r#"{"length": 0}"#, "/length", &["length is 0", "from 1 to 65536"] as &[_]),
        (r#"{"length": -5}"#, "/length", &["length is -5"]),
        (r#"{"length": 70000}"#, "/length", &["length is 70000"]),
        (r#"{"digits": -1}"#, "/digits", &["digits is -1", "from 0 to length, which is 24"]),
        (r#"{"symbols": 25}"#, "/symbols", &["symbols is 25", "which is 24"]),
        (
            r#"{"length": 8, "digits": 7}"#,
            "/length",
            &["digits is 7", "symbols is not set, which is a quarter of length 8, so 2", "9 together", "at least 9"],
        ),
        (r#"{"length": 24, "digits": 11}"#, "/digits", &["digits is 11", "there are 10 digits", "allowRepeat is false", "at most 10"]),
        (
            r#"{"symbolCharacters": "-_"}"#,
            "/symbols",
            &["symbols is not set, which is a quarter of length 24, so 6", "there are 2", "add to symbolCharacters"],
        ),
        (r#"{"symbolCharacters": "- "}"#, "/symbolCharacters", &["' '", "white space"]),
        (r#"{"symbolCharacters": "-_a?!+="}"#, "/symbolCharacters", &["'a'", "allowRepeat"]),
        (
            r#"{"length": 30, "digits": 0, "symbols": 0, "noUpper": true}"#,
            "/length",
            &["leaves 30 letters", "26 letters with noUpper", "at most 26"],
        ),
        (r#"{"length": 80, "digits": 10, "symbols": 10}"#, "/length", &["leaves 60 letters", "there are 52 letters", "at most 72"]),
    ] {
        let faults = refused(settings);
        let fault = faults.get(pointer).unwrap_or_else(|| panic!("{settings}: {faults:?}"));
        says.iter().for_each(|text| assert!(fault.contains(text), "{settings}: {text:?} is missing in: {fault}"));
    }
}

/// From this length on the peer's own defaults can't be satisfied.
#[test]
fn the_defaults_from_44_characters_on_say_why_they_fail() {
    let faults = refused(r#"{"length": 44}"#);
    assert_eq!(faults.keys().collect::<Vec<_>>(), ["/digits"]);
    assert_eq!(
        faults["/digits"],
        "digits is not set, which is a quarter of length 44, so 11; there are 10 digits, each used once while allowRepeat is false; set \
         digits to at most 10, or set allowRepeat to true"
    );
    assert_eq!(counts(&made(r#"{"length": 44, "allowRepeat": true}"#)), [22, 11, 11]);
}

#[test]
fn settings_of_another_form_are_refused_and_random_numbers_are_needed() {
    for settings in [r#"{"length": "24"}"#, r#"{"size": 24}"#, r#"{"length": 1.5}"#, r#"{"noUpper": "no"}"#] {
        assert_eq!(refused(settings).len(), 1, "{settings}");
    }
    assert!(matches!(Host::new().withhold("random").generate::<Password>("{}").err(), Some(Failure::Denied(_))));
}
