//! Names that are not taken.
use api::names;
use std::collections::HashSet;

/// Longest name that leaves room for what is appended.
const LONGEST: usize = 200;

/// The names in use, by kind and namespace.
#[derive(Default)]
pub(super) struct Names(HashSet<(&'static str, String, String)>);

impl Names {
    /// This one is in use.
    pub fn take(&mut self, kind: &'static str, namespace: &str, name: &str) {
        self.0.insert((kind, namespace.to_owned(), name.to_owned()));
    }

    /// The wanted name as an object may have it; with a number where it is taken.
    pub fn make(&mut self, kind: &'static str, namespace: &str, wanted: &str) -> String {
        let letters = wanted.chars().map(|letter| letter.to_ascii_lowercase());
        let clean: String =
            letters.map(|letter| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' }).take(LONGEST).collect();
        let clean = clean.trim_matches(['-', '.']);
        let base = if names::object(clean).is_ok() { clean } else { "infisical" };
        let mut number = 1;
        loop {
            let name = if number == 1 { base.to_owned() } else { format!("{base}-{number}") };
            if self.0.insert((kind, namespace.to_owned(), name.clone())) {
                return name;
            }
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_valid_and_made_once() {
        let mut names = Names::default();
        names.take("A", "n", "a.example");
        assert_eq!(names.make("A", "n", "a.example"), "a.example-2");
        assert_eq!(names.make("A", "n", "a.example"), "a.example-3");
        assert_eq!(names.make("A", "m", "a.example"), "a.example");
        assert_eq!(names.make("A", "n", "-X_y:8080-"), "x-y-8080");
        assert_eq!(names.make("A", "n", "..-"), "infisical");
    }
}
