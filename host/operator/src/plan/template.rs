//! The engine of a template, and its options.
use super::{field::fault, settings::TEMPLATE};
use crate::{object::ObjectRef, outcome::Fault, reason};
use serde_json::{Map, Value};

/// What a template says about how it is rendered, whatever its kind.
pub(super) struct Written<'a> {
    pub engine: Option<&'a String>,
    pub settings: Option<&'a Map<String, Value>>,
    pub missing_key: Option<&'a String>,
    pub bulk: bool,
}

impl Written<'_> {
    /// The plugin, and its options. What the host says in them beats what the settings say.
    ///
    /// # Errors
    /// A value of `missingKey` that is none.
    pub fn engine(&self, object: &ObjectRef, place: &str) -> Result<(String, Value), Fault> {
        let mut options = self.settings.cloned().unwrap_or_default();
        // An entry makes its own key, or all keys, as the kind has it; and it is rendered: a check alone would empty the target.
        for of_the_host in ["scope", "check"] {
            options.remove(of_the_host);
        }
        options.insert("bulk".into(), self.bulk.into());
        match self.missing_key.map(|text| text.trim()).filter(|text| !text.is_empty()) {
            None => {}
            Some(known @ ("default" | "error")) => drop(options.insert("missing-key".into(), known.into())),
            Some(other) => {
                let other: String = other.chars().take(64).collect();
                let message = format!("{place}.missingKey is {other:?}; write default or error");
                return Err(fault(object, reason::INVALID_TEMPLATE, message));
            }
        }
        let engine = self.engine.map(|text| text.trim()).filter(|text| !text.is_empty()).unwrap_or(TEMPLATE);
        Ok((engine.to_owned(), Value::Object(options)))
    }
}
