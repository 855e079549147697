//! What becomes of rendered text: a value, or keys and values written as YAML.
use crate::decoding::decode;
use go_yaml::{sigs, string_to_string};
use plugin_sdk::template::{Options, Scope};
use std::collections::BTreeMap;

/// Keys and values out of the text of an entry.
///
/// # Errors
/// Where the text is not the YAML that it should be, or a value can't be decoded. Quotes neither.
pub fn process(options: &Options, key: &str, text: Vec<u8>) -> Result<Vec<(String, Vec<u8>)>, String> {
    let values = if options.bulk {
        bulk(&text)?
    } else if options.scope == Scope::KeysAndValues {
        let map = sigs::string_to_string(&text)
            .map_err(|fault| format!("could not unmarshal template: what is rendered is no YAML map of keys to text: {}", fault.safe()))?;
        named(map)
    } else {
        vec![(key.to_owned(), text)]
    };
    let decoded = |(key, value): (String, Vec<u8>)| match decode(&options.decoding_strategy, value) {
        Ok(value) => Ok((key, value)),
        Err(message) => Err(format!("failed to decode rendered template value for key {key}: {message}")),
    };
    values.into_iter().map(decoded).collect()
}

/// One template for all keys, of an InfisicalStaticSecret: trimmed first, and nothing at all is no key.
fn bulk(text: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let trimmed = String::from_utf8_lossy(text);
    let text = if matches!(trimmed, std::borrow::Cow::Borrowed(_)) { trimmed.trim().as_bytes() } else { text.trim_ascii() };
    if text.is_empty() {
        return Ok(vec![]);
    }
    let map =
        string_to_string(text).map_err(|error| format!("what is rendered is not a valid YAML map of key/value pairs: {}", error.safe()))?;
    Ok(named(map))
}

fn named(map: BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<(String, Vec<u8>)> {
    map.into_iter().map(|(key, value)| (String::from_utf8_lossy(&key).into_owned(), value)).collect()
}
