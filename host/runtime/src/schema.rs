//! Bounds what a check by a schema may cost, before any check is made by it.
//!
//! A schema comes from a plugin, and checks run on the host's own threads without a budget: forty definitions that each refer
//! twice to the next are a kilobyte and would take until the end of days. So each reference counts with all that it leads to,
//! circles are refused, and so are the kinds of reference whose target is not written in them. What is left costs at most
//! as many steps as the schema has values, for each value of the settings.
use crate::text;
use serde_json::Value;
use std::collections::HashMap;

/// Values of a schema with its references followed: the schemas of the default bundle have less than a hundred.
const VALUES: usize = 10_000;

/// Levels of a schema with its references followed, as many as the JSON parser allows without: each is a frame on the stack.
const LEVELS: usize = 128;

/// Where they lead depends on more than the text beside them.
const OTHER_REFERENCES: [&str; 6] = ["$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"];

/// Takes a schema that is cheap to check by.
///
/// # Errors
/// What about it is not.
pub(crate) fn bounded(schema: &Value) -> Result<(), String> {
    let mut walk = Walk { root: schema, known: HashMap::new(), open: Vec::new() };
    let Extent { values, .. } = walk.measure(schema, 0)?;
    if values > VALUES {
        return Err(format!("with its references followed it has {values} values, at most {VALUES} are allowed"));
    }
    Ok(())
}

/// With references followed.
#[derive(Clone, Copy)]
struct Extent {
    values: usize,
    levels: usize,
}

impl Extent {
    fn add(&mut self, inner: Self) {
        self.values = self.values.saturating_add(inner.values);
        self.levels = self.levels.max(inner.levels + 1);
    }
}

struct Walk<'a> {
    root: &'a Value,
    /// What references lead to, measured once.
    known: HashMap<&'a str, Extent>,
    /// References on the way from the root to here.
    open: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn measure(&mut self, value: &'a Value, level: usize) -> Result<Extent, String> {
        deep(level)?;
        let mut extent = Extent { values: 1, levels: 0 };
        match value {
            Value::Array(items) => {
                for item in items {
                    extent.add(self.measure(item, level + 1)?);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    extent.add(match member {
                        Value::String(target) if name == "$ref" => self.follow(target, level + 1)?,
                        Value::String(_) if OTHER_REFERENCES.contains(&name.as_str()) => {
                            return Err(format!("it has {name}; refer with a $ref that begins with #/ instead"));
                        }
                        _ => self.measure(member, level + 1)?,
                    });
                }
            }
            _ => {}
        }
        Ok(extent)
    }

    fn follow(&mut self, target: &'a str, level: usize) -> Result<Extent, String> {
        if let Some(extent) = self.known.get(target) {
            deep(level + extent.levels)?;
            return Ok(*extent);
        }
        let shown = || text::cut(target);
        if self.open.contains(&target) {
            return Err(format!("the $ref {:?} leads in a circle", shown()));
        }
        let found = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        let Some(found) = found else { return Err(format!("the $ref {:?} leads to nothing in the schema; write #/…", shown())) };
        self.open.push(target);
        let extent = self.measure(found, level)?;
        self.open.pop();
        self.known.insert(target, extent);
        Ok(extent)
    }
}

fn deep(level: usize) -> Result<(), String> {
    if level > LEVELS { Err(format!("with its references followed it has more than {LEVELS} levels")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    /// Each definition refers `times` to the next.
    fn chain(length: usize, times: usize) -> Value {
        let mut definitions = Map::new();
        for number in 0..length {
            let next = json!({"$ref": format!("#/$defs/{}", number + 1)});
            definitions.insert(number.to_string(), json!({"allOf": vec![next; times]}));
        }
        definitions.insert(length.to_string(), json!({"type": "object"}));
        json!({"$ref": "#/$defs/0", "$defs": definitions})
    }

    #[test]
    fn references_are_counted_with_what_they_lead_to() {
        assert_eq!(bounded(&chain(1, 2)), Ok(()));
        assert_eq!(bounded(&chain(8, 2)), Ok(()));
        for schema in [chain(40, 2), chain(12, 3)] {
            let error = bounded(&schema).unwrap_err();
            assert!(error.contains("values, at most 10000"), "{error}");
        }
    }

    #[test]
    fn what_is_known_already_is_as_deep_as_it_is() {
        assert!(bounded(&chain(20, 1)).is_ok());
        // Named so that the last one is met first.
        let mut definitions = Map::new();
        for number in 0..500 {
            let next = json!({"not": {"$ref": format!("#/$defs/{number:03}")}});
            definitions.insert(format!("{:03}", number + 1), next);
        }
        definitions.insert("000".into(), json!(true));
        for schema in [chain(500, 1), json!({"$ref": "#/$defs/500", "$defs": definitions})] {
            let error = bounded(&schema).unwrap_err();
            assert!(error.contains("levels"), "{error}");
        }
    }

    #[test]
    fn circles_and_references_to_elsewhere_are_refused() {
        for (schema, said) in [
            (json!({"$ref": "#"}), "circle"),
            (json!({"properties": {"a": {"$ref": "#/properties/a"}}}), "circle"),
            (json!({"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"not": {"$ref": "#/$defs/a"}}}}), "circle"),
            (json!({"$ref": "#/$defs/none"}), "leads to nothing"),
            (json!({"$ref": "#name", "$defs": {"a": {"$anchor": "name"}}}), "$"),
            (json!({"$ref": "https://example.com/schema.json"}), "leads to nothing"),
            (json!({"$dynamicRef": "#/$defs/a"}), "$dynamicRef"),
            (json!({"properties": {"a": {"$id": "b"}}}), "$id"),
        ] {
            let error = bounded(&schema).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn settings_may_be_named_like_references() {
        assert_eq!(bounded(&json!({"properties": {"$ref": {"type": "string"}, "$id": {"type": "string"}}})), Ok(()));
    }
}
