//! Checks settings: first by the JSON Schema of the descriptor, then by the plugin itself.
//!
//! A verdict holds for a generation, since a plugin must answer the same each time: it is kept by the digest of the settings,
//! so that a login with settings that were seen before costs no second call.
use crate::{Violation, schema, text};
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Verdicts that are kept. When there are more, all are forgotten and made again.
const VERDICTS: usize = 1024;

/// Bytes of settings as JSON: what a check by a schema costs grows with them.
const LONGEST: usize = 64 << 10;

/// Bytes that a regular expression of a schema may compile to.
const PATTERN: usize = 1 << 20;

/// What is wrong with the length of settings, if anything.
pub(crate) fn too_long(settings: &str) -> Option<Violation> {
    let message = || format!("they have {} bytes, at most {LONGEST} are allowed", settings.len());
    (settings.len() > LONGEST).then(|| Violation { pointer: String::new(), message: message() })
}

/// The settings of one generation.
pub(crate) struct Settings {
    /// None: there are no settings.
    schema: Option<Validator>,
    verdicts: Mutex<HashMap<[u8; 32], Arc<[Violation]>>>,
}

impl Settings {
    /// Without a schema only an empty object is allowed.
    ///
    /// # Errors
    /// Why the schema can't be used: it is malformed, refers to something outside of itself, or would take long to check by.
    pub(crate) fn new(schema: Option<&Value>) -> Result<Self, String> {
        let build = |schema| {
            schema::bounded(schema)?;
            jsonschema::draft202012::options()
                .offline()
                // An engine without backtracking: a schema can't make a check take long.
                .with_pattern_options(PatternOptions::regex().size_limit(PATTERN).dfa_size_limit(PATTERN))
                .build(schema)
                .map_err(|error| text::cut(&error.to_string()))
        };
        let schema = schema.map(build).transpose()?;
        Ok(Self { schema, verdicts: Mutex::default() })
    }

    /// What the schema says.
    pub(crate) fn check(&self, settings: &Value) -> Vec<Violation> {
        let Some(schema) = &self.schema else {
            // The library would name neither the setting nor what to do about it.
            let violation = |name: &String| Violation {
                pointer: text::cut(&format!("/{}", name.replace('~', "~0").replace('/', "~1"))),
                message: "the plugin has no settings; remove it".into(),
            };
            let Some(members) = settings.as_object() else {
                return vec![Violation { pointer: String::new(), message: "must be an object".into() }];
            };
            return members.keys().take(text::COUNT).map(violation).collect();
        };
        schema
            .iter_errors(settings)
            .take(text::COUNT)
            .map(|error| Violation { pointer: text::cut(error.instance_path().as_str()), message: text::cut(&error.to_string()) })
            .collect()
    }

    /// By what a verdict is kept.
    pub(crate) fn key(settings: &str) -> [u8; 32] {
        Sha256::digest(settings).into()
    }

    pub(crate) fn verdict(&self, key: &[u8; 32]) -> Option<Arc<[Violation]>> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(crate) fn keep(&self, key: [u8; 32], verdict: Arc<[Violation]>) {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        if verdicts.len() >= VERDICTS {
            verdicts.clear();
        }
        verdicts.insert(key, verdict);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn where_there_are_no_settings_each_one_is_named() {
        let settings = Settings::new(None).unwrap();
        assert!(settings.check(&json!({})).is_empty());
        let found = settings.check(&json!({"a/b": 1, "c": 2}));
        let pointers: Vec<_> = found.iter().map(|violation| violation.pointer.as_str()).collect();
        assert_eq!(pointers, ["/a~1b", "/c"]);
        assert!(found.iter().all(|violation| violation.message.contains("has no settings; remove it")));
        assert_eq!(settings.check(&json!(["a"])).len(), 1);
    }

    #[test]
    fn a_violation_says_where_and_what() {
        let settings = Settings::new(Some(&json!({
            "type": "object",
            "properties": {"region": {"type": "string", "pattern": "^[a-z]+$"}},
            "additionalProperties": false,
        })))
        .unwrap();
        assert_eq!(settings.check(&json!({"region": "eu"})), []);
        let violations = settings.check(&json!({"region": 4}));
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].pointer, "/region");
        assert!(violations[0].message.contains("string"), "{}", violations[0].message);
        assert_eq!(settings.check(&json!({"other": 1})).len(), 1);
    }

    #[test]
    fn settings_have_64_kib_at_most() {
        assert_eq!(too_long(&"x".repeat(65_536)), None);
        assert!(too_long(&"x".repeat(65_537)).unwrap().message.contains("65536"));
    }

    #[test]
    fn without_a_schema_only_nothing_is_right() {
        let settings = Settings::new(None).unwrap();
        assert_eq!(settings.check(&json!({})), []);
        assert_eq!(settings.check(&json!({"a": 1})).len(), 1);
        assert_eq!(settings.check(&json!([])).len(), 1);
    }

    #[test]
    fn a_schema_that_leads_outside_or_is_none_is_refused() {
        for schema in [json!({"$ref": "https://example.com/schema.json"}), json!({"$ref": "file:///etc/passwd"}), json!({"type": 4})] {
            assert!(Settings::new(Some(&schema)).is_err(), "{schema}");
        }
    }

    #[test]
    fn verdicts_are_kept_within_bounds() {
        let settings = Settings::new(None).unwrap();
        for number in 0..=VERDICTS {
            settings.keep(Settings::key(&number.to_string()), Arc::from([]));
        }
        assert!(settings.verdict(&Settings::key(&VERDICTS.to_string())).is_some());
        assert!(settings.verdicts.lock().unwrap().len() <= VERDICTS);
    }
}
