//! Differences, told without a value: where, of what kind, how long, and where two texts part.
use serde_json::Value;

/// Stands for any text.
const ANY: &str = "$any";

/// The difference of two texts, if there is one.
pub fn bytes(place: &str, wanted: &[u8], found: &[u8]) -> Option<String> {
    if wanted == found {
        return None;
    }
    let common = wanted.iter().zip(found).take_while(|(wanted, found)| wanted == found).count();
    Some(format!("{place}: {} bytes expected, {} found, the first {common} alike", wanted.len(), found.len()))
}

/// All differences of two JSON values, each with its pointer.
pub fn json(pointer: &str, wanted: &Value, found: &Value) -> Vec<String> {
    if let Some(any) = wanted.as_object().filter(|object| object.len() == 1).and_then(|object| object.get(ANY)) {
        return match (any, found) {
            (Value::String(_), Value::String(text)) if !text.is_empty() => vec![],
            _ => vec![format!("{pointer}: a text that is not empty expected, {} found", kind(found))],
        };
    }
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            let below = |name: &str| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            let mut differences: Vec<_> = wanted
                .iter()
                .flat_map(|(name, wanted)| match found.get(name) {
                    Some(found) => json(&below(name), wanted, found),
                    None => vec![format!("{}: {} expected, nothing found", below(name), kind(wanted))],
                })
                .collect();
            let more = found.iter().filter(|(name, _)| !wanted.contains_key(*name));
            differences.extend(more.map(|(name, found)| format!("{}: nothing expected, {} found", below(name), kind(found))));
            differences
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            wanted.iter().zip(found).enumerate().flat_map(|(at, (wanted, found))| json(&format!("{pointer}/{at}"), wanted, found)).collect()
        }
        (Value::String(wanted), Value::String(found)) => bytes(pointer, wanted.as_bytes(), found.as_bytes()).into_iter().collect(),
        _ if wanted == found => vec![],
        _ => vec![format!("{pointer}: {} expected, {} found", kind(wanted), kind(found))],
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "a boolean".into(),
        Value::Number(_) => "a number".into(),
        Value::String(text) => format!("a text of {} bytes", text.len()),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(members) => format!("an object of {}", members.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json as value;

    #[test]
    fn each_difference_is_told_by_its_place_and_no_value_is_shown() {
        let wanted = value!({"a": "canary-1", "b": [1, {"c/d": true}], "gone": "canary-2", "free": {"$any": "a nonce"}});
        let found = value!({"a": "canary-3", "b": [1, {"c/d": false}], "more": "canary-4", "free": "canary-5"});
        let told = json("", &wanted, &found);
        assert_eq!(
            told,
            [
                "/a: 8 bytes expected, 8 found, the first 7 alike",
                "/b/1/c~1d: a boolean expected, a boolean found",
                "/gone: a text of 8 bytes expected, nothing found",
                "/more: nothing expected, a text of 8 bytes found",
            ]
        );
        assert_eq!(json("", &wanted, &wanted).len(), 1, "the placeholder itself is no text");
        assert!(json("", &value!({"$any": ""}), &value!("")).len() == 1);
    }
}
