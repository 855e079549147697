//! Names that are not taken, but by an object that says the same already: so a second run gives the same as the first.
use super::same;
use api::names;
use serde_json::Value;
use std::collections::HashMap;

/// Longest name that leaves room for what is appended.
const LONGEST: usize = 200;

/// The names in use, by kind and namespace, with what the object says.
#[derive(Default)]
pub(super) struct Names(HashMap<(&'static str, String, String), Value>);

impl Names {
    /// This one is in use.
    pub fn take(&mut self, kind: &'static str, namespace: &str, name: &str, spec: Value) {
        self.0.insert((kind, namespace.to_owned(), name.to_owned()), spec);
    }

    /// Whether an object may have this name: nobody has it, or one that says the same. Then it is in use.
    pub fn may_have(&mut self, kind: &'static str, namespace: &str, name: &str, spec: &Value) -> bool {
        same(self.0.entry((kind, namespace.to_owned(), name.to_owned())).or_insert_with(|| spec.clone()), spec)
    }

    /// What the object of that name says.
    pub fn spec(&self, kind: &'static str, namespace: &str, name: &str) -> Option<&Value> {
        self.0.get(&(kind, namespace.to_owned(), name.to_owned()))
    }
}

/// The wanted name as an object may have it, then the same with numbers.
pub(super) fn candidates(wanted: &str) -> impl Iterator<Item = String> + use<> {
    let letters = wanted.chars().map(|letter| letter.to_ascii_lowercase());
    let clean: String =
        letters.map(|letter| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' }).take(LONGEST).collect();
    let clean = clean.trim_matches(['-', '.']);
    let base = if names::object(clean).is_ok() { clean.to_owned() } else { "infisical".to_owned() };
    (1_u32..).map(move |number| if number == 1 { base.clone() } else { format!("{base}-{number}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_is_valid_and_used_for_one_spec() {
        let mut names = Names::default();
        names.take("A", "n", "a.example", json!({"there": true, "empty": "", "block": {"text": ""}}));
        let mut make = |namespace: &str, wanted: &str, spec: Value| {
            candidates(wanted).find(|name| names.may_have("A", namespace, name, &spec)).unwrap()
        };
        assert_eq!(make("n", "a.example", json!({"there": true})), "a.example");
        assert_eq!(make("n", "a.example", json!({"there": false})), "a.example-2");
        assert_eq!(make("n", "a.example", json!({"there": 1})), "a.example-3");
        assert_eq!(make("n", "a.example", json!({"there": false})), "a.example-2");
        assert_eq!(make("m", "a.example", json!({})), "a.example");
        assert_eq!(make("n", "-X_y:8080-", json!({})), "x-y-8080");
        assert_eq!(make("n", "..-", json!({})), "infisical");
    }
}
