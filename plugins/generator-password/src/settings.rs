//! What a user may set, and what of it no password can satisfy. Each fault says what was found, what is allowed and what to
//! do; a number that follows from another one says so.
use plugin_sdk::Violation;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The symbols of a password that names none.
pub const SYMBOLS: &str = r#"~!@#$%^&*()_+`-={}|[]\:"<>?,./"#;

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";

/// A longer text is no password but a mistake, and would take the place of other values of its Secret.
const LONGEST: i64 = 65_536;

/// What a user may set.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    length: i64,
    digits: Option<i64>,
    symbols: Option<i64>,
    symbol_characters: Option<String>,
    no_upper: bool,
    allow_repeat: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { length: 24, digits: None, symbols: None, symbol_characters: None, no_upper: false, allow_repeat: false }
    }
}

/// How a password is made.
#[derive(Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Letters, digits, symbols.
    pub classes: [Class; 3],
    pub allow_repeat: bool,
}

/// So many of these characters.
#[derive(Debug, PartialEq, Eq)]
pub struct Class {
    pub characters: Vec<char>,
    pub count: usize,
}

impl Settings {
    /// The recipe that the settings describe; else all that is wrong with them.
    pub fn recipe(&self) -> Result<Recipe, Vec<Violation>> {
        let mut faults = Vec::new();
        let mut fault = |pointer: &str, text: String| faults.push(Violation::new(pointer, text));
        if !(1..=LONGEST).contains(&self.length) {
            fault("/length", format!("length is {}; it must be from 1 to {LONGEST}", self.length));
            return Err(faults);
        }
        for (pointer, name, count) in [("/digits", "digits", self.digits), ("/symbols", "symbols", self.symbols)] {
            if let Some(count) = count.filter(|count| !(0..=self.length).contains(count)) {
                fault(pointer, format!("{name} is {count}; it must be from 0 to length, which is {}", self.length));
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let quarter = self.length / 4;
        let (digits, symbols) = (self.digits.unwrap_or(quarter), self.symbols.unwrap_or(quarter));
        let letters = self.length - digits - symbols;
        if letters < 0 {
            let text = format!(
                "{} and {} are {} together, but length is {}; lower one of them, or make length at least {}",
                self.count("digits", self.digits, digits),
                self.count("symbols", self.symbols, symbols),
                digits + symbols,
                self.length,
                digits + symbols
            );
            faults.push(Violation::new("/length", text));
            return Err(faults);
        }
        let given = self.symbol_characters.as_deref().filter(|given| !given.is_empty()).unwrap_or(SYMBOLS);
        faults.extend(self.wrong_symbols(given, symbols));
        let letter_set = if self.no_upper { LOWER.to_owned() } else { format!("{LOWER}{UPPER}") };
        let class = |set: &str, count: i64| Class {
            characters: set.chars().collect::<BTreeSet<_>>().into_iter().collect(),
            count: usize::try_from(count).unwrap_or(0),
        };
        let classes = [class(&letter_set, letters), class(DIGITS, digits), class(given, symbols)];
        if !self.allow_repeat {
            let [of_letters, of_digits, of_symbols] = &classes;
            faults.extend(self.too_few_digits(of_digits));
            faults.extend(self.too_few_symbols(of_symbols));
            faults.extend(self.too_few_letters(of_letters, digits, symbols));
        }
        if faults.is_empty() { Ok(Recipe { classes, allow_repeat: self.allow_repeat }) } else { Err(faults) }
    }

    fn wrong_symbols(&self, given: &str, symbols: i64) -> Option<Violation> {
        if symbols == 0 {
            return None;
        }
        if let Some(found) = given.chars().find(|found| found.is_whitespace() || found.is_control()) {
            let text = format!("symbolCharacters holds {found:?}; white space and control characters are no symbols, remove it");
            return Some(Violation::new("/symbolCharacters", text));
        }
        let plain = given.chars().find(char::is_ascii_alphanumeric).filter(|_| !self.allow_repeat)?;
        let text = format!(
            "symbolCharacters holds {plain:?}, which may come as a letter or digit too, and allowRepeat is false; remove it, or set \
             allowRepeat to true"
        );
        Some(Violation::new("/symbolCharacters", text))
    }

    fn too_few_digits(&self, class: &Class) -> Option<Violation> {
        let text = too_few(class, &self.count("digits", self.digits, class.count), "digits", "set digits to at most 10");
        text.map(|text| Violation::new("/digits", text))
    }

    fn too_few_symbols(&self, class: &Class) -> Option<Violation> {
        let counted = self.count("symbols", self.symbols, class.count);
        let remedy = format!("set symbols to at most {}, add to symbolCharacters", class.characters.len());
        too_few(class, &counted, "symbols to choose from", &remedy).map(|text| Violation::new("/symbols", text))
    }

    fn too_few_letters(&self, class: &Class, digits: i64, symbols: i64) -> Option<Violation> {
        let kind = if self.no_upper { "letters with noUpper" } else { "letters" };
        let counted = format!("length {} less {digits} digits and {symbols} symbols leaves {} letters", self.length, class.count);
        let remedy = format!("lower length to at most {}", i64::try_from(class.characters.len()).unwrap_or(0) + digits + symbols);
        too_few(class, &counted, kind, &remedy).map(|text| Violation::new("/length", text))
    }

    /// A number as it came about.
    fn count(&self, name: &str, set: Option<i64>, count: impl std::fmt::Display) -> String {
        match set {
            Some(_) => format!("{name} is {count}"),
            None => format!("{name} is not set, which is a quarter of length {}, so {count}", self.length),
        }
    }
}

fn too_few(class: &Class, counted: &str, kind: &str, remedy: &str) -> Option<String> {
    let there = class.characters.len();
    (class.count > there).then(|| {
        format!("{counted}; there are {there} {kind}, each used once while allowRepeat is false; {remedy}, or set allowRepeat to true")
    })
}
