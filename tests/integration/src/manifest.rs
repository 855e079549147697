//! Manifests as JSON.
use serde_json::Value;

/// A manifest with changes, as a JSON merge patch has it: objects are merged, null takes away, everything else replaces.
#[must_use]
pub fn merged(base: Value, changes: &Value) -> Value {
    let Value::Object(changes) = changes else { return changes.clone() };
    let mut object = match base {
        Value::Object(object) => object,
        _ => serde_json::Map::new(),
    };
    for (name, change) in changes {
        if change.is_null() {
            object.remove(name);
        } else {
            let before = object.remove(name).unwrap_or_default();
            object.insert(name.clone(), merged(before, change));
        }
    }
    Value::Object(object)
}
